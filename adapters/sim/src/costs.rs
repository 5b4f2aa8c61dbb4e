//! What the work of a replica costs on the machine that this runs on: measured, not assumed.

use crate::pbft::Memory;
use crate::scheme::{Key, Scheme};
use crate::traitors::encode;
use core::time::Duration;
use quorate::auth::{Roster, Signer, Verifier};
use quorate::ed25519::{Ed25519, SecretKey};
use quorate::hmac::{self, PairKey};
use quorate::link::{Hello, Opener as _, Proof, Sealer as _};
use quorate::pbft::{
    Batch, Command, Config, Decision, Dimensions, Message, Replica, Request, Sequence, View, Vote,
};
use quorate::protocol::{Input, Output, Protocol};
use quorate::wire::Bytes;
use quorate::{ClientId, Digest, Instant, NodeId, Principal, Signature};
use std::hint::black_box;

/// What work costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Costs {
    /// An Ed25519 signature.
    pub sign: Duration,
    /// Its verification: one for each request.
    pub verify: Duration,
    /// A frame with nothing in it: HMAC-SHA256 once.
    pub frame_empty: Duration,
    /// A kilobyte more in it.
    pub frame_kilobyte: Duration,
    /// One step with a vote.
    pub step: Duration,
    /// The steps with a batch, for each of its requests, execution included but for the
    /// application.
    pub request: Duration,
}

/// The size of the measured cluster's window: no checkpoint comes while it is measured.
const WINDOW: usize = 1024;
/// Sequences that are stepped through in a round, and rounds: the least of those counts.
const SEQUENCES: u64 = 16;
/// The same.
const ROUNDS: u64 = 25;
/// Requests of each batch.
const BATCH: u16 = 16;

/// What they are called where they are kept, in the order of [`Costs::all`].
const NAMES: [&str; 6] = ["sign", "verify", "frame", "frame_kilobyte", "vote", "request"];

impl Costs {
    /// In nanoseconds, by name, as [`Costs::from_json`] reads them.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        let costs = NAMES.iter().zip(self.all()).map(|(name, cost)| {
            let nanos = u64::try_from(cost.as_nanos()).unwrap_or(u64::MAX);
            ((*name).to_owned(), nanos.into())
        });
        serde_json::Value::Object(costs.collect())
    }

    /// Reads them from JSON: an object of nanoseconds by name, or one that has such an object as
    /// its `nanoseconds`, as `wan --json` prints it.
    ///
    /// # Errors
    /// It is no such object: says what is missing.
    pub fn from_json(text: &str) -> Result<Self, String> {
        let value: serde_json::Value =
            serde_json::from_str(text).map_err(|error| error.to_string())?;
        let object = value.get("nanoseconds").unwrap_or(&value);
        let cost = |name: &&str| {
            let nanos = object.get(name).and_then(serde_json::Value::as_u64);
            let problem = || format!("`{name}` is no number of nanoseconds");
            nanos.map(Duration::from_nanos).ok_or_else(problem)
        };
        let costs: Vec<Duration> = NAMES.iter().map(cost).collect::<Result<_, _>>()?;
        let [sign, verify, frame_empty, frame_kilobyte, step, request] = costs[..] else {
            return Err("there are six costs".to_owned());
        };
        Ok(Self { sign, verify, frame_empty, frame_kilobyte, step, request })
    }

    const fn all(&self) -> [Duration; 6] {
        let Self { sign, verify, frame_empty, frame_kilobyte, step, request } = *self;
        [sign, verify, frame_empty, frame_kilobyte, step, request]
    }

    /// Sealing or opening a frame.
    #[must_use]
    pub fn frame(&self, bytes: usize) -> Duration {
        self.frame_empty + self.frame_kilobyte * bytes as u32 / 1024
    }

    /// A vote: its frame and its step.
    #[must_use]
    pub fn vote(&self) -> Duration {
        self.frame(64) + self.step
    }

    /// The steps with a batch.
    #[must_use]
    pub const fn proposal(&self, requests: usize) -> Duration {
        self.request.saturating_mul(requests as u32)
    }

    /// Measures them: about a second of work, on one core. `nodes`: 4 to 64 replicas. Each is the
    /// least of many rounds: what others do on the machine only ever adds to it.
    ///
    /// # Panics
    /// There cannot be so many replicas.
    #[must_use]
    pub fn measure(nodes: usize) -> Self {
        let secret = SecretKey::from_seed([7; 32]);
        let (public, statement) = (secret.public(), Digest::of(b"statement"));
        let signature = secret.sign(&statement);
        let sign = best(20, || {
            black_box(secret.sign(black_box(&statement)));
        });
        let verify = best(20, || {
            assert!(Ed25519.verify(black_box(&public), &statement, &signature));
        });
        let (empty, long) = (frame(0), frame(8 * 1024));
        let (step, request) = steps(nodes);
        let frame_kilobyte = long.saturating_sub(empty) / 8;
        Self { sign, verify, frame_empty: empty, frame_kilobyte, step, request }
    }
}

