//! Frames on their way, first in first out, in a ring of bytes that the trial has.

use quorate::auth::{Statement, Tag};
use quorate::{Digest, Principal};

/// Bytes of a ring that has room for all that nodes ever have under way in any trial.
pub(crate) const ROOM: usize = 96 * 1024;
/// Sender, receiver, length: what a frame takes of the ring beside its bytes.
pub(crate) const HEADER: usize = 3 + 3 + 4;

/// The network of a trial, and the witness of all that happens.
#[derive(Debug)]
pub(crate) struct Net<'r> {
    ring: &'r mut [u8],
    head: usize,
    used: usize,
    pub(crate) frames: u64,
    pub(crate) bytes: u64,
    pub(crate) transcript: Digest,
}

impl<'r> Net<'r> {
    pub(crate) const fn new(ring: &'r mut [u8]) -> Self {
        Self { ring, head: 0, used: 0, frames: 0, bytes: 0, transcript: Digest::ZERO }
    }

    /// Adds something that happened to the transcript.
    pub(crate) fn note(&mut self, what: &[u8]) {
        let statement = Statement::unscoped(Tag::Frame).digest(&self.transcript);
        self.transcript = statement.bytes(what).finish();
    }

    /// Sends a frame.
    pub(crate) fn send(&mut self, from: Principal, to: Principal, frame: &[u8]) {
        assert!(
            self.used + HEADER + frame.len() <= self.ring.len(),
            "the ring has room for all frames"
        );
        self.frames += 1;
        self.bytes += frame.len() as u64;
        self.note(frame);
        let length = u32::try_from(frame.len()).unwrap_or(0).to_le_bytes();
        for bytes in [&from.to_bytes()[..], &to.to_bytes(), &length, frame] {
            for byte in bytes {
                let at = self.head + self.used;
                self.ring[self.around(at)] = *byte;
                self.used += 1;
            }
        }
    }

    /// The next frame, copied to the buffer that `inbox` has for its receiver: sender, receiver
    /// and length; `None` if there is none.
    pub(crate) fn receive(&mut self, inbox: &mut [u8]) -> Option<(Principal, Principal, usize)> {
        if self.used == 0 {
            return None;
        }
        let from = Principal::from_bytes(core::array::from_fn(|_| self.take()))?;
        let to = Principal::from_bytes(core::array::from_fn(|_| self.take()))?;
        let length = u32::from_le_bytes(core::array::from_fn(|_| self.take())) as usize;
        for at in 0..length {
            let byte = self.take();
            if let Some(place) = inbox.get_mut(at) {
                *place = byte;
            }
        }
        Some((from, to, length))
    }

    fn take(&mut self) -> u8 {
        let byte = self.ring[self.head];
        self.head = self.around(self.head + 1);
        self.used -= 1;
        byte
    }

    /// A place in the ring, from one that is less than one turn beyond.
    const fn around(&self, at: usize) -> usize {
        if at < self.ring.len() { at } else { at - self.ring.len() }
    }
}
