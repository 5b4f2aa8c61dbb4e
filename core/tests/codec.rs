//! One encoding for each message, and nothing else decodes.
#![cfg(feature = "ed25519")]

mod support;

use quorate::auth::{Digest, Signature};
use quorate::pbft::{
    Batch, MAX_REQUESTS, Message, Part, Place, Request, Sequence, Status, View, Vote,
};
use quorate::wire::{self, Bytes, DecodeError, EncodeError};
use quorate::{Fault, NodeId};
use support::{KINDS, Rng, encode, home, node, request, roster, valid};

fn decode(bytes: &[u8]) -> Result<Message<'_>, DecodeError> {
    wire::decode(bytes)
}

#[test]
fn every_kind_of_message_survives_its_bytes() {
    let mut rng = Rng::new(1);
    for kind in (0..KINDS).flat_map(|kind| [kind; 40]) {
        let message = valid(kind, &mut rng);
        let bytes = encode(&message);
        assert_eq!(usize::from(bytes[0]), kind, "a message begins with its number");
        assert_eq!(decode(&bytes), Ok(message), "kind {kind}");
        for length in 0..bytes.len() {
            assert_eq!(decode(&bytes[..length]), Err(DecodeError::Malformed), "kind {kind}");
        }
        let longer = [&bytes[..], &[0]].concat();
        assert_eq!(decode(&longer), Err(DecodeError::Trailing), "kind {kind}");
        let mut short = vec![0; bytes.len() - 1];
        assert_eq!(wire::encode(&message, &mut short), Err(EncodeError), "kind {kind}");
    }
}

#[test]
fn unknown_kinds_are_malformed() {
    for kind in KINDS..=255 {
        let mut bytes = [0; 200];
        let tag = if kind < 128 { vec![kind as u8] } else { vec![kind as u8, 1] };
        bytes[..tag.len()].copy_from_slice(&tag);
        for length in 0..bytes.len() {
            assert_eq!(decode(&bytes[..length]), Err(DecodeError::Malformed), "kind {kind}");
        }
    }
}

/// Every varint of every message, padded by one byte in every place where one may stand.
#[test]
fn padded_numbers_are_not_canonical() {
    let mut rng = Rng::new(2);
    for kind in 0..KINDS {
        let bytes = encode(&valid(kind, &mut rng));
        let mut told = 0;
        for at in (0..bytes.len()).filter(|at| bytes[*at] < 0x80) {
            let padded = [&bytes[..at], &[bytes[at] | 0x80, 0], &bytes[at + 1..]].concat();
            match decode(&padded) {
                Err(DecodeError::NotCanonical) => told += 1,
                Err(_) => {}
                Ok(message) => assert_eq!(encode(&message), padded, "kind {kind}, byte {at}"),
            }
        }
        assert!(told > 0, "kind {kind} has at least its own number to pad");
    }
}

#[test]
fn numbers_beyond_their_width_and_booleans_beyond_one_are_malformed() {
    let status = Status { active: true, wanting: true, ..Status::default() };
    let bytes = encode(&Message::Status(status));
    assert_eq!(bytes, [8, 0, 1, 0, 0, 1]);
    for (at, value) in [(2, 2), (2, 255), (5, 2), (5, 0x81)] {
        let mut bytes = bytes.clone();
        bytes[at] = value;
        assert_eq!(decode(&bytes), Err(DecodeError::Malformed), "byte {at} = {value}");
    }
    // FETCH-STATE with the greatest sequence, with bit 64 set, and with eleven bytes.
    let greatest = [&[12][..], &[0xff; 9], &[1, 0, 0, 0]].concat();
    let (sequence, place) = (Sequence(u64::MAX), Place::ROOTS);
    assert_eq!(decode(&greatest), Ok(Message::FetchState { sequence, place }));
    for last in [&[2][..], &[3], &[0x7f], &[0x81, 0], &[0x80, 1]] {
        let beyond = [&[12][..], &[0xff; 9], last, &[0, 0, 0]].concat();
        assert!(decode(&beyond).is_err(), "{last:?}");
    }
    // A client id is 16 bits wide: 65536 is none.
    let reply = [1, 0, 0x80, 0x80, 4, 0, 0, 0];
    assert_eq!(decode(&reply), Err(DecodeError::Malformed));
}

