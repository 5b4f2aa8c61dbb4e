//! The checkers over a run that a fuzzer drives: the first violation ends it.

use super::phrases::{NODES, WINDOW};
use crate::check::{Accusation, Agreement, Durability, Ledger, Once, Replies, States};
use quorate::pbft::{Execution, Message, Record, Request};
use quorate::{ClientId, Digest, Fault, NodeId, NodeSet, Principal};

/// All that is watched. Who is in the fuzzer's hands is not.
#[derive(Debug)]
pub(super) struct Witness {
    hands: NodeSet,
    /// This client and all after it are in the fuzzer's hands as well.
    clients: usize,
    agreement: Agreement,
    once: Once,
    replies: Replies,
    ledger: Ledger,
    durability: Durability,
    accusation: Accusation,
    states: States,
    tables: States,
    /// Replicas that were contradicted by a quorum: they may vouch for another state afterwards.
    diverged: NodeSet,
}

/// Stops the run.
fn hold(checker: &str, result: Result<(), String>) {
    if let Err(what) = result {
        panic!("{checker}: {what}");
    }
}

impl Witness {
    pub(super) fn new(hands: NodeSet, clients: usize) -> Self {
        Self {
            hands,
            clients,
            agreement: Agreement::default(),
            once: Once::default(),
            replies: Replies::default(),
            ledger: Ledger::default(),
            durability: Durability::default(),
            accusation: Accusation::new(hands),
            states: States::default(),
            tables: States::default(),
            diverged: NodeSet::EMPTY,
        }
    }

    /// Whether nearly everybody lies: nothing is promised but that one does not contradict
    /// itself.
    const fn alone(&self) -> bool {
        self.hands.len() + 1 == NODES
    }

    pub(super) fn diverges(&mut self, node: NodeId, diverged: bool) {
        if diverged {
            assert!(self.alone(), "a quorum contradicts the state of r{}", node.0);
            self.diverged.insert(node);
        }
    }

    /// Whether a quorum has contradicted the state of a replica.
    pub(super) const fn diverged(&self, node: NodeId) -> bool {
        self.diverged.contains(node)
    }

    pub(super) fn sent(&mut self, node: NodeId, message: &Message<'_>) {
        let vouches = matches!(message, Message::Checkpoint { .. });
        // Among liars only, what is settled is what they say, and that may change with a lost disk.
        let word = matches!(message, Message::Settled { .. }) && self.alone();
        let excused = word || vouches && self.diverged.contains(node);
        if !excused {
            hold("ledger", self.ledger.sent(node, message));
        }
        hold("durability", self.durability.sent(node, message));
    }

    /// A replica has lost its disk: when nearly everybody lies, it is not told enough to keep what
    /// it promised.
    pub(super) fn wiped(&mut self, node: NodeId) {
        if self.alone() {
            (self.ledger, self.durability) = (Ledger::default(), Durability::default());
        } else {
            self.ledger.wiped(node, WINDOW as u64);
        }
    }

    pub(super) fn durable(&mut self, node: NodeId, record: &Record<'_>) {
        hold("durability", self.durability.durable(node, record));
    }

    pub(super) fn asked(&mut self, client: ClientId, timestamp: u64, operation: &[u8]) {
        hold("replies", self.replies.asked(client, timestamp, operation));
    }

    pub(super) fn accepted(
        &mut self,
        (client, timestamp): (ClientId, u64),
        reply: Option<&[u8]>,
        reply_bytes: usize,
    ) {
        hold("replies", self.replies.accepted(client, timestamp, reply, reply_bytes));
    }

    pub(super) fn agreed(&mut self, node: NodeId, execution: &Execution<'_>) {
        if self.alone() {
            return;
        }
        let content = execution.requests().fold(Digest::ZERO, |content, request| {
            let (client, at) = (request.client.0.to_le_bytes(), request.timestamp.to_le_bytes());
            Digest::of(&[&content.0[..], &client, &at, request.operation.0].concat())
        });
        hold("agreement", self.agreement.executed(node, execution.sequence().0, content));
    }

    pub(super) fn executed(
        &mut self,
        node: NodeId,
        sequence: u64,
        request: &Request<'_>,
        reply: &[u8],
    ) {
        if self.alone() {
            return;
        }
        let Request { client, timestamp, operation, .. } = request;
        if client.index() >= self.clients {
            // One operation has this timestamp for everybody, whatever its client signed.
            hold("replies", self.replies.asked(*client, *timestamp, operation.0));
        }
        hold("once", self.once.executed(node, sequence, *client, *timestamp));
        hold("replies", self.replies.executed(node, *client, *timestamp, operation.0, reply));
    }

    pub(super) fn reached(&mut self, node: NodeId, sequence: u64, state: Digest) {
        if !self.alone() {
            hold("states", self.states.at(node, sequence, state));
        }
    }

    pub(super) fn captured(&mut self, node: NodeId, sequence: u64, state: Digest, table: Digest) {
        if !self.alone() {
            hold("agreement", self.agreement.passed(node, sequence));
            hold("states", self.states.at(node, sequence, state));
            hold("client tables", self.tables.at(node, sequence, table));
        }
    }

    pub(super) fn resumed(&mut self, node: NodeId, sequence: u64, state: Digest) {
        if !self.alone() {
            self.agreement.resumed(node, sequence);
            hold("states", self.states.at(node, sequence, state));
        }
    }

    pub(super) fn accused(&self, by: NodeId, who: Principal, fault: Fault) {
        if !self.alone() {
            hold("accusation", self.accusation.accused(by, who, fault));
        }
    }

    /// A correct client accuses a replica.
    pub(super) fn blamed(&self, node: NodeId, fault: Fault) {
        assert!(self.hands.contains(node), "a client accuses r{} of {fault:?}", node.0);
    }
}
