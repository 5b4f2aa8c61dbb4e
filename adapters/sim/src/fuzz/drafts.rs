//! Inputs of the bodies that read choices: sessions, disks and conversations as they are.

use super::history::history;
use super::pen::Pen;
use super::seeds::Seed;
use crate::frames;
use quorate::link::{Hello, Proof};
use quorate::{Digest, NodeId, Principal};

/// What replicas said, as it was sealed.
pub(super) type Said<'s> = &'s [Vec<u8>];

/// All of them. `said`: messages of a real run, and none of them is longer than a frame may be.
pub(super) fn drafts(said: Said<'_>) -> Vec<Seed> {
    let links = [
        ("link", "conversation", conversation(said, false)),
        ("link", "signed-conversation", conversation(&said[..3], true)),
        ("link", "out-of-order", out_of_order(said)),
        ("link", "attacked", attacked(said)),
    ];
    let disks = [
        ("log", "cut-in-the-middle", cut(&[(1, 2)])),
        ("log", "cut-twice", cut(&[(9, 10), (1, 3)])),
        ("log", "bit-flipped", bent()),
        ("log", "another-run", another_run()),
    ];
    let questions = [
        ("client", "ordered", ordered(said)),
        ("client", "liar-first", liar_first(said)),
        ("client", "fast-read", read(&[0, 0, 0])),
        ("client", "read-of-two-states", read(&[0, 1, 0])),
        ("client", "all-busy", all_busy()),
    ];
    let all = links.into_iter().chain(disks).chain(questions);
    let seed = |(target, name, pen): (_, &str, Pen)| {
        let name = name.to_owned();
        Seed { target, name, bytes: pen.0 }
    };
    let mut seeds: Vec<Seed> = all.map(seed).collect();
    for (name, steps) in super::transfer::CONVERSATIONS {
        let bytes = super::transfer::draft(steps);
        seeds.push(Seed { target: "transfer", name: (*name).into(), bytes });
    }
    seeds
}

/// The longest payload of `link`.
const PAYLOAD: usize = 96;

/// Two sessions are opened.
fn opened(signed: bool) -> Pen {
    let proof = if signed { Proof::Ed25519 } else { Proof::Hmac };
    let [from, to] = [0, 1].map(|node| Principal::Node(NodeId(node)));
    let nonce = [3; 32];
    let hello = Hello { cluster: Digest::of(b"real"), epoch: 0, from, to, nonce, proof };
    let mut pen = Pen::default();
    pen.bytes(Hello::LEN + 2, &hello.to_bytes());
    pen.below(16, if signed { 15 } else { 0 });
    for bit in 0..4 * (nonce.len() - 1) {
        pen.byte((bit % 3 == 0).into());
    }
    pen
}

/// What is done at an end of a session.
const SEAL: usize = 0;
const BEND: usize = 2;
const OPEN: usize = 3;

fn seal(pen: &mut Pen, session: usize, end: usize, payload: &[u8]) {
    pen.below(2, session).below(2, end).below(4, SEAL).bytes(PAYLOAD, payload);
}

/// Brings the frame with this number, of so many.
fn open(pen: &mut Pen, session: usize, end: usize, frame: usize, frames: usize) {
    pen.below(2, session).below(2, end).below(4, OPEN).below(frames, frame);
}

/// Both ends speak in turn, and each hears the other.
fn conversation(said: Said<'_>, signed: bool) -> Pen {
    let mut pen = opened(signed);
    for (at, payload) in said.iter().enumerate() {
        seal(&mut pen, 0, at % 2, payload);
        open(&mut pen, 0, 1 - at % 2, at, at + 1);
    }
    pen
}

/// The last frame comes first, and each twice.
fn out_of_order(said: Said<'_>) -> Pen {
    let mut pen = opened(false);
    said.iter().for_each(|payload| seal(&mut pen, 1, 0, payload));
    for frame in (0..said.len()).rev().flat_map(|frame| [frame, frame]) {
        open(&mut pen, 1, 1, frame, said.len());
    }
    pen
}

/// Each frame comes with another bit, in another session, and back to who made it; then as it is.
fn attacked(said: Said<'_>) -> Pen {
    let mut pen = opened(false);
    for (at, payload) in said.iter().take(8).enumerate() {
        let (end, frames) = (at % 2, at + 1);
        seal(&mut pen, 0, end, payload);
        pen.below(2, 0).below(2, 1 - end).below(4, BEND).below(frames, at);
        let length = payload.len() + <quorate::hmac::Sealer as quorate::link::Sealer>::OVERHEAD;
        pen.below(3, 2).below(length, length / 2).below(8, at);
        open(&mut pen, 1, 1 - end, at, frames);
        open(&mut pen, 0, end, at, frames);
        open(&mut pen, 0, 1 - end, at, frames);
    }
    pen
}