/// C-07: what a byte string says of its length is compared with what is there, before anything
/// is done with it.
#[test]
fn lengths_that_lie_are_malformed() {
    // The bytes of each message up to a length, and after the string that it counts.
    let sixty_four = [0; 64];
    let strings: [(&[u8], &[u8]); 9] = [
        (&[0, 1, 9], &sixty_four),       // Request: client, timestamp, operation
        (&[1, 0, 1, 9, 0], &[]),         // Reply: view, client, timestamp, outcome, reply
        (&[2, 1, 1], &[]),               // PrePrepare: view, sequence, batch
        (&[6, 1, 1, 0], &[0; 65]),       // ViewChange: author, view, stable, checkpoints
        (&[6, 1, 1, 0, 0], &sixty_four), // ... histories
        (&[7, 1, 1], &[0; 65]),          // NewView: author, view, view changes
        (&[7, 1, 1, 0], &sixty_four),    // ... chosen
        (&[10, 1], &[]),                 // Batch: sequence, batch
        (&[13, 1, 2, 0, 0], &[]),        // State: sequence, part, level, index, bytes
    ];
    for (before, after) in strings {
        let with = |length: &[u8], body: &[u8]| [before, length, body, after].concat();
        assert!(decode(&with(&[0], b"")).is_ok(), "{before:?}");
        assert!(decode(&with(&[5], b"five!")).is_ok(), "{before:?}");
        assert!(decode(&with(&[4], b"five!")).is_err(), "{before:?}");
        let lies: [&[u8]; 6] = [
            &[127],
            &[0xff, 0xff, 3],
            &[0xff, 0xff, 0xff, 0xff, 0x0f],
            &[0x80, 0x80, 0x80, 0x80, 0x10],
            &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f],
            &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1],
        ];
        for lie in lies {
            let bytes = with(lie, b"five!");
            assert_eq!(decode(&bytes), Err(DecodeError::Malformed), "{before:?} {lie:?}");
        }
    }
}

/// The lengths inside a batch lie, too.
#[test]
fn batches_whose_lengths_lie_are_bad_batches() {
    let whole =
        support::batch_bytes(&[request(0, 1, b"one", &home()), request(1, 1, b"", &home())]);
    assert_eq!(Batch::from_bytes(whole).check(support::CLIENTS), Ok(()));
    assert_eq!(Batch::from_bytes(whole).iter().count(), 2);
    for length in [0u32, 1, 2, 4, 100, 144, 145, 146, u32::MAX - 63, u32::MAX] {
        let mut bytes = whole.to_vec();
        bytes[10..14].copy_from_slice(&length.to_le_bytes());
        let batch = Batch::from_bytes(&bytes);
        let checked = batch.check(support::CLIENTS);
        assert_eq!(checked, Err(Fault::BadBatch), "length {length}");
        let message = Message::PrePrepare { view: View(0), sequence: Sequence(1), batch };
        let verified = roster().verify(&quorate::ed25519::Ed25519, node(0), message);
        assert_eq!(verified.err(), Some(Fault::BadBatch), "length {length}");
    }
    for length in 0..whole.len() {
        let batch = Batch::from_bytes(&whole[..length]);
        let first_alone = Request::OVERHEAD + b"one".len();
        assert_eq!(batch.check(support::CLIENTS).is_ok(), length == first_alone, "{length}");
    }
}

/// C-07 for the count of a batch: none, one, the most, and one more.
#[test]
fn a_batch_holds_one_to_sixty_four_requests() {
    let requests: Vec<_> =
        (0..=MAX_REQUESTS as u16).map(|of| request(of, 1, b"", &home())).collect();
    for (count, expected) in [
        (0, Err(Fault::BadBatch)),
        (1, Ok(())),
        (MAX_REQUESTS, Ok(())),
        (MAX_REQUESTS + 1, Err(Fault::BadBatch)),
    ] {
        let batch = Batch::from_bytes(support::batch_bytes(&requests[..count]));
        assert_eq!(batch.check(requests.len()), expected, "{count} requests");
    }
}

