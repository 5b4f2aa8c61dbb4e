//! A replica that asked for a view, and found no company.

use super::replica::Replica;
use super::storage::Storage;
use crate::node::NodeId;

impl<S: Storage> Replica<S> {
    /// Whether this replica has left its view for one that at most f replicas want, itself among
    /// them, so that nobody joins and it votes on nothing; see "A replica that asks alone" in
    /// [the chapter](crate::pbft). For a moment it is true of whoever is the first to ask.
    #[must_use]
    pub fn is_alone(&self) -> bool {
        let (view, me) = (self.node.view, self.node.me());
        let memory = self.storage.lend();
        let rows = (0u8..).zip(memory.view_rows.iter().zip(memory.peers));
        let wanting = rows
            .filter(|(node, (row, peer))| NodeId(*node) == me || row.view.max(peer.waits) >= view);
        !self.node.active && wanting.count() < self.node.quorum.weak()
    }
}
