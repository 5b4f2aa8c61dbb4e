//! All checkers of a PBFT run, told of every step of every correct node.

use super::journal::Journal;
use super::record::decode;
use super::statistics::Statistics;
use crate::check::{
    Accusation, Agreement, Bounds, Choices, Durability, Following, Ledger, Linearizable, Once,
    Replies, Silence, States, Unmoved,
};
use crate::disk::Write;
use crate::violation::Violation;
use core::time::Duration;
use quorate::fault::{EvidenceError, Finding};
use quorate::pbft::{Dimensions, Execution, Message, Record, Request, View};
use quorate::{ClientId, Digest, Fault, Instant, NodeId, NodeSet, Principal, Quorum};

/// How much is looked at closely: one of so many messages, if it is rejected, and no more
/// rejections of a run than that.
#[derive(Clone, Copy, Debug)]
struct Sample {
    every: u64,
    most: u64,
}

impl Sample {
    /// Of most runs little, since it takes long; of one in 64 every second message.
    const fn of(seed: u64) -> Self {
        if seed.is_multiple_of(64) {
            Self { every: 2, most: 500 }
        } else {
            Self { every: 61, most: 5 }
        }
    }
}

/// The checkers and the first violation that one of them found.
#[derive(Clone, Debug)]
pub(super) struct Checks {
    pub(super) statistics: Statistics,
    traitors: NodeSet,
    /// Whether weak replicas may all lie: then their word proves nothing.
    beyond: bool,
    window: u64,
    reply_bytes: usize,
    violation: Option<Violation>,
    agreement: Agreement,
    once: Once,
    replies: Replies,
    ledger: Ledger,
    durability: Durability,
    silence: Silence,
    following: Following,
    choices: Choices,
    accusation: Accusation,
    states: States,
    tables: States,
    linearizable: Linearizable<Journal>,
    bounds: Bounds,
    unmoved: Unmoved,
    sample: Sample,
    /// Messages that came to correct replicas.
    came: u64,
    /// Whom a correct replica accused last.
    blamed: Option<Principal>,
}

impl Checks {
    /// Checkers that know who lies, and the sizes of the cluster.
    pub(super) fn new(traitors: NodeSet, sizes: &Dimensions, seed: u64) -> Self {
        let Dimensions { nodes, window, clients, reply_bytes, .. } = *sizes;
        let (strong, weak) = Quorum::of(nodes).map_or((0, 0), |it| (it.strong(), it.weak()));
        let backing = strong.saturating_sub(traitors.len() + 1);
        Self {
            statistics: Statistics::default(),
            traitors,
            beyond: traitors.len() >= weak,
            window: window as u64,
            reply_bytes,
            violation: None,
            agreement: Agreement::default(),
            once: Once::default(),
            replies: Replies::default(),
            ledger: Ledger::new(backing),
            durability: Durability::default(),
            silence: Silence::default(),
            following: Following::default(),
            choices: Choices::default(),
            accusation: Accusation::new(traitors),
            states: States::default(),
            tables: States::default(),
            linearizable: Linearizable::new(Journal::new(clients), reply_bytes),
            bounds: Bounds::of(sizes),
            unmoved: Unmoved::default(),
            sample: Sample::of(seed),
            came: 0,
            blamed: None,
        }
    }

    /// The first violation.
    pub(super) const fn violation(&self) -> Option<&Violation> {
        self.violation.as_ref()
    }

    /// Whether the node is correct: nothing is promised about the others.
    pub(super) const fn correct(&self, node: NodeId) -> bool {
        !self.traitors.contains(node)
    }

    /// A replica has lost its disk.
    pub(super) fn wiped(&mut self, node: NodeId) {
        self.statistics.wiped += 1;
        self.ledger.wiped(node, self.window);
        self.durability.wiped(node);
        self.silence.wiped(node);
    }

    /// Enters a violation, if it is the first.
    pub(super) fn fail(&mut self, checker: &'static str, now: Instant, what: String) {
        self.violation.get_or_insert_with(|| Violation::new(checker, now, what));
    }

    fn note(&mut self, checker: &'static str, now: Instant, result: Result<(), String>) {
        if let Err(what) = result {
            self.fail(checker, now, what);
        }
    }

    /// A client begins an operation.
    pub(super) fn began(&mut self, client: ClientId, operation: &[u8]) {
        self.linearizable.began(client, operation);
    }

    /// A client has the answer to it; `None`: it is told that the answer is too long.
    pub(super) fn ended(&mut self, client: ClientId, answer: Option<&[u8]>) {
        self.linearizable.ended(client, answer);
    }

    /// The run is over: what the clients saw is looked at as a whole.
    pub(super) fn finish(&mut self, now: Instant) {
        let result = self.linearizable.check();
        self.note("linearizable", now, result);
    }

    /// A client signs a request.
    pub(super) fn asked(&mut self, now: Instant, request: &Request<'_>) {
        let Request { client, timestamp, operation, .. } = request;
        let result = self.replies.asked(*client, *timestamp, operation.0);
        self.note("replies", now, result);
    }

