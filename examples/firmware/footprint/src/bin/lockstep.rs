//! A general of a replicated service in lockstep: OM(1) among four over lines of their own, four
//! clients with signatures that the board checks, proposals of 256 bytes.
#![no_std]
#![no_main]

use board::once::Once;
use core::marker::PhantomData;
use core::mem::MaybeUninit;
use core::time::Duration;
use footprint::general::commanded;
use footprint::port;
use footprint::scheme::Element;
use quorate::auth::Scope;
use quorate::lockstep::{
    self, Clients, Command, Config, Decision, Desk, General, Lane, Memory, Message, Peer, Proposal,
};
use quorate::rounds::Schedule;
use quorate::service::ClientRow;
use quorate::vector::{self, Instances};
use quorate::{
    Admission, ClientId, Digest, Input, Instant, NodeId, Output, Principal, Protocol, PublicKey,
    Roster, Target, om, wire,
};

const NODES: usize = 4;
const CLIENTS: usize = 4;
/// Bytes of a proposal, of a request as it lies in one, and of a reply.
const BATCH: usize = 256;
const REQUEST: usize = 128;
const REPLY: usize = 8;
/// Slots at once, see `Config::lanes`: two that overlap, and three rounds to rejoin.
const LANES: usize = 5;
const SAID: usize = om::slots(NODES, 1);
const PART: u64 = om::frame_bytes(NODES, 1, lockstep::value_bytes(BATCH));
const FRAME: usize =
    lockstep::message_bytes(vector::frame_bytes(NODES, PART), REQUEST, REPLY) as usize;

type Value = Proposal<BATCH>;
type Entries = [om::Entry<Value>; SAID];
type Rules = om::Orders<Value, &'static mut [om::Entry<Value>]>;
type Slot = Lane<Rules, [Rules; NODES]>;
type Storage<'m> = Memory<
    (Rules, [Rules; NODES]),
    &'m mut [Slot; LANES],
    &'m mut [ClientRow],
    &'m mut [Desk],
    &'m mut [u8],
    &'m mut [Peer],
>;
type Member<'m> = General<Storage<'m>, Clients<&'m [PublicKey], Element>, BATCH>;

/// What was said, for each lane and commander. It is not zeros that it starts with, so it is set
/// when the board starts, and takes no flash either.
#[unsafe(export_name = "MEMORY")]
static ENTRIES: Once<[[MaybeUninit<Entries>; NODES]; LANES]> =
    Once::new([const { [const { MaybeUninit::uninit() }; NODES] }; LANES]);
static SLOTS: Once<MaybeUninit<[Slot; LANES]>> = Once::new(MaybeUninit::uninit());
static REQUESTS: Once<[u8; CLIENTS * REQUEST]> = Once::new([0; CLIENTS * REQUEST]);
static REPLIES: Once<[u8; CLIENTS * REPLY]> = Once::new([0; CLIENTS * REPLY]);
static BUFFERS: Once<[[u8; FRAME]; 2]> = Once::new([[0; FRAME]; 2]);
static KEYS: Once<[PublicKey; NODES + CLIENTS]> = Once::new([PublicKey([0; 32]); NODES + CLIENTS]);

#[unsafe(no_mangle)]
extern "C" fn main() -> ! {
    loop {
        // Nothing starts over: what cannot start waits for ever.
        let _ = serve();
    }
}

/// One lane, over its part of the memory.
fn lane(me: NodeId, entries: &'static mut [MaybeUninit<Entries>; NODES]) -> Option<Slot> {
    let [a, b, c, d] = entries.each_mut().map(|entries| {
        let entries: &'static mut Entries = entries.write([const { om::Entry::EMPTY }; SAID]);
        &mut entries[..]
    });
    let rules =
        |commander, entries| Rules::new(commanded(me, NodeId(commander), NODES, 1), entries);
    let rules = [rules(0, a).ok()?, rules(1, b).ok()?, rules(2, c).ok()?, rules(3, d).ok()?];
    let schedule = Schedule::new(Instant::ZERO, ROUND, MARGIN).ok()?;
    Some(Lane::with_rules(Instances::new(rules).ok()?, schedule))
}

const ROUND: Duration = Duration::from_millis(100);
const MARGIN: Duration = Duration::from_millis(10);

