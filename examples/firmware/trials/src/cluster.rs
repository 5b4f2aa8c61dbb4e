//! A cluster of PBFT: n replicas and a client.

use crate::figures::Figures;
use crate::gauge::Gauge;
use crate::links::{Bond, Link, scope, secret};
use crate::net::ROOM;
use crate::replica::{CLIENTS, Memory, Node, World, start};
use crate::ticks::Clock;
use crate::work::Work;
use core::array::from_fn;
use core::mem::{size_of, size_of_val};
use quorate::ed25519::{Ed25519, SecretKey};
use quorate::link::{PROTOCOL, Sealer};
use quorate::pbft::{Message, Replica, Request, Storage};
use quorate::wire::{self, Bytes};
use quorate::{ClientId, Input, NodeId, Principal, PublicKey, Roster, Signature};

/// A client that sends its requests one by one to one replica.
pub(crate) struct Asker<L: Bond> {
    link: Link<L>,
    to: Principal,
    secret: SecretKey,
    timestamp: u64,
}

impl<L: Bond> Asker<L> {
    const ME: Principal = Principal::Client(ClientId(0));

    /// A client of the primary of view 0, whose next timestamp is one more than that.
    pub(crate) fn new(timestamp: u64) -> Self {
        Self::of(NodeId(0), timestamp)
    }

    /// A client of any replica.
    pub(crate) fn of(replica: NodeId, timestamp: u64) -> Self {
        let to = Principal::Node(replica);
        Self { link: Link::between(Self::ME, to), to, secret: secret(Self::ME), timestamp }
    }

    /// The same client, whose next timestamp is another.
    pub(crate) fn again(timestamp: u64, before: Self) -> Self {
        Self { timestamp, ..before }
    }

    /// Sends the next request, with an operation of so many bytes.
    fn ask<G>(&mut self, operation: &[u8], frame: &mut [u8], world: &mut World<'_, G>) {
        self.timestamp += 1;
        let request = Request {
            client: ClientId(0),
            timestamp: self.timestamp,
            operation: Bytes(operation),
            signature: Signature::ZERO,
        };
        let payload = &mut frame[L::Sealer::PAYLOAD..];
        payload[0] = PROTOCOL;
        let message = Message::Request(request);
        let scope = world.roster.scope();
        let sealed = wire::seal(message, Self::ME, scope, &self.secret, &mut payload[1..]);
        let Ok(said) = sealed else { panic!("a request fits") };
        let length = 1 + said.len();
        let sealed = self.link.sealer.seal_in_place(frame, length);
        let Ok(length) = sealed else { panic!("a frame fits") };
        world.net.send(Self::ME, self.to, &frame[..length]);
    }
}

/// All replicas of a cluster, and what each has done.
pub(crate) struct Cluster<'m, L: Bond, S, const N: usize, const PEERS: usize, const FRAME: usize> {
    pub(crate) nodes: [Node<'m, L, S, PEERS, FRAME>; N],
    pub(crate) work: [Work; N],
    pub(crate) clock: Clock,
    /// A replica that hears and says nothing.
    pub(crate) dead: Option<u8>,
}

impl<L: Bond, S: Storage, const N: usize, const PEERS: usize, const FRAME: usize>
    Cluster<'_, L, S, N, PEERS, FRAME>
{
    /// Delivers everything that is under way, a microsecond each.
    pub(crate) fn settle<G: Gauge>(&mut self, world: &mut World<'_, G>, inbox: &mut [u8]) -> u64 {
        let mut replies = 0;
        while let Some((from, to, length)) = world.net.receive(inbox) {
            let now = self.clock.pass(1);
            let Principal::Node(to) = to else {
                replies += 1;
                continue;
            };
            if self.dead == Some(to.0) {
                continue;
            }
            let node = &mut self.nodes[to.index()];
            node.fill(&inbox[..length]);
            node.hear(from, length, now, world, &mut self.work[to.index()]);
        }
        replies
    }

    /// Wakes every replica whose time has come, and delivers what comes of it.
    pub(crate) fn wake<G: Gauge>(&mut self, world: &mut World<'_, G>) {
        let now = self.clock.pass(0);
        let living = (0..).zip(&mut self.nodes).zip(&mut self.work);
        for ((id, node), work) in living {
            if node.is_due(now) && self.dead != Some(id) {
                node.act(now, Input::Wake, world, work);
            }
        }
        self.settle(world, &mut [0; FRAME]);
    }

    /// Has the client ask, and everybody answer. Returns how many replies there were.
    pub(crate) fn serve<G: Gauge>(
        &mut self,
        asker: &mut Asker<L>,
        operation: &[u8],
        world: &mut World<'_, G>,
    ) -> u64 {
        let mut frame = [0; FRAME];
        asker.ask(operation, &mut frame, world);
        self.settle(world, &mut frame)
    }
}

/// The keys of all replicas, then of all clients.
pub(crate) fn keys<const N: usize>() -> ([PublicKey; N], [PublicKey; CLIENTS]) {
    let node = |id| secret(Principal::Node(NodeId(id as u8))).public();
    let client = |id| secret(Principal::Client(ClientId(id as u16))).public();
    (from_fn(node), from_fn(client))
}

/// Runs a cluster for so many requests of one operation each.
pub(crate) fn trial<
    L: Bond,
    G: Gauge,
    const N: usize,
    const W: usize,
    const B: usize,
    const PEERS: usize,
    const FRAME: usize,
>(
    name: &'static str,
    requests: u64,
    gauge: &G,
) -> Figures {
    let (nodes, clients) = keys::<N>();
    let scope = scope();
    let roster = Roster::new(scope.cluster, scope.epoch, &nodes[..], &clients[..], &Ed25519);
    let Ok(roster) = roster else { panic!("valid keys") };
    let mut ring = [0; ROOM];
    let mut world = World::new(gauge, &roster, &mut ring);
    let mut memory = [const { Memory::<N, W, B>::new() }; N];
    let mut id = 0;
    let nodes = memory.each_mut().map(|memory| {
        id += 1;
        Node::new(id - 1, N, start(id - 1, memory))
    });
    let mut cluster: Cluster<'_, L, _, N, PEERS, FRAME> =
        Cluster { nodes, work: [Work::default(); N], clock: Clock::default(), dead: None };
    let mut asker = Asker::new(0);
    let operation = [0x5A; B];
    let operation = &operation[..B - Request::OVERHEAD];

    for _ in 0..requests {
        let replies = cluster.serve(&mut asker, operation, &mut world);
        assert!(replies == N as u64, "every replica answers");
    }
    assert!(world.executed == requests && world.accusations == 0, "all in order, nobody to blame");
    for node in &cluster.nodes {
        let status = node.status();
        assert!(status.executed.0 == requests, "every replica executes everything");
        world.net.note(&node.digest().0);
    }
    let busiest = cluster.work.into_iter().max_by_key(|work| work.all).unwrap_or_default();
    let keys = size_of_val(&scope) + (N + CLIENTS) * size_of::<PublicKey>();
    Figures {
        name,
        decisions: requests,
        protocol_ram: size_of::<Replica<Memory<N, W, B>>>(),
        ram: size_of::<Node<'_, L, Memory<N, W, B>, PEERS, FRAME>>()
            + size_of::<Memory<N, W, B>>()
            + keys,
        stack: world.stack,
        busiest,
        frames: world.net.frames,
        wire: world.net.bytes,
        records: world.records,
        transcript: world.net.transcript,
    }
}