/// The time of one of so many turns, in the best of many rounds.
fn best(turns: u32, mut turn: impl FnMut()) -> Duration {
    let mut rounds = (0..50).map(|_| {
        let begin = std::time::Instant::now();
        (0..turns).for_each(|_| turn());
        begin.elapsed() / turns
    });
    let first = rounds.next().unwrap_or_default();
    rounds.fold(first, Duration::min)
}

/// Sealing a frame of so many bytes and opening it, halved.
fn frame(bytes: usize) -> Duration {
    let hello = |id: u8| Hello {
        proof: Proof::Hmac,
        cluster: Digest::ZERO,
        epoch: 0,
        from: Principal::Node(NodeId(id)),
        to: Principal::Node(NodeId(1 - id)),
        nonce: [id; 32],
    };
    let pair = PairKey::from_bytes([9; 32]);
    let (one, other) = (hello(0), hello(1));
    let (mut sealer, _) = hmac::session(&pair, &one, &other).expect("the hellos fit");
    let (_, mut opener) = hmac::session(&pair, &other, &one).expect("the hellos fit");
    let (payload, mut buffer) = (vec![5; bytes], vec![0; bytes + 256]);
    best(40, || {
        let length = sealer.seal(&payload, &mut buffer).expect("it fits");
        black_box(opener.open(&buffer[..length]).expect("it was sealed for this"));
    }) / 2
}

/// The first backup of a cluster, and what is needed to give it messages.
struct Backup {
    machine: Replica<Memory>,
    roster: Roster<Vec<quorate::PublicKey>>,
    scheme: Scheme,
    now: Instant,
}

impl Backup {
    fn of(nodes: usize) -> Self {
        let scheme = Scheme::new(0, nodes, BATCH.into());
        let (keys, clients) = (scheme.nodes().to_vec(), scheme.clients().to_vec());
        let roster = Roster::new(Digest::ZERO, 0, keys, clients, &scheme);
        let roster = roster.expect("keys of the simulation are a roster");
        let sizes = Dimensions {
            nodes,
            window: WINDOW,
            batch_bytes: 4096,
            clients: BATCH.into(),
            reply_bytes: 16,
        };
        let config = Config::new(NodeId(1), *roster.scope());
        let machine = Replica::new(config, Memory::new(sizes)).expect("4 to 64 replicas");
        Self { machine, roster, scheme, now: Instant::ZERO }
    }

    /// The time that it takes to step with a message, its host's answers included.
    fn take(&mut self, from: u8, message: Message<'_>) -> Duration {
        let from = Principal::Node(NodeId(from));
        let verified = self.roster.verify(&self.scheme, from, message);
        let verified = verified.expect("what is measured is correct");
        let mut owed = Vec::new();
        let begin = std::time::Instant::now();
        black_box(self.machine.admit(self.now, from, &message));
        for output in self.machine.step(self.now, Input::Message(verified)) {
            if let Output::Decide(Decision::Execute(execution)) = black_box(output) {
                owed.extend(execution.requests().map(|request| request.client));
            }
        }
        for client in owed {
            let command = Command::Executed { client, reply: b"reply" };
            for output in self.machine.step(self.now, Input::Command(command)) {
                black_box(output);
            }
        }
        begin.elapsed()
    }
}

