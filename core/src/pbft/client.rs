//! The client: asks, counts equal replies, asks again (Castro-Liskov 1999, section 4.1).

use super::busy::Refrain;
use super::config::Switches;
use super::message::{Busy, Message, Reply, View};
use super::read::{Read, ReadReply};
use crate::auth::{Digest, Signature};
use crate::fault::Refusal;
use crate::node::{ClientId, MAX_NODES, NodeId, Principal};
use crate::protocol::{Input, InputOf, Never, Output, Protocol, Target};
use crate::quorum::Quorum;
use crate::service::{ClientCommand, ClientDecision, Failure, Outcome, Request};
use crate::time::Instant;
use crate::wire::Bytes;
use core::cell::Cell;
use core::time::Duration;

/// Settings of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ClientConfig {
    /// Which client this is.
    pub me: ClientId,
    /// The quorums of the cluster.
    pub quorum: Quorum,
    /// How long to wait for replies before the request goes to all replicas, doubling each time
    /// up to sixteen times as long.
    pub retry: Duration,
    /// How long to try at all.
    pub give_up: Duration,
    /// The switches of the cluster.
    pub switches: Switches,
}

/// A client of a PBFT cluster, with one operation outstanding at a time.
///
/// `B` is the memory for the operation and for its reply: arrays, slices, vectors.
#[derive(Clone, Debug)]
pub struct Client<B> {
    config: ClientConfig,
    operation: B,
    operation_len: usize,
    reply: B,
    reply_len: usize,
    now: Instant,
    timestamp: u64,
    view: View,
    outstanding: Option<Outstanding>,
    /// The digest of the outstanding operation while it is read without order.
    reading: Option<Digest>,
    /// What each replica answered: its view, and a digest of the answer.
    answers: [Option<(View, Digest)>; MAX_NODES],
    /// Who has no room for the request.
    busy: Refrain,
    effects: heapless::Vec<Effect, 4>,
    cursor: Cell<usize>,
    undrained: Cell<bool>,
}

#[cfg(feature = "defmt")]
impl<B> defmt::Format for Client<B> {
    fn format(&self, f: defmt::Formatter<'_>) {
        let Self { config: ClientConfig { me, .. }, timestamp, view, outstanding, .. } = self;
        defmt::write!(f, "Client({}, {}, last {}, ", me, view, timestamp);
        defmt::write!(f, "busy: {})", outstanding.is_some());
    }
}

#[derive(Clone, Copy, Debug)]
struct Outstanding {
    since: Instant,
    retry_at: Instant,
    retries: u32,
}

#[derive(Clone, Copy, Debug)]
enum Effect {
    Ask(Target),
    Read,
    Done,
    Failed(Failure),
    Accuse(NodeId, crate::Fault),
    Refuse(Refusal),
}

impl<B: AsRef<[u8]> + AsMut<[u8]>> Client<B> {
    /// A client with room for one operation and for one reply.
    #[must_use]
    pub fn new(config: ClientConfig, operation: B, reply: B) -> Self {
        Self {
            config,
            operation,
            operation_len: 0,
            reply,
            reply_len: 0,
            now: Instant::ZERO,
            timestamp: 0,
            view: View(0),
            outstanding: None,
            reading: None,
            answers: [None; MAX_NODES],
            busy: Refrain::NONE,
            effects: heapless::Vec::new(),
            cursor: Cell::new(0),
            undrained: Cell::new(false),
        }
    }

    /// The view that the client takes for current: its primary is asked first.
    #[must_use]
    pub const fn view(&self) -> View {
        self.view
    }

    /// Whether an operation is outstanding.
    #[must_use]
    pub const fn is_busy(&self) -> bool {
        self.outstanding.is_some()
    }

    fn emit(&mut self, effect: Effect) {
        let kept = self.effects.push(effect);
        assert!(kept.is_ok(), "a client's step has at most four effects");
    }

    fn on_submit(&mut self, operation: &[u8], wall_micros: u64) {
        if self.begin(operation, wall_micros) {
            let primary = self.view.primary(self.config.quorum.nodes());
            self.emit(Effect::Ask(Target::Node(primary)));
        }
    }

