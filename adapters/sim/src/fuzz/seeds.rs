//! What a fuzzer begins with: inputs made of what replicas really said and wrote.

use super::drafts::drafts;
use super::history::history;
use super::phrases::{CLIENTS, NODES, SEED, WINDOW};
use crate::engine::Payload;
use crate::pbft::Cluster;
use crate::plan::{Crash, Plan, Trigger};
use crate::traitor::Traitor;
use core::time::Duration;
use quorate::{Instant, NodeId, Principal, wire};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

/// An input, and for which target, under which name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seed {
    /// The target.
    pub target: &'static str,
    /// The name of the file.
    pub name: String,
    /// The input.
    pub bytes: Vec<u8>,
}

/// The most messages of one input.
const MESSAGES: usize = 40;
/// The longest payload that `link` takes, and how many of them there are.
const SHORT: usize = 96;
const FRAMES: usize = 12;

/// Inputs from real runs: one message of every kind for `wire`; what a replica heard, in a quiet
/// run and when the primary died, for `pbft_replica`; sessions in which that is said, for `link`;
/// logs as they are found, for `log`; conversations with a client, for `client`, and with one that
/// fetches a state, for `transfer`. The same every time.
///
/// # Panics
/// A run of the simulator fails.
#[must_use]
pub fn seeds() -> Vec<Seed> {
    let mut seeds = Vec::new();
    let mut kinds: BTreeMap<u8, Vec<u8>> = BTreeMap::new();
    let mut short: Vec<Vec<u8>> = Vec::new();
    for (name, crash) in [("quiet", false), ("primary-dies", true)] {
        for me in [1, 2].map(NodeId) {
            let heard = listen(me, crash);
            for (from, payload) in &heard {
                let input = || [&[0, byte_of(*from)][..], payload].concat();
                kinds.entry(payload[0]).or_insert_with(input);
                if payload.len() <= SHORT && short.len() < FRAMES {
                    short.push(payload.to_vec());
                }
            }
            let skipped = if crash { heard.len().saturating_sub(MESSAGES) } else { 0 };
            let bytes = script(me, heard.iter().skip(skipped).take(MESSAGES));
            let name = format!("{name}-{}", me.0);
            seeds.push(Seed { target: "pbft_replica", name, bytes });
        }
    }
    seeds.extend(drafts(&short));
    for (kind, bytes) in kinds {
        seeds.push(Seed { target: "wire", name: format!("message-{kind}"), bytes });
    }
    let mut records: BTreeMap<u8, Vec<u8>> = BTreeMap::new();
    for record in history(9, true).records {
        let input = [&[RECORD][..], &record].concat();
        records.entry(record[0]).or_insert(input);
    }
    for (kind, bytes) in records {
        seeds.push(Seed { target: "wire", name: format!("record-{kind}"), bytes });
    }
    seeds
}

/// Writes [`seeds`] to files, `<dir>/<target>/<name>`, and returns how many there are.
///
/// # Errors
/// A folder cannot be made, or a file not be written.
pub fn write_seeds(dir: &std::path::Path) -> std::io::Result<usize> {
    let seeds = seeds();
    for seed in &seeds {
        let folder = dir.join(seed.target);
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join(&seed.name), &seed.bytes)?;
    }
    Ok(seeds.len())
}

/// The first byte of an input of `wire` that is a record.
const RECORD: u8 = 16;

/// The byte that means this principal.
const fn byte_of(who: Principal) -> u8 {
    match who {
        Principal::Node(node) => node.0,
        Principal::Client(client) => 128 + client.0 as u8,
    }
}

/// The deeds of `pbft_replica` that bring bytes, and that let everything come to its end.
const BYTES: u8 = 13;
const CALM: u8 = 31;

/// An input of `pbft_replica`: this replica hears that.
fn script<'h>(me: NodeId, heard: impl Iterator<Item = &'h (Principal, Payload)>) -> Vec<u8> {
    let mut bytes = vec![me.0];
    for (from, payload) in heard {
        let length = u16::try_from(payload.len()).expect("messages of this cluster are short");
        bytes.extend([BYTES, byte_of(*from)]);
        bytes.extend(length.to_be_bytes());
        bytes.extend_from_slice(payload);
        bytes.push(CALM);
    }
    bytes
}

/// What a replica of a short run hears, but for what everybody says again and again.
fn listen(me: NodeId, crash: bool) -> Vec<(Principal, Payload)> {
    let mut plan = Plan {
        clients: CLIENTS,
        requests: 3,
        window: WINDOW,
        batch_bytes: 512,
        reply_bytes: 32,
        ..Plan::quiet(SEED, NODES)
    };
    if crash {
        let when = Trigger::At(Instant::from_micros(8_000));
        let down = Some(Duration::from_secs(2));
        plan.crashes.push(Crash { node: NodeId(0), when, down, wiped: false });
    }
    let ear = Ear::default();
    let mut cluster = Cluster::new(plan, false);
    cluster.corrupt(me, Box::new(ear.clone()));
    cluster.run().expect("the run is a good one");
    let heard = ear.0.borrow();
    heard.clone()
}

/// Changes nothing, and remembers everything.
#[derive(Clone, Debug, Default)]
struct Ear(Rc<RefCell<Vec<(Principal, Payload)>>>);

impl Traitor for Ear {
    fn name(&self) -> &'static str {
        "ear"
    }

    fn overhear(&mut self, from: Principal, payload: &[u8]) {
        let mut heard = self.0.borrow_mut();
        let known = heard.iter().any(|(_, other)| **other == *payload);
        let message = wire::decode::<quorate::pbft::Message<'_>>(payload);
        let status = matches!(message, Ok(quorate::pbft::Message::Status(_)));
        let many = heard.iter().filter(|(_, other)| other[0] == payload[0]).count() > 1;
        let again = known || status && many;
        if !again {
            heard.push((from, payload.into()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuzz::{client, link, log, pbft_replica, transfer, wire as body};
    use std::collections::BTreeSet;

    #[test]
    fn seeds_are_many_small_and_the_same_every_time() {
        let seeds = seeds();
        assert_eq!(seeds, super::seeds());
        let kinds: BTreeSet<&str> = seeds.iter().map(|seed| seed.name.as_str()).collect();
        assert_eq!(kinds.len(), seeds.len());
        let of = |target| seeds.iter().filter(|seed| seed.target == target).count();
        assert_eq!(["link", "log", "client", "transfer"].map(of), [4, 4, 5, 4]);
        // Request, PRE-PREPARE, votes, CHECKPOINT, VIEW-CHANGE, NEW-VIEW, status.
        for kind in [0, 2, 3, 4, 5, 6, 7, 8] {
            assert!(kinds.contains(format!("message-{kind}").as_str()), "{kind}: {kinds:?}");
        }
        for seed in &seeds {
            assert!(seed.bytes.len() < 8_000, "{} has {} bytes", seed.name, seed.bytes.len());
            match seed.target {
                "wire" => body(&seed.bytes),
                "link" => link(&seed.bytes),
                "log" => log(&seed.bytes),
                "client" => client(&seed.bytes),
                "transfer" => transfer(&seed.bytes),
                _ => pbft_replica(&seed.bytes),
            }
        }
    }
}
