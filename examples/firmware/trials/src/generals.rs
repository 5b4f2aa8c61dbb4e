//! OM, SM and king: n generals, one order, every frame through the whole wall.

use crate::figures::Figures;
use crate::gauge::{Counted, Gauge};
use crate::links::{Bond, Link, scope, secret};
use crate::net::Net;
use crate::replica::place;
use crate::work::Work;
use core::array::from_fn;
use core::mem::{size_of, size_of_val};
use core::time::Duration;
use quorate::auth::Signed;
use quorate::ed25519::{Ed25519, SecretKey};
use quorate::link::{Opener, PROTOCOL, Sealer};
use quorate::rounds::{Config, General, Instance, Rules, Schedule};
use quorate::vector::{Broadcast, Vector};
use quorate::{
    Admission, Input, Instant, NodeId, Order, Output, Principal, Protocol, PublicKey, Roster,
    Target, Verdict, wire,
};

/// Microseconds of a round.
pub(crate) const ROUND: u64 = 100_000;
/// The order of each general that commands.
const fn order(commander: u8) -> u32 {
    0xC0FF_EE11 + commander as u32
}

/// What generals agree on, where all are loyal.
pub(crate) trait Agreed {
    /// Checks that it is what was ordered, and notes it.
    fn check(&self, net: &mut Net<'_>);
}

impl Agreed for Verdict<u32> {
    fn check(&self, net: &mut Net<'_>) {
        assert!(*self == Verdict::Value(order(0)), "a loyal commander is obeyed");
        net.note(&order(0).to_le_bytes());
    }
}

impl<P: Broadcast<Value = u32>> Agreed for Vector<'_, P> {
    fn check(&self, net: &mut Net<'_>) {
        for (commander, verdict) in (0..).zip(self.iter()) {
            assert!(verdict == Verdict::Value(order(commander)), "each has its entry");
            net.note(&order(commander).to_le_bytes());
        }
    }
}

/// A general with all that it needs on a board.
struct Node<R, L: Bond, const PEERS: usize, const FRAME: usize> {
    me: Principal,
    general: General<R>,
    links: [Link<L>; PEERS],
    secret: SecretKey,
    inbox: [u8; FRAME],
    frame: [u8; FRAME],
}

struct World<'w, G> {
    gauge: &'w G,
    roster: &'w Roster<&'w [PublicKey]>,
    net: Net<'w>,
    stack: usize,
    accusations: u64,
}

/// Where a general stands: its place in the agreement that all trials make.
pub(crate) fn config(me: usize, commander: u8, nodes: usize, traitors: usize) -> Config {
    let instance = Instance { number: 1, commander: NodeId(commander) };
    Config { me: NodeId(me as u8), nodes, traitors, instance }
}

pub(crate) fn schedule() -> Schedule {
    let start = Instant::from_micros(ROUND);
    let (round, margin) = (Duration::from_micros(ROUND), Duration::from_micros(ROUND / 10));
    let Ok(schedule) = Schedule::new(start, round, margin) else { panic!("rounds that can be") };
    schedule
}

