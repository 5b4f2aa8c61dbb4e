//! A general of a service, with its memory.

use super::super::plan::Plan;
use super::super::timing::Timing;
use crate::scheme::Scheme;
use core::time::Duration;
use quorate::lockstep::{Clients, Config, Desk, General, Lane, Memory, Peer, Proposal};
use quorate::rounds::{self, Instance};
use quorate::service::ClientRow;
use quorate::vector::{Broadcast, Instances};
use quorate::{ConfigError, Instant, NodeId, PublicKey, Roster};
use std::marker::PhantomData;

/// How many clients there are.
pub(crate) const CLIENTS: usize = 3;
/// Bytes of a client's longest request, as in a batch, and of its longest reply.
const REQUEST: usize = 120;
pub(super) const REPLY: usize = 16;
/// Bytes of a proposal: one request of each client fits.
pub(super) const ROOM: usize = CLIENTS * REQUEST;
/// More lanes than a service needs, by seed: so many intervals may a host be behind, or somebody
/// rejoin in.
const SPARE: [usize; 4] = [4, 0, 1, 2];

/// What is proposed.
pub type Parcel = Proposal<ROOM>;

type Room<P> =
    Memory<(P, Vec<P>), Vec<Lane<P, Vec<P>>>, Vec<ClientRow>, Vec<Desk>, Vec<u8>, Vec<Peer>>;

/// A general with its memory and its clients' keys.
pub(super) type Member<P> = General<Room<P>, Clients<Vec<PublicKey>, Scheme>, ROOM>;

/// When slots are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slots {
    /// When the first begins, by a right clock.
    pub first: Instant,
    /// Microseconds from the beginning of one to that of the next.
    pub interval: u64,
    /// Microseconds that a host takes to execute one.
    pub work: u64,
}

impl Slots {
    /// The settings of one general.
    pub(super) fn config(&self, plan: &Plan, me: NodeId) -> Config {
        let Timing { round, margin, .. } = plan.timing;
        Config {
            me,
            nodes: plan.nodes,
            traitors: plan.faults,
            first: self.first,
            interval: Duration::from_micros(self.interval),
            round: Duration::from_micros(round),
            margin: Duration::from_micros(margin),
        }
    }

    /// How many lanes each general has.
    pub(super) fn lanes(&self, plan: &Plan) -> usize {
        // A host that takes a part of an interval for a slot needs one lane more.
        let spare = SPARE[(plan.seed % 4) as usize] + usize::from(self.work > 0);
        self.config(plan, NodeId(0)).lanes(plan.rounds()) + spare
    }
}

/// A general at the initial state of the service.
///
/// # Panics
/// The sizes of the plan cannot work.
pub(super) fn member<P>(
    plan: &Plan,
    slots: &Slots,
    me: NodeId,
    (roster, verifier): (Roster<Vec<PublicKey>>, Scheme),
    make: fn(rounds::Config) -> P,
) -> Member<P>
where
    P: Broadcast<Value = Parcel>,
{
    let (nodes, traitors) = (plan.nodes, plan.faults);
    let lane = |_| {
        let commanders = (0u8..).map(NodeId).take(nodes);
        let instances = commanders.map(|commander| {
            let instance = Instance { number: 0, commander };
            make(rounds::Config { me, nodes, traitors, instance })
        });
        let instances = Instances::new(instances.collect()).expect("they belong together");
        Lane::with_rules(instances, plan.timing.schedule(Instant::ZERO))
    };
    let room = Memory {
        lanes: (0..slots.lanes(plan)).map(lane).collect(),
        rows: vec![ClientRow::default(); CLIENTS],
        desks: vec![Desk::default(); CLIENTS],
        requests: vec![0; CLIENTS * REQUEST],
        replies: vec![0; CLIENTS * REPLY],
        peers: vec![Peer::default(); nodes],
        protocol: PhantomData,
    };
    let general: Result<_, ConfigError> =
        General::new(slots.config(plan, me), room, Clients { roster, verifier });
    general.expect("the sizes of a plan work")
}