    /// A read goes to all replicas at once, under the number that its request will have if it
    /// must be ordered after all.
    fn on_submit_read(&mut self, operation: &[u8], wall_micros: u64) {
        if !self.config.switches.fast_reads {
            return self.on_submit(operation, wall_micros);
        }
        if self.begin(operation, wall_micros) {
            self.reading = Some(Digest::of(operation));
            self.emit(Effect::Read);
        }
    }

    /// Takes an operation in hand; false, and said why, if it cannot be.
    fn begin(&mut self, operation: &[u8], wall_micros: u64) -> bool {
        let refusal = self.take(operation, wall_micros).err();
        if let Some(refusal) = refusal {
            self.emit(Effect::Refuse(refusal));
        }
        refusal.is_none()
    }

    fn take(&mut self, operation: &[u8], wall_micros: u64) -> Result<(), Refusal> {
        if self.outstanding.is_some() {
            return Err(Refusal::Outstanding);
        }
        let next = self.timestamp.checked_add(1).ok_or(Refusal::Exhausted)?;
        let limit = self.operation.as_ref().len();
        let room = self.operation.as_mut().get_mut(..operation.len());
        room.ok_or(Refusal::TooLong { limit })?.copy_from_slice(operation);
        self.operation_len = operation.len();
        self.timestamp = next.max(wall_micros);
        self.answers = [None; MAX_NODES];
        self.busy = Refrain::NONE;
        let retry_at = self.now.after(self.config.retry);
        self.outstanding = Some(Outstanding { since: self.now, retry_at, retries: 0 });
        Ok(())
    }

    /// "The client waits for f + 1 replies with valid signatures from different replicas, and
    /// with the same t and r, before accepting the result r" (4.1). With fast reads it waits for
    /// strong ones, so that no read misses the request.
    fn on_reply(&mut self, from: NodeId, reply: &Reply<'_>) {
        if reply.client != self.config.me {
            return self.emit(Effect::Accuse(from, crate::Fault::Impersonation));
        }
        let waits = self.outstanding.is_some() && self.reading.is_none();
        if !waits || reply.timestamp != self.timestamp {
            return;
        }
        let mut answer = [0; 33];
        answer[0] = reply.outcome as u8;
        answer[1..].copy_from_slice(&Digest::of(reply.reply.0).0);
        let digest = Digest::of(&answer);
        if self.count(from, reply.view, digest) < self.needed() {
            return;
        }

        self.learn_view();
        self.outstanding = None;
        match reply.outcome {
            Outcome::Executed => self.done(reply.reply.0),
            Outcome::ReplyTooLong => self.emit(Effect::Failed(Failure::ReplyTooLong)),
            Outcome::Stale => self.emit(Effect::Failed(Failure::Stale)),
        }
    }

    /// How many equal replies to a request are believed.
    fn needed(&self) -> usize {
        let quorum = self.config.quorum;
        if canary!("client_takes_one_answer") {
            return 1;
        }
        let strong = self.config.switches.fast_reads && !canary!("ordered_weak_beside_reads");
        if strong { quorum.strong() } else { quorum.weak() }
    }

    /// Enters what a replica says, in the place of what it said before, and counts how many say
    /// so.
    fn count(&mut self, from: NodeId, view: View, digest: Digest) -> usize {
        let Some(place) = self.answers.get_mut(from.index()) else { return 0 };
        *place = Some((view, digest));
        self.alike(&digest)
    }

    /// How many replicas say this.
    fn alike(&self, digest: &Digest) -> usize {
        self.answers.iter().flatten().filter(|(_, other)| other == digest).count()
    }

    fn done(&mut self, reply: &[u8]) {
        let Some(room) = self.reply.as_mut().get_mut(..reply.len()) else {
            return self.emit(Effect::Failed(Failure::ReplyTooLong));
        };
        room.copy_from_slice(reply);
        self.reply_len = reply.len();
        self.emit(Effect::Done);
    }

