//! Where VIEW-CHANGEs are kept.

use super::history::{Histories, History, Pairs};
use super::message::{Sequence, View, ViewChange};
use crate::auth::{Digest, Signature};
use crate::node::NodeId;
use core::fmt;

/// The most checkpoints that a replica vouches for at once, and that are kept of one replica.
pub(super) const CHECKPOINTS: usize = 4;

/// A stored VIEW-CHANGE without its P and Q, which lie beside it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ViewRow {
    /// The view it wants; 0: the row is empty.
    pub(super) view: View,
    pub(super) stable: Sequence,
    pub(super) digest: Digest,
    pub(super) signature: Signature,
    pub(super) checkpoints: [u8; CHECKPOINTS * Pairs::ENTRY],
    pub(super) checkpoint_count: u8,
    pub(super) history_count: u16,
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
    };

    /// C of the message that is stored here.
    fn held(&self) -> Pairs<'_> {
        let checkpoints = usize::from(self.checkpoint_count) * Pairs::ENTRY;
        Pairs::from_bytes(self.checkpoints.get(..checkpoints).unwrap_or_default())
    }

    /// The message that is stored here, with its P and Q in the bytes beside it.
    pub(super) fn message<'s>(&'s self, author: NodeId, histories: &'s [u8]) -> ViewChange<'s> {
        let used = usize::from(self.history_count) * History::ENTRY;
        ViewChange {
            author,
            view: self.view,
            stable: self.stable,
            checkpoints: self.held(),
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

/// A row shows the checkpoints that it has, not the room for more.
impl fmt::Debug for ViewRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ViewRow")
            .field("view", &self.view)
            .field("stable", &self.stable)
            .field("digest", &self.digest)
            .field("signature", &self.signature)
            .field("checkpoints", &self.held())
            .field("history_count", &self.history_count)
            .finish()
    }
}

#[cfg(feature = "defmt")]
impl defmt::Format for ViewRow {
    fn format(&self, f: defmt::Formatter<'_>) {
        let Self { view, stable, history_count, .. } = self;
        defmt::write!(f, "ViewRow({}, stable {}, of {})", view, stable, history_count);
    }
}
