//! The client: asks all generals, counts equal replies, asks again.

use super::message::{ClientMessage, Reply};
use crate::auth::{Digest, Signature};
use crate::fault::{Fault, Refusal};
use crate::node::{ClientId, MAX_NODES, NodeId, Principal};
use crate::protocol::{Input, InputOf, Never, Output, Protocol, Target};
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
    /// The most traitors among the generals, m: `m + 1` equal replies are believed.
    pub traitors: usize,
    /// How long to wait for replies before the request is sent again: an interval and an
    /// agreement at least.
    pub retry: Duration,
    /// How long to try at all.
    pub give_up: Duration,
}

/// A client of generals in lockstep, with one operation outstanding at a time.
///
/// `B` is the memory for the operation and for its reply: arrays, slices, vectors.
#[derive(Debug)]
pub struct Client<B> {
    config: ClientConfig,
    operation: B,
    operation_len: usize,
    reply: B,
    reply_len: usize,
    now: Instant,
    timestamp: u64,
    outstanding: Option<Outstanding>,
    /// A digest of what each general answered.
    answers: [Option<Digest>; MAX_NODES],
    /// What is to be done: one thing a step.
    effect: Cell<Option<Effect>>,
    undrained: Cell<bool>,
}

#[cfg(feature = "defmt")]
impl<B> defmt::Format for Client<B> {
    fn format(&self, f: defmt::Formatter<'_>) {
        let Self { config: ClientConfig { me, .. }, timestamp, outstanding, .. } = self;
        defmt::write!(f, "Client({}, last {}, busy: {})", me, timestamp, outstanding.is_some());
    }
}

#[derive(Clone, Copy, Debug)]
struct Outstanding {
    since: Instant,
    retry_at: Instant,
}

#[derive(Clone, Copy, Debug)]
enum Effect {
    Ask,
    Done,
    Failed(Failure),
    Accuse(NodeId, Fault),
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
            outstanding: None,
            answers: [None; MAX_NODES],
            effect: Cell::new(None),
            undrained: Cell::new(false),
        }
    }

    /// Whether an operation is outstanding.
    #[must_use]
    pub const fn is_busy(&self) -> bool {
        self.outstanding.is_some()
    }

    fn on_submit(&mut self, operation: &[u8], wall_micros: u64) -> Option<Effect> {
        if self.outstanding.is_some() {
            return Some(Effect::Refuse(Refusal::Outstanding));
        }
        let Some(next) = self.timestamp.checked_add(1) else {
            return Some(Effect::Refuse(Refusal::Exhausted));
        };
        let limit = self.operation.as_ref().len();
        let Some(room) = self.operation.as_mut().get_mut(..operation.len()) else {
            return Some(Effect::Refuse(Refusal::TooLong { limit }));
        };
        room.copy_from_slice(operation);
        self.operation_len = operation.len();
        self.timestamp = next.max(wall_micros);
        self.answers = [None; MAX_NODES];
        let retry_at = self.now.after(self.config.retry);
        self.outstanding = Some(Outstanding { since: self.now, retry_at });
        Some(Effect::Ask)
    }

    /// `m + 1` equal replies: one of them is a loyal general's.
    fn on_reply(&mut self, from: NodeId, reply: &Reply<'_>) -> Option<Effect> {
        if reply.client != self.config.me {
            return Some(Effect::Accuse(from, Fault::Impersonation));
        }
        if self.outstanding.is_none() || reply.timestamp != self.timestamp {
            return None;
        }
        let mut answer = [0; 33];
        let (outcome, digest) = answer.split_at_mut(1);
        outcome.fill(reply.outcome as u8);
        digest.copy_from_slice(&Digest::of(reply.reply.0).0);
        let answer = Digest::of(&answer);
        *self.answers.get_mut(from.index())? = Some(answer);
        let equal = self.answers.iter().flatten().filter(|other| **other == answer).count();
        if equal <= self.config.traitors && !canary!("lockstep_client_takes_one") {
            return None;
        }

        self.outstanding = None;
        Some(match reply.outcome {
            Outcome::Executed => match self.reply.as_mut().get_mut(..reply.reply.0.len()) {
                Some(room) => {
                    room.copy_from_slice(reply.reply.0);
                    self.reply_len = reply.reply.0.len();
                    Effect::Done
                }
                None => Effect::Failed(Failure::ReplyTooLong),
            },
            Outcome::ReplyTooLong => Effect::Failed(Failure::ReplyTooLong),
            Outcome::Stale => Effect::Failed(Failure::Stale),
        })
    }

    fn on_wake(&mut self) -> Option<Effect> {
        let outstanding = self.outstanding.as_mut()?;
        if outstanding.since.after(self.config.give_up) <= self.now {
            self.outstanding = None;
            return Some(Effect::Failed(Failure::TimedOut));
        }
        if outstanding.retry_at > self.now {
            return None;
        }
        outstanding.retry_at = self.now.after(self.config.retry);
        Some(Effect::Ask)
    }
}

impl<B: AsRef<[u8]> + AsMut<[u8]>> Protocol for Client<B> {
    type Command<'a> = ClientCommand<'a>;
    type Message<'a> = ClientMessage<'a>;
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
        if self.effect.get().is_some() {
            self.undrained.set(true);
        } else {
            self.now = self.now.max(now);
            let effect = match input {
                Input::Wake => self.on_wake(),
                Input::Command(
                    ClientCommand::Submit { operation, wall_micros }
                    | ClientCommand::Read { operation, wall_micros },
                ) => self.on_submit(operation, wall_micros),
                Input::Message(verified) => match (verified.from, verified.message) {
                    (Principal::Node(from), ClientMessage::Reply(reply)) => {
                        self.on_reply(from, &reply)
                    }
                    (Principal::Node(from), ClientMessage::Request(_)) => {
                        Some(Effect::Accuse(from, Fault::NotAllowed))
                    }
                    (Principal::Client(_), _) => None,
                },
            };
            self.effect.set(effect);
        }
        ClientOutputs {
            request: Request {
                client: self.config.me,
                timestamp: self.timestamp,
                operation: Bytes(self.operation.as_ref().get(..self.operation_len).unwrap_or(&[])),
                signature: Signature::ZERO,
            },
            reply: self.reply.as_ref().get(..self.reply_len).unwrap_or(&[]),
            effect: &self.effect,
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
    effect: &'a Cell<Option<Effect>>,
    undrained: &'a Cell<bool>,
}

#[cfg(feature = "defmt")]
impl defmt::Format for ClientOutputs<'_> {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "ClientOutputs");
    }
}

impl<'a> Iterator for ClientOutputs<'a> {
    type Item = Output<ClientMessage<'a>, ClientDecision<'a>, Never>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.undrained.replace(false) {
            return Some(Output::Refuse(Refusal::Undrained));
        }
        Some(match self.effect.take()? {
            Effect::Ask => {
                Output::Send { to: Target::All, message: ClientMessage::Request(self.request) }
            }
            Effect::Done => Output::Decide(ClientDecision::Done { reply: self.reply }),
            Effect::Failed(failure) => Output::Decide(ClientDecision::Failed(failure)),
            Effect::Accuse(node, fault) => Output::Accuse { node, fault },
            Effect::Refuse(refusal) => Output::Refuse(refusal),
        })
    }
}