    /// An answer to a read. Strong ones that are alike, of one state, are believed; as soon as
    /// there can be none any more the operation is ordered.
    fn on_read_reply(&mut self, from: NodeId, reply: &ReadReply<'_>) {
        if reply.client != self.config.me {
            return self.emit(Effect::Accuse(from, crate::Fault::Impersonation));
        }
        if self.reading != Some(reply.operation) || reply.number != self.timestamp {
            return;
        }
        let quorum = self.config.quorum;
        let alike = self.count(from, reply.view, digest(reply));
        match reply.answer {
            Some(answer)
                if alike >= quorum.strong()
                    || canary!("reads_by_a_weak_quorum") && alike >= quorum.weak() =>
            {
                self.learn_view();
                (self.outstanding, self.reading) = (None, None);
                self.done(answer.0);
            }
            _ => {
                let said = self.answers.iter().flatten().map(|(_, said)| said);
                let answers = said.clone().filter(|said| **said != Digest::ZERO);
                let most = answers.map(|said| self.alike(said)).max().unwrap_or(0);
                let silent = quorum.nodes().saturating_sub(said.count());
                if most.saturating_add(silent) < quorum.strong() {
                    self.fall_back();
                }
            }
        }
    }

    /// A read that is not answered alike becomes a request.
    fn fall_back(&mut self) {
        self.learn_view();
        self.reading = None;
        self.answers = [None; MAX_NODES];
        if let Some(outstanding) = &mut self.outstanding {
            outstanding.retry_at = self.now.after(self.config.retry);
        }
        let primary = self.view.primary(self.config.quorum.nodes());
        self.emit(Effect::Ask(Target::Node(primary)));
    }

    /// The highest view that weak replicas have reached: one of them is correct.
    fn learn_view(&mut self) {
        let views = || self.answers.iter().flatten().map(|(view, _)| *view);
        let reached = |view: &View| {
            views().filter(|other| other >= view).count() >= self.config.quorum.weak()
        };
        if let Some(view) = views().filter(reached).max() {
            self.view = view;
        }
    }

    /// "If the client does not receive replies soon enough, it broadcasts the request to all
    /// replicas" (4.1).
    fn on_wake(&mut self) {
        let Some(mut outstanding) = self.outstanding else { return };
        if outstanding.since.after(self.config.give_up) <= self.now {
            (self.outstanding, self.reading) = (None, None);
            let busy = self.busy.hint(self.config.quorum.weak());
            let timed_out = Failure::TimedOut;
            let failure = busy.map_or(timed_out, |retry_after| Failure::Busy { retry_after });
            return self.emit(Effect::Failed(failure));
        }
        if outstanding.retry_at <= self.now && self.reading.is_some() {
            return self.fall_back();
        }
        if outstanding.retry_at <= self.now {
            outstanding.retries = outstanding.retries.saturating_add(1).min(4);
            let wait = self.config.retry.saturating_mul(1 << outstanding.retries);
            outstanding.retry_at = self.now.after(wait);
            self.outstanding = Some(outstanding);
            self.busy = Refrain::NONE;
            self.emit(Effect::Ask(Target::All));
        }
    }

    /// A replica has no room for the request. When weak of them say so the client does as told:
    /// it asks again then, a quarter of [`ClientConfig::retry`] later at the soonest and sixteen
    /// times that at the latest. One that lies is not enough, nor can it make the wait longer.
    fn on_busy(&mut self, from: NodeId, busy: &Busy) {
        if busy.client != self.config.me {
            return self.emit(Effect::Accuse(from, crate::Fault::Impersonation));
        }
        let Some(mut outstanding) = self.outstanding else { return };
        if busy.timestamp != self.timestamp || from.index() >= self.config.quorum.nodes() {
            return;
        }
        let retry = self.config.retry;
        let hint = Duration::from_micros(busy.retry_after);
        let hint = hint.max(retry / 4).min(retry.saturating_mul(16));
        if let Some(wait) = self.busy.hear(from, hint, self.config.quorum.weak()) {
            outstanding.retry_at = self.now.after(wait);
            self.outstanding = Some(outstanding);
        }
    }
}