/// A batch with one request of each client.
fn batch(backup: &Backup, timestamp: u64) -> Vec<u8> {
    let request = |client| {
        let client = ClientId(client);
        let (operation, signature) = (Bytes(&[3; 32][..]), Signature::ZERO);
        let mut request = Request { client, timestamp, operation, signature };
        let key = Key::new(0, Principal::Client(client));
        request.signature = key.sign(&request.digest(backup.roster.scope()));
        encode(&request)
    };
    (0..BATCH).flat_map(request).collect()
}

/// What a step with a vote costs a backup, and the steps with a batch, for each request.
fn steps(nodes: usize) -> (Duration, Duration) {
    let mut backup = Backup::of(nodes);
    let rounds = (0..ROUNDS).map(|round| {
        let first = round * SEQUENCES + 1;
        round_of_steps(&mut backup, nodes, first..first + SEQUENCES)
    });
    let least = rounds.reduce(|least, round| (least.0.min(round.0), least.1.min(round.1)));
    least.unwrap_or_default()
}

fn round_of_steps(
    backup: &mut Backup,
    nodes: usize,
    sequences: core::ops::Range<u64>,
) -> (Duration, Duration) {
    let (mut voting, mut votes, mut rest) = (Duration::ZERO, 0, Duration::ZERO);
    for sequence in sequences {
        backup.now = Instant::from_micros(sequence * 1_000);
        let bytes = batch(backup, sequence);
        let batch = Batch::from_bytes(&bytes);
        let (view, sequence) = (View(0), Sequence(sequence));
        rest += backup.take(0, Message::PrePrepare { view, sequence, batch });
        let vote = Vote { view, sequence, digest: batch.digest() };
        let others = (0..nodes as u8).filter(|other| *other != 1);
        for other in others.clone().skip(1) {
            voting += backup.take(other, Message::Prepare(vote));
            votes += 1;
        }
        for other in others {
            let before = backup.machine.status().executed;
            let spent = backup.take(other, Message::Commit(vote));
            // The one that settles the batch executes it too.
            if backup.machine.status().executed > before {
                rest += spent;
            } else {
                voting += spent;
                votes += 1;
            }
        }
        assert_eq!(backup.machine.status().executed, sequence, "what is measured is executed");
    }
    (voting / votes.max(1), rest / (SEQUENCES as u32 * u32::from(BATCH)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_costs_something_and_signatures_most() {
        let costs = Costs::measure(7);
        let all = [costs.sign, costs.verify, costs.frame_empty, costs.step, costs.request];
        assert!(all.iter().all(|cost| !cost.is_zero()), "{costs:?}");
        assert_eq!(costs.frame(2048), costs.frame_empty + costs.frame_kilobyte * 2);
        assert_eq!(costs.proposal(3), costs.request * 3);
    }

    #[test]
    fn they_are_kept_as_json_and_read_again() {
        let nanos = |at: u64| Duration::from_nanos(at);
        let costs = Costs {
            sign: nanos(1),
            verify: nanos(2),
            frame_empty: nanos(3),
            frame_kilobyte: nanos(4),
            step: nanos(5),
            request: nanos(6),
        };
        let json = costs.to_json();
        assert_eq!(Costs::from_json(&json.to_string()), Ok(costs));
        let printed = serde_json::json!({ "nodes": 4, "nanoseconds": json }).to_string();
        assert_eq!(Costs::from_json(&printed), Ok(costs));
        let problem = Costs::from_json(&printed.replace("\"vote\":5", "\"vote\":-5"));
        assert_eq!(problem, Err("`vote` is no number of nanoseconds".to_owned()));
        assert!(Costs::from_json("{").is_err());
    }
}