fn serve() -> Option<()> {
    let [inbox, frame] = BUFFERS.take()?;
    let keys = KEYS.take()?;
    keys.iter_mut().flat_map(|key| &mut key.0).for_each(|byte| *byte = port::read());
    let (nodes, clients) = keys.split_at(NODES);
    let roster = Roster::new(Digest::of(b"footprint"), 0, nodes, clients, &Element).ok()?;
    let config = Config {
        me: port::me(),
        nodes: NODES,
        traitors: 1,
        first: port::now(),
        interval: ROUND,
        round: ROUND,
        margin: MARGIN,
    };
    let [a, b, c, d, e] = ENTRIES.take()?.each_mut().map(|entries| lane(config.me, entries));
    let (mut rows, mut desks) = ([ClientRow::default(); CLIENTS], [Desk::default(); CLIENTS]);
    let mut peers = [Peer::default(); NODES];
    let memory = Memory {
        lanes: SLOTS.take()?.write([a?, b?, c?, d?, e?]),
        rows: &mut rows[..],
        desks: &mut desks[..],
        requests: &mut REQUESTS.take()?[..],
        replies: &mut REPLIES.take()?[..],
        peers: &mut peers[..],
        protocol: PhantomData,
    };
    let mut general = General::new(config, memory, Clients { roster, verifier: Element }).ok()?;
    let mut host = Host { sum: 0, captured: 0, answers: heapless::Deque::new() };

    loop {
        let now = port::now();
        if general.deadline().is_some_and(|deadline| deadline <= now) {
            step(&mut general, Input::Wake, &mut host, roster.scope(), frame);
        } else if let Some((from, bytes)) = port::frame(inbox) {
            let Ok(mut message) = wire::decode::<Message<'_, Rules>>(bytes) else { continue };
            if general.admit(now, from, &mut message) != Admission::Verify {
                continue;
            }
            let Ok(verified) = roster.verify(&Element, from, message) else { continue };
            step(&mut general, Input::Message(verified), &mut host, roster.scope(), frame);
        }
        while let Some((whose, answer)) = host.answers.pop_front() {
            let command = match whose {
                Owed::Executed { slot, client } => {
                    Command::Executed { slot, client, reply: &answer.to_le_bytes() }
                }
                Owed::Captured { slot } => {
                    Command::Captured { slot, state: Digest::of(&answer.to_le_bytes()) }
                }
            };
            step(&mut general, Input::Command(command), &mut host, roster.scope(), frame);
        }
    }
}

/// What the general is owed.
enum Owed {
    Executed { slot: u64, client: ClientId },
    Captured { slot: u64 },
}

/// The application, a sum of all bytes, what it was at the last capture, and what it has to answer.
struct Host {
    sum: u64,
    captured: u64,
    answers: heapless::Deque<(Owed, u64), 16>,
}

fn step(
    general: &mut Member<'_>,
    input: Input<Command<'_>, Message<'_, Rules>>,
    host: &mut Host,
    scope: &Scope,
    frame: &mut [u8],
) {
    for output in general.step(port::now(), input) {
        match output {
            Output::Send { to, message } => {
                let me = Principal::Node(port::me());
                if let Ok(said) = wire::seal(message, me, scope, &Element, frame) {
                    send(to, said);
                }
            }
            Output::Persist(never) => match never {},
            Output::Decide(decision) => decide(decision, host),
            Output::Accuse { node, .. } => port::write(&[node.0]),
            Output::Refuse(_) => port::write(&[u8::MAX]),
        }
    }
}

fn send(to: Target, said: &[u8]) {
    for node in (0u8..).take(NODES).map(NodeId).filter(|node| to.includes(*node)) {
        port::write(&[node.0]);
        port::write(said);
    }
    if let Target::Client(client) = to {
        port::write(&client.0.to_le_bytes());
        port::write(said);
    }
}

fn decide(decision: Decision<'_, Rules>, host: &mut Host) {
    match decision {
        Decision::Execute(execution) => {
            let slot = execution.slot();
            for request in execution.requests() {
                let bytes = request.operation.0.iter();
                host.sum = bytes.fold(host.sum, |sum, byte| sum.wrapping_add((*byte).into()));
                let _ = host
                    .answers
                    .push_back((Owed::Executed { slot, client: request.client }, host.sum));
            }
        }
        Decision::Capture { slot, .. } => {
            host.captured = host.sum;
            let _ = host.answers.push_back((Owed::Captured { slot }, host.sum));
        }
        // What a general that missed something is given: left to the port.
        Decision::ServeState { to, .. } => port::write(&[to.0]),
        Decision::Install { slot } => port::write(&slot.to_le_bytes()),
    }
}
