//! A service in lockstep: four generals with OM(1), and clients that ask in turns, so that each
//! slot has one request.

use crate::figures::Figures;
use crate::gauge::{Counted, Gauge};
use crate::generals::ROUND;
use crate::links::{Bond, Link, scope, secret};
use crate::net::{Net, ROOM};
use crate::replica::{CLIENTS, Mouth, REPLY, World, believe, place};
use crate::service::Sum;
use crate::work::Work;
use core::array::from_fn;
use core::marker::PhantomData;
use core::mem::{size_of, size_of_val};
use core::time::Duration;
use quorate::ed25519::{Ed25519, SecretKey};
use quorate::link::{Opener, PROTOCOL, Sealer};
use quorate::lockstep::{
    self, ClientMessage, Clients, Command, Config, Decision, Desk, Lane, Peer, Proposal,
};
use quorate::rounds::{self, Instance, Schedule};
use quorate::service::{ClientRow, Request};
use quorate::vector::{self, Instances};
use quorate::wire::{self, Bytes};
use quorate::{
    Admission, ClientId, Input, Instant, NodeId, Output, Principal, Protocol, PublicKey, Roster,
    Signature, om,
};

pub(crate) const NODES: usize = 4;
/// Links of a general: to all others and to all clients.
const PEERS: usize = NODES - 1 + CLIENTS;
/// Bytes of an operation, and of a proposal, which is one request.
const OPERATION: usize = 64;
const BATCH: usize = OPERATION + Request::OVERHEAD;
/// Slots at once, see `Config::lanes`: a slot takes two rounds, the next one begins after the first
/// of them, and three rounds more are for a general that rejoins.
const LANES: usize = 5;
/// Slots that are executed.
const SLOTS: u64 = 16;
/// Bytes of the longest frame without a proof: what kind it is, and the message.
pub(crate) const PAYLOAD: u64 = {
    let part = om::frame_bytes(NODES, 1, lockstep::value_bytes(BATCH));
    1 + lockstep::message_bytes(vector::frame_bytes(NODES, part), BATCH, REPLY)
};

type Value = Proposal<BATCH>;
type Rules = om::Orders<Value, om::Fixed<Value, NODES, 1, { om::slots(NODES, 1) }>>;
type Slot = Lane<Rules, [Rules; NODES]>;
type Memory<'m> = lockstep::Memory<
    (Rules, [Rules; NODES]),
    [Slot; LANES],
    [ClientRow; CLIENTS],
    [Desk; CLIENTS],
    &'m mut [u8],
    [Peer; NODES],
>;
/// What a general itself verifies signatures with, beside those that are verified at its wall.
type Judge<'w, G> = Counted<'w, Ed25519, G>;
type Keys<'w, G> = Clients<&'w [PublicKey], &'w Judge<'w, G>>;
type General<'m, 'w, G> = lockstep::General<Memory<'m>, Keys<'w, G>, BATCH>;
type Message<'a> = lockstep::Message<'a, Rules>;

/// Bytes of requests and of replies that a general keeps.
struct Room {
    requests: [u8; CLIENTS * BATCH],
    replies: [u8; CLIENTS * REPLY],
}

/// What a general is told of a request that its application has executed.
struct Answer {
    slot: u64,
    client: ClientId,
    reply: [u8; 8],
}

/// A general with all that it needs on a board.
struct Node<'m, 'w, L: Bond, G, const FRAME: usize> {
    me: Principal,
    general: General<'m, 'w, G>,
    judge: &'w Judge<'w, G>,
    links: [Link<L>; PEERS],
    secret: SecretKey,
    service: Sum,
    /// What it has to answer its general: one request in each slot.
    answer: Option<Answer>,
    inbox: [u8; FRAME],
    frame: [u8; FRAME],
}

/// Where a general stands, and when slots are.
fn config(me: usize) -> Config {
    let (round, margin) = (Duration::from_micros(ROUND), Duration::from_micros(ROUND / 10));
    let (me, first) = (NodeId(me as u8), Instant::from_micros(ROUND));
    Config { me, nodes: NODES, traitors: 1, first, interval: round, round, margin }
}

fn lane(me: usize) -> Slot {
    let rules = |commander| {
        let instance = Instance { number: 0, commander: NodeId(commander as u8) };
        let config = rounds::Config { me: NodeId(me as u8), nodes: NODES, traitors: 1, instance };
        let Ok(rules) = Rules::new(config, om::Fixed::new()) else { panic!("sizes that can work") };
        rules
    };
    let Config { first, round, margin, .. } = config(me);
    let (instances, schedule) =
        (Instances::new(from_fn(rules)), Schedule::new(first, round, margin));
    let (Ok(instances), Ok(schedule)) = (instances, schedule) else { panic!("they can work") };
    Lane::with_rules(instances, schedule)
}

