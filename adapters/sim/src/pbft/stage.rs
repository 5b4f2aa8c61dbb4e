//! What the machines of one cluster share.

use super::checks::Checks;
use super::line::Line;

use crate::engine::{Engine, Payload};
use crate::scheme::Scheme;
use core::time::Duration;
use quorate::auth::Scope;
use quorate::pbft::Message;
use quorate::{Digest, NodeId, Principal, PublicKey, Roster};

/// What else can happen in a PBFT cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Happening {
    /// The first so many writes of a replica, in one of its lives, are durable.
    Durable { node: NodeId, life: u32, written: u64 },
    /// The application of a replica, in one of its lives, is done with a request.
    Done { node: NodeId, life: u32 },
    /// A client begins its next operation.
    Submit(usize),
    /// A partition of the plan begins.
    Cut(usize),
    /// A partition of the plan ends.
    Heal(usize),
    /// A crash of the plan comes.
    Crash(NodeId, Option<core::time::Duration>),
    /// A replica gets its power back.
    Restart(NodeId),
    /// The weather gets fair.
    Calm,
    /// A replica's disk is kept aside.
    Backup(NodeId),
    /// A replica loses its power, and something becomes of its disk.
    Harm(crate::harm::Harm),
    /// A replica's clock is set anew.
    Jump(NodeId, i64),
}

/// Who has which key.
#[derive(Clone, Debug)]
pub(super) struct Registry {
    pub(super) roster: Roster<Vec<PublicKey>>,
    pub(super) scheme: Scheme,
}

impl Registry {
    /// The keys of a seed.
    pub(super) fn new(seed: u64, nodes: usize, clients: usize) -> Self {
        let scheme = Scheme::new(seed, nodes, clients);
        let (nodes, clients) = (scheme.nodes().to_vec(), scheme.clients().to_vec());
        let cluster = Digest::of(&seed.to_le_bytes());
        let roster = Roster::new(cluster, 0, nodes, clients, &scheme);
        Self { roster: roster.expect("keys of the simulation are a roster"), scheme }
    }

    /// The scope of all statements.
    pub(super) const fn scope(&self) -> &Scope {
        self.roster.scope()
    }
}

/// The world and its observers, lent to one machine's host for one step.
#[derive(Debug)]
pub(super) struct Stage<'s> {
    pub(super) engine: &'s mut Engine<Happening>,
    pub(super) checks: &'s mut Checks,
    pub(super) registry: &'s Registry,
}

impl Stage<'_> {
    /// Enters an event in the transcript.
    pub(super) fn enter(&mut self, line: &Line<'_>) {
        let now = self.engine.now();
        self.engine.transcript.enter(now, line);
        if let Some(chronicle) = self.engine.transcript.chronicle_mut() {
            line.tell(now, chronicle);
        }
    }

    /// Tells what was executed in the last event, an execution.
    pub(super) fn attach(&mut self, operation: &[u8]) {
        if let Some(chronicle) = self.engine.transcript.chronicle_mut() {
            chronicle.attach(operation);
        }
    }

    /// Tells of the last event, a restart, in which view the replica is.
    pub(super) fn resume(&mut self, view: Option<u64>) {
        if let Some(chronicle) = self.engine.transcript.chronicle_mut() {
            chronicle.resume(view);
        }
    }

    /// Tells that what happens now happens to the copy of this replica, which runs twice; or to
    /// none.
    pub(super) const fn turn_to(&mut self, copy: Option<Principal>) {
        if let Some(chronicle) = self.engine.transcript.chronicle_mut() {
            chronicle.turn_to(copy);
        }
    }

    /// Hands a message to the network.
    pub(super) fn send(&mut self, from: Principal, to: Principal, payload: &Payload) {
        self.send_after(Duration::ZERO, from, to, payload);
    }

    /// The same after it was kept back for a while.
    pub(super) fn send_after(
        &mut self,
        kept_back: Duration,
        from: Principal,
        to: Principal,
        payload: &Payload,
    ) {
        if !self.engine.send_after(kept_back, from, to, payload) {
            self.enter(&Line::Lost { from, to });
        }
    }

    /// Signs and encodes a message.
    pub(super) fn seal<S: quorate::Signer>(
        &mut self,
        message: Message<'_>,
        me: Principal,
        key: &S,
    ) -> Payload {
        self.engine.seal(message, me, self.registry.scope(), key)
    }
}
