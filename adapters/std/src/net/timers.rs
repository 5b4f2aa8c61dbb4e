//! What is to happen when.

use super::LinkId;
use std::collections::BTreeMap;
use std::time::Instant;

/// Something that is due at a time. Nothing is ever taken back: a timer whose connection is
/// gone names a serial that nobody has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Timer {
    /// Dial a link.
    Dial(LinkId),
    /// Accept again.
    Accept,
    /// The handshake of a connection should be over.
    Handshake { slot: usize, serial: u64 },
    /// Something should have come over a connection.
    Idle { slot: usize, serial: u64 },
}

/// Timers in the order of their times.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    all: BTreeMap<(Instant, u64), Timer>,
    count: u64,
}

impl Timers {
    pub(crate) fn set(&mut self, at: Instant, timer: Timer) {
        self.count += 1;
        self.all.insert((at, self.count), timer);
    }

    pub(crate) fn next(&self) -> Option<Instant> {
        self.all.first_key_value().map(|((at, _), _)| *at)
    }

    /// The first timer that is due.
    pub(crate) fn due(&mut self, now: Instant) -> Option<Timer> {
        let first = self.all.first_entry().filter(|first| first.key().0 <= now)?;
        Some(first.remove())
    }
}
