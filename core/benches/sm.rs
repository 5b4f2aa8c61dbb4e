//! SM(16, 5) without faults over Ed25519, through the whole wall: what it costs more than its
//! signatures.
//!
//! `cargo bench -p quorate --bench sm` measures, in one run, the time of one agreement and that of
//! the signatures in it alone, made and checked as often as the agreement does, and prints the
//! ratio. At most 1.10 is allowed.
#![allow(missing_docs)]

use criterion::{Criterion, criterion_group};
use quorate::auth::Scope;
use quorate::ed25519::{Ed25519, SecretKey};
use quorate::rounds::{Config, Instance, Schedule};
use quorate::sm::{self, Message, Row};
use quorate::{
    Admission, Digest, Input, Instant, NodeId, Order, Output, Principal, Protocol, PublicKey,
    Roster, Signature, Signer, Target, Verdict, Verifier, wire,
};
use std::cell::Cell;
use std::hint::black_box;
use std::time::{Duration, Instant as Clock};

const NODES: usize = 16;
const TRAITORS: usize = 5;
const ROUND: Duration = Duration::from_millis(100);
const ORDER: Digest = Digest([0xa5; 32]);

type General = sm::General<Digest, Vec<Row>>;

/// Signs, and counts.
struct CountingSigner<'a>(&'a SecretKey, &'a Cell<u64>);

impl Signer for CountingSigner<'_> {
    fn sign(&self, statement: &Digest) -> Signature {
        self.1.set(self.1.get() + 1);
        self.0.sign(statement)
    }
}

/// Verifies, and counts.
struct CountingVerifier<'a>(&'a Cell<u64>);

impl Verifier for CountingVerifier<'_> {
    const PROFILE: &'static str = Ed25519::PROFILE;

    fn verify(&self, key: &PublicKey, statement: &Digest, signature: &Signature) -> bool {
        self.0.set(self.0.get() + 1);
        Ed25519.verify(key, statement, signature)
    }

    fn validate(&self, key: &PublicKey) -> bool {
        Ed25519.validate(key)
    }
}

struct Cluster {
    secrets: Vec<SecretKey>,
    roster: Roster<Vec<PublicKey>>,
    scope: Scope,
    /// A signature to check.
    sample: Signature,
    signed: Cell<u64>,
    verified: Cell<u64>,
    messages: Cell<u64>,
}

impl Cluster {
    fn new() -> Self {
        let secrets: Vec<_> = (1..=NODES as u8).map(|id| SecretKey::from_seed([id; 32])).collect();
        let keys = secrets.iter().map(SecretKey::public).collect();
        let roster = Roster::new(Digest::of(b"bench"), 0, keys, vec![], &Ed25519).unwrap();
        let scope = *roster.scope();
        let (signed, verified, messages) = Default::default();
        let sample = secrets[0].sign(&ORDER);
        Self { secrets, roster, scope, sample, signed, verified, messages }
    }

    fn generals(&self) -> Vec<General> {
        let instance = Instance { number: 1, commander: NodeId(0) };
        let schedule = Schedule::new(Instant::ZERO.after(ROUND), ROUND, ROUND / 2).unwrap();
        let general = |me| {
            let config = Config { me: NodeId(me), nodes: NODES, traitors: TRAITORS, instance };
            let memory = vec![[0; 65]; sm::slots(NODES, TRAITORS)];
            General::new(config, schedule, memory).unwrap()
        };
        let mut all: Vec<_> = (0..NODES as u8).map(general).collect();
        assert_eq!(all[0].step(Instant::ZERO, Input::Command(Order(ORDER))).count(), 0);
        all
    }

