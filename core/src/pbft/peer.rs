//! What a replica knows of a peer beside its votes.

use super::amnesia::{Estimate, Grant};
use super::message::{Sequence, View};

/// What one replica has said of itself. All zero bits at first, so that a static replica takes no
/// flash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// The highest view that it said it is in.
    pub(super) reported: View,
    /// The view that it said it waits for; 0: it is in its view.
    pub(super) waits: View,
    /// The last sequence that it said it executed.
    pub(super) executed: Sequence,
    /// What it answered when this replica had lost its log, if it has.
    pub(super) estimate: Estimate,
    /// Whether it has. Not an `Option` of the estimate: the empty one would not be all zero bits.
    pub(super) answered: bool,
    /// Whether a vote, a checkpoint or a VIEW-CHANGE of it was heard since the start.
    pub(super) spoken: bool,
    /// How far the others are to get so that it recovers.
    pub(super) grant: Grant,
}

#[cfg(feature = "defmt")]
impl defmt::Format for Peer {
    fn format(&self, f: defmt::Formatter<'_>) {
        let Self { reported, executed, .. } = self;
        defmt::write!(f, "Peer({}, executed {})", reported, executed);
    }
}

impl Peer {
    pub(super) const EMPTY: Self = Self {
        reported: View(0),
        waits: View(0),
        executed: Sequence(0),
        estimate: Estimate {
            stable: Sequence(0),
            prepared: Sequence(0),
            view: View(0),
            heard: false,
        },
        answered: false,
        spoken: false,
        grant: Grant::NONE,
    };
}

impl Default for Peer {
    fn default() -> Self {
        Self::EMPTY
    }
}
