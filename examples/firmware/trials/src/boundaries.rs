//! What 32 bits must not cut short, and a clock that wraps.
//!
//! Each check panics where it fails, on a board and on its host.

use crate::cases::{Om4, VALUE};
use crate::cluster::{Asker, Cluster, keys};
use crate::figures::Figures;
use crate::gauge::Gauge;
use crate::generals;
use crate::links::{Hmac, scope};
use crate::net::ROOM;
use crate::replica::{CLIENTS, Memory, Node, REPLY, World, config, frame_bytes, start};
use crate::ticks::Clock;
use crate::work::Work;
use core::mem::size_of;
use quorate::ed25519::Ed25519;
use quorate::pbft::merkle::{Roots, page_digest};
use quorate::pbft::{Batch, Dimensions, Message, Part, Record, Replica, Sequence, Snapshot, View};
use quorate::rounds::{General, Instance};
use quorate::wire::{self, DecodeError};
use quorate::{Admission, Digest, Input, Instant, NodeId, Output, Principal, Protocol, Roster, om};

const WINDOW: usize = 4;
const BATCH: usize = 142;
const PEERS: usize = 3 + CLIENTS;
const SIZES: Dimensions = Dimensions {
    nodes: 4,
    window: WINDOW,
    batch_bytes: BATCH,
    clients: CLIENTS,
    reply_bytes: REPLY,
};
const FRAME: usize = frame_bytes::<Hmac>(&SIZES);
type Four<'m> = Cluster<'m, Hmac, Memory<4, WINDOW, BATCH>, 4, PEERS, FRAME>;
/// One more than 32 bits can hold.
const WRAP: u64 = 1 << 32;
const PRIMARY: Principal = Principal::Node(NodeId(0));

/// All checks; the transcript is that of the clusters that cross the boundaries.
pub(crate) fn trial(name: &'static str, gauge: &impl Gauge) -> Figures {
    lengths_are_not_cut_short();
    sequences_and_views_are_not_cut_short();
    instances_are_not_cut_short();
    let (nodes, clients) = keys::<4>();
    let scope = scope();
    let roster = Roster::new(scope.cluster, scope.epoch, &nodes[..], &clients[..], &Ed25519);
    let Ok(roster) = roster else { panic!("valid keys") };
    let mut ring = [0; ROOM];
    let mut world = World::new(gauge, &roster, &mut ring);
    crosses_the_boundary(&mut world);
    let crossed = world.net.transcript;
    let mut times = [0, u32::MAX - 300_000].map(|counter| {
        let mut ring = [0; ROOM];
        let mut world = World::new(gauge, &roster, &mut ring);
        changes_views(Clock::at(counter), &mut world);
        world.net.transcript
    });
    assert!(times[0] == times[1], "a counter that wraps changes nothing");
    world.net.note(&crossed.0);
    times.iter_mut().for_each(|transcript| world.net.note(&transcript.0));
    Figures {
        name,
        decisions: world.executed,
        protocol_ram: size_of::<Replica<Memory<4, WINDOW, BATCH>>>(),
        ram: size_of::<Four<'_>>() / 4,
        stack: world.stack,
        busiest: Work::default(),
        frames: world.net.frames,
        wire: world.net.bytes,
        records: world.records,
        transcript: world.net.transcript,
    }
}

