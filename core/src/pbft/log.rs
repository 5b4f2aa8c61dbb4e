//! The log: a ring of W slots, the votes and the batches beside them, the water marks.
//!
//! This file alone does modular arithmetic. A slot is found by its sequence only while that is
//! between the water marks h and h + W; what the ring holds below h is free, and is cleared when
//! a later sequence takes its place.

use super::config::Dimensions;
use super::message::{Sequence, Vote};
use super::rules::Rules;
use super::slot::Slot;
use super::storage::Lent;
use core::ops::Range;

/// Where the things of a sequence lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ring {
    sizes: Dimensions,
}

impl Ring {
    pub(super) const fn new(sizes: Dimensions) -> Self {
        Self { sizes }
    }

    #[allow(clippy::cast_possible_truncation, reason = "the remainder is below W, a usize")]
    pub(super) fn slot(&self, sequence: Sequence) -> usize {
        (sequence.0 % self.sizes.window as u64) as usize
    }

    pub(super) fn votes(&self, sequence: Sequence) -> Range<usize> {
        let start = self.slot(sequence) * self.sizes.nodes;
        start..start + self.sizes.nodes
    }

    pub(super) fn batch(&self, sequence: Sequence, which: usize) -> Range<usize> {
        let start = (self.slot(sequence) * 2 + which.min(1)) * self.sizes.batch_bytes;
        start..start + self.sizes.batch_bytes
    }
}

/// The slot of a sequence, and the batch of a digest in it, for reading.
pub(super) fn slot(slots: &[Slot], ring: Ring, sequence: Sequence) -> Option<&Slot> {
    slots.get(ring.slot(sequence)).filter(|slot| slot.history.sequence == sequence)
}

/// The bytes of the batch at position `which` of Q.
pub(super) fn batch<'s>(
    memory: &Lent<'s>,
    ring: Ring,
    sequence: Sequence,
    which: usize,
) -> &'s [u8] {
    let slot = slot(memory.slots, ring, sequence);
    slot.map_or(&[], |slot| batch_of(memory.batches, ring, slot, which))
}

/// The same of a slot that is at hand, from where all batches lie.
pub(super) fn batch_of<'b>(batches: &'b [u8], ring: Ring, slot: &Slot, which: usize) -> &'b [u8] {
    let room = batches.get(ring.batch(slot.history.sequence, which));
    match (slot.lengths.get(which), room) {
        (Some(&length), Some(room)) => room.get(..length as usize).unwrap_or_default(),
        _ => &[],
    }
}

impl Rules<'_> {
    pub(super) fn ring(&self) -> Ring {
        Ring::new(self.node.sizes)
    }

    /// H, the high water mark.
    pub(super) fn high(&self) -> Sequence {
        Sequence(self.node.stable.0.saturating_add(self.node.sizes.window as u64))
    }

    /// Whether h < s <= H.
    pub(super) fn in_window(&self, sequence: Sequence) -> bool {
        sequence > self.node.stable && (sequence <= self.high() || canary!("no_room_above"))
    }

    /// The slot of a sequence between the water marks, if anything is known of it.
    pub(super) fn slot(&self, sequence: Sequence) -> Option<&Slot> {
        slot(self.memory.slots, self.ring(), sequence).filter(|_| self.in_window(sequence))
    }

    /// The slot of a sequence between the water marks; a free one is taken and cleared for it.
    pub(super) fn slot_mut(&mut self, sequence: Sequence) -> Option<&mut Slot> {
        if !self.in_window(sequence) {
            return None;
        }
        let ring = self.ring();
        let slot = self.memory.slots.get_mut(ring.slot(sequence))?;
        if slot.history.sequence != sequence {
            *slot = if canary!("slot_not_cleared") { *slot } else { Slot::of(sequence) };
            slot.history.sequence = sequence;
            for votes in [&mut *self.memory.prepares, &mut *self.memory.commits] {
                votes.get_mut(ring.votes(sequence))?.fill(Vote::NONE);
            }
        }
        Some(slot)
    }

    /// The PREPAREs of a sequence, by sender.
    pub(super) fn prepares(&self, sequence: Sequence) -> &[Vote] {
        let known = self.slot(sequence).is_some();
        let votes = self.memory.prepares.get(self.ring().votes(sequence));
        votes.filter(|_| known).unwrap_or_default()
    }

    /// The COMMITs of a sequence, by sender.
    pub(super) fn commits(&self, sequence: Sequence) -> &[Vote] {
        let known = self.slot(sequence).is_some();
        let votes = self.memory.commits.get(self.ring().votes(sequence));
        votes.filter(|_| known).unwrap_or_default()
    }

    /// The bytes of the batch at position `which` of Q.
    pub(super) fn batch_bytes(&self, sequence: Sequence, which: usize) -> &[u8] {
        batch(&self.memory.lend(), self.ring(), sequence, which)
    }

    /// Keeps a batch at position `which` of Q; false if it is longer than batches may be.
    pub(super) fn keep_batch(&mut self, sequence: Sequence, which: usize, bytes: &[u8]) -> bool {
        let range = self.ring().batch(sequence, which);
        let room = self.memory.batches.get_mut(range).and_then(|room| room.get_mut(..bytes.len()));
        let Some(room) = room else { return false };
        room.copy_from_slice(bytes);
        let Ok(bytes_len) = u32::try_from(bytes.len()) else { return false };
        let length = self.slot_mut(sequence).and_then(|slot| slot.lengths.get_mut(which));
        length.map(|length| *length = bytes_len).is_some()
    }
}
