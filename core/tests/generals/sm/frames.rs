//! The bytes of a frame: one encoding for each, and no other is understood.

use super::post::{Outcome, Post};
use super::scroll::{Scroll, encode, frame, frame_in};
use super::*;
use crate::rng::Rng;
use quorate::sm::{Chain, Endorsement, Endorsements, Message, Row};
use quorate::{Fault, wire};

fn row(signer: u8) -> Row {
    core::array::from_fn(|at| if at == 0 { signer } else { 100 + signer })
}

/// Frozen: number and commander of the instance; then value, length in bytes of the earlier
/// endorsements, those endorsements, and the last one; then whether another chain follows.
#[test]
fn a_frame_is_encoded_like_this() {
    let rows = [row(0), row(2)];
    let first = Chain::new(A, Endorsements::new(&rows), Endorsement::from_row(&row(1)));
    let second = Chain::new(300, Endorsements::NONE, Endorsement::from_row(&row(1)));
    let instance = Instance { number: 300, commander: NodeId(0) };
    let message = Message { instance, first, second: Some(second) };
    let head: [&[u8]; 3] = [&[0xac, 2, 0], &[65, 130, 1], &row(0)];
    let tail: [&[u8]; 5] = [&row(2), &row(1), &[1, 0xac, 2], &[0], &row(1)];
    let bytes = [head.concat(), tail.concat()].concat();
    assert_eq!(encode(&message), bytes);
    assert_eq!(wire::decode::<Message<'_, Value>>(&bytes), Ok(message));
    let message = Message::new(instance, second);
    let bytes = [&[0xac, 2, 0, 0xac, 2, 0][..], &row(1), &[0]].concat();
    assert_eq!(encode(&message), bytes);
    assert_eq!(wire::decode::<Message<'_, Value>>(&bytes), Ok(message));
}

#[test]
fn what_is_no_frame_is_malformed() {
    let good = Scroll::signed(A, &[0, 1]).frame();
    let (head, rest) = good.split_at(2);
    let mut bad = vec![
        vec![],
        [&good[..], &[0]].concat(),
        good[..good.len() - 1].to_vec(),
        // A padded number of an instance, and a padded length.
        [&[0x87, 0], &good[1..]].concat(),
        [head, &[65, 0xc1, 0], &rest[2..]].concat(),
        // A length of nearly everything there is.
        [head, &[65, 0xff, 0xff, 0xff, 0xff, 0x0f], &rest[2..]].concat(),
    ];
    // Endorsements that are not whole rows.
    for length in [1u8, 64, 66, 127] {
        let torn = [head, &[65, length], &vec![0; 65 + usize::from(length)][..], &[0]].concat();
        assert!(postcard::take_from_bytes::<Message<'_, Value>>(&torn).is_err());
        bad.push(torn);
    }
    // Neither none nor another chain.
    let last = good.len() - 1;
    bad.push([&good[..last], &[2]].concat());
    for bytes in bad {
        let mut post = Post::in_round(3, 4, 2, 2);
        let state = post.state();
        assert_eq!(post.hear(1, &bytes), Outcome::Refused(Fault::Malformed), "{bytes:?}");
        assert_eq!(post.state(), state);
    }
}

#[test]
fn noise_is_understood_by_nobody() {
    let mut rng = Rng::new(0x5e_a1ed);
    let good = frame(&[&Scroll::signed(A, &[0, 2, 1]), &Scroll::signed(B, &[0, 1])]);
    for _ in 0..20_000 {
        let mut post = Post::in_round(3, 5, 2, 2);
        let mut bytes = if rng.below(2) == 0 { good.clone() } else { rng.bytes(300) };
        for _ in 0..rng.below(4) {
            if !bytes.is_empty() {
                let at = rng.below(bytes.len());
                bytes[at] = rng.next() as u8;
            }
        }
        bytes.truncate(bytes.len() - rng.below(3).min(bytes.len()));
        if bytes != good {
            let outcome = post.hear(1, &bytes);
            assert!(matches!(outcome, Outcome::Refused(_)), "{bytes:?}: {outcome:?}");
        }
    }
}

#[test]
fn the_longest_frame_fits_into_what_is_published() {
    let instance = Instance { number: u64::MAX, commander: NodeId(0) };
    for traitors in [0, 1, 5, 62] {
        let signers: Vec<u8> = (0..=traitors as u8).collect();
        let scroll = Scroll::signed(u16::MAX, &signers);
        let length = frame_in(instance, &[&scroll, &scroll]).len() as u64;
        assert_eq!(length, sm::frame_bytes(traitors, 3), "SM({traitors})");
    }
}
