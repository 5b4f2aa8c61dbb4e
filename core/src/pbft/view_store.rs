//! Where VIEW-CHANGEs are kept.

use super::amnesia::Estimate;
use super::history::{Histories, History, Pairs};
use super::message::{Sequence, View, ViewChange};
use crate::auth::{Digest, Signature};
use crate::node::NodeId;

/// The most checkpoints that a replica vouches for at once, and that are kept of one replica.
pub(super) const CHECKPOINTS: usize = 4;

/// A stored VIEW-CHANGE without its P and Q, which lie beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ViewRow {
    /// The view it wants; 0: the row is empty.
    pub(super) view: View,
    pub(super) stable: Sequence,
    pub(super) digest: Digest,
    pub(super) signature: Signature,
    pub(super) checkpoints: [u8; CHECKPOINTS * Pairs::ENTRY],
    pub(super) checkpoint_count: u8,
    pub(super) history_count: u16,
    /// The highest view that this replica said it is in.
    pub(super) reported: View,
    /// The view that it said it waits for; 0: it is in its view.
    pub(super) waits: View,
    /// The last sequence that it said it executed.
    pub(super) executed: Sequence,
    /// Whether a vote, a checkpoint or a VIEW-CHANGE of it was heard since the start.
    pub(super) spoken: bool,
    /// What it answered when this replica had lost its log, if it has.
    pub(super) estimate: Estimate,
    /// Whether it has. Not an `Option` of the estimate: the empty one would not be all zero bits,
    /// as empty memory is, so that a static replica takes no flash.
    pub(super) answered: bool,
}

impl ViewRow {
    pub(super) const EMPTY: Self = Self {
        view: View(0),
        stable: Sequence(0),
        digest: Digest::ZERO,
        signature: Signature::ZERO,
        checkpoints: [0; CHECKPOINTS * Pairs::ENTRY],
        checkpoint_count: 0,
        history_count: 0,
        reported: View(0),
        waits: View(0),
        executed: Sequence(0),
        spoken: false,
        estimate: Estimate {
            stable: Sequence(0),
            prepared: Sequence(0),
            view: View(0),
            heard: false,
        },
        answered: false,
    };

    /// The message that is stored here, with its P and Q in the bytes beside it.
    pub(super) fn message<'s>(&'s self, author: NodeId, histories: &'s [u8]) -> ViewChange<'s> {
        let checkpoints = usize::from(self.checkpoint_count) * Pairs::ENTRY;
        let used = usize::from(self.history_count) * History::ENTRY;
        ViewChange {
            author,
            view: self.view,
            stable: self.stable,
            checkpoints: Pairs::from_bytes(self.checkpoints.get(..checkpoints).unwrap_or_default()),
            histories: Histories::from_bytes(histories.get(..used).unwrap_or_default()),
            signature: self.signature,
        }
    }
}

impl Default for ViewRow {
    fn default() -> Self {
        Self::EMPTY
    }
}