/// The second history that `log` knows: every third record is written when all before are durable.
const TRUTH: usize = 1;

fn written() -> (Pen, usize) {
    let records = history(9, true).records;
    let mut pen = Pen::default();
    pen.below(2, TRUTH).chance(true);
    let mut log = Vec::new();
    for (at, record) in records.iter().enumerate() {
        pen.chance(at % 3 == 0);
        frames::append(&mut log, 0, record);
    }
    (pen, log.len())
}

/// The log ends after such parts of what was left of it.
fn cut(parts: &[(usize, usize)]) -> Pen {
    let (mut pen, mut length) = written();
    pen.below(5, parts.len());
    for (part, whole) in parts {
        let at = length * part / whole;
        pen.below(length + 1, at).below(5, 0);
        length = at;
    }
    pen
}

/// A bit in the last third is another one.
fn bent() -> Pen {
    let (mut pen, length) = written();
    pen.below(5, 1).below(length + 1, length * 2 / 3).below(5, 2).below(8, 5);
    pen
}

/// The longest record that an input brings itself, and how many.
const RECORD: usize = 120;
const RECORDS: usize = 11;

/// The first records of a run that `log` does not know, with none of those that it knows.
fn another_run() -> Pen {
    let records = history(4, true).records;
    let short = records.iter().filter(|record| record.len() <= RECORD).take(RECORDS);
    let short: Vec<&Vec<u8>> = short.collect();
    let mut pen = Pen::default();
    pen.below(2, TRUTH).chance(false).chance(false).below(RECORDS + 1, short.len());
    for (at, record) in short.iter().enumerate() {
        pen.below(at + 1, at).below(4, 2).bytes(RECORD, record);
    }
    pen
}

/// The longest operation that a client is given.
const OPERATION: usize = 26;

/// A client of `client`, one of whose replicas lies.
fn client(fast_reads: bool) -> Pen {
    let mut pen = Pen::default();
    pen.below(4, 3).chance(fast_reads);
    pen
}

fn ask(pen: &mut Pen, operation: &[u8], read: bool) {
    pen.below(16, 0).bytes(OPERATION, operation).number(8, 1).chance(read);
}

/// One of the three correct replicas answers, or has no room.
fn tell(pen: &mut Pen, replica: usize, state: u8, read: bool, busy: bool) {
    pen.below(16, 8).below(3, replica).byte(0).byte(state).chance(read).chance(busy);
}

/// Time passes: 2^`power` milliseconds.
fn pass(pen: &mut Pen, power: usize) {
    pen.below(16, 14).below(8, power);
}

/// The liar says what was said in another run.
fn hear(pen: &mut Pen, payload: &[u8]) {
    pen.below(16, 13).bytes(100, payload);
}

/// Four requests, each answered by two replicas.
fn ordered(said: Said<'_>) -> Pen {
    let mut pen = client(false);
    for (at, payload) in said.iter().take(4).enumerate() {
        ask(&mut pen, &payload[..payload.len().min(OPERATION - 2)], false);
        tell(&mut pen, at % 3, 0, false, false);
        pass(&mut pen, 3);
        tell(&mut pen, (at + 1) % 3, 0, false, false);
    }
    pen
}

/// The liar answers first, with another reply and with what was said elsewhere.
fn liar_first(said: Said<'_>) -> Pen {
    let mut pen = client(false);
    ask(&mut pen, b"who is right?", false);
    pen.below(16, 3).chance(false).chance(false).chance(false).number(6, 0).number(3, 0);
    pen.chance(true).bytes(34, b"me").below(3, 0).below(3, 0);
    said.iter().take(8).for_each(|payload| hear(&mut pen, payload));
    pass(&mut pen, 7);
    (0..3).for_each(|replica| tell(&mut pen, replica, 0, false, false));
    pen
}

/// A read that the three answer in such states; then it is ordered, and they all answer.
fn read(states: &[u8; 3]) -> Pen {
    let mut pen = client(true);
    ask(&mut pen, b"what is there?", true);
    (0..3).for_each(|replica| tell(&mut pen, replica, states[replica], true, false));
    pass(&mut pen, 7);
    (0..3).for_each(|replica| tell(&mut pen, replica, 0, false, false));
    pen
}

/// Nobody has room; it asks again until it gives up.
fn all_busy() -> Pen {
    let mut pen = client(false);
    ask(&mut pen, b"anybody?", false);
    for _ in 0..12 {
        (0..3).for_each(|replica| tell(&mut pen, replica, 0, false, true));
        pass(&mut pen, 7);
    }
    pen
}