/// C-06: whatever decodes is the one encoding of what it decodes to; and no check of it panics.
#[test]
fn what_decodes_encodes_to_the_same_bytes_whatever_was_done_to_it() {
    let (seed, roster) = (3, roster());
    let mut rng = Rng::new(seed);
    let corpus: Vec<_> = (0..KINDS * 8).map(|at| encode(&valid(at % KINDS, &mut rng))).collect();
    let mut accepted = [0u32; KINDS];
    for round in 0..60_000 {
        let mut bytes = corpus[rng.below(corpus.len())].clone();
        for _ in 0..=rng.below(3) {
            mutate(&mut bytes, &corpus, &mut rng);
        }
        let Ok(message) = decode(&bytes) else { continue };
        assert_eq!(encode(&message), bytes, "seed {seed}, round {round}");
        accepted[usize::from(bytes[0])] += 1;
        let from = [node(0), node(3), support::client(0)][round % 3];
        if round % 16 == 0 {
            let _ = roster.verify(&quorate::ed25519::Ed25519, from, message);
        }
    }
    assert!(accepted.iter().all(|count| *count > 10), "all kinds were reached: {accepted:?}");
}

fn mutate(bytes: &mut Vec<u8>, corpus: &[Vec<u8>], rng: &mut Rng) {
    if bytes.is_empty() {
        return bytes.push(rng.next() as u8);
    }
    // The first bytes hold the numbers; the rest is mostly content.
    let near = if rng.below(2) == 0 { bytes.len().min(24) } else { bytes.len() };
    let at = rng.below(near);
    match rng.below(9) {
        0 => bytes[at] ^= 1 << rng.below(8),
        1 => bytes[at] = rng.next() as u8,
        2 => bytes[at] = [0, 1, 0x7f, 0x80, 0xff][rng.below(5)],
        3 => bytes.insert(at, rng.next() as u8),
        4 => bytes.insert(at, bytes[at] | 0x80),
        5 => drop(bytes.remove(at)),
        6 => bytes.truncate(at),
        7 => bytes[0] = rng.below(KINDS) as u8,
        _ => {
            let other = &corpus[rng.below(corpus.len())];
            let end = at.min(other.len());
            bytes.splice(..at, other[..end].iter().copied());
        }
    }
}

/// Random bytes, not only damaged messages.
#[test]
fn random_bytes_decode_to_their_own_encoding_or_not_at_all() {
    let seed = 4;
    let mut rng = Rng::new(seed);
    for round in 0..60_000 {
        let mut bytes = rng.bytes(120);
        if let Some(first) = bytes.first_mut() {
            *first %= KINDS as u8 + 1;
        }
        if let Ok(message) = decode(&bytes) {
            assert_eq!(encode(&message), bytes, "seed {seed}, round {round}");
        }
    }
}

/// A bound that is easy to get wrong: the largest numbers of every field still travel.
#[test]
fn the_greatest_numbers_travel() {
    let digest = Digest([0xff; 32]);
    let (view, sequence) = (View(u64::MAX), Sequence(u64::MAX));
    let vote = Vote { view, sequence, digest };
    let mut request = request(u16::MAX, u64::MAX, b"", &home());
    request.signature = Signature::from_bytes([0xff; 64]);
    for message in [
        Message::Prepare(vote),
        Message::Commit(vote),
        Message::Request(request),
        Message::FetchViewChange { author: NodeId(u8::MAX), digest },
        Message::State {
            sequence,
            place: Place { part: Part::State, level: u8::MAX, index: u32::MAX },
            bytes: Bytes(&[0xff; 70_000]),
        },
    ] {
        assert_eq!(decode(&encode(&message)), Ok(message));
    }
}
