//! Bytes from the wire: whatever decodes is encoded back to the very same bytes.

use super::phrases::{CLIENTS, NODES, Phrases, all};
use super::whim::Whim;
use quorate::auth::{Roster, Signed};
use quorate::fault::Evidence;
use quorate::link::Hello;
use quorate::lockstep::{self, ClientMessage, Proposal};
use quorate::pbft::{Batch, Message, Record, Roots};
use quorate::{NodeId, PublicKey, king, om, sm, vector, wire};
use serde::{Deserialize, Serialize};
use std::cell::RefCell;

type Oral = om::Orders<Proposal<256>, Vec<om::Entry<Proposal<256>>>>;
type Scrolls = sm::Chains<u32, Vec<sm::Row>>;

thread_local! {
    static PHRASES: RefCell<Phrases> = RefCell::new(Phrases::new(all()));
    static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Decodes the bytes after the first as one kind of message, which the first one chooses; of all
/// protocols, and all other things that come from outside.
///
/// Nothing panics, be it decoding, looking at what is in it, or verification. What decodes is
/// encoded to the same bytes, which are as long as it was said before; so no message has two
/// encodings. Half of the kinds are messages that the fuzzer composes: they decode to what they
/// were.
pub fn wire(data: &[u8]) {
    let Some((kind, bytes)) = data.split_first() else { return };
    match kind % 24 {
        0..8 => pbft(bytes),
        8 => generals::<om::Message<'_, u32>>(bytes),
        9 => generals::<om::Message<'_, bool>>(bytes),
        10 => generals::<sm::Message<'_, u32>>(bytes),
        11 => generals::<king::Message<u32>>(bytes),
        12 => vector_of_parts(bytes),
        13 => generals::<lockstep::Message<'_, Oral>>(bytes),
        14 => generals::<lockstep::Message<'_, Scrolls>>(bytes),
        15 => generals::<ClientMessage<'_>>(bytes),
        16 => drop(canonical::<Record<'_>>(bytes)),
        17 => evidence(bytes),
        18 => fixed(bytes),
        _ => composed(bytes),
    }
}

/// Decodes, and encodes back.
fn canonical<'a, M: Serialize + Deserialize<'a>>(bytes: &'a [u8]) -> Option<M> {
    let message: M = wire::decode(bytes).ok()?;
    assert_eq!(wire::encoded_len(&message), bytes.len(), "it is longer than it was");
    BUFFER.with_borrow_mut(|buffer| {
        if buffer.len() < bytes.len() {
            buffer.resize(bytes.len(), 0);
        }
        let written = wire::encode(&message, &mut buffer[..bytes.len()]);
        assert_eq!(written, Ok(bytes), "what decodes has another encoding");
    });
    Some(message)
}

fn roster<R>(act: impl FnOnce(&Roster<Vec<PublicKey>>, &crate::scheme::Scheme) -> R) -> R {
    PHRASES.with_borrow(|phrases| act(&phrases.roster, &phrases.scheme))
}

fn pbft(bytes: &[u8]) {
    let Some((who, bytes)) = bytes.split_first() else { return };
    let Some(message) = canonical::<Message<'_>>(bytes) else { return };
    match &message {
        Message::PrePrepare { batch, .. } | Message::Batch { batch, .. } => look_into(*batch),
        Message::ViewChange(change) => {
            assert!(change.checkpoints.iter().count() <= bytes.len());
            assert!(change.histories.iter().count() <= bytes.len());
        }
        Message::NewView(new_view) => {
            assert!(new_view.view_changes.iter().count() <= bytes.len());
            assert!(new_view.chosen.iter().count() <= bytes.len());
        }
        _ => {}
    }
    let _ = roster(|roster, scheme| {
        roster.verify(scheme, Phrases::principal(*who), message).map(|verified| verified.from())
    });
}

fn look_into(batch: Batch<'_>) {
    let sound = batch.check(CLIENTS).is_ok();
    let length: usize = batch.iter().map(|request| request.len()).sum();
    assert!(!sound || length == batch.bytes().len(), "a sound batch has bytes of no request");
}

fn generals<'a, M: Signed + Serialize + Deserialize<'a>>(bytes: &'a [u8]) {
    let Some((who, bytes)) = bytes.split_first() else { return };
    let Some(message) = canonical::<M>(bytes) else { return };
    let _ = roster(|roster, scheme| {
        roster.verify(scheme, Phrases::principal(*who), message).map(|verified| verified.from())
    });
}

fn vector_of_parts(bytes: &[u8]) {
    let Some(message) = canonical::<vector::Message<'_, Scrolls>>(bytes) else { return };
    let commanders = message.parts().map_while(Result::ok).map(|(commander, _)| commander);
    assert!(commanders.is_sorted_by(|one, next| one < next), "parts are out of order");
    let _ = roster(|roster, scheme| {
        let from = quorate::Principal::Node(NodeId(1));
        roster.verify(scheme, from, message).map(|verified| verified.from())
    });
}

fn evidence(bytes: &[u8]) {
    let Some(evidence) = canonical::<Evidence<'_>>(bytes) else { return };
    let _ = roster(|roster, scheme| quorate::fault::verify(&evidence, roster, scheme));
}

/// What has a fixed length.
fn fixed(bytes: &[u8]) {
    if let Ok(hello) = Hello::from_bytes(bytes) {
        assert_eq!(hello.to_bytes()[..], *bytes, "a hello has another encoding");
    }
    if let Some(roots) = Roots::from_bytes(bytes) {
        assert_eq!(roots.to_bytes()[..], *bytes, "roots have another encoding");
    }
    let _ = canonical::<Proposal<64>>(bytes);
}

/// A message that the fuzzer composes: its author's signature holds, it decodes to what it was,
/// and not when a byte is missing, or one too many,
/// or a number padded.
fn composed(bytes: &[u8]) {
    PHRASES.with_borrow_mut(|phrases| {
        phrases.forget();
        let mut whim = Whim::new(bytes);
        let from = NodeId(whim.below(NODES) as u8);
        let payload = phrases.compose(&mut whim, from);
        let message = canonical::<Message<'_>>(&payload).expect("what was encoded decodes");
        let mut other = Vec::with_capacity(payload.len() + 1);
        other.extend_from_slice(&payload);
        other.push(whim.byte());
        assert!(wire::decode::<Message<'_>>(&other).is_err(), "a rest is ignored");
        other.clear();
        other.extend([payload[0] | 0x80, 0]);
        other.extend_from_slice(&payload[1..]);
        assert!(wire::decode::<Message<'_>>(&other).is_err(), "a padded number passes");
        let shorter = &payload[..payload.len() - 1];
        assert!(wire::decode::<Message<'_>>(shorter).is_err(), "an end is made up");
        let _ = phrases.roster.verify(&phrases.scheme, quorate::Principal::Node(from), message);
    });
}
