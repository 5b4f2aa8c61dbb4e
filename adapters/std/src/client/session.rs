//! One session: a client id with its key and its state machine, one operation at a time.

use super::error::Failure;
use super::shared::{Done, Job};
use crate::cluster::EPOCH;
use crate::net::{Channel, LinkId, Payload};
use quorate::auth::{Scope, Verified, Verifier};
use quorate::ed25519::{Ed25519, SecretKey};
use quorate::pbft::{self, ClientCommand, ClientConfig, ClientDecision, Message};
use quorate::{
    ClientId, Digest, Input, InputOf, Instant, NodeId, NodeSet, Output, Principal, Protocol,
    Refusal, Target, wire,
};
use std::fmt;
use std::time::SystemTime;

type Core = pbft::Client<Vec<u8>>;

/// An operation that has ended.
pub(crate) type Ended = (Done, Result<Vec<u8>, Failure>);

/// One of a client's sessions.
pub(crate) struct Session {
    client: ClientId,
    key: SecretKey,
    scope: Scope,
    core: Core,
    nodes: usize,
    /// Its first link; the one to node j is j further.
    first: usize,
    /// Who wants to know about the operation that is under way.
    done: Option<Done>,
    /// The request that was sent last, while it is under way.
    request: Option<Payload>,
    /// Replicas that should have it and could not be reached.
    missed: NodeSet,
}

impl Session {
    pub(crate) fn new(
        config: ClientConfig,
        key: SecretKey,
        cluster: Digest,
        first: usize,
        (operation_bytes, reply_bytes): (usize, usize),
    ) -> Self {
        let scope = Scope { cluster, epoch: EPOCH, profile: Ed25519::PROFILE };
        Self {
            client: config.me,
            key,
            scope,
            core: Core::new(config, vec![0; operation_bytes], vec![0; reply_bytes]),
            nodes: config.quorum.nodes(),
            first,
            done: None,
            request: None,
            missed: NodeSet::EMPTY,
        }
    }

    pub(crate) fn is_free(&self) -> bool {
        self.done.is_none()
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.core.deadline()
    }

    /// Gives up the operation that is under way.
    pub(crate) fn abandon(&mut self) -> Option<Done> {
        self.done.take()
    }

    /// Begins an operation.
    pub(crate) fn submit(
        &mut self,
        now: Instant,
        job: Job,
        out: &mut Outgoing<'_>,
    ) -> Option<Ended> {
        let Job { operation, read, done } = job;
        self.done = Some(done);
        let wall = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let wall_micros = wall.map_or(0, |wall| wall.as_micros() as u64);
        let operation = &operation[..];
        let command = if read {
            ClientCommand::Read { operation, wall_micros }
        } else {
            ClientCommand::Submit { operation, wall_micros }
        };
        self.step(now, Input::Command(command), out)
    }

    /// Takes a reply.
    pub(crate) fn reply(
        &mut self,
        now: Instant,
        message: Verified<Message<'_>>,
        out: &mut Outgoing<'_>,
    ) -> Option<Ended> {
        self.step(now, Input::Message(message), out)
    }

    /// Time has passed.
    pub(crate) fn wake(&mut self, now: Instant, out: &mut Outgoing<'_>) -> Option<Ended> {
        self.step(now, Input::Wake, out)
    }

    /// A link is up: what could not be sent over it is sent now.
    pub(crate) fn up(&mut self, node: NodeId, out: &mut Outgoing<'_>) {
        let missed = self.missed.contains(node);
        self.missed.remove(node);
        if let (true, Some(request)) = (missed, &self.request) {
            out.payloads.push((LinkId(self.first + node.index()), Payload::clone(request)));
        }
    }

    fn step(
        &mut self,
        now: Instant,
        input: InputOf<'_, Core>,
        out: &mut Outgoing<'_>,
    ) -> Option<Ended> {
        let Self { client, key, scope, core, nodes, first, done, request, missed } = self;
        let mut result = None;
        for output in core.step(now, input) {
            match output {
                Output::Send { to, message } => {
                    let payload = encode(message, *client, scope, key, out.buffer);
                    for node in targets(to, *nodes) {
                        let link = LinkId(*first + node.index());
                        if out.up[link.0] {
                            out.payloads.push((link, Payload::clone(&payload)));
                        } else {
                            missed.insert(node);
                        }
                    }
                    *request = Some(payload);
                }
                Output::Decide(ClientDecision::Done { reply }) => result = Some(Ok(reply.to_vec())),
                Output::Decide(ClientDecision::Failed(failure)) => {
                    result = Some(Err(failure.into()))
                }
                Output::Refuse(Refusal::TooLong { limit }) => {
                    result = Some(Err(Failure::TooLong { limit }));
                }
                Output::Refuse(Refusal::Exhausted) => result = Some(Err(Failure::Exhausted)),
                Output::Persist(never) => match never {},
                Output::Refuse(_) | Output::Accuse { .. } => {}
            }
        }
        let ended = done.take_if(|_| result.is_some())?;
        *request = None;
        *missed = NodeSet::EMPTY;
        Some((ended, result?))
    }
}

/// What leaves the client's thread in a turn, and what it needs to know for that.
#[derive(Debug)]
pub(crate) struct Outgoing<'o> {
    pub(crate) payloads: &'o mut Vec<(LinkId, Payload)>,
    /// Which links are up.
    pub(crate) up: &'o [bool],
    pub(crate) buffer: &'o mut Vec<u8>,
}

fn targets(to: Target, nodes: usize) -> impl Iterator<Item = NodeId> {
    let all = (0..nodes).map(|id| NodeId(id as u8));
    all.filter(move |node| to.includes(*node))
}

fn encode(
    message: Message<'_>,
    client: ClientId,
    scope: &Scope,
    key: &SecretKey,
    buffer: &mut Vec<u8>,
) -> Payload {
    buffer.resize(1 + wire::encoded_len(&message), 0);
    let (channel, body) = buffer.split_at_mut(1);
    channel[0] = Channel::Protocol as u8;
    let sealed = wire::seal(message, Principal::Client(client), scope, key, body);
    let length = sealed.expect("a signed message is as long as an unsigned one").len();
    Payload::from(&buffer[..=length])
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("client", &self.client).finish_non_exhaustive()
    }
}