impl<B: AsRef<[u8]> + AsMut<[u8]>> Protocol for Client<B> {
    type Command<'a> = ClientCommand<'a>;
    type Message<'a> = Message<'a>;
    type Decision<'a>
        = ClientDecision<'a>
    where
        Self: 'a;
    type Record<'a>
        = Never
    where
        Self: 'a;
    type Outputs<'a>
        = ClientOutputs<'a>
    where
        Self: 'a;

    fn step(&mut self, now: Instant, input: InputOf<'_, Self>) -> ClientOutputs<'_> {
        if self.cursor.get() < self.effects.len() {
            self.undrained.set(true);
        } else {
            self.effects.clear();
            self.cursor.set(0);
            self.now = self.now.max(now);
            match input {
                Input::Wake => self.on_wake(),
                Input::Command(ClientCommand::Submit { operation, wall_micros }) => {
                    self.on_submit(operation, wall_micros);
                }
                Input::Command(ClientCommand::Read { operation, wall_micros }) => {
                    self.on_submit_read(operation, wall_micros);
                }
                Input::Message(verified) => match (verified.from, verified.message) {
                    (Principal::Node(from), Message::Reply(reply)) => self.on_reply(from, &reply),
                    (Principal::Node(from), Message::Busy(busy)) => self.on_busy(from, &busy),
                    (Principal::Node(from), Message::ReadReply(reply)) => {
                        self.on_read_reply(from, &reply);
                    }
                    (Principal::Node(from), _) => {
                        self.emit(Effect::Accuse(from, crate::Fault::NotAllowed));
                    }
                    (Principal::Client(_), _) => {}
                },
            }
        }
        ClientOutputs {
            request: Request {
                client: self.config.me,
                timestamp: self.timestamp,
                operation: Bytes(self.operation.as_ref().get(..self.operation_len).unwrap_or(&[])),
                signature: Signature::ZERO,
            },
            reply: self.reply.as_ref().get(..self.reply_len).unwrap_or(&[]),
            effects: &self.effects,
            cursor: &self.cursor,
            undrained: &self.undrained,
        }
    }

    fn deadline(&self) -> Option<Instant> {
        let outstanding = self.outstanding?;
        Some(outstanding.retry_at.min(outstanding.since.after(self.config.give_up)))
    }
}

/// What a replica says in answer to a read, and of which state; zeros if it has no answer.
fn digest(reply: &ReadReply<'_>) -> Digest {
    let Some(answer) = reply.answer else { return Digest::ZERO };
    let mut said = [0; 8 + 32];
    let (state, rest) = said.split_at_mut(8);
    state.copy_from_slice(&reply.state.0.to_le_bytes());
    rest.copy_from_slice(&Digest::of(answer.0).0);
    Digest::of(&said)
}

/// The outputs of one step of a client.
#[derive(Debug)]
#[must_use = "outputs are to be performed, in order"]
pub struct ClientOutputs<'a> {
    request: Request<'a>,
    reply: &'a [u8],
    effects: &'a [Effect],
    cursor: &'a Cell<usize>,
    undrained: &'a Cell<bool>,
}

#[cfg(feature = "defmt")]
impl defmt::Format for ClientOutputs<'_> {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "ClientOutputs");
    }
}

impl<'a> Iterator for ClientOutputs<'a> {
    type Item = Output<Message<'a>, ClientDecision<'a>, Never>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.undrained.replace(false) {
            return Some(Output::Refuse(Refusal::Undrained));
        }
        let effect = *self.effects.get(self.cursor.get())?;
        self.cursor.set(self.cursor.get() + 1);
        Some(match effect {
            Effect::Ask(to) => Output::Send { to, message: Message::Request(self.request) },
            Effect::Read => {
                let Request { client, timestamp: number, operation, signature } = self.request;
                let message = Message::Read(Read { client, number, operation, signature });
                Output::Send { to: Target::All, message }
            }
            Effect::Done => Output::Decide(ClientDecision::Done { reply: self.reply }),
            Effect::Failed(failure) => Output::Decide(ClientDecision::Failed(failure)),
            Effect::Accuse(node, fault) => Output::Accuse { node, fault },
            Effect::Refuse(refusal) => Output::Refuse(refusal),
        })
    }
}
