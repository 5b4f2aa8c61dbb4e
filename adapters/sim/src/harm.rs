//! What becomes of disks beside losing what was not durable.

use crate::plain::{lasting, moment};
use core::time::Duration;
use quorate::{Instant, NodeId};
use std::fmt;

/// A replica loses its power, and its disk is not what it was when the power is back. It is one
/// of the f: it may contradict what it said, or never start again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Harm {
    /// Which replica.
    pub node: NodeId,
    /// When its power fails.
    pub at: Instant,
    /// How long it stays down.
    pub down: Duration,
    /// What becomes of its disk.
    pub kind: Kind,
}

/// What becomes of a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It is as it was at that time: a backup was restored.
    RolledBack {
        /// When the backup was made.
        to: Instant,
    },
    /// A sector of the log has other bits. The replica does not start, unless it was in the last
    /// record, which then passes for a torn one.
    Corrupted,
    /// A record of the log was written to the place of an earlier one. The replica does not
    /// start.
    Misdirected,
    /// A record of the log that was acknowledged is not there, and later ones are. The replica
    /// does not start.
    Lost,
    /// A snapshot has another bit. The replica does not start.
    CaptureCorrupted,
    /// Each page that was staged in a transfer of state has another bit. The replica fetches them
    /// once more.
    PagesCorrupted,
}

impl Kind {
    /// What becomes of a disk in the words of a transcript.
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::RolledBack { .. } => "goes back to an older state",
            Self::Corrupted => "corrupts a sector",
            Self::Misdirected => "has a record in the place of another",
            Self::Lost => "loses a record that was durable",
            Self::CaptureCorrupted => "corrupts a snapshot",
            Self::PagesCorrupted => "corrupts the pages that were staged",
        }
    }

    /// A word or two for it.
    pub(crate) const fn mark(self) -> &'static str {
        match self {
            Self::RolledBack { .. } => "rolled back",
            Self::Corrupted => "corrupted",
            Self::Misdirected => "misdirected write",
            Self::Lost => "lost write",
            Self::CaptureCorrupted => "corrupted snapshot",
            Self::PagesCorrupted => "corrupted pages",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::RolledBack { to } => write!(f, "its disk as it was at {}", moment(to)),
            Self::Corrupted => f.write_str("a sector of its log damaged"),
            Self::Misdirected => f.write_str("a record of its log in the place of an earlier one"),
            Self::Lost => f.write_str("a record of its log missing"),
            Self::CaptureCorrupted => f.write_str("a snapshot damaged"),
            Self::PagesCorrupted => f.write_str("staged pages damaged"),
        }
    }
}

impl fmt::Display for Harm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { node, at, down, kind } = *self;
        let (at, down) = (moment(at), lasting(down));
        write!(f, "r{} goes down at {at} for {down}, and finds {kind}", node.0)
    }
}