impl<'m, 'w, L: Bond, G: Gauge, const FRAME: usize> Node<'m, 'w, L, G, FRAME> {
    fn new(
        id: usize,
        room: &'m mut Room,
        roster: &Roster<&'w [PublicKey]>,
        judge: &'w Judge<'w, G>,
    ) -> Self {
        let me = Principal::Node(NodeId(id as u8));
        let memory = Memory {
            lanes: from_fn(|_| lane(id)),
            rows: from_fn(|_| ClientRow::default()),
            desks: from_fn(|_| Desk::default()),
            requests: &mut room.requests[..],
            replies: &mut room.replies[..],
            peers: from_fn(|_| Peer::default()),
            protocol: PhantomData,
        };
        let clients = Clients { roster: *roster, verifier: judge };
        let general = lockstep::General::new(config(id), memory, clients);
        let Ok(general) = general else { panic!("settings that can work") };
        let others = (0u8..).take(NODES).filter(|other| usize::from(*other) != id);
        let others = others.map(|id| Principal::Node(NodeId(id)));
        let mut peers = others.chain(clients_of_all());
        Self {
            me,
            general,
            judge,
            links: from_fn(|_| Link::between(me, peers.next().unwrap_or(me))),
            secret: secret(me),
            service: Sum::default(),
            answer: None,
            inbox: [0; FRAME],
            frame: [0; FRAME],
        }
    }

    /// Takes in a frame of `length` bytes that lies in the inbox.
    #[inline(never)]
    fn hear(
        &mut self,
        (from, length): (Principal, usize),
        now: Instant,
        world: &mut World<'_, G>,
        work: &mut Work,
    ) {
        let start = world.gauge.instructions();
        let link = &mut self.links[place(self.me, NODES, from)];
        let opened = link.opener.open(&self.inbox[..length]);
        work.links += world.gauge.instructions() - start;
        let Ok([PROTOCOL, payload @ ..]) = opened else { panic!("links here lose nothing") };
        let Ok(mut message) = wire::decode::<Message<'_>>(payload) else {
            panic!("members here send messages")
        };
        if self.general.admit(now, from, &mut message) != Admission::Verify {
            work.all += world.gauge.instructions() - start;
            return;
        }
        let verified = believe(from, message, world, work);
        work.all += world.gauge.instructions() - start;
        let Self { me, general, judge, links, secret, service, answer, frame, .. } = self;
        let mut mouth = Mouth { me: *me, nodes: NODES, secret, links, frame };
        let mut host = (service, answer, *judge);
        step(general, now, Input::Message(verified), &mut host, &mut mouth, world, work);
    }

    /// The time has come; and what was executed is answered, slot by slot.
    #[inline(never)]
    fn wake(&mut self, now: Instant, world: &mut World<'_, G>, work: &mut Work) {
        let Self { me, general, judge, links, secret, service, answer, frame, .. } = self;
        let mut mouth = Mouth { me: *me, nodes: NODES, secret, links, frame };
        let mut host = (service, answer, *judge);
        step(general, now, Input::Wake, &mut host, &mut mouth, world, work);
        while let Some(Answer { slot, client, reply }) = host.1.take() {
            let command = Input::Command(Command::Executed { slot, client, reply: &reply });
            step(general, now, command, &mut host, &mut mouth, world, work);
        }
    }
}

/// The application, what it has to answer, and what signatures in a step have cost.
type Host<'h, 'w, G> = (&'h mut Sum, &'h mut Option<Answer>, &'w Judge<'w, G>);

/// One step, with all that comes of it.
fn step<L: Bond, G: Gauge>(
    general: &mut General<'_, '_, G>,
    now: Instant,
    input: Input<Command<'_>, Message<'_>>,
    (service, answer, judge): &mut Host<'_, '_, G>,
    mouth: &mut Mouth<'_, L>,
    world: &mut World<'_, G>,
    work: &mut Work,
) {
    let gauge = world.gauge;
    let (start, judged) = (gauge.instructions(), judge.spent());
    let mut outputs = general.step(now, input);
    let judged = judge.spent() - judged;
    work.signatures += judged;
    let (mut stepping, mut elsewhere) = (gauge.instructions() - start - judged, 0);
    loop {
        let asked = gauge.instructions();
        let output = outputs.next();
        stepping += gauge.instructions() - asked;
        match output {
            None => break,
            Some(Output::Send { to, message }) => elsewhere += mouth.say(to, message, world, work),
            Some(Output::Persist(never)) => match never {},
            Some(Output::Decide(Decision::Execute(execution))) => {
                let slot = execution.slot();
                for request in execution.requests() {
                    let reply = service.add(request.operation.0);
                    let before = answer.replace(Answer { slot, client: request.client, reply });
                    assert!(before.is_none(), "one request in each slot");
                }
                world.executed += u64::from(mouth.me == Principal::Node(NodeId(0)));
            }
            Some(Output::Decide(_)) => panic!("nobody misses anything here"),
            Some(Output::Accuse { .. } | Output::Refuse(_)) => world.accusations += 1,
        }
    }
    work.step(stepping);
    work.all += gauge.instructions() - start - elsewhere;
}

fn clients_of_all() -> impl Iterator<Item = Principal> {
    (0u16..).take(CLIENTS).map(|id| Principal::Client(ClientId(id)))
}

