//! What several tests share: seeded randomness, a small cluster, and one message of each kind.
#![allow(dead_code, reason = "each test uses what it needs")]

use quorate::auth::{Digest, PublicKey, Roster, Scope, Signature, Signed, Verifier};
use quorate::ed25519::{Ed25519, SecretKey};
use quorate::pbft::{
    Batch, Busy, Histories, History, Message, NewView, Outcome, Pairs, Part, Place, PrePrepared,
    Read, ReadReply, Reply, Request, Sequence, Status, View, ViewChange, Vote,
};
use quorate::wire::{self, Bytes};
use quorate::{ClientId, NodeId, Principal};
use std::sync::OnceLock;

mod rng;
pub(crate) use rng::Rng;

/// Replicas of the small cluster.
pub(crate) const NODES: usize = 4;
/// Clients of the small cluster.
pub(crate) const CLIENTS: usize = 3;
/// How many kinds of messages there are.
pub(crate) const KINDS: usize = 20;
/// The kinds that carry signatures: Request, PrePrepare, ViewChange, NewView, Read.
pub(crate) const SIGNED: [usize; 5] = [0, 2, 6, 7, 18];

pub(crate) fn node(id: u8) -> Principal {
    Principal::Node(NodeId(id))
}

pub(crate) fn client(id: u16) -> Principal {
    Principal::Client(ClientId(id))
}

pub(crate) fn secret(who: Principal) -> SecretKey {
    SecretKey::from_seed(Digest::of(&who.to_bytes()).0)
}

pub(crate) fn scope(cluster: &[u8], epoch: u32) -> Scope {
    Scope { cluster: Digest::of(cluster), epoch, profile: Ed25519::PROFILE }
}

/// The keys of the small cluster.
pub(crate) fn roster() -> &'static Roster<Vec<PublicKey>> {
    static ROSTER: OnceLock<Roster<Vec<PublicKey>>> = OnceLock::new();
    ROSTER.get_or_init(|| {
        let Scope { cluster, epoch, .. } = home();
        let nodes = (0..NODES as u8).map(|id| secret(node(id)).public()).collect();
        let clients = (0..CLIENTS as u16).map(|id| secret(client(id)).public()).collect();
        Roster::new(cluster, epoch, nodes, clients, &Ed25519).unwrap()
    })
}

/// The scope of the small cluster.
pub(crate) fn home() -> Scope {
    scope(b"home", 1)
}

/// Bytes that live as long as the test.
pub(crate) fn leak(bytes: Vec<u8>) -> &'static [u8] {
    bytes.leak()
}

pub(crate) fn encode(message: &Message<'_>) -> Vec<u8> {
    let mut buffer = vec![0; wire::encoded_len(message)];
    let length = wire::encode(message, &mut buffer).unwrap().len();
    assert_eq!(length, buffer.len());
    buffer
}

/// A signed request of `of`, which need not be a client of the cluster.
pub(crate) fn request(of: u16, timestamp: u64, operation: &[u8], at: &Scope) -> Request<'static> {
    let operation = Bytes(leak(operation.to_vec()));
    let unsigned =
        Request { client: ClientId(of), timestamp, operation, signature: Signature::ZERO };
    let mut message = Message::Request(unsigned);
    message.sign(client(of), at, &secret(client(of)));
    let Message::Request(request) = message else { unreachable!() };
    request
}

/// A signed read of `of`, which need not be a client of the cluster.
pub(crate) fn read(of: u16, number: u64, operation: &[u8], at: &Scope) -> Read<'static> {
    let operation = Bytes(leak(operation.to_vec()));
    let unsigned = Read { client: ClientId(of), number, operation, signature: Signature::ZERO };
    let mut message = Message::Read(unsigned);
    message.sign(client(of), at, &secret(client(of)));
    let Message::Read(read) = message else { unreachable!() };
    read
}

/// The bytes of a batch of requests.
pub(crate) fn batch_bytes(requests: &[Request<'_>]) -> &'static [u8] {
    let mut bytes = Vec::new();
    for request in requests {
        bytes.extend(request.client.0.to_le_bytes());
        bytes.extend(request.timestamp.to_le_bytes());
        bytes.extend((request.operation.0.len() as u32).to_le_bytes());
        bytes.extend(request.operation.0);
        bytes.extend(request.signature.to_bytes());
    }
    leak(bytes)
}

pub(crate) fn pairs(entries: &[(u64, Digest)]) -> Pairs<'static> {
    let bytes = entries.iter().flat_map(|(n, digest)| [&n.to_le_bytes()[..], &digest.0].concat());
    Pairs::from_bytes(leak(bytes.collect()))
}

pub(crate) fn histories(entries: &[History]) -> Histories<'static> {
    Histories::from_bytes(leak(entries.iter().flat_map(History::encode).collect()))
}

