//! A replica's memory with sizes that a plan chooses.

use crate::transcript::Fingerprint;
use quorate::pbft::{
    Budget, CheckpointVote, ClientRow, Dimensions, History, Lent, Pairs, Parts, Peer, Pending,
    Reading, Slot, Storage, ViewRow, Vote,
};
use std::fmt;
use std::hash::Hasher;

/// Storage in vectors.
#[derive(Clone, Debug)]
pub struct Memory {
    dimensions: Dimensions,
    // What the checker of rejected messages leaves out stands first, where it finds it soonest.
    replica_budgets: Vec<Budget>,
    client_budgets: Vec<Budget>,
    checkpoints: Table<CheckpointVote>,
    slots: Table<Slot>,
    prepares: Table<Vote>,
    commits: Table<Vote>,
    batches: Bytes,
    pool: Bytes,
    clients: Table<ClientRow>,
    replies: Bytes,
    pending: Table<Pending>,
    peers: Table<Peer>,
    view_rows: Table<ViewRow>,
    histories: Bytes,
    named: Bytes,
    chosen: Bytes,
    reads: Table<Reading>,
    answer: Bytes,
}

/// Rows, of which those that are in use are told, with their numbers.
#[derive(Clone)]
struct Table<T>(Vec<T>);

impl<T: Clone + Default> Table<T> {
    fn of(rows: usize) -> Self {
        Self(vec![T::default(); rows])
    }
}

impl<T: fmt::Debug + Default + PartialEq> fmt::Debug for Table<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unused = T::default();
        let used = self.0.iter().enumerate().filter(|(_, row)| **row != unused);
        formatter.debug_map().entries(used).finish()
    }
}

/// Contents of messages, told by their fingerprint: states are compared by what they say of
/// themselves, and nobody lies to this comparison.
#[derive(Clone)]
struct Bytes(Vec<u8>);

impl fmt::Debug for Bytes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut fingerprint = Fingerprint::default();
        fingerprint.write(&self.0);
        write!(formatter, "{} bytes {:016x}", self.0.len(), fingerprint.finish())
    }
}

/// Checkpoints that are kept of one replica.
const CHECKPOINTS: usize = 4;

impl Memory {
    /// Bytes of memory of these sizes; `u64::MAX` if they are more.
    #[must_use]
    pub fn bytes(dimensions: Dimensions) -> u64 {
        let Dimensions { nodes, window, batch_bytes, clients, reply_bytes } = dimensions;
        let slot = size_of::<Slot>()
            + 2 * nodes * size_of::<Vote>()
            + 2 * nodes * History::ENTRY
            + Pairs::ENTRY;
        let client = size_of::<ClientRow>()
            + size_of::<Pending>()
            + size_of::<Budget>()
            + size_of::<Reading>();
        let node = size_of::<Budget>()
            + CHECKPOINTS * size_of::<CheckpointVote>()
            + size_of::<Peer>()
            + 2 * size_of::<ViewRow>()
            + Pairs::ENTRY;
        let [nodes, window, batch_bytes, clients, reply_bytes, slot, client, node] =
            [nodes, window, batch_bytes, clients, reply_bytes, slot, client, node]
                .map(|size| u64::try_from(size).unwrap_or(u64::MAX));
        let slots = batch_bytes.saturating_mul(2).saturating_add(slot).saturating_mul(window);
        let tables = reply_bytes.saturating_add(client).saturating_mul(clients);
        [slots, tables, node.saturating_mul(nodes), batch_bytes, reply_bytes]
            .into_iter()
            .fold(0, u64::saturating_add)
    }

    /// Empty memory of these sizes.
    #[must_use]
    pub fn new(dimensions: Dimensions) -> Self {
        let Dimensions { nodes, window, batch_bytes, clients, reply_bytes } = dimensions;
        Self {
            dimensions,
            slots: Table::of(window),
            prepares: Table::of(window * nodes),
            commits: Table::of(window * nodes),
            batches: Bytes(vec![0; window * 2 * batch_bytes]),
            pool: Bytes(vec![0; batch_bytes]),
            clients: Table::of(clients),
            replies: Bytes(vec![0; clients * reply_bytes]),
            pending: Table::of(clients),
            replica_budgets: vec![Budget::default(); nodes],
            client_budgets: vec![Budget::default(); clients],
            checkpoints: Table::of(nodes * CHECKPOINTS),
            peers: Table::of(nodes),
            view_rows: Table::of(2 * nodes),
            histories: Bytes(vec![0; 2 * nodes * window * History::ENTRY]),
            named: Bytes(vec![0; nodes * Pairs::ENTRY]),
            chosen: Bytes(vec![0; window * Pairs::ENTRY]),
            reads: Table::of(clients),
            answer: Bytes(vec![0; reply_bytes]),
        }
    }
}

