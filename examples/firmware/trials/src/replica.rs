//! A replica of PBFT, with every frame through the whole wall.

use crate::gauge::{Counted, Gauge};
use crate::links::{Bond, Link, scope, secret};
use crate::net::Net;
use crate::service::{Answer, Sum};
use crate::work::Work;
use core::array::from_fn;
use quorate::auth::Signed;
use quorate::ed25519::{Ed25519, SecretKey};
use quorate::link::{Opener, PROTOCOL, Sealer};
use quorate::pbft::{
    Command, Config, Decision, Fixed, Message, Outputs, Record, Replica, Status, Storage,
};
use quorate::wire;
use quorate::{
    Admission, ClientId, Digest, Input, Instant, NodeId, Output, Principal, Protocol, PublicKey,
    Roster, Target, Verified,
};

/// Clients of every cluster here.
pub(crate) const CLIENTS: usize = 4;
/// Bytes of the longest reply.
pub(crate) const REPLY: usize = 32;
/// The memory of a replica.
pub(crate) type Memory<const N: usize, const W: usize, const B: usize> =
    Fixed<N, W, B, CLIENTS, REPLY>;

/// The longest frame of a cluster with these links.
pub(crate) const fn frame_bytes<L: Bond>(sizes: &quorate::pbft::Dimensions) -> usize {
    1 + sizes.message_bytes() + L::Sealer::OVERHEAD
}

/// A replica with all that it needs on a board: `PEERS` links, to all other replicas and all
/// clients, and two buffers of a `FRAME`, for what comes and for what leaves.
pub(crate) struct Node<'m, L: Bond, S, const PEERS: usize, const FRAME: usize> {
    me: Principal,
    nodes: usize,
    replica: Replica<&'m mut S>,
    links: [Link<L>; PEERS],
    secret: SecretKey,
    service: Sum,
    answers: heapless::Deque<Answer, 8>,
    inbox: [u8; FRAME],
    frame: [u8; FRAME],
}

/// Everything around the nodes.
pub(crate) struct World<'w, G> {
    pub(crate) gauge: &'w G,
    pub(crate) roster: &'w Roster<&'w [PublicKey]>,
    pub(crate) net: Net<'w>,
    /// Bytes of the records of node 0.
    pub(crate) records: u64,
    /// Batches that node 0 executed.
    pub(crate) executed: u64,
    pub(crate) accusations: u64,
    /// Bytes of stack that one frame took, at the most.
    pub(crate) stack: usize,
}

impl<'w, G> World<'w, G> {
    pub(crate) const fn new(
        gauge: &'w G,
        roster: &'w Roster<&'w [PublicKey]>,
        ring: &'w mut [u8],
    ) -> Self {
        let net = Net::new(ring);
        Self { gauge, roster, net, records: 0, executed: 0, accusations: 0, stack: 0 }
    }
}

impl<'m, L: Bond, S: Storage, const PEERS: usize, const FRAME: usize> Node<'m, L, S, PEERS, FRAME> {
    pub(crate) fn new(id: u8, nodes: usize, replica: Replica<&'m mut S>) -> Self {
        assert!(PEERS == nodes - 1 + CLIENTS, "a link to every other replica and every client");
        let me = Principal::Node(NodeId(id));
        let others = (0u8..).take(nodes).filter(|other| *other != id);
        let others = others.map(|id| Principal::Node(NodeId(id)));
        let clients = (0u16..).take(CLIENTS).map(|id| Principal::Client(ClientId(id)));
        let mut peers = others.chain(clients);
        Self {
            me,
            nodes,
            replica,
            links: from_fn(|_| Link::between(me, peers.next().unwrap_or(me))),
            secret: secret(me),
            service: Sum::default(),
            answers: heapless::Deque::new(),
            inbox: [0; FRAME],
            frame: [0; FRAME],
        }
    }

    /// Takes in a frame of `length` bytes that lies in the inbox, and looks how much stack it took.
    #[inline(never)]
    pub(crate) fn hear<G: Gauge>(
        &mut self,
        from: Principal,
        length: usize,
        now: Instant,
        world: &mut World<'_, G>,
        work: &mut Work,
    ) {
        world.gauge.paint();
        self.take_in(from, length, now, world, work);
        world.stack = world.stack.max(world.gauge.stack());
    }

