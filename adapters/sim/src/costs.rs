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
/// Sequences that are stepped through.
const SEQUENCES: u64 = 400;
/// Requests of each batch.
const BATCH: u16 = 16;

impl Costs {
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

    /// Measures them: about a second of work, on one core. `nodes`: 4 to 64 replicas.
    ///
    /// # Panics
    /// There cannot be so many replicas.
    #[must_use]
    pub fn measure(nodes: usize) -> Self {
        let secret = SecretKey::from_seed([7; 32]);
        let (public, statement) = (secret.public(), Digest::of(b"statement"));
        let signature = secret.sign(&statement);
        let sign = best(200, || {
            black_box(secret.sign(black_box(&statement)));
        });
        let verify = best(200, || {
            assert!(Ed25519.verify(black_box(&public), &statement, &signature));
        });
        let (empty, long) = (frame(0), frame(8 * 1024));
        let (step, request) = steps(nodes);
        let frame_kilobyte = long.saturating_sub(empty) / 8;
        Self { sign, verify, frame_empty: empty, frame_kilobyte, step, request }
    }
}

/// The time of one of so many turns, in the best of five rounds.
fn best(turns: u32, mut turn: impl FnMut()) -> Duration {
    let mut rounds = (0..5).map(|_| {
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
    best(300, || {
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
    let (mut voting, mut votes, mut rest) = (Duration::ZERO, 0, Duration::ZERO);
    for sequence in 1..=SEQUENCES {
        backup.now = Instant::from_micros(sequence * 1_000);
        let bytes = batch(&backup, sequence);
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
}
