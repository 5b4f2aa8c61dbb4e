//! A replica's memory with sizes that a plan chooses.

use quorate::Digest;
use quorate::pbft::{
    Budget, CheckpointVote, ClientRow, Dimensions, History, Lent, Pairs, Parts, Peer, Pending,
    Reading, Slot, Storage, ViewRow, Vote,
};
use std::fmt;

/// Storage in vectors.
#[derive(Clone, Debug)]
pub struct Memory {
    dimensions: Dimensions,
    slots: Vec<Slot>,
    prepares: Vec<Vote>,
    commits: Vec<Vote>,
    batches: Bytes,
    pool: Bytes,
    clients: Vec<ClientRow>,
    replies: Bytes,
    pending: Vec<Pending>,
    replica_budgets: Vec<Budget>,
    client_budgets: Vec<Budget>,
    checkpoints: Vec<CheckpointVote>,
    peers: Vec<Peer>,
    view_rows: Vec<ViewRow>,
    histories: Bytes,
    named: Bytes,
    chosen: Bytes,
    reads: Vec<Reading>,
    answer: Bytes,
}

/// Contents of messages, told by their digest: states are compared by what they say of themselves.
#[derive(Clone)]
struct Bytes(Vec<u8>);

impl fmt::Debug for Bytes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} bytes {:?}", self.0.len(), Digest::of(&self.0))
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
            slots: vec![Slot::default(); window],
            prepares: vec![Vote::default(); window * nodes],
            commits: vec![Vote::default(); window * nodes],
            batches: Bytes(vec![0; window * 2 * batch_bytes]),
            pool: Bytes(vec![0; batch_bytes]),
            clients: vec![ClientRow::default(); clients],
            replies: Bytes(vec![0; clients * reply_bytes]),
            pending: vec![Pending::default(); clients],
            replica_budgets: vec![Budget::default(); nodes],
            client_budgets: vec![Budget::default(); clients],
            checkpoints: vec![CheckpointVote::default(); nodes * CHECKPOINTS],
            peers: vec![Peer::default(); nodes],
            view_rows: vec![ViewRow::default(); 2 * nodes],
            histories: Bytes(vec![0; 2 * nodes * window * History::ENTRY]),
            named: Bytes(vec![0; nodes * Pairs::ENTRY]),
            chosen: Bytes(vec![0; window * Pairs::ENTRY]),
            reads: vec![Reading::default(); clients],
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
            slots: &mut self.slots,
            prepares: &mut self.prepares,
            commits: &mut self.commits,
            batches: &mut self.batches.0,
            pool: &mut self.pool.0,
            clients: &mut self.clients,
            replies: &mut self.replies.0,
            pending: &mut self.pending,
            replica_budgets: &mut self.replica_budgets,
            client_budgets: &mut self.client_budgets,
            checkpoints: &mut self.checkpoints,
            peers: &mut self.peers,
            view_rows: &mut self.view_rows,
            histories: &mut self.histories.0,
            named: &mut self.named.0,
            chosen: &mut self.chosen.0,
            reads: &mut self.reads,
            answer: &mut self.answer.0,
        }
    }

    fn lend(&self) -> Lent<'_> {
        Lent {
            slots: &self.slots,
            prepares: &self.prepares,
            commits: &self.commits,
            batches: &self.batches.0,
            pool: &self.pool.0,
            clients: &self.clients,
            replies: &self.replies.0,
            pending: &self.pending,
            replica_budgets: &self.replica_budgets,
            client_budgets: &self.client_budgets,
            checkpoints: &self.checkpoints,
            peers: &self.peers,
            view_rows: &self.view_rows,
            histories: &self.histories.0,
            named: &self.named.0,
            chosen: &self.chosen.0,
            reads: &self.reads,
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