    #[inline(never)]
    fn take_in<G: Gauge>(
        &mut self,
        from: Principal,
        length: usize,
        now: Instant,
        world: &mut World<'_, G>,
        work: &mut Work,
    ) {
        let start = world.gauge.instructions();
        let link = &mut self.links[place(self.me, self.nodes, from)];
        let opened = link.opener.open(&self.inbox[..length]);
        work.links += world.gauge.instructions() - start;
        let Ok([PROTOCOL, payload @ ..]) = opened else { panic!("links here lose nothing") };
        let message = read(payload);
        let admission = self.replica.admit(now, from, &message);
        if admission != Admission::Verify {
            work.all += world.gauge.instructions() - start;
            return;
        }
        let verified = believe(from, message, world, work);
        work.all += world.gauge.instructions() - start;
        let Self { replica, service, answers, secret, links, frame, me, nodes, .. } = self;
        let mut mouth = Mouth { me: *me, nodes: *nodes, secret, links, frame };
        let input = Input::Message(verified);
        act(replica, now, input, service, answers, &mut mouth, world, work);
    }

    /// Something else happens than that a frame comes.
    pub(crate) fn act<G: Gauge>(
        &mut self,
        now: Instant,
        input: Input<Command<'_>, Message<'_>>,
        world: &mut World<'_, G>,
        work: &mut Work,
    ) {
        let Self { replica, service, answers, secret, links, frame, me, nodes, .. } = self;
        let mut mouth = Mouth { me: *me, nodes: *nodes, secret, links, frame };
        act(replica, now, input, service, answers, &mut mouth, world, work);
    }

    /// Puts a frame where the next one to be heard lies.
    pub(crate) fn fill(&mut self, frame: &[u8]) {
        self.inbox[..frame.len()].copy_from_slice(frame);
    }

    /// Whether the replica must be stepped by now.
    pub(crate) fn is_due(&self, now: Instant) -> bool {
        self.replica.deadline().is_some_and(|deadline| deadline <= now)
    }

    /// The digest of the application's state.
    pub(crate) fn digest(&self) -> Digest {
        self.service.digest()
    }

    /// Where the replica stands.
    pub(crate) fn status(&self) -> Status {
        self.replica.status()
    }
}

/// Where the link to a peer stands among the links: other nodes, then clients.
pub(crate) fn place(me: Principal, nodes: usize, peer: Principal) -> usize {
    match (me, peer) {
        (Principal::Node(me), Principal::Node(peer)) if peer.0 > me.0 => peer.index() - 1,
        (_, Principal::Node(peer)) => peer.index(),
        (_, Principal::Client(client)) => nodes - 1 + client.index(),
    }
}

#[inline(never)]
fn read(payload: &[u8]) -> Message<'_> {
    let Ok(message) = wire::decode(payload) else { panic!("replicas here send messages") };
    message
}

#[inline(never)]
pub(crate) fn believe<M: Signed, G: Gauge>(
    from: Principal,
    message: M,
    world: &World<'_, G>,
    work: &mut Work,
) -> Verified<M> {
    let verifier = Counted::new(Ed25519, world.gauge);
    let verified = world.roster.verify(&verifier, from, message);
    work.signatures += verifier.spent();
    let Ok(verified) = verified else { panic!("nobody forges here") };
    verified
}

/// The way out: what signs, seals and sends.
pub(crate) struct Mouth<'n, L: Bond> {
    pub(crate) me: Principal,
    pub(crate) nodes: usize,
    pub(crate) secret: &'n SecretKey,
    pub(crate) links: &'n mut [Link<L>],
    pub(crate) frame: &'n mut [u8],
}

impl<L: Bond> Mouth<'_, L> {
    /// Signs, seals and sends a message. Returns the instructions that are not the node's: those
    /// of the network.
    #[inline(never)]
    pub(crate) fn say<M: Signed + serde::Serialize, G: Gauge>(
        &mut self,
        to: Target,
        message: M,
        world: &mut World<'_, G>,
        work: &mut Work,
    ) -> u64 {
        let pen = Counted::new(self.secret, world.gauge);
        let payload = &mut self.frame[L::Sealer::PAYLOAD..];
        payload[0] = PROTOCOL;
        let room = &mut payload[1..];
        let Ok(said) = wire::seal(message, self.me, world.roster.scope(), &pen, room) else {
            panic!("the buffer has room for every message")
        };
        work.signatures += pen.spent();
        let length = 1 + said.len();
        let peers = (0u8..).take(self.nodes).map(|id| Principal::Node(NodeId(id)));
        let clients = (0u16..).take(CLIENTS).map(|id| Principal::Client(ClientId(id)));
        let mut elsewhere = 0;
        for peer in peers.chain(clients).filter(|peer| *peer != self.me && meant(to, *peer)) {
            let link = &mut self.links[place(self.me, self.nodes, peer)];
            let start = world.gauge.instructions();
            let sealed = link.sealer.seal_in_place(self.frame, length);
            let Ok(length) = sealed else { panic!("the buffer has room for every frame") };
            let sent = world.gauge.instructions();
            work.links += sent - start;
            world.net.send(self.me, peer, &self.frame[..length]);
            elsewhere += world.gauge.instructions() - sent;
        }
        elsewhere
    }
}