/// A VIEW-CHANGE by `author`, not signed yet.
pub(crate) fn view_change(author: u8, view: u64, rng: &mut Rng) -> ViewChange<'static> {
    let stable = rng.number() >> 1;
    let mut history = |sequence, prepared| History {
        sequence: Sequence(sequence),
        pre_prepared: [Some(PrePrepared { view: View(0), digest: rng.digest() }), None],
        prepared,
    };
    let entries = [history(stable + 1, Some((0, View(0)))), history(stable + 3, None)];
    ViewChange {
        author: NodeId(author),
        view: View(view),
        stable: Sequence(stable),
        checkpoints: pairs(&[(stable, rng.digest()), (stable + 8, rng.digest())]),
        histories: histories(&entries),
        signature: Signature::ZERO,
    }
}

/// A NEW-VIEW for `view` by its primary, not signed yet.
pub(crate) fn new_view(view: u64, rng: &mut Rng) -> NewView<'static> {
    NewView {
        author: View(view).primary(NODES),
        view: View(view),
        view_changes: pairs(&[(0, rng.digest()), (1, rng.digest()), (3, rng.digest())]),
        chosen: pairs(&[(17, rng.digest()), (18, rng.digest())]),
        signature: Signature::ZERO,
    }
}

fn batch(rng: &mut Rng) -> Batch<'static> {
    let requests: Vec<_> =
        (0..CLIENTS as u16).map(|of| request(of, rng.number(), &rng.bytes(40), &home())).collect();
    Batch::from_bytes(batch_bytes(&requests))
}

/// A page or a node of a state.
fn place(rng: &mut Rng) -> Place {
    let part = [Part::Clients, Part::State][rng.below(2)];
    Place { part, level: rng.below(4) as u8, index: rng.next() as u32 }
}

/// A valid message of one of the [`KINDS`], signed by whom it names.
pub(crate) fn valid(kind: usize, rng: &mut Rng) -> Message<'static> {
    let (view, sequence) = (View(rng.number()), Sequence(rng.number()));
    let vote = Vote { view, sequence, digest: rng.digest() };
    let Vote { digest, .. } = vote;
    match kind {
        0 => Message::Request(request(
            rng.below(CLIENTS) as u16,
            rng.number(),
            &rng.bytes(100),
            &home(),
        )),
        1 => Message::Reply(Reply {
            view,
            client: ClientId(rng.next() as u16),
            timestamp: rng.number(),
            outcome: [Outcome::Executed, Outcome::ReplyTooLong, Outcome::Stale][rng.below(3)],
            reply: Bytes(leak(rng.bytes(100))),
        }),
        2 => Message::PrePrepare { view, sequence, batch: batch(rng) },
        3 => Message::Prepare(vote),
        4 => Message::Commit(vote),
        5 => Message::Checkpoint { sequence, digest },
        6 => {
            signed(Message::ViewChange(view_change(rng.below(NODES) as u8, rng.number() | 1, rng)))
        }
        7 => signed(Message::NewView(new_view(rng.number() | 1, rng))),
        8 => Message::Status(Status {
            view,
            active: rng.below(2) == 0,
            stable: sequence,
            executed: Sequence(rng.number()),
            wanting: rng.below(2) == 0,
        }),
        9 => Message::FetchBatch { sequence, digest },
        10 => Message::Batch { sequence, batch: batch(rng) },
        11 => Message::FetchViewChange { author: NodeId(rng.below(NODES) as u8), digest },
        12 => Message::FetchState { sequence, place: place(rng) },
        13 => Message::State {
            sequence,
            place: Place { level: 0, ..place(rng) },
            bytes: Bytes(leak(rng.bytes(300))),
        },
        14 => Message::Settled { sequence, digest },
        15 => {
            let until = Sequence(rng.number());
            Message::Recover { nonce: rng.number(), lost: rng.below(2) == 0, until }
        }
        16 => Message::Estimate {
            nonce: rng.number(),
            stable: sequence,
            prepared: Sequence(rng.number()),
            view,
            heard: rng.below(2) == 0,
        },
        _ => to_or_from_a_client(kind, rng),
    }
}

/// The same, of the kinds from 17 on.
fn to_or_from_a_client(kind: usize, rng: &mut Rng) -> Message<'static> {
    match kind {
        17 => Message::Busy(Busy {
            client: ClientId(rng.next() as u16),
            timestamp: rng.number(),
            retry_after: rng.number(),
        }),
        18 => {
            Message::Read(read(rng.below(CLIENTS) as u16, rng.number(), &rng.bytes(100), &home()))
        }
        _ => Message::ReadReply(ReadReply {
            view: View(rng.number()),
            client: ClientId(rng.next() as u16),
            number: rng.number(),
            operation: rng.digest(),
            state: Sequence(rng.number()),
            answer: (rng.below(4) != 0).then(|| Bytes(leak(rng.bytes(100)))),
        }),
    }
}

/// The message signed by its author, in the small cluster.
pub(crate) fn signed(mut message: Message<'static>) -> Message<'static> {
    let author = match &message {
        Message::Request(request) => Principal::Client(request.client),
        Message::Read(read) => Principal::Client(read.client),
        Message::ViewChange(change) => Principal::Node(change.author),
        Message::NewView(new_view) => Principal::Node(new_view.author),
        _ => return message,
    };
    message.sign(author, &home(), &secret(author));
    message
}
