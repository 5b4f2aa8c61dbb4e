//! A client of a service.

use super::errands::Wish;
use super::room::REPLY;
use crate::engine::{Alarm, Payload};
use crate::random::Random;
use crate::scheme::Key;
use core::time::Duration;
use quorate::lockstep::{Client, ClientConfig, ClientMessage};
use quorate::service::Request;
use quorate::wire::{self, Bytes};
use quorate::{ClientId, Instant, NodeId, NodeSet, Principal, Signature, auth::Scope};
use std::collections::VecDeque;

/// Bytes of the longest operation.
pub(crate) const OPERATION: usize = 40;

/// A client and its host.
#[derive(Debug)]
pub(super) struct Patron {
    pub(super) me: ClientId,
    pub(super) key: Key,
    pub(super) client: Client<Vec<u8>>,
    pub(super) alarm: Alarm,
    /// How many requests it has still to make.
    pub(super) left: usize,
    /// What it is to ask for; nothing more: what it likes.
    pub(super) wishes: VecDeque<Wish>,
    /// Who hears what it asks for now; `None`: everybody.
    pub(super) hearers: Option<NodeSet>,
    /// The timestamp of the request that it made last.
    pub(super) timestamp: u64,
    /// When it asked for what it waits for.
    pub(super) since: Instant,
    /// It asks these generals for something else, with the same timestamp.
    pub(super) victims: NodeSet,
    /// It makes requests of its own beside those of its client, and is promised nothing.
    pub(super) lies: bool,
}

impl Patron {
    pub(super) fn new(
        seed: u64,
        me: ClientId,
        traitors: usize,
        retry: Duration,
        left: usize,
    ) -> Self {
        let give_up = Duration::from_secs(1 << 20);
        let config = ClientConfig { me, traitors, retry, give_up };
        Self {
            me,
            key: Key::new(seed, Principal::Client(me)),
            client: Client::new(config, vec![0; OPERATION], vec![0; REPLY]),
            alarm: Alarm::default(),
            left,
            wishes: VecDeque::new(),
            hearers: None,
            timestamp: 0,
            since: Instant::ZERO,
            victims: NodeSet::EMPTY,
            lies: false,
        }
    }

    /// Whether it is promised an answer: it makes no requests beside its client's, and a correct
    /// general knows what it asks for. What traitors alone know need not come about.
    pub(super) fn is_promised(&self, correct: impl Fn(NodeId) -> bool) -> bool {
        !self.lies && self.hearers.is_none_or(|hearers| hearers.iter().any(correct))
    }

    /// What it asks for next.
    pub(super) fn operation(&mut self, random: &mut Random) -> Vec<u8> {
        if let Some(wish) = self.wishes.pop_front() {
            self.hearers = Some(wish.to);
            return wish.operation;
        }
        let length = random.below(OPERATION as u64 + 1);
        (0..length).map(|_| random.bits() as u8).collect()
    }

    /// A request of the same timestamp for something else.
    pub(super) fn other(&self, scope: &Scope, payload: &[u8]) -> Option<Payload> {
        let Ok(ClientMessage::Request(request)) = wire::decode::<ClientMessage<'_>>(payload) else {
            return None;
        };
        self.request(scope, request.timestamp, OTHER)
    }

    /// A request of its own making, with its signature.
    pub(super) fn request(
        &self,
        scope: &Scope,
        timestamp: u64,
        operation: &[u8],
    ) -> Option<Payload> {
        let (client, operation) = (self.me, Bytes(operation));
        let request = Request { client, timestamp, operation, signature: Signature::ZERO };
        let message = ClientMessage::Request(request);
        let mut buffer = vec![0; wire::encoded_len(&message)];
        let sealed = wire::seal(message, Principal::Client(client), scope, &self.key, &mut buffer);
        sealed.ok().map(Payload::from)
    }
}

/// What a client that lies asks for beside what it asks for.
pub(super) const OTHER: &[u8] = b"the opposite";

/// A request as it stands in a batch, and another of the same client with a signature that is not
/// its own.
pub(super) fn in_batch(payload: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let Ok(ClientMessage::Request(request)) = wire::decode::<ClientMessage<'_>>(payload) else {
        return None;
    };
    let written = |timestamp: u64, operation: &[u8]| {
        let length = (operation.len() as u32).to_le_bytes();
        let (client, signature) = (request.client.0.to_le_bytes(), request.signature.to_bytes());
        [&client[..], &timestamp.to_le_bytes(), &length, operation, &signature].concat()
    };
    let (timestamp, operation) = (request.timestamp, request.operation.0);
    Some((written(timestamp, operation), written(timestamp.wrapping_add(1), b"forged")))
}