fn meant(to: Target, peer: Principal) -> bool {
    match peer {
        Principal::Node(node) => to.includes(node),
        Principal::Client(client) => to == Target::Client(client),
    }
}

/// A step of a replica, and those that the host owes it then.
#[allow(clippy::too_many_arguments, reason = "the parts of one node, borrowed apart")]
fn act<S: Storage, L: Bond, G: Gauge>(
    replica: &mut Replica<S>,
    now: Instant,
    input: Input<Command<'_>, Message<'_>>,
    service: &mut Sum,
    answers: &mut heapless::Deque<Answer, 8>,
    mouth: &mut Mouth<'_, L>,
    world: &mut World<'_, G>,
    work: &mut Work,
) {
    step(replica, now, input, service, answers, mouth, world, work);
    while let Some(answer) = answers.pop_front() {
        let input = Input::Command(answer.command());
        step(replica, now, input, service, answers, mouth, world, work);
    }
}

/// One step, with all that comes of it.
#[allow(clippy::too_many_arguments, reason = "the parts of one node, borrowed apart")]
fn step<S: Storage, L: Bond, G: Gauge>(
    replica: &mut Replica<S>,
    now: Instant,
    input: Input<Command<'_>, Message<'_>>,
    service: &mut Sum,
    answers: &mut heapless::Deque<Answer, 8>,
    mouth: &mut Mouth<'_, L>,
    world: &mut World<'_, G>,
    work: &mut Work,
) {
    let start = world.gauge.instructions();
    let outputs = replica.step(now, input);
    drain(outputs, start, service, answers, mouth, world, work);
}

/// Carries out what a step that began at `start` wants done. One copy, whatever the sizes.
#[inline(never)]
fn drain<L: Bond, G: Gauge>(
    mut outputs: Outputs<'_>,
    start: u64,
    service: &mut Sum,
    answers: &mut heapless::Deque<Answer, 8>,
    mouth: &mut Mouth<'_, L>,
    world: &mut World<'_, G>,
    work: &mut Work,
) {
    let gauge = world.gauge;
    let (mut stepping, mut elsewhere) = (gauge.instructions() - start, 0);
    loop {
        let asked = gauge.instructions();
        let Some(output) = outputs.next() else {
            stepping += gauge.instructions() - asked;
            break;
        };
        let answered = gauge.instructions();
        stepping += answered - asked;
        match output {
            Output::Send { to, message } => elsewhere += mouth.say(to, message, world, work),
            Output::Persist(record) => {
                keep(&record, mouth, world);
                elsewhere += gauge.instructions() - answered;
            }
            Output::Decide(decision) => decide(decision, service, answers, mouth.me, world),
            Output::Accuse { .. } | Output::Refuse(_) => world.accusations += 1,
        }
    }
    work.step(stepping);
    work.all += gauge.instructions() - start - elsewhere;
}

/// Here nothing is kept; it is counted how much there was to keep.
fn keep<L: Bond, G: Gauge>(
    record: &Record<'_>,
    mouth: &mut Mouth<'_, L>,
    world: &mut World<'_, G>,
) {
    let Ok(bytes) = wire::encode(record, mouth.frame) else {
        panic!("a record is no longer than a frame")
    };
    world.net.note(bytes);
    if mouth.me == Principal::Node(NodeId(0)) {
        world.records += bytes.len() as u64;
    }
}

fn decide<G: Gauge>(
    decision: Decision<'_>,
    service: &mut Sum,
    answers: &mut heapless::Deque<Answer, 8>,
    me: Principal,
    world: &mut World<'_, G>,
) {
    match decision {
        Decision::Execute(batch) => {
            if me == Principal::Node(NodeId(0)) {
                world.executed += 1;
            }
            for request in batch.requests() {
                let reply = service.add(request.operation.0);
                let kept = answers.push_back(Answer::Executed { client: request.client, reply });
                assert!(kept.is_ok(), "a request of each client at most");
            }
        }
        Decision::Checkpoint { sequence, .. } => {
            let state = service.digest();
            let kept = answers.push_back(Answer::Captured { sequence, state });
            assert!(kept.is_ok(), "one checkpoint at a time");
        }
        _ => panic!("nobody misses anything here"),
    }
}

/// The settings of a replica.
pub(crate) fn config(id: u8) -> Config {
    Config::new(NodeId(id), scope())
}

/// A replica that is new.
pub(crate) fn start<S: Storage>(id: u8, memory: &mut S) -> Replica<&mut S> {
    let Ok(replica) = Replica::new(config(id), memory) else { panic!("settings that can work") };
    replica
}
