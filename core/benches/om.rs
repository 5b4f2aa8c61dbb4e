//! How long a general takes to resolve what it heard, against the recursion of the textbook and
//! against what the memory itself costs: one copy and one comparison of the same table.
//!
//! Three tables each: nobody lies; `m` of the `n` generals lie, on each path anew; and all of it
//! is noise, which is beyond the bound and as bad as it can be.
//!
//! What to expect: where nobody lies, the time of reading the table, about three copies with
//! `memcmp` of the C library for OM(5) of 16, and less than one with a comparison byte by byte.
//! Where many lie, the processor guesses wrong at every third path, and it is three times as much.
#![allow(missing_docs, reason = "the macros of criterion make public functions")]

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use quorate::auth::Signature;
use quorate::om::{Entry, Message, Orders, Path, Wave, paths, rounds, slots};
use quorate::rounds::{Config, Instance, Rules};
use quorate::{Digest, NodeId, Principal, PublicKey, Roster, Verdict, Verifier};
use std::collections::HashMap;
use std::hint::black_box;

const ORDER: u8 = b'A';
const INSTANCE: Instance = Instance { number: 1, commander: NodeId(0) };
/// The lieutenant that resolves.
const ME: NodeId = NodeId(1);

#[derive(Clone, Copy)]
struct Army {
    nodes: usize,
    traitors: usize,
    /// How many of the last generals lie.
    liars: usize,
}

impl Army {
    /// What `to` hears along this path.
    fn said(self, path: &[NodeId], to: NodeId) -> u8 {
        let Some((last, earlier)) = path.split_last() else { return ORDER };
        if last.index() >= self.nodes - self.liars {
            return b'A' + (noise(path, to) % 3) as u8;
        }
        self.said(earlier, *last)
    }

    fn everybody(self) -> impl Iterator<Item = NodeId> {
        (0u8..).map(NodeId).take(self.nodes)
    }

    /// Every path to the lieutenant, round by round, with what it hears along it.
    fn heard(self) -> impl Iterator<Item = (NodeId, u8, Vec<(Path, u8)>)> {
        let rounds = 1..=rounds(self.traitors);
        rounds.flat_map(move |round| {
            self.everybody().map(move |from| {
                let paths = paths(self.nodes, INSTANCE.commander, from, ME, round);
                let heard = paths.map(|path| (path, self.said(path.ids(), ME))).collect();
                (from, round, heard)
            })
        })
    }

    /// The lieutenant at the end of the last round.
    fn lieutenant(self) -> Orders<u8, Vec<Entry<u8>>> {
        let Self { nodes, traitors, .. } = self;
        let config = Config { me: ME, nodes, traitors, instance: INSTANCE };
        let memory = vec![Entry::EMPTY; slots(nodes, traitors)];
        let mut lieutenant = Orders::new(config, memory).unwrap();
        let keys = self.everybody().map(|NodeId(id)| PublicKey([id; 32])).collect::<Vec<_>>();
        let roster = Roster::new(Digest::ZERO, 0, keys, vec![], &Unsigned).unwrap();
        for (from, round, heard) in self.heard() {
            let orders: Vec<Option<u8>> = heard.iter().map(|(_, order)| Some(*order)).collect();
            if !orders.is_empty() {
                let orders = Wave::from_orders(&orders);
                let message = Message::Wave { instance: INSTANCE, round, orders };
                let verified = roster.verify(&Unsigned, Principal::Node(from), message).unwrap();
                assert_eq!(lieutenant.on_message(round, from, &verified).sender, None);
            }
        }
        lieutenant
    }
}

/// A number that depends on all of its arguments.
fn noise(path: &[NodeId], to: NodeId) -> u64 {
    let ids = path.iter().chain([&to]);
    let mixed = ids.fold(0x9e37_79b9_7f4a_7c15u64, |seed, id| {
        (seed ^ u64::from(id.0)).wrapping_mul(0xbf58_476d_1ce4_e5b9).rotate_left(29)
    });
    mixed ^ mixed >> 31
}

/// Oral messages are not signed.
struct Unsigned;

impl Verifier for Unsigned {
    const PROFILE: &'static str = "unsigned";

    fn verify(&self, _: &PublicKey, _: &Digest, _: &Signature) -> bool {
        false
    }

    fn validate(&self, _: &PublicKey) -> bool {
        true
    }
}

