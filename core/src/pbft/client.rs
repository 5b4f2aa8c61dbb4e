//! The client: asks, counts equal replies, asks again (Castro-Liskov 1999, section 4.1).

use super::busy::Refrain;
use super::message::{Busy, Message, Reply, View};
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
    /// What each replica answered: its view, and a digest of the answer.
    answers: [Option<(View, Digest)>; MAX_NODES],
    /// Who has no room for the request.
    busy: Refrain,
    effects: heapless::Vec<Effect, 4>,
    cursor: Cell<usize>,
    undrained: Cell<bool>,
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
        if self.outstanding.is_some() {
            return self.emit(Effect::Refuse(Refusal::Outstanding));
        }
        let Some(next) = self.timestamp.checked_add(1) else {
            return self.emit(Effect::Refuse(Refusal::Exhausted));
        };
        let limit = self.operation.as_ref().len();
        let Some(room) = self.operation.as_mut().get_mut(..operation.len()) else {
            return self.emit(Effect::Refuse(Refusal::TooLong { limit }));
        };
        room.copy_from_slice(operation);
        self.operation_len = operation.len();
        self.timestamp = next.max(wall_micros);
        self.answers = [None; MAX_NODES];
        self.busy = Refrain::NONE;
        let retry_at = self.now.after(self.config.retry);
        self.outstanding = Some(Outstanding { since: self.now, retry_at, retries: 0 });
        let primary = self.view.primary(self.config.quorum.nodes());
        self.emit(Effect::Ask(Target::Node(primary)));
    }

    /// "The client waits for f + 1 replies with valid signatures from different replicas, and
    /// with the same t and r, before accepting the result r" (4.1).
    fn on_reply(&mut self, from: NodeId, reply: &Reply<'_>) {
        if reply.client != self.config.me {
            return self.emit(Effect::Accuse(from, crate::Fault::Impersonation));
        }
        if self.outstanding.is_none() || reply.timestamp != self.timestamp {
            return;
        }
        let mut answer = [0; 33];
        answer[0] = reply.outcome as u8;
        answer[1..].copy_from_slice(&Digest::of(reply.reply.0).0);
        let digest = Digest::of(&answer);
        let Some(place) = self.answers.get_mut(from.index()) else { return };
        *place = Some((reply.view, digest));
        let equal = self.answers.iter().flatten().filter(|(_, other)| *other == digest).count();
        if equal < self.config.quorum.weak() {
            return;
        }

        self.learn_view();
        self.outstanding = None;
        let too_long = self.reply.as_ref().len() < reply.reply.0.len();
        match reply.outcome {
            Outcome::Executed if !too_long => {
                if let Some(room) = self.reply.as_mut().get_mut(..reply.reply.0.len()) {
                    room.copy_from_slice(reply.reply.0);
                }
                self.reply_len = reply.reply.0.len();
                self.emit(Effect::Done);
            }
            Outcome::Executed | Outcome::ReplyTooLong => {
                self.emit(Effect::Failed(Failure::ReplyTooLong));
            }
            Outcome::Stale => self.emit(Effect::Failed(Failure::Stale)),
        }
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
            self.outstanding = None;
            let busy = self.busy.hint(self.config.quorum.weak());
            let timed_out = Failure::TimedOut;
            let failure = busy.map_or(timed_out, |retry_after| Failure::Busy { retry_after });
            return self.emit(Effect::Failed(failure));
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
        let hint = hint.clamp(retry / 4, retry.saturating_mul(16));
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
                Input::Message(verified) => match (verified.from, verified.message) {
                    (Principal::Node(from), Message::Reply(reply)) => self.on_reply(from, &reply),
                    (Principal::Node(from), Message::Busy(busy)) => self.on_busy(from, &busy),
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
            Effect::Done => Output::Decide(ClientDecision::Done { reply: self.reply }),
            Effect::Failed(failure) => Output::Decide(ClientDecision::Failed(failure)),
            Effect::Accuse(node, fault) => Output::Accuse { node, fault },
            Effect::Refuse(refusal) => Output::Refuse(refusal),
        })
    }
}
