//! A client with a list of things to ask for, one after another.

use super::journal::READ;
use super::line::Line;
use super::stage::{Happening, Stage};
use crate::engine::{Alarm, Host, Payload, perform};
use crate::scheme::Key;
use core::time::Duration;
use quorate::pbft::{Client, ClientCommand, ClientConfig, ClientDecision, Failure, Message};
use quorate::protocol::{Input, InputOf, Never, Protocol, Target};
use quorate::{ClientId, Fault, Instant, NodeId, Principal, Refusal, wire};
use std::collections::VecDeque;

/// A client's machine and its host.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    machine: Client<Vec<u8>>,
    desk: Desk,
}

/// What a client's host has beside the machine.
#[derive(Clone, Debug)]
struct Desk {
    me: ClientId,
    nodes: usize,
    reply_bytes: usize,
    pause: Duration,
    key: Key,
    script: VecDeque<Vec<u8>>,
    /// Whether an operation is outstanding, and since when.
    busy: bool,
    began: Instant,
    /// The timestamp of the outstanding operation.
    timestamp: u64,
    /// Whether it is a read, and whether it was sent as a request.
    reads: bool,
    requested: bool,
    replies: Vec<Option<Vec<u8>>>,
    alarm: Alarm,
}

/// The settings of a client.
#[derive(Clone, Copy, Debug)]
pub(super) struct Manner {
    pub(super) config: ClientConfig,
    /// Replicas that hear what the client sends to all.
    pub(super) nodes: usize,
    pub(super) operation_bytes: usize,
    pub(super) reply_bytes: usize,
    pub(super) pause: Duration,
    pub(super) key: Key,
}

impl Caller {
    pub(super) fn new(manner: Manner, script: VecDeque<Vec<u8>>) -> Self {
        let Manner { config, nodes, operation_bytes, reply_bytes, pause, key } = manner;
        let machine = Client::new(config, vec![0; operation_bytes], vec![0; reply_bytes]);
        let desk = Desk {
            me: config.me,
            nodes,
            reply_bytes,
            pause,
            key,
            script,
            busy: false,
            began: Instant::ZERO,
            timestamp: 0,
            reads: false,
            requested: false,
            replies: Vec::new(),
            alarm: Alarm::default(),
        };
        Self { machine, desk }
    }

    /// How many operations have no reply yet.
    pub(super) fn left(&self) -> usize {
        self.desk.script.len() + usize::from(self.desk.busy)
    }

    /// When the last operation began.
    pub(super) const fn began(&self) -> Instant {
        self.desk.began
    }

    /// The replies so far, in order; `None` for one that was too long.
    pub(super) fn replies(&self) -> &[Option<Vec<u8>>] {
        &self.desk.replies
    }

    /// Keeps so many of the operations that were not begun.
    pub(super) fn shorten(&mut self, operations: usize) {
        self.desk.script.truncate(operations);
    }

    /// Adds an operation to the end of the list.
    pub(super) fn add(&mut self, operation: &[u8]) {
        self.desk.script.push_back(operation.to_vec());
    }

    /// Begins the next operation, unless one is outstanding.
    pub(super) fn submit(&mut self, stage: &mut Stage<'_>) {
        if self.desk.busy {
            return;
        }
        let Some(operation) = self.desk.script.pop_front() else { return };
        self.desk.busy = true;
        self.desk.began = stage.engine.now();
        let (client, wall_micros) = (self.desk.me, stage.engine.now().as_micros());
        let operation = &operation[..];
        self.desk.reads = operation.starts_with(READ);
        self.desk.requested = false;
        stage.checks.began(client, operation);
        let command = if self.desk.reads {
            stage.enter(&Line::Asked { client, operation });
            ClientCommand::Read { operation, wall_micros }
        } else {
            stage.enter(&Line::Submitted { client, operation });
            ClientCommand::Submit { operation, wall_micros }
        };
        self.step(stage, Input::Command(command));
    }

    /// A reply arrives.
    pub(super) fn receive(&mut self, stage: &mut Stage<'_>, from: Principal, payload: &Payload) {
        let to = Principal::Client(self.desk.me);
        stage.enter(&Line::Delivered { from, to, payload });
        let Ok(message) = wire::decode::<Message<'_>>(payload) else { return };
        let registry = stage.registry;
        if let Ok(verified) = registry.roster.verify(&registry.scheme, from, message) {
            self.step(stage, Input::Message(verified));
        }
    }

