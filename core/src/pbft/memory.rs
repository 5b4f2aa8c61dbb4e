//! How much memory a replica of given sizes is lent.

use super::budget::Budget;
use super::config::Dimensions;
use super::history::{History, Pairs};
use super::message::Vote;
use super::peer::Peer;
use super::read::Reading;
use super::slot::{CheckpointVote, Pending, Slot};
use super::view_store::{CHECKPOINTS, ViewRow};
use crate::service::ClientRow;

impl Dimensions {
    /// Bytes of the memory that a replica of these sizes is lent, by the target's own layout: the
    /// size of [`Fixed`](super::Fixed). Saturates.
    ///
    /// Of that the VIEW-CHANGEs of all replicas, and those of the last NEW-VIEW, take
    /// [`Dimensions::view_change_bytes`].
    ///
    /// ```
    /// use quorate::pbft::{Dimensions, Fixed};
    /// const SIZES: Dimensions =
    ///     Dimensions { nodes: 4, window: 8, batch_bytes: 256, clients: 4, reply_bytes: 64 };
    /// assert_eq!(SIZES.memory_bytes(), size_of::<Fixed<4, 8, 256, 4, 64>>());
    /// ```
    #[must_use]
    pub const fn memory_bytes(&self) -> usize {
        let Self { nodes, window, batch_bytes, clients, reply_bytes } = *self;
        let slot = size_of::<Slot>()
            .saturating_add(nodes.saturating_mul(2 * size_of::<Vote>()))
            .saturating_add(batch_bytes.saturating_mul(2))
            .saturating_add(Pairs::ENTRY);
        let client = (size_of::<ClientRow>() + size_of::<Pending>())
            .saturating_add(size_of::<Budget>() + size_of::<Reading>())
            .saturating_add(reply_bytes);
        let node = size_of::<Budget>()
            + size_of::<Peer>()
            + CHECKPOINTS * size_of::<CheckpointVote>()
            + Pairs::ENTRY;
        let bytes = window
            .saturating_mul(slot)
            .saturating_add(clients.saturating_mul(client))
            .saturating_add(nodes.saturating_mul(node))
            .saturating_add(self.view_change_bytes())
            .saturating_add(batch_bytes)
            .saturating_add(reply_bytes);
        match bytes.checked_next_multiple_of(align_of::<Slot>()) {
            Some(bytes) => bytes,
            None => usize::MAX,
        }
    }

    /// Bytes of the VIEW-CHANGEs that are kept: the latest of each replica, and those that the last
    /// NEW-VIEW names, which a replica passes on to one that missed them. Saturates.
    #[must_use]
    pub const fn view_change_bytes(&self) -> usize {
        let one = self.window.saturating_mul(History::ENTRY).saturating_add(size_of::<ViewRow>());
        self.nodes.saturating_mul(one).saturating_mul(2)
    }
}