    /// One agreement: every frame is sealed once, decoded by each receiver, admitted, verified and
    /// stepped.
    fn agree(&self, mut generals: Vec<General>) -> usize {
        let mut decided = 0;
        let mut buffer = [0; 1024];
        let mut air: Vec<(NodeId, Target, Vec<u8>)> = Vec::new();
        for round in 1..=u32::from(sm::rounds(TRAITORS)) + 1 {
            let now = Instant::ZERO.after(ROUND * round);
            for (general, id) in generals.iter_mut().zip((0u8..).map(NodeId)) {
                for output in general.step(now, Input::Wake) {
                    match output {
                        Output::Send { to, message } => {
                            let payload = self.seal(id, message, &mut buffer);
                            air.push((id, to, payload.to_vec()));
                        }
                        Output::Decide(verdict) => {
                            assert_eq!(verdict, Verdict::Value(ORDER));
                            decided += 1;
                        }
                        other => panic!("{other:?}"),
                    }
                }
            }
            for (from, to, payload) in air.drain(..) {
                for (general, id) in generals.iter_mut().zip((0u8..).map(NodeId)) {
                    if id != from && to.includes(id) {
                        self.messages.set(self.messages.get() + 1);
                        self.hear(general, now, from, &payload);
                    }
                }
            }
        }
        decided
    }

    fn seal<'b>(&self, id: NodeId, message: Message<'_, Digest>, buffer: &'b mut [u8]) -> &'b [u8] {
        let signer = CountingSigner(&self.secrets[id.index()], &self.signed);
        wire::seal(message, Principal::Node(id), &self.scope, &signer, buffer).unwrap()
    }

    fn hear(&self, general: &mut General, now: Instant, from: NodeId, payload: &[u8]) {
        let mut message: Message<'_, Digest> = wire::decode(payload).unwrap();
        let from = Principal::Node(from);
        match general.admit(from, &mut message) {
            Admission::Known | Admission::Later { .. } => {}
            Admission::Refused(fault) => panic!("{fault}"),
            Admission::Verify => {
                let verifier = CountingVerifier(&self.verified);
                let verified = self.roster.verify(&verifier, from, message).unwrap();
                assert_eq!(general.step(now, Input::Message(verified)).count(), 0);
            }
        }
    }

    /// The signatures of one agreement, and nothing else.
    fn bare(&self, signed: u64, verified: u64) {
        for at in 0..signed {
            black_box(self.secrets[at as usize % NODES].sign(black_box(&ORDER)));
        }
        let key = self.secrets[0].public();
        for _ in 0..verified {
            assert!(Ed25519.verify(black_box(&key), &ORDER, black_box(&self.sample)));
        }
    }
}

/// The least of many times, in turn, so that whatever else the machine does hits both alike.
fn best_of_many(cluster: &Cluster, signed: u64, verified: u64) -> (Duration, Duration) {
    let time = |work: &mut dyn FnMut()| {
        let begun = Clock::now();
        work();
        begun.elapsed()
    };
    let mut best = (Duration::MAX, Duration::MAX);
    for _ in 0..200 {
        let mut generals = Some(cluster.generals());
        let whole = time(&mut || {
            assert_eq!(cluster.agree(generals.take().unwrap()), NODES);
        });
        let bare = time(&mut || cluster.bare(signed, verified));
        best = (best.0.min(whole), best.1.min(bare));
    }
    best
}

fn agreement(criterion: &mut Criterion) {
    let cluster = Cluster::new();
    cluster.agree(cluster.generals());
    let (signed, verified) = (cluster.signed.take(), cluster.verified.take());
    assert_eq!(signed, NODES as u64, "one signature of each general, for all it tells");
    assert_eq!(verified, NODES as u64 - 1, "what is held is not verified again");
    assert_eq!(cluster.messages.take(), sm::messages(NODES, TRAITORS));
    let mut group = criterion.benchmark_group("SM(16, 5) of a digest");
    group.bench_function("whole", |bencher| {
        let ready = || cluster.generals();
        bencher.iter_batched(ready, |all| cluster.agree(all), criterion::BatchSize::SmallInput);
    });
    group.bench_function("signatures alone", |bencher| {
        bencher.iter(|| cluster.bare(signed, verified));
    });
    group.finish();
    // `cargo test --benches` only looks whether it runs.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let (whole, bare) = best_of_many(&cluster, signed, verified);
    let over = whole.as_secs_f64() / bare.as_secs_f64();
    let made = format!("{signed} signatures made, {verified} checked");
    println!("SM(16, 5): {whole:?}; {made} alone: {bare:?}; ratio {over:.3}");
    assert!(over <= 1.10, "more than a tenth above its signatures");
}

criterion_group!(benches, agreement);

fn main() {
    benches();
    Criterion::default().configure_from_args().final_summary();
}
