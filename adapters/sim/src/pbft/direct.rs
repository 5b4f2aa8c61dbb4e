//! What only who directs a run can do: change the weather, turn a bit, speak in a liar's place.

use super::cluster::Cluster;
use super::line::Line;
use super::record::encode;
use crate::disk::Write;
use crate::engine::Payload;
use crate::network::Weather;
use crate::scheme::Key;
use crate::sieve::Sieve;
use crate::traitor::Rights;
use crate::violation::Violation;
use quorate::pbft::{Message, Record, Request};
use quorate::wire::{self, Bytes};
use quorate::{ClientId, Instant, NodeId, Principal, Signature};

/// A request of a client that keeps to no rule.
#[derive(Clone, Copy, Debug)]
pub struct Lie<'a> {
    /// Who asks.
    pub client: ClientId,
    /// With which timestamp.
    pub timestamp: u64,
    /// What it asks for.
    pub operation: &'a [u8],
    /// Whether its signature is worth nothing.
    pub forged: bool,
}

impl Cluster {
    /// Lets a sieve decide about each message before the network has it; `None`: nobody does.
    pub fn sift(&mut self, sieve: Option<Sieve>) {
        self.engine.sieve = sieve;
    }

    /// Changes the weather.
    pub const fn weather(&mut self, weather: Weather) {
        self.engine.network.weather = weather;
    }

    /// Turns one bit of a replica's application state. The plan should name the replica among
    /// those that are not correct.
    pub fn flip(&mut self, node: NodeId) {
        if let Some(server) = self.servers.get_mut(node.index()) {
            server.site.journal.flip();
            self.stage().enter(&Line::Input { node, what: "A BIT of its state turns" });
        }
    }

    /// Writes a record behind those in the log of a replica without power. The plan should name
    /// the replica among those that are not correct.
    pub fn note(&mut self, node: NodeId, record: &Record<'_>) {
        self.with_server(node, |server, stage| {
            let disk = &mut server.site.disk;
            disk.write(Write::Record(encode(record)));
            disk.settle(disk.written(), |_| {});
            stage.enter(&Line::Disk { node, what: "gains a record that nobody wrote" });
        });
    }

    /// How many operations of a client have no reply yet.
    #[must_use]
    pub fn left(&self, client: ClientId) -> usize {
        self.callers.get(client.index()).map_or(0, super::caller::Caller::left)
    }

    /// Lends the rights of a traitor, nothing more, to whoever tells it what to say.
    pub fn lend_rights(&mut self, node: NodeId, make: impl FnOnce(&Rights<'_>)) {
        let Some(server) = self.servers.get(node.index()) else { return };
        let (nodes, scope) = (self.servers.len(), self.registry.scope());
        let (random, key) = (&mut self.engine.random, &server.site.key);
        make(&Rights { me: node, nodes, random, scope, key });
    }

    /// Has a traitor say something of its own accord: over its own links, like everybody.
    pub fn speak(&mut self, node: NodeId, to: Principal, payload: &Payload) {
        let from = Principal::Node(node);
        let mut stage = self.stage();
        stage.checks.statistics.lies += 1;
        stage.enter(&Line::Lied { from, to, payload });
        stage.send(from, to, payload);
    }

    /// Lets time pass in which nothing happens.
    pub fn rest_until(&mut self, until: Instant) {
        if self.violation().is_none() {
            self.engine.rest_until(until);
        }
    }

    /// Has a client that lies send a request to these replicas. From now on it may be blamed.
    pub fn lie(&mut self, lie: Lie<'_>, to: &[NodeId]) {
        let Lie { client, timestamp, operation, forged } = lie;
        let operation = Bytes(operation);
        let request = Request { client, timestamp, operation, signature: Signature::ZERO };
        let from = Principal::Client(client);
        let key = Key::new(self.plan.seed, from);
        let mut stage = self.stage();
        stage.checks.signed(&request);
        let message = Message::Request(request);
        let payload = if forged {
            let mut buffer = vec![0; wire::encoded_len(&message)];
            wire::encode(&message, &mut buffer).expect("as long as it says");
            Payload::from(buffer)
        } else {
            stage.seal(message, from, &key)
        };
        for to in to.iter().map(|node| Principal::Node(*node)) {
            stage.enter(&Line::Lied { from, to, payload: &payload });
            stage.send(from, to, &payload);
        }
    }

    /// Looks at what the clients saw as a whole, when a run is over.
    ///
    /// # Errors
    /// The first violation.
    pub fn conclude(&mut self) -> Result<(), Violation> {
        if self.violation().is_none() {
            self.checks.finish(self.engine.now());
        }
        self.violation().cloned().map_or(Ok(()), Err)
    }
}