/// A client, which asks all generals.
struct Asker<L: Bond> {
    me: ClientId,
    links: [Link<L>; NODES],
    secret: SecretKey,
}

impl<L: Bond> Asker<L> {
    fn new(id: usize) -> Self {
        let me = Principal::Client(ClientId(id as u16));
        let links = from_fn(|id| Link::between(me, Principal::Node(NodeId(id as u8))));
        Self { me: ClientId(id as u16), links, secret: secret(me) }
    }

    fn ask<G>(&mut self, timestamp: u64, frame: &mut [u8], world: &mut World<'_, G>) {
        let operation = Bytes(&[0x5A; OPERATION]);
        let signature = Signature::ZERO;
        let request = Request { client: self.me, timestamp, operation, signature };
        for (link, to) in self.links.iter_mut().zip((0u8..).map(NodeId)) {
            let payload = &mut frame[L::Sealer::PAYLOAD..];
            payload[0] = PROTOCOL;
            let (me, scope) = (Principal::Client(self.me), world.roster.scope());
            let message = ClientMessage::Request(request);
            let sealed = wire::seal(message, me, scope, &self.secret, &mut payload[1..]);
            let Ok(said) = sealed else { panic!("a request fits") };
            let length = 1 + said.len();
            let Ok(length) = link.sealer.seal_in_place(frame, length) else {
                panic!("a frame fits")
            };
            world.net.send(me, Principal::Node(to), &frame[..length]);
        }
    }
}

/// Delivers everything that is under way; returns how many replies there were.
fn settle<L: Bond, G: Gauge, const FRAME: usize>(
    nodes: &mut [Node<'_, '_, L, G, FRAME>; NODES],
    work: &mut [Work; NODES],
    now: Instant,
    world: &mut World<'_, G>,
    inbox: &mut [u8],
) -> u64 {
    let mut replies = 0;
    while let Some((from, to, length)) = world.net.receive(inbox) {
        let Principal::Node(to) = to else {
            replies += 1;
            continue;
        };
        let node = &mut nodes[to.index()];
        node.inbox[..length].copy_from_slice(&inbox[..length]);
        world.gauge.paint();
        node.hear((from, length), now, world, &mut work[to.index()]);
        world.stack = world.stack.max(world.gauge.stack());
    }
    replies
}

/// Has generals serve, a request in each slot.
pub(crate) fn trial<L: Bond, G: Gauge, const FRAME: usize>(
    name: &'static str,
    gauge: &G,
) -> Figures {
    let (keys, scope) = (crate::cluster::keys::<NODES>(), scope());
    let roster = Roster::new(scope.cluster, scope.epoch, &keys.0[..], &keys.1[..], &Ed25519);
    let Ok(roster) = roster else { panic!("valid keys") };
    let mut ring = [0; ROOM];
    let mut world = World::new(gauge, &roster, &mut ring);
    let mut rooms: [Room; NODES] =
        from_fn(|_| Room { requests: [0; CLIENTS * BATCH], replies: [0; CLIENTS * REPLY] });
    let (judge, mut id) = (Counted::new(Ed25519, gauge), 0);
    let mut nodes: [Node<'_, '_, L, G, FRAME>; NODES] = rooms.each_mut().map(|room| {
        id += 1;
        Node::new(id - 1, room, &roster, &judge)
    });
    let mut askers: [Asker<L>; CLIENTS] = from_fn(Asker::new);
    let (mut work, mut inbox, mut replies) = ([Work::default(); NODES], [0; FRAME], 0);
    for period in 0.. {
        let begin = Instant::from_micros(period * ROUND);
        for (node, work) in nodes.iter_mut().zip(&mut work) {
            assert!(node.general.deadline() == Some(begin), "a round begins, and nothing else");
            gauge.paint();
            node.wake(begin, &mut world, work);
            world.stack = world.stack.max(gauge.stack());
        }
        if world.executed == SLOTS {
            break;
        }
        askers[period as usize % CLIENTS].ask(period + 1, &mut inbox, &mut world);
        let now = begin.after(Duration::from_micros(ROUND / 2));
        replies += settle(&mut nodes, &mut work, now, &mut world, &mut inbox);
    }
    assert!(replies == (SLOTS - 1) * NODES as u64, "every general answers every request");
    assert!(world.accusations == 0, "nobody is to blame");
    for node in &nodes {
        assert!(node.general.status().executed == SLOTS, "every general executes every slot");
        world.net.note(&node.service.digest().0);
    }
    let busiest = work.into_iter().max_by_key(|work| work.all).unwrap_or_default();
    let Net { frames, bytes, transcript, .. } = world.net;
    Figures {
        name,
        decisions: SLOTS,
        protocol_ram: size_of::<General<'_, '_, G>>() + size_of::<Room>(),
        ram: size_of::<Node<'_, '_, L, G, FRAME>>()
            + size_of::<Room>()
            + size_of_val(&scope)
            + size_of_val(&keys),
        stack: world.stack,
        busiest,
        frames,
        wire: bytes,
        records: 0,
        transcript,
    }
}