impl Storage for Memory {
    fn dimensions(&self) -> Dimensions {
        self.dimensions
    }

    fn parts(&mut self) -> Parts<'_> {
        Parts {
            slots: &mut self.slots.0,
            prepares: &mut self.prepares.0,
            commits: &mut self.commits.0,
            batches: &mut self.batches.0,
            pool: &mut self.pool.0,
            clients: &mut self.clients.0,
            replies: &mut self.replies.0,
            pending: &mut self.pending.0,
            replica_budgets: &mut self.replica_budgets,
            client_budgets: &mut self.client_budgets,
            checkpoints: &mut self.checkpoints.0,
            peers: &mut self.peers.0,
            view_rows: &mut self.view_rows.0,
            histories: &mut self.histories.0,
            named: &mut self.named.0,
            chosen: &mut self.chosen.0,
            reads: &mut self.reads.0,
            answer: &mut self.answer.0,
        }
    }

    fn lend(&self) -> Lent<'_> {
        Lent {
            slots: &self.slots.0,
            prepares: &self.prepares.0,
            commits: &self.commits.0,
            batches: &self.batches.0,
            pool: &self.pool.0,
            clients: &self.clients.0,
            replies: &self.replies.0,
            pending: &self.pending.0,
            replica_budgets: &self.replica_budgets,
            client_budgets: &self.client_budgets,
            checkpoints: &self.checkpoints.0,
            peers: &self.peers.0,
            view_rows: &self.view_rows.0,
            histories: &self.histories.0,
            named: &self.named.0,
            chosen: &self.chosen.0,
            reads: &self.reads.0,
            answer: &self.answer.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate::pbft::Fixed;

    #[test]
    fn it_has_as_many_bytes_as_it_says_beforehand() {
        let dimensions =
            Dimensions { nodes: 4, window: 8, batch_bytes: 256, clients: 5, reply_bytes: 16 };
        let mut memory = Memory::new(dimensions);
        let parts = memory.parts();
        let held = [
            size_of_val(parts.slots),
            size_of_val(parts.prepares),
            size_of_val(parts.commits),
            size_of_val(parts.batches),
            size_of_val(parts.pool),
            size_of_val(parts.clients),
            size_of_val(parts.replies),
            size_of_val(parts.pending),
            size_of_val(parts.replica_budgets),
            size_of_val(parts.client_budgets),
            size_of_val(parts.checkpoints),
            size_of_val(parts.peers),
            size_of_val(parts.view_rows),
            size_of_val(parts.histories),
            size_of_val(parts.named),
            size_of_val(parts.chosen),
            size_of_val(parts.reads),
            size_of_val(parts.answer),
        ];
        assert_eq!(Memory::bytes(dimensions), held.iter().sum::<usize>() as u64);
        let most = usize::MAX;
        let endless = Dimensions { batch_bytes: most, reply_bytes: most, ..dimensions };
        assert_eq!(Memory::bytes(endless), u64::MAX);
    }

    #[test]
    fn it_lends_slices_of_the_lengths_of_the_array_storage() {
        let mut fixed: Box<Fixed<4, 8, 256, 5, 16>> = Box::default();
        let mut memory = Memory::new(fixed.dimensions());
        let lengths = |parts: Parts<'_>| {
            [
                parts.slots.len(),
                parts.prepares.len(),
                parts.commits.len(),
                parts.batches.len(),
                parts.pool.len(),
                parts.clients.len(),
                parts.replies.len(),
                parts.pending.len(),
                parts.replica_budgets.len(),
                parts.client_budgets.len(),
                parts.checkpoints.len(),
                parts.peers.len(),
                parts.view_rows.len(),
                parts.histories.len(),
                parts.named.len(),
                parts.chosen.len(),
                parts.reads.len(),
                parts.answer.len(),
            ]
        };
        assert_eq!(lengths(memory.parts()), lengths(fixed.parts()));
    }
}
