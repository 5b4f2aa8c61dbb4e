//! The memory of a replica on the heap, sized at start.

use quorate::pbft::{
    Budget, CheckpointVote, ClientRow, Dimensions, History, Lent, Pairs, Parts, Peer, Pending,
    Reading, Slot, Storage, ViewRow, Vote,
};
use std::fmt;

/// Memory of the sizes of one cluster. Everything is allocated by [`Heap::new`] and nothing
/// after it. The byte buffers are asked for zeroed, so the system commits a page of them only
/// when it is first written: a window that is rarely full costs what is used of it.
#[derive(Debug)]
pub struct Heap {
    dimensions: Dimensions,
    slots: Vec<Slot>,
    prepares: Vec<Vote>,
    commits: Vec<Vote>,
    batches: Vec<u8>,
    pool: Vec<u8>,
    clients: Vec<ClientRow>,
    replies: Vec<u8>,
    pending: Vec<Pending>,
    replica_budgets: Vec<Budget>,
    client_budgets: Vec<Budget>,
    checkpoints: Vec<CheckpointVote>,
    peers: Vec<Peer>,
    view_rows: Vec<ViewRow>,
    histories: Vec<u8>,
    named: Vec<u8>,
    chosen: Vec<u8>,
    reads: Vec<Reading>,
    answer: Vec<u8>,
}

/// How many checkpoints are kept of each replica.
const CHECKPOINTS: usize = 4;

impl Heap {
    /// Memory for these sizes.
    ///
    /// # Errors
    /// Sizes that cannot work, or more bytes than this machine can address.
    pub fn new(dimensions: Dimensions) -> Result<Self, HeapError> {
        if let Some(problem) = dimensions.problem() {
            return Err(HeapError::Sizes(problem));
        }
        let Dimensions { nodes, window, batch_bytes, clients, reply_bytes } = dimensions;
        let bytes = |factors: &[usize]| product(factors).ok_or(HeapError::TooLarge(dimensions));
        let votes = window * nodes;
        Ok(Self {
            dimensions,
            slots: vec![Slot::default(); window],
            prepares: vec![Vote::default(); votes],
            commits: vec![Vote::default(); votes],
            batches: vec![0; bytes(&[window, 2, batch_bytes])?],
            pool: vec![0; batch_bytes],
            clients: vec![ClientRow::default(); clients],
            replies: vec![0; bytes(&[clients, reply_bytes])?],
            pending: vec![Pending::default(); clients],
            replica_budgets: vec![Budget::default(); nodes],
            client_budgets: vec![Budget::default(); clients],
            checkpoints: vec![CheckpointVote::default(); nodes * CHECKPOINTS],
            peers: vec![Peer::default(); nodes],
            view_rows: vec![ViewRow::default(); 2 * nodes],
            histories: vec![0; bytes(&[2, nodes, window, History::ENTRY])?],
            named: vec![0; nodes * Pairs::ENTRY],
            chosen: vec![0; window * Pairs::ENTRY],
            reads: vec![Reading::default(); clients],
            answer: vec![0; reply_bytes],
        })
    }
}

fn product(factors: &[usize]) -> Option<usize> {
    let product = factors.iter().try_fold(1usize, |all, factor| all.checked_mul(*factor))?;
    (product <= isize::MAX as usize).then_some(product)
}

impl Storage for Heap {
    fn dimensions(&self) -> Dimensions {
        self.dimensions
    }

    fn parts(&mut self) -> Parts<'_> {
        Parts {
            slots: &mut self.slots,
            prepares: &mut self.prepares,
            commits: &mut self.commits,
            batches: &mut self.batches,
            pool: &mut self.pool,
            clients: &mut self.clients,
            replies: &mut self.replies,
            pending: &mut self.pending,
            replica_budgets: &mut self.replica_budgets,
            client_budgets: &mut self.client_budgets,
            checkpoints: &mut self.checkpoints,
            peers: &mut self.peers,
            view_rows: &mut self.view_rows,
            histories: &mut self.histories,
            named: &mut self.named,
            chosen: &mut self.chosen,
            reads: &mut self.reads,
            answer: &mut self.answer,
        }
    }

    fn lend(&self) -> Lent<'_> {
        Lent {
            slots: &self.slots,
            prepares: &self.prepares,
            commits: &self.commits,
            batches: &self.batches,
            pool: &self.pool,
            clients: &self.clients,
            replies: &self.replies,
            pending: &self.pending,
            replica_budgets: &self.replica_budgets,
            client_budgets: &self.client_budgets,
            checkpoints: &self.checkpoints,
            peers: &self.peers,
            view_rows: &self.view_rows,
            histories: &self.histories,
            named: &self.named,
            chosen: &self.chosen,
            reads: &self.reads,
            answer: &self.answer,
        }
    }
}

/// Why there is no memory of these sizes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeapError {
    /// A size is out of bounds; the sentence says which.
    Sizes(&'static str),
    /// The window of batches or the replies take more bytes than this machine can address.
    TooLarge(Dimensions),
}

impl fmt::Display for HeapError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sizes(problem) => f.write_str(problem),
            Self::TooLarge(sizes) => write!(
                f,
                "a window of {} batches of {} bytes and {} replies of {} bytes do not fit in \
                 this machine's memory: make window, batch_bytes or reply_bytes smaller",
                sizes.window, sizes.batch_bytes, sizes.clients, sizes.reply_bytes
            ),
        }
    }
}

impl std::error::Error for HeapError {}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate::pbft::Fixed;

    #[test]
    fn every_part_is_as_long_as_that_of_arrays() {
        let mut fixed = Box::new(Fixed::<4, 8, 256, 3, 64>::new());
        let mut heap = Heap::new(fixed.dimensions()).expect("sizes that work");
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
        assert_eq!(lengths(heap.parts()), lengths(fixed.parts()));
        assert_eq!(heap.lend().batches.len(), fixed.lend().batches.len());
    }

    #[test]
    fn sizes_that_cannot_work_are_refused() {
        let sizes =
            Dimensions { nodes: 3, window: 8, batch_bytes: 256, clients: 1, reply_bytes: 8 };
        assert!(matches!(Heap::new(sizes), Err(HeapError::Sizes(_))));
        let sizes =
            Dimensions { nodes: 4, clients: 65_536, reply_bytes: u32::MAX as usize, ..sizes };
        assert!(product(&[sizes.clients, sizes.reply_bytes, 1 << 20]).is_none());
    }
}
