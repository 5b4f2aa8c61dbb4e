//! How much memory the host of a replica takes.

use crate::ledger::Kept;
use quorate::pbft::Dimensions;

/// Bytes of one row of the client table beside its reply: timestamp, outcome, length.
const ROW: usize = 8 + 1 + 4;

/// Checkpoints that are held, and the one that is being fetched.
pub(super) const PLACES: usize = 4;

/// The sizes of a replica's host: those of the cluster, and the application's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// The sizes of the cluster.
    pub dimensions: Dimensions,
    /// Bytes of the application's longest state.
    pub state_bytes: usize,
}

#[cfg(feature = "defmt")]
impl defmt::Format for Layout {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "Layout({}, state_bytes: {})", self.dimensions, self.state_bytes);
    }
}

impl Layout {
    /// Bytes of memory that [`Service::new`](super::Service::new) takes.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        PLACES * self.place_bytes() + 2 * self.node_bytes() + self.replies_bytes()
    }

    /// Bytes of the longest message that this replica may send or get: what the buffer of the
    /// [node](crate::Node) has room for three times, [`overhead`](crate::overhead) included each
    /// time.
    #[must_use]
    pub const fn message_bytes(&self) -> usize {
        let piece = Dimensions::piece_bytes(self.state_bytes);
        let longest = self.dimensions.message_bytes();
        if piece > longest { piece } else { longest }
    }

    /// Checkpoints that are held.
    pub(crate) const HELD: usize = PLACES - 1;

    /// Bytes of the longest checkpoint in a journal.
    pub(crate) const fn kept_bytes(&self) -> usize {
        Kept::HEAD + self.place_bytes()
    }

    /// Bytes of the longest client table.
    pub(super) const fn table_bytes(&self) -> usize {
        self.dimensions.clients * (ROW + self.dimensions.reply_bytes)
    }

    /// One checkpoint: client table and state.
    pub(super) const fn place_bytes(&self) -> usize {
        self.table_bytes() + self.state_bytes
    }

    /// The longest piece that is made when it is needed: the roots, or the node over the pages of
    /// the client table.
    pub(super) const fn node_bytes(&self) -> usize {
        let children = self.dimensions.client_pages() as usize * 32;
        if children > quorate::pbft::Roots::BYTES { children } else { quorate::pbft::Roots::BYTES }
    }

    /// One reply for each client, with its author and its length, and the answer to a read.
    pub(super) const fn replies_bytes(&self) -> usize {
        (self.dimensions.clients + 1) * self.reply_stride()
    }

    /// One reply, with its author and its length.
    pub(super) const fn reply_stride(&self) -> usize {
        REPLY_HEAD + self.dimensions.reply_bytes
    }

    /// The memory, part by part. One that is too short has empty parts.
    pub(super) fn split<'m>(&self, memory: &'m mut [u8]) -> Regions<'m> {
        let whole = memory.len() >= self.bytes();
        let memory = if whole { memory } else { &mut [] };
        let cut = |memory: &'m mut [u8], at: usize| memory.split_at_mut(at.min(memory.len()));
        let (places, rest) = cut(memory, PLACES * self.place_bytes());
        let (served, rest) = cut(rest, self.node_bytes());
        let (drafted, rest) = cut(rest, self.node_bytes());
        let (replies, _) = cut(rest, self.replies_bytes());
        Regions { places, served, drafted, replies }
    }
}

/// Before each reply: its author (2) and its length (4).
pub(super) const REPLY_HEAD: usize = 2 + 4;

/// The parts of the memory.
pub(super) struct Regions<'m> {
    pub(super) places: &'m mut [u8],
    /// A node or roots that are served.
    pub(super) served: &'m mut [u8],
    /// The node over the client table that is being fetched.
    pub(super) drafted: &'m mut [u8],
    pub(super) replies: &'m mut [u8],
}