    /// A client that lies signs a request. It may be blamed for what it does.
    pub(super) fn signed(&mut self, request: &Request<'_>) {
        let Request { client, timestamp, operation, .. } = request;
        self.accusation.suspect(*client);
        self.replies.signed(*client, *timestamp, operation.0);
        self.linearizable.began(*client, operation.0);
    }

    /// A client accepts a reply; `None`: it is told that the reply is too long.
    pub(super) fn accepted(
        &mut self,
        now: Instant,
        client: ClientId,
        timestamp: u64,
        reply: Option<&[u8]>,
        reply_bytes: usize,
    ) {
        self.statistics.requests += 1;
        let result = self.replies.accepted(client, timestamp, reply, reply_bytes);
        self.note("replies", now, result);
    }

    /// A request took so long after everything had healed; it must not take longer than `bound`.
    pub(super) fn recovered(
        &mut self,
        now: Instant,
        waited: Duration,
        bound: Duration,
        what: impl FnOnce() -> String,
    ) {
        let statistics = &mut self.statistics;
        let part = waited.as_micros() * 1_000 / bound.as_micros().max(1);
        statistics.recovery_micros = statistics.recovery_micros.max(waited.as_micros() as u64);
        statistics.recovery_permille = statistics.recovery_permille.max(part as u64);
        if waited > bound {
            self.fail("recovery", now, format!("{}, not {bound:?} at most", what()));
        }
    }

    /// A message leaves a replica.
    pub(super) fn sent(&mut self, now: Instant, node: NodeId, message: &Message<'_>) {
        if self.correct(node) {
            let result = self.ledger.sent(node, message);
            self.note("ledger", now, result);
            let result = self.durability.sent(node, message);
            self.note("durability", now, result);
            let result = self.silence.sent(node, message);
            self.note("silence", now, result);
            self.following.sent(node, message);
            if !self.beyond {
                let result = self.choices.sent(node, message);
                self.note("choices", now, result);
            }
            if let Message::Reply(reply) = message {
                let result = self.replies.sent(node, reply, self.reply_bytes);
                self.note("replies", now, result);
            }
        }
    }

    /// A step of a replica put so many outputs out, and says that it has executed everything up to
    /// a sequence: what it was not given to execute there does nothing.
    pub(super) fn stepped(&mut self, now: Instant, node: NodeId, outputs: u64, executed: u64) {
        if self.correct(node) {
            let result = self.agreement.passed(node, executed);
            self.note("agreement", now, result);
            let result = self.bounds.stepped(node, outputs);
            self.note("bounds", now, result);
        }
    }

    /// A replica makes a message of so many bytes.
    pub(super) fn said(&mut self, now: Instant, node: NodeId, bytes: usize) {
        if self.correct(node) {
            let result = self.bounds.said(node, bytes);
            self.note("bounds", now, result);
        }
    }

    /// A message comes to a replica. Says whether to look closely at what becomes of it: at one
    /// of many, and not for ever.
    pub(super) const fn looks_closely(&mut self, node: NodeId) -> bool {
        self.came += 1;
        let Sample { every, most } = self.sample;
        self.correct(node) && self.came.is_multiple_of(every) && self.unmoved.looked() < most
    }

    /// A replica rejected a message; what it was before that and what it is now.
    pub(super) fn rejected(
        &mut self,
        now: Instant,
        (node, sender): (NodeId, Principal),
        before: &str,
        after: &str,
    ) {
        self.statistics.looks += 1;
        let result = self.unmoved.rejected(node, sender, before, after);
        self.note("unmoved", now, result);
    }

    /// A write of a replica is durable.
    pub(super) fn durable(&mut self, now: Instant, node: NodeId, write: &Write) {
        if !self.correct(node) {
            return;
        }
        let result = match write {
            Write::Record(bytes) => {
                let record = decode(bytes);
                self.silence.durable(node, &record);
                if !self.beyond {
                    let result = self.choices.durable(&record);
                    self.note("choices", now, result);
                }
                self.durability.durable(node, &record)
            }
            Write::Rewrite(log) => {
                let records: Vec<Record<'_>> = log.iter().map(|bytes| decode(bytes)).collect();
                self.durability.rewritten(node, &records)
            }
            _ => Ok(()),
        };
        self.note("durability", now, result);
    }

    /// A replica executes a request.
    pub(super) fn executed(
        &mut self,
        now: Instant,
        node: NodeId,
        sequence: u64,
        request: &Request<'_>,
        reply: &[u8],
    ) {
        if self.correct(node) {
            self.statistics.executions += 1;
            let Request { client, timestamp, operation, .. } = request;
            let result = self.once.executed(node, sequence, *client, *timestamp);
            self.note("once", now, result);
            let result = self.replies.executed(node, *client, *timestamp, operation.0, reply);
            self.note("replies", now, result);
        }
    }

    /// A replica is about to execute these requests at a sequence.
    pub(super) fn agreed(&mut self, now: Instant, node: NodeId, sequence: u64, content: Digest) {
        if self.correct(node) {
            let result = self.agreement.executed(node, sequence, content);
            self.note("agreement", now, result);
        }
    }