/// A byte string that claims 2^32 + 3 bytes does not have 3.
fn lengths_are_not_cut_short() {
    // Reply: view, client, timestamp, outcome; then the length and three bytes.
    let honest = [1, 0, 0, 0, 0, 3, 7, 7, 7];
    let lying = [1, 0, 0, 0, 0, 0x83, 0x80, 0x80, 0x80, 0x10, 7, 7, 7];
    assert!(wire::decode::<Message<'_>>(&honest).is_ok(), "a reply of three bytes");
    let lie = wire::decode::<Message<'_>>(&lying);
    assert!(lie == Err(DecodeError::Malformed), "a length is not cut to 32 bits");
}

/// Sequence 2^32 + 1 is not 1, view 2^32 is not 0.
fn sequences_and_views_are_not_cut_short() {
    let mut memory = Memory::<4, WINDOW, BATCH>::new();
    let mut replica = start(1, &mut memory);
    let mut proposes = |view, sequence| {
        let (view, sequence) = (View(view), Sequence(sequence));
        let message = Message::PrePrepare { view, sequence, batch: Batch::from_bytes(&[]) };
        replica.admit(Instant::ZERO, PRIMARY, &message)
    };
    assert!(proposes(0, 1) == Admission::Verify, "the first sequence of the first view");
    assert!(proposes(0, WRAP + 1) == Admission::Known, "a sequence is not cut to 32 bits");
    assert!(proposes(WRAP, 1) == Admission::Known, "a view is not cut to 32 bits");
}

/// An order of agreement 2^32 + 1 is none of agreement 1.
fn instances_are_not_cut_short() {
    let (nodes, _) = keys::<4>();
    let Ok(roster) = Roster::new(Digest::ZERO, 0, &nodes[..], &[][..], &Ed25519) else {
        panic!("valid keys")
    };
    let accused = |number| {
        let Ok(rules) = Om4::new(generals::config(1, 0, 4, 1), om::Fixed::new()) else {
            panic!("sizes that can work")
        };
        let mut general = General::with_rules(rules, generals::schedule());
        let Some(begin) = general.deadline() else { panic!("the first round is to come") };
        general.step(begin, Input::Wake).for_each(drop);
        let instance = Instance { number, commander: NodeId(0) };
        let orders = om::Wave::from_orders(&[Some(VALUE as u32)]);
        let wave = om::Message::Wave { instance, round: 1, orders };
        let Ok(verified) = roster.verify(&Ed25519, PRIMARY, wave) else { panic!("its sender's") };
        let mut outputs = general.step(begin, Input::Message(verified));
        outputs.any(|output| matches!(output, Output::Accuse { .. }))
    };
    assert!(!accused(1), "an order of this agreement");
    assert!(accused(WRAP + 1), "the number of an agreement is not cut to 32 bits");
}

/// A cluster whose last checkpoint is sequence 2^32 - 4 goes on beyond 2^32, for a client whose
/// timestamps do too.
fn crosses_the_boundary<G: Gauge>(world: &mut World<'_, G>) {
    let sequence = Sequence(WRAP - 4);
    let table = [0; CLIENTS * 13];
    let state = page_digest(Part::State, 0, &0_u64.to_le_bytes());
    let roots = Roots { clients: page_digest(Part::Clients, 0, &table), pages: 1, top: state };
    let snapshot = Snapshot { sequence, clients: &table, state: roots.state() };
    let record = Record::Stable { sequence, digest: roots.digest(sequence) };
    let mut memory = [const { Memory::new() }; 4];
    let mut ids = 0..;
    let nodes = memory.each_mut().map(|memory| {
        let id = ids.next().unwrap_or_default();
        let (now, config) = (Instant::ZERO, config(id));
        let replica = Replica::recover(config, memory, now, Some(snapshot), [record]);
        let Ok(replica) = replica else { panic!("records that fit") };
        Node::new(id, 4, replica)
    });
    let mut cluster: Four<'_> =
        Cluster { nodes, work: [Work::default(); 4], clock: Clock::default(), dead: None };
    // A replica that was started again first asks where the others stand.
    cluster.wake(world);
    let mut asker = Asker::new(WRAP + 4);
    for _ in 0..8 {
        assert!(cluster.serve(&mut asker, &[7; 64], world) == 4, "everybody answers");
    }
    assert!(world.executed == 8, "sequences go on beyond 2^32");
    let mut old = Asker::again(4, asker);
    cluster.serve(&mut old, &[7; 64], world);
    assert!(world.executed == 8, "timestamp 5 is not 2^32 + 5, nor after it");
    for node in &cluster.nodes {
        assert!(node.status().executed == Sequence(WRAP + 4), "beyond 2^32");
        assert!(node.status().stable == Sequence(WRAP + 4), "with a checkpoint there");
    }
}

/// The primary is dead; the others find out by their clocks, and go on without it.
fn changes_views<G: Gauge>(clock: Clock, world: &mut World<'_, G>) {
    let mut memory = [const { Memory::new() }; 4];
    let mut ids = 0..;
    let nodes = memory.each_mut().map(|memory| {
        let id = ids.next().unwrap_or_default();
        Node::new(id, 4, start(id, memory))
    });
    let mut cluster: Four<'_> = Cluster { nodes, work: [Work::default(); 4], clock, dead: Some(0) };
    let mut askers = [1, 2, 3].map(|replica| Asker::of(NodeId(replica), 0));
    for asker in &mut askers {
        cluster.serve(asker, &[7; 64], world);
    }
    for _ in 0..2_000 {
        cluster.clock.pass(1_000);
        cluster.wake(world);
    }
    for node in &cluster.nodes[1..] {
        let status = node.status();
        assert!(status.view == View(1) && status.active, "the next primary took over");
        assert!(status.executed == Sequence(1), "and had the request executed");
    }
}
