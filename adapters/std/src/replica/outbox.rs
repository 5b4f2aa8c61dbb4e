//! Messages that may not leave before the records they depend on are durable.

use crate::cluster::EPOCH;
use crate::config::Tamper;
use crate::disk::Durable;
use crate::net::{Channel, LinkId, Payload, Post};
use quorate::auth::{Scope, Verifier};
use quorate::ed25519::{Ed25519, SecretKey};
use quorate::pbft::Message;
use quorate::{Digest, NodeId, Principal, Target, wire};
use std::fmt;

/// Holds what was sent until a [`Durable`] shows that every record before it is on disk. There
/// is no other way out.
pub(crate) struct Outbox {
    me: NodeId,
    nodes: usize,
    scope: Scope,
    key: SecretKey,
    tamper: Option<Box<dyn Tamper>>,
    held: Vec<(LinkId, Payload)>,
    buffer: Vec<u8>,
}

impl Outbox {
    pub(crate) fn new(
        me: NodeId,
        nodes: usize,
        cluster: Digest,
        key: SecretKey,
        tamper: Option<Box<dyn Tamper>>,
    ) -> Self {
        let scope = Scope { cluster, epoch: EPOCH, profile: Ed25519::PROFILE };
        Self { me, nodes, scope, key, tamper, held: Vec::new(), buffer: Vec::new() }
    }

    /// Whether fault injection keeps a message from this replica.
    pub(crate) fn ignores(&mut self, from: Principal, message: &Message<'_>) -> bool {
        self.tamper.as_mut().is_some_and(|tamper| tamper.ignores(from, message))
    }

    /// Signs and encodes a message, once for all its receivers, and holds it.
    pub(crate) fn hold(&mut self, to: Target, message: Message<'_>) {
        if self.tamper.is_some() && to == Target::All {
            for node in self.others() {
                self.hold_one(Target::Node(node), message);
            }
        } else {
            self.hold_one(to, message);
        }
    }

    fn hold_one(&mut self, to: Target, mut message: Message<'_>) {
        if let Some(tamper) = &mut self.tamper {
            tamper.outgoing(to, &mut message);
        }
        let payload = self.encode(message);
        match to {
            Target::Client(client) => {
                self.held.push((LinkId(self.nodes + client.index()), payload));
            }
            nodes => {
                let meant = self.others().filter(|node| nodes.includes(*node));
                self.held.extend(meant.map(|it| (LinkId(it.index()), Payload::clone(&payload))));
            }
        }
    }

    fn encode(&mut self, message: Message<'_>) -> Payload {
        self.buffer.resize(1 + wire::encoded_len(&message), 0);
        let (channel, body) = self.buffer.split_at_mut(1);
        channel[0] = Channel::Protocol as u8;
        let me = Principal::Node(self.me);
        let sealed = wire::seal(message, me, &self.scope, &self.key, body);
        let length = sealed.expect("a signed message is as long as an unsigned one").len();
        Payload::from(&self.buffer[..=length])
    }

    /// Everything that is held leaves: what it depends on is durable.
    pub(crate) fn release(&mut self, _proof: Durable<'_>, post: &Post) {
        if !self.held.is_empty() {
            post.send(self.held.drain(..));
        }
    }

    fn others(&self) -> impl Iterator<Item = NodeId> + use<> {
        let (me, nodes) = (self.me, self.nodes);
        (0..nodes).map(|id| NodeId(id as u8)).filter(move |node| *node != me)
    }
}

impl fmt::Debug for Outbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbox").field("held", &self.held.len()).finish_non_exhaustive()
    }
}