    /// A replica executes a batch: as many must have sent a COMMIT for it as it takes.
    pub(super) fn settled(&mut self, now: Instant, node: NodeId, execution: &Execution<'_>) {
        if self.correct(node) {
            let result = self.ledger.executed(node, execution.sequence(), execution.digest());
            self.note("ledger", now, result);
        }
    }

    /// A replica has executed the requests of a sequence.
    pub(super) fn reached_state(
        &mut self,
        now: Instant,
        node: NodeId,
        sequence: u64,
        state: Digest,
    ) {
        if self.correct(node) {
            let result = self.states.at(node, sequence, state);
            self.note("states", now, result);
        }
    }

    /// A replica captures its state and its client table.
    pub(super) fn captured(
        &mut self,
        now: Instant,
        node: NodeId,
        sequence: u64,
        state: Digest,
        clients: Digest,
    ) {
        if self.correct(node) {
            self.statistics.checkpoints += 1;
            let result = self.agreement.passed(node, sequence);
            self.note("agreement", now, result);
            let result = self.states.at(node, sequence, state);
            self.note("states", now, result);
            let result = self.tables.at(node, sequence, clients);
            self.note("client tables", now, result);
        }
    }

    /// A replica takes over a state: at a restart from its disk, else from a peer.
    pub(super) fn resumed(&mut self, now: Instant, node: NodeId, sequence: u64, state: Digest) {
        if self.correct(node) {
            self.agreement.resumed(node, sequence);
            let result = self.states.at(node, sequence, state);
            self.note("states", now, result);
        }
    }

    /// A replica starts again: so often did it follow others to a view.
    pub(super) fn restarted(&mut self, node: NodeId, followed: u64) {
        self.following.restarted(node, followed);
    }

    /// A replica comes to another view; so often has it followed others.
    pub(super) fn moved(&mut self, now: Instant, node: NodeId, view: View, followed: u64) {
        if self.correct(node) && !self.beyond {
            let result = self.following.moved(node, view, followed);
            self.note("following", now, result);
        }
    }

    /// A replica accuses somebody.
    pub(super) fn accused(&mut self, now: Instant, by: NodeId, who: Principal, fault: Fault) {
        if self.correct(by) {
            self.statistics.accusations += 1;
            self.blamed = Some(who);
            let result = self.accusation.accused(by, who, fault);
            self.note("accusation", now, result);
        }
    }

    /// Whom a correct replica accused last.
    pub(super) const fn blamed(&self) -> Option<Principal> {
        self.blamed
    }

    /// A correct replica has evidence: it must hold for everybody else, and name a traitor.
    pub(super) fn proved(
        &mut self,
        now: Instant,
        by: NodeId,
        judged: Option<Result<Finding, EvidenceError>>,
    ) {
        if !self.correct(by) {
            return;
        }
        self.statistics.proofs += 1;
        match judged {
            Some(Ok(Finding { who, fault, .. })) => {
                let result = self.accusation.accused(by, who, fault);
                self.note("evidence", now, result);
            }
            other => self.fail("evidence", now, format!("r{} shows {other:?}", by.0)),
        }
    }

    /// How far a replica's state is.
    pub(super) fn reached(&self, node: NodeId) -> u64 {
        self.agreement.reached(node)
    }
}

/// The digest of the requests that are to be executed.
pub(super) fn content(execution: &Execution<'_>) -> Digest {
    execution.requests().fold(Digest::ZERO, |content, request| {
        let (client, timestamp) = (request.client.0.to_le_bytes(), request.timestamp.to_le_bytes());
        Digest::of(&[&content.0[..], &client, &timestamp, request.operation.0].concat())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_history_that_ends_with_nothing_disagrees_with_one_that_ends_with_a_batch() {
        let sizes = Dimensions { nodes: 4, window: 8, batch_bytes: 64, clients: 1, reply_bytes: 8 };
        let batch = Digest::of(b"a batch");
        let now = Instant::ZERO;
        let run = |last: &dyn Fn(&mut Checks)| {
            let mut checks = Checks::new(NodeSet::default(), &sizes, 1);
            checks.agreed(now, NodeId(0), 1, batch);
            checks.stepped(now, NodeId(0), 0, 1);
            checks.agreed(now, NodeId(1), 1, batch);
            last(&mut checks);
            checks.violation().map(|violation| violation.checker)
        };
        // r0 does something at s2, and r1 nothing: in either order.
        let something = |checks: &mut Checks| checks.agreed(now, NodeId(0), 2, batch);
        let nothing = |checks: &mut Checks| checks.stepped(now, NodeId(1), 0, 2);
        let both = |checks: &mut Checks| {
            something(checks);
            nothing(checks);
        };
        assert_eq!(run(&both), Some("agreement"));
        let turned = |checks: &mut Checks| {
            nothing(checks);
            something(checks);
        };
        assert_eq!(run(&turned), Some("agreement"));
        // Who is not there yet may still do the same.
        assert_eq!(run(&something), None);
        assert_eq!(run(&nothing), None);
    }
}