impl<R, L: Bond, const PEERS: usize, const FRAME: usize> Node<R, L, PEERS, FRAME>
where
    R: for<'a> Rules<Command<'a> = Order<u32>> + 'static,
    for<'a> R::Decision<'a>: Agreed,
    for<'a> R::Message<'a>: Signed,
{
    fn new(id: u8, general: General<R>, secret: SecretKey) -> Self {
        let me = Principal::Node(NodeId(id));
        let others = (0u8..).filter(|other| *other != id);
        let mut peers = others.map(|id| Principal::Node(NodeId(id)));
        Self {
            me,
            general,
            links: from_fn(|_| Link::between(me, peers.next().unwrap_or(me))),
            secret,
            inbox: [0; FRAME],
            frame: [0; FRAME],
        }
    }

    /// A frame of so many bytes lies in the inbox.
    #[inline(never)]
    fn hear<G: Gauge>(
        &mut self,
        (from, length): (Principal, usize),
        now: Instant,
        world: &mut World<'_, G>,
        work: &mut Work,
    ) {
        let start = world.gauge.instructions();
        let link = &mut self.links[place(self.me, PEERS + 1, from)];
        let opened = link.opener.open(&self.inbox[..length]);
        work.links += world.gauge.instructions() - start;
        let Ok([PROTOCOL, payload @ ..]) = opened else { panic!("links here lose nothing") };
        let Ok(mut message) = wire::decode::<R::Message<'_>>(payload) else {
            panic!("generals here send messages")
        };
        if self.general.admit(from, &mut message) != Admission::Verify {
            work.all += world.gauge.instructions() - start;
            return;
        }
        let verifier = Counted::new(Ed25519, world.gauge);
        let Ok(verified) = world.roster.verify(&verifier, from, message) else {
            panic!("nobody forges here")
        };
        work.signatures += verifier.spent();
        let Self { me, general, links, secret, frame, .. } = self;
        let mut mouth = Mouth { me: *me, secret, links, frame };
        let elsewhere = step(general, now, Input::Message(verified), &mut mouth, world, work);
        work.all += world.gauge.instructions() - start - elsewhere;
    }

    /// The time has come, or the host has something to say.
    #[inline(never)]
    fn act<G: Gauge>(
        &mut self,
        now: Instant,
        order: Option<Order<u32>>,
        world: &mut World<'_, G>,
        work: &mut Work,
    ) {
        let start = world.gauge.instructions();
        let Self { me, general, links, secret, frame, .. } = self;
        let mut mouth = Mouth { me: *me, secret, links, frame };
        let input = order.map_or(Input::Wake, Input::Command);
        let elsewhere = step(general, now, input, &mut mouth, world, work);
        work.all += world.gauge.instructions() - start - elsewhere;
    }
}

/// The way out: what signs, seals and sends.
struct Mouth<'n, L: Bond> {
    me: Principal,
    secret: &'n SecretKey,
    links: &'n mut [Link<L>],
    frame: &'n mut [u8],
}