    /// The alarm rings.
    pub(super) fn wake(&mut self, stage: &mut Stage<'_>) {
        if self.desk.alarm.ring(stage.engine.now(), self.machine.deadline()) {
            self.step(stage, Input::Wake);
        } else {
            self.set_alarm(stage);
        }
        if self.desk.alarm.stuck() {
            let what = format!("c{} is woken for ever at one instant", self.desk.me.0);
            stage.checks.fail("deadline", stage.engine.now(), what);
        }
    }

    fn step(&mut self, stage: &mut Stage<'_>, input: InputOf<'_, Client<Vec<u8>>>) {
        let now = stage.engine.now();
        perform(&mut self.machine, now, input, &mut Step { desk: &mut self.desk, stage });
        self.set_alarm(stage);
    }

    fn set_alarm(&mut self, stage: &mut Stage<'_>) {
        let who = Principal::Client(self.desk.me);
        self.desk.alarm.set(stage.engine, who, 0, self.machine.deadline());
    }
}

/// The host of one step of a client.
struct Step<'h, 's> {
    desk: &'h mut Desk,
    stage: &'h mut Stage<'s>,
}

impl Host<Client<Vec<u8>>> for Step<'_, '_> {
    fn persist(&mut self, record: Never) {
        match record {}
    }

    fn send(&mut self, to: Target, message: Message<'_>) {
        let now: Instant = self.stage.engine.now();
        if let Message::Request(request) = &message {
            self.desk.timestamp = request.timestamp;
            self.desk.requested = true;
            self.stage.checks.asked(now, request);
        }
        if let Message::Read(read) = &message {
            self.desk.timestamp = read.number;
        }
        let from = Principal::Client(self.desk.me);
        let payload = self.stage.seal(message, from, &self.desk.key);
        let receiver = match to {
            Target::All | Target::Nodes(_) => None,
            Target::Node(node) => Some(Principal::Node(node)),
            Target::Client(client) => Some(Principal::Client(client)),
        };
        self.stage.enter(&Line::Sent { from, to: receiver, payload: &payload });
        match receiver {
            Some(to) => self.stage.send(from, to, &payload),
            None => {
                let nodes = (0..self.desk.nodes as u8).map(NodeId);
                for node in nodes.filter(|node| to.includes(*node)) {
                    self.stage.send(from, Principal::Node(node), &payload);
                }
            }
        }
    }

    fn decide(&mut self, decision: ClientDecision<'_>) {
        let (now, client) = (self.stage.engine.now(), self.desk.me);
        let reply = match decision {
            ClientDecision::Done { reply } => Some(reply),
            ClientDecision::Failed(Failure::ReplyTooLong) => None,
            ClientDecision::Failed(failure) => {
                let what = format!("c{} fails at @{}: {failure:?}", client.0, self.desk.timestamp);
                return self.stage.checks.fail("progress", now, what);
            }
        };
        let timestamp = self.desk.timestamp;
        self.stage.enter(&Line::Completed { client, timestamp });
        let checks = &mut *self.stage.checks;
        checks.ended(client, reply);
        if self.desk.requested {
            checks.accepted(now, client, timestamp, reply, self.desk.reply_bytes);
            checks.statistics.ordered_reads += u64::from(self.desk.reads);
        } else {
            checks.statistics.fast_reads += 1;
        }
        self.desk.replies.push(reply.map(<[u8]>::to_vec));
        self.desk.busy = false;
        let pause = self.stage.engine.random.between(0, self.desk.pause.as_micros() as u64);
        let next = now.after(Duration::from_micros(pause));
        self.stage.engine.schedule(next, Happening::Submit(client.index()));
    }

    fn accuse(&mut self, _: NodeId, _: Fault) {}

    fn refuse(&mut self, refusal: Refusal) {
        let who = Principal::Client(self.desk.me);
        self.stage.enter(&Line::Refused { who, refusal });
        let what = format!("c{} refuses an operation: {refusal}", self.desk.me.0);
        self.stage.checks.fail("host", self.stage.engine.now(), what);
    }
}
