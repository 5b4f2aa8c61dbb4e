//! A short true history: what correct replicas agreed on, and the states that they captured.

use super::host::{Host, config};
use super::phrases::{CLIENTS, NODES, Phrases, all, append};
use super::witness::Witness;
use crate::disk::Capture;
use crate::pbft::Journal;
use crate::pbft::pages::Image;
use crate::pbft::record::decode;
use quorate::pbft::{Batch, Message, Record, Sequence, View, Vote};
use quorate::{ClientId, Digest, Instant, NodeId, Principal};
use std::collections::BTreeMap;
use std::rc::Rc;

/// A captured checkpoint.
#[derive(Clone, Debug)]
pub(super) struct Captured {
    pub(super) capture: Rc<Capture>,
    /// What is vouched for.
    pub(super) digest: Digest,
}

/// What replica 0 has written after so many batches, if all went well.
#[derive(Clone, Debug)]
pub(super) struct History {
    pub(super) records: Vec<Vec<u8>>,
    pub(super) checkpoints: BTreeMap<u64, Captured>,
}

/// The history of so many batches, of which every half window ends with a checkpoint. `stable`:
/// whether all replicas vouch for those.
pub(super) fn history(batches: u64, stable: bool) -> History {
    let me = NodeId(0);
    let mut phrases = Phrases::new(all());
    let mut witness = Witness::new(all().iter().filter(|node| *node != me).collect(), 0);
    let mut host = Host::new(config(me, &phrases), || Journal::new(CLIENTS));
    let mut told = BTreeMap::new();
    for sequence in 1..=batches {
        let (now, view) = (Instant::from_micros(sequence), View(1));
        if sequence == 1 {
            begin(&mut host, &mut phrases, &mut witness);
        }
        let mut bytes = Vec::new();
        let client = ClientId((sequence % CLIENTS as u64) as u16);
        append(&mut bytes, &phrases.request_of(client, sequence, &sequence.to_le_bytes()));
        let (sequence, batch) = (Sequence(sequence), Batch::from_bytes(&bytes));
        let vote = Vote { view, sequence, digest: batch.digest() };
        let mut say = |host: &mut Host<_, _>, from: u8, message| {
            let (from, payload) = (Principal::Node(NodeId(from)), phrases.seal(message));
            host.receive(now, from, &payload, &phrases, &mut witness);
        };
        say(&mut host, 1, Message::PrePrepare { view, sequence, batch });
        (2..NODES as u8).for_each(|from| say(&mut host, from, Message::Prepare(vote)));
        (1..NODES as u8).for_each(|from| say(&mut host, from, Message::Commit(vote)));
        settle(&mut host, now, &phrases, &mut witness);
        if let Some(capture) = host.house.disk.capture(sequence.0) {
            let digest = Image::of(&capture).roots().digest(sequence);
            for from in 1..NODES as u8 {
                if stable {
                    let (from, message) =
                        (Principal::Node(NodeId(from)), Message::Checkpoint { sequence, digest });
                    let payload = phrases.seal(message);
                    host.receive(now, from, &payload, &phrases, &mut witness);
                }
            }
            told.insert(sequence.0, Captured { capture, digest });
            settle(&mut host, now, &phrases, &mut witness);
        }
    }
    let records = host.house.disk.read().expect("nobody damaged it");
    History { records, checkpoints: told }
}

/// The first view change: so that the log has records of that too.
fn begin(
    host: &mut Host<Journal, impl Fn() -> Journal>,
    phrases: &mut Phrases,
    witness: &mut Witness,
) {
    let mut whim = super::whim::Whim::new(&[]);
    for (from, payload) in phrases.beginning(&mut whim) {
        if from != host.config.me {
            let now = Instant::from_micros(1);
            host.receive(now, Principal::Node(from), &payload, phrases, witness);
        }
    }
    let status = host.machine.as_ref().map(quorate::pbft::Replica::status);
    assert!(status.is_some_and(|it| it.active && it.view == View(1)), "view 1 has not begun");
}

fn settle(
    host: &mut Host<Journal, impl Fn() -> Journal>,
    now: Instant,
    phrases: &Phrases,
    witness: &mut Witness,
) {
    loop {
        host.settle(u64::MAX, witness);
        if !host.answer(now, phrases, witness) {
            break;
        }
    }
    host.wake(now, phrases, witness);
    host.settle(u64::MAX, witness);
}

/// The records of a log, as they are.
pub(super) fn decoded(records: &[Vec<u8>]) -> Vec<Record<'_>> {
    records.iter().map(|record| decode(record)).collect()
}