impl<L: Bond> Mouth<'_, L> {
    /// Returns the instructions that are not the node's: those of the network.
    fn say<M: Signed + serde::Serialize, G: Gauge>(
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
        let mut elsewhere = 0;
        let nodes = self.links.len() + 1;
        for peer in (0u8..).take(nodes).map(NodeId).filter(|peer| to.includes(*peer)) {
            let peer = Principal::Node(peer);
            if peer == self.me {
                continue;
            }
            let link = &mut self.links[place(self.me, nodes, peer)];
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

/// One step with all that comes of it; returns the instructions that are not the node's.
fn step<R, L: Bond, G: Gauge>(
    general: &mut General<R>,
    now: Instant,
    input: Input<Order<u32>, R::Message<'_>>,
    mouth: &mut Mouth<'_, L>,
    world: &mut World<'_, G>,
    work: &mut Work,
) -> u64
where
    R: for<'a> Rules<Command<'a> = Order<u32>> + 'static,
    for<'a> R::Decision<'a>: Agreed,
    for<'a> R::Message<'a>: Signed,
{
    let gauge = world.gauge;
    let start = gauge.instructions();
    let mut outputs = general.step(now, input);
    let (mut stepping, mut elsewhere) = (gauge.instructions() - start, 0);
    loop {
        let asked = gauge.instructions();
        let output = outputs.next();
        stepping += gauge.instructions() - asked;
        match output {
            None => break,
            Some(Output::Send { to, message }) => elsewhere += mouth.say(to, message, world, work),
            Some(Output::Persist(never)) => match never {},
            Some(Output::Decide(agreed)) => agreed.check(&mut world.net),
            Some(Output::Accuse { .. } | Output::Refuse(_)) => world.accusations += 1,
        }
    }
    work.step(stepping);
    elsewhere
}

/// Has `N` generals agree once on what the first of them order. A ring of `RING` bytes has room for
/// all frames of a round.
pub(crate) fn trial<
    R,
    L: Bond,
    G: Gauge,
    const N: usize,
    const PEERS: usize,
    const FRAME: usize,
    const RING: usize,
>(
    name: &'static str,
    commanders: u8,
    rules: impl Fn(usize) -> R,
    gauge: &G,
) -> Figures
where
    R: for<'a> Rules<Command<'a> = Order<u32>> + 'static,
    for<'a> R::Decision<'a>: Agreed,
    for<'a> R::Message<'a>: Signed,
{
    assert!(PEERS == N - 1, "a link to everybody else");
    let secrets: [SecretKey; N] = from_fn(|id| secret(Principal::Node(NodeId(id as u8))));
    let keys = secrets.each_ref().map(SecretKey::public);
    let scope = scope();
    let Ok(roster) = Roster::new(scope.cluster, scope.epoch, &keys[..], &[][..], &Ed25519) else {
        panic!("valid keys")
    };
    let mut ring = [0; RING];
    let (net, stack, accusations) = (Net::new(&mut ring), 0, 0);
    let mut world = World { gauge, roster: &roster, net, stack, accusations };
    let busiest = agree::<R, L, G, N, PEERS, FRAME>(commanders, rules, secrets, &mut world);
    assert!(world.accusations == 0, "nobody is to blame");
    Figures {
        name,
        decisions: 1,
        protocol_ram: size_of::<General<R>>(),
        ram: size_of::<Node<R, L, PEERS, FRAME>>() + size_of_val(&scope) + size_of_val(&keys),
        stack: world.stack,
        busiest,
        frames: world.net.frames,
        wire: world.net.bytes,
        records: 0,
        transcript: world.net.transcript,
    }
}

/// The agreement itself; returns the work of the busiest. All keys were made before: that takes
/// more stack than anything here, and a small board has none to spare.
#[inline(never)]
fn agree<R, L: Bond, G: Gauge, const N: usize, const PEERS: usize, const FRAME: usize>(
    commanders: u8,
    rules: impl Fn(usize) -> R,
    secrets: [SecretKey; N],
    world: &mut World<'_, G>,
) -> Work
where
    R: for<'a> Rules<Command<'a> = Order<u32>> + 'static,
    for<'a> R::Decision<'a>: Agreed,
    for<'a> R::Message<'a>: Signed,
{
    let mut nodes: [Node<R, L, PEERS, FRAME>; N] = from_fn(|id| {
        let general = General::with_rules(rules(id), schedule());
        Node::new(id as u8, general, secrets[id].clone())
    });
    let mut work = [Work::default(); N];
    let mut inbox = [0; FRAME];
    for ((id, node), work) in (0..commanders).zip(&mut nodes).zip(&mut work) {
        node.act(Instant::ZERO, Some(Order(order(id))), world, work);
    }
    while let Some(begin) = nodes.iter().filter_map(|node| node.general.deadline()).min() {
        for (node, work) in nodes.iter_mut().zip(&mut work) {
            world.gauge.paint();
            node.act(begin, None, world, work);
            world.stack = world.stack.max(world.gauge.stack());
        }
        let now = begin.after(Duration::from_micros(ROUND / 2));
        while let Some((from, to, length)) = world.net.receive(&mut inbox) {
            let Principal::Node(to) = to else { continue };
            let node = &mut nodes[to.index()];
            node.inbox[..length].copy_from_slice(&inbox[..length]);
            world.gauge.paint();
            node.hear((from, length), now, world, &mut work[to.index()]);
            world.stack = world.stack.max(world.gauge.stack());
        }
    }
    work.into_iter().max_by_key(|work| work.all).unwrap_or_default()
}