/// The recursion as it is usually written: what was heard is looked up by its path.
fn textbook(
    heard: &HashMap<Vec<u8>, u8>,
    path: &mut Vec<u8>,
    others: &[u8],
    traitors: usize,
) -> Option<u8> {
    let own = heard.get(path).copied();
    if traitors == 0 {
        return own;
    }
    let mut votes = vec![own];
    for other in others {
        let rest: Vec<u8> = others.iter().copied().filter(|id| id != other).collect();
        path.push(*other);
        votes.push(textbook(heard, path, &rest, traitors - 1));
        path.pop();
    }
    majority(&votes)
}

fn majority(votes: &[Option<u8>]) -> Option<u8> {
    let mut counts = HashMap::new();
    for vote in votes {
        *counts.entry(*vote).or_insert(0usize) += 1;
    }
    counts.into_iter().find(|(_, count)| count * 2 > votes.len()).and_then(|(vote, _)| vote)
}

/// The recursion as one writes it with some care: the tree is built beforehand, and votes are
/// counted in place.
struct Heard {
    order: Option<u8>,
    relayed: Vec<Heard>,
}

impl Heard {
    fn new(heard: &HashMap<Vec<u8>, u8>, path: &mut Vec<u8>, others: &[u8], depth: usize) -> Self {
        let mut relayed = Vec::new();
        for other in others.iter().take(if depth > 0 { others.len() } else { 0 }) {
            let rest: Vec<u8> = others.iter().copied().filter(|id| id != other).collect();
            path.push(*other);
            relayed.push(Self::new(heard, path, &rest, depth - 1));
            path.pop();
        }
        Self { order: heard.get(path).copied(), relayed }
    }

    fn resolve(&self) -> Option<u8> {
        if self.relayed.is_empty() {
            return self.order;
        }
        let mut votes: Vec<Option<u8>> = self.relayed.iter().map(Self::resolve).collect();
        votes.push(self.order);
        let count = |vote| votes.iter().filter(|other| **other == vote).count();
        votes.iter().copied().find(|vote| count(*vote) * 2 > votes.len()).flatten()
    }
}

fn resolve(criterion: &mut Criterion) {
    for (nodes, traitors) in [(13, 4), (16, 5)] {
        let mut group = criterion.benchmark_group(format!("OM({traitors}) of {nodes}"));
        for (name, liars) in [("loyal", 0), ("a third lie", traitors), ("noise", nodes)] {
            let army = Army { nodes, traitors, liars };
            let lieutenant = army.lieutenant();
            group.bench_function(format!("quorate, {name}"), |bench| {
                let end = |general: &mut Orders<u8, Vec<Entry<u8>>>| {
                    assert!(general.close(rounds(traitors)).is_empty());
                    general.decision()
                };
                bench.iter_batched_ref(|| lieutenant.clone(), end, BatchSize::PerIteration);
            });
            let heard: HashMap<Vec<u8>, u8> = army
                .heard()
                .flat_map(|(_, _, heard)| heard)
                .map(|(path, order)| (path.ids().iter().map(|id| id.0).collect(), order))
                .collect();
            let others: Vec<u8> = (2..nodes as u8).collect();
            let mut decided = lieutenant.clone();
            decided.close(rounds(traitors));
            let verdict = decided.decision().value();
            assert_eq!(verdict, textbook(&heard, &mut vec![0], &others, traitors));
            assert!(liars > traitors || decided.decision() == Verdict::Value(ORDER));
            if liars <= traitors {
                group.sample_size(20);
                group.bench_function(format!("textbook by path, {name}"), |bench| {
                    bench.iter(|| textbook(&heard, &mut vec![0], &others, traitors));
                });
                let tree = Heard::new(&heard, &mut vec![0], &others, traitors);
                assert_eq!(verdict, tree.resolve());
                group.bench_function(format!("textbook by tree, {name}"), |bench| {
                    bench.iter(|| black_box(&tree).resolve());
                });
            }
        }
        let table = vec![0xa5u8; slots(nodes, traitors) * size_of::<Entry<u8>>()];
        let mut copy = table.clone();
        group.bench_function("copy and compare the table, byte by byte", |bench| {
            bench.iter(|| {
                copy.copy_from_slice(black_box(&table));
                black_box(&copy).iter().zip(black_box(&table)).all(|(one, two)| one == two)
            });
        });
        group.bench_function("copy and compare the table, memcmp", |bench| {
            bench.iter(|| {
                copy.copy_from_slice(black_box(&table));
                black_box(&copy) == black_box(&table)
            });
        });
        group.finish();
    }
}

criterion_group!(benches, resolve);
criterion_main!(benches);
