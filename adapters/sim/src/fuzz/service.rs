//! A general of a replicated service, over oral or signed messages.

use super::lockstep::{CLIENTS, FIRST, MARGIN, ROUND};
use crate::scheme::Scheme;
use core::time::Duration;
use quorate::auth::Scope;
use quorate::lockstep::{Clients, Config, Desk, General, Lane, Memory, Peer, Proposal};
use quorate::rounds::{self, Instance, Schedule};
use quorate::service::ClientRow;
use quorate::vector::{Broadcast, Instances};
use quorate::{ClientId, Digest, Instant, NodeId, PublicKey, Roster, Signature, om, sm, wire};
use std::marker::PhantomData;

/// Bytes of a proposal, of a client's longest request, and of its longest reply.
const B: usize = 256;
const REQUEST: usize = 120;
pub(super) const REPLY: usize = 8;

pub(super) type Proposed = Proposal<B>;
pub(super) type Oral = om::Orders<Proposed, Vec<om::Entry<Proposed>>>;
pub(super) type Scrolls = sm::Chains<Proposed, Vec<sm::Row>>;

/// A protocol that slots can run.
pub(super) trait Slots:
    Broadcast<Value = Proposed> + Clone + std::fmt::Debug + 'static
{
    fn make(config: rounds::Config) -> Self;

    /// The part of a frame with which a commander proposes.
    fn propose(
        slot: u64,
        me: NodeId,
        proposal: Proposed,
        scope: &Scope,
        sign: &dyn Fn(&Digest) -> Signature,
    ) -> Vec<u8>;
}

fn encode<M: serde::Serialize>(message: &M) -> Vec<u8> {
    let mut buffer = vec![0; wire::encoded_len(message)];
    wire::encode(message, &mut buffer).expect("as long as it says");
    buffer
}

impl Slots for Oral {
    fn make(config: rounds::Config) -> Self {
        let memory = vec![om::Entry::EMPTY; om::slots(config.nodes, config.traitors)];
        Self::new(config, memory).expect("within the bound")
    }

    fn propose(
        slot: u64,
        me: NodeId,
        proposal: Proposed,
        _: &Scope,
        _: &dyn Fn(&Digest) -> Signature,
    ) -> Vec<u8> {
        let orders = [Some(proposal)];
        let orders = om::Wave::from_orders(&orders);
        let instance = Instance { number: slot, commander: me };
        encode(&om::Message::Wave { instance, round: 1, orders })
    }
}

impl Slots for Scrolls {
    fn make(config: rounds::Config) -> Self {
        let memory = vec![[0; 65]; sm::slots(config.nodes, config.traitors)];
        Self::new(config, memory).expect("within the bound")
    }

    fn propose(
        slot: u64,
        me: NodeId,
        proposal: Proposed,
        scope: &Scope,
        sign: &dyn Fn(&Digest) -> Signature,
    ) -> Vec<u8> {
        let instance = Instance { number: slot, commander: me };
        let none = sm::Endorsements::NONE;
        let statement = sm::statement(scope, instance, &proposal, none.signers(), me);
        let last = sm::Endorsement { signer: me, signature: sign(&statement) };
        encode(&sm::Message::new(instance, sm::Chain::new(proposal, none, last)))
    }
}

type Room<P> =
    Memory<(P, Vec<P>), Vec<Lane<P, Vec<P>>>, Vec<ClientRow>, Vec<Desk>, Vec<u8>, Vec<Peer>>;

/// A general with its memory and its clients' keys.
pub(super) type Member<P> = General<Room<P>, Clients<Vec<PublicKey>, Scheme>, B>;

/// What a host owes its general.
pub(super) enum Answer {
    Executed(u64, ClientId, Vec<u8>),
    Captured(u64, Digest),
}

/// A general, one of `nodes`, of whom one may be a traitor.
pub(super) fn member<P: Slots>(
    nodes: usize,
    me: usize,
    roster: Roster<Vec<PublicKey>>,
    verifier: Scheme,
) -> Member<P> {
    let (me, traitors) = (NodeId(me as u8), 1);
    let config = Config {
        me,
        nodes,
        traitors,
        first: Instant::from_micros(FIRST),
        interval: Duration::from_micros(ROUND),
        round: Duration::from_micros(ROUND),
        margin: Duration::from_micros(MARGIN),
    };
    let instance = |commander: usize| {
        let instance = Instance { number: 0, commander: NodeId(commander as u8) };
        P::make(rounds::Config { me, nodes, traitors, instance })
    };
    let schedule = Schedule::new(Instant::ZERO, Duration::from_secs(1), Duration::ZERO);
    let schedule = schedule.expect("a second is a round");
    let lane = |_| {
        let instances = (0..nodes).map(instance).collect();
        Lane::with_rules(Instances::new(instances).expect("they belong together"), schedule)
    };
    let room = Memory {
        lanes: (0..config.lanes(traitors as u8 + 1) + 4).map(lane).collect(),
        rows: vec![ClientRow::default(); CLIENTS],
        desks: vec![Desk::default(); CLIENTS],
        requests: vec![0; CLIENTS * REQUEST],
        replies: vec![0; CLIENTS * REPLY],
        peers: vec![Peer::default(); nodes],
        protocol: PhantomData,
    };
    General::new(config, room, Clients { roster, verifier }).expect("the sizes work")
}
