//! The memory of a replica: handed in by the host, lent to the rules as slices.

use super::budget::Budget;
use super::config::Dimensions;
use super::history::{History, Pairs};
use super::message::Vote;
use super::peer::Peer;
use super::read::Reading;
use super::slot::{CheckpointVote, Pending, Slot};
use super::view_store::{CHECKPOINTS, ViewRow};
use crate::service::ClientRow;

/// Memory of the sizes that [`Storage::dimensions`] tells.
///
/// [`Fixed`] is arrays: a static, a stack frame, a `StaticCell`. An adapter with a heap offers
/// one that is sized at start. Whoever writes another lends slices of exactly the lengths that
/// [`Parts`] gives, filled with `Default::default()` at first.
pub trait Storage {
    /// The sizes of the cluster that this memory is made for.
    fn dimensions(&self) -> Dimensions;
    /// Lends the memory for writing.
    fn parts(&mut self) -> Parts<'_>;
    /// Lends the memory for reading.
    fn lend(&self) -> Lent<'_>;
}

/// Memory that lies elsewhere, in a static say: a replica of it is as small as what does not
/// depend on the sizes.
impl<S: Storage + ?Sized> Storage for &mut S {
    fn dimensions(&self) -> Dimensions {
        (**self).dimensions()
    }

    fn parts(&mut self) -> Parts<'_> {
        (**self).parts()
    }

    fn lend(&self) -> Lent<'_> {
        (**self).lend()
    }
}

macro_rules! parts {
    ($(#[$doc:meta])* $name:ident $(, $mutability:tt)?) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $name<'s> {
            /// W slots.
            pub slots: &'s $($mutability)? [Slot],
            /// n PREPAREs a slot: W x n.
            pub prepares: &'s $($mutability)? [Vote],
            /// n COMMITs a slot: W x n.
            pub commits: &'s $($mutability)? [Vote],
            /// Two batches a slot: W x 2 x B bytes.
            pub batches: &'s $($mutability)? [u8],
            /// Requests that wait to be proposed: B bytes.
            pub pool: &'s $($mutability)? [u8],
            /// C rows of the client table.
            pub clients: &'s $($mutability)? [ClientRow],
            /// Last replies: C x R bytes.
            pub replies: &'s $($mutability)? [u8],
            /// C requests known and not executed.
            pub pending: &'s $($mutability)? [Pending],
            /// What each replica owes: n.
            pub replica_budgets: &'s $($mutability)? [Budget],
            /// What each client owes: C.
            pub client_budgets: &'s $($mutability)? [Budget],
            /// Checkpoints that replicas vouch for: n x 4.
            pub checkpoints: &'s $($mutability)? [CheckpointVote],
            /// What is known of each replica: n.
            pub peers: &'s $($mutability)? [Peer],
            /// VIEW-CHANGEs: the latest of each replica, then those of the NEW-VIEW: 2 x n.
            pub view_rows: &'s $($mutability)? [ViewRow],
            /// P and Q of those: 2 x n x W x [`History::ENTRY`] bytes.
            pub histories: &'s $($mutability)? [u8],
            /// V of the NEW-VIEW: n x [`Pairs::ENTRY`] bytes.
            pub named: &'s $($mutability)? [u8],
            /// X of the NEW-VIEW: W x [`Pairs::ENTRY`] bytes.
            pub chosen: &'s $($mutability)? [u8],
            /// C reads that the host is answering, or has answered.
            pub reads: &'s $($mutability)? [Reading],
            /// The last answer to a read: R bytes.
            pub answer: &'s $($mutability)? [u8],
        }

        #[cfg(feature = "defmt")]
        impl defmt::Format for $name<'_> {
            fn format(&self, f: defmt::Formatter<'_>) {
                let (clients, peers) = (self.clients.len(), self.peers.len());
                let window = self.slots.len();
                defmt::write!(f, "memory of {} nodes, window {}, ", peers, window);
                defmt::write!(f, "{} clients", clients);
            }
        }
    };
}

parts!(
    /// A replica's memory, for writing.
    Parts, mut
);
parts!(
    /// A replica's memory, for reading.
    Lent
);

impl Parts<'_> {
    /// The same memory, for reading.
    pub(super) fn lend(&self) -> Lent<'_> {
        Lent {
            slots: self.slots,
            prepares: self.prepares,
            commits: self.commits,
            batches: self.batches,
            pool: self.pool,
            clients: self.clients,
            replies: self.replies,
            pending: self.pending,
            replica_budgets: self.replica_budgets,
            client_budgets: self.client_budgets,
            checkpoints: self.checkpoints,
            peers: self.peers,
            view_rows: self.view_rows,
            histories: self.histories,
            named: self.named,
            chosen: self.chosen,
            reads: self.reads,
            answer: self.answer,
        }
    }
}

/// Memory in arrays, sized when it compiles: `N` nodes, a window of `W`, batches of `B` bytes,
/// `C` clients, replies of `R` bytes. Sizes that cannot work do not compile.
///
/// ```
/// use quorate::pbft::Fixed;
/// static MEMORY: Fixed<4, 8, 256, 4, 64> = Fixed::new();
/// ```
///
/// ```compile_fail
/// // Three replicas withstand no fault.
/// static MEMORY: quorate::pbft::Fixed<3, 8, 256, 4, 64> = quorate::pbft::Fixed::new();
/// ```
#[derive(Debug)]
pub struct Fixed<const N: usize, const W: usize, const B: usize, const C: usize, const R: usize> {
    slots: [Slot; W],
    prepares: [[Vote; N]; W],
    commits: [[Vote; N]; W],
    batches: [[[u8; B]; 2]; W],
    pool: [u8; B],
    clients: [ClientRow; C],
    replies: [[u8; R]; C],
    pending: [Pending; C],
    replica_budgets: [Budget; N],
    client_budgets: [Budget; C],
    checkpoints: [[CheckpointVote; CHECKPOINTS]; N],
    peers: [Peer; N],
    view_rows: [[ViewRow; N]; 2],
    histories: [[[[u8; History::ENTRY]; W]; N]; 2],
    named: [[u8; Pairs::ENTRY]; N],
    chosen: [[u8; Pairs::ENTRY]; W],
    reads: [Reading; C],
    answer: [u8; R],
}

#[cfg(feature = "defmt")]
impl<const N: usize, const W: usize, const B: usize, const C: usize, const R: usize> defmt::Format
    for Fixed<N, W, B, C, R>
{
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "Fixed({})", Self::DIMENSIONS);
    }
}

impl<const N: usize, const W: usize, const B: usize, const C: usize, const R: usize>
    Fixed<N, W, B, C, R>
{
    const DIMENSIONS: Dimensions =
        Dimensions { nodes: N, window: W, batch_bytes: B, clients: C, reply_bytes: R };

    /// Empty memory.
    #[must_use]
    pub const fn new() -> Self {
        const {
            if let Some(problem) = Self::DIMENSIONS.problem() {
                panic!("{}", problem);
            }
        }
        Self {
            slots: [Slot::EMPTY; W],
            prepares: [[Vote::NONE; N]; W],
            commits: [[Vote::NONE; N]; W],
            batches: [[[0; B]; 2]; W],
            pool: [0; B],
            clients: [ClientRow::EMPTY; C],
            replies: [[0; R]; C],
            pending: [Pending::NONE; C],
            replica_budgets: [Budget::NONE; N],
            client_budgets: [Budget::NONE; C],
            checkpoints: [[CheckpointVote::NONE; CHECKPOINTS]; N],
            peers: [const { Peer::EMPTY }; N],
            view_rows: [const { [const { ViewRow::EMPTY }; N] }; 2],
            histories: [[[[0; History::ENTRY]; W]; N]; 2],
            named: [[0; Pairs::ENTRY]; N],
            chosen: [[0; Pairs::ENTRY]; W],
            reads: [Reading::NONE; C],
            answer: [0; R],
        }
    }
}

impl<const N: usize, const W: usize, const B: usize, const C: usize, const R: usize> Default
    for Fixed<N, W, B, C, R>
{
    fn default() -> Self {
        Self::new()
    }
}

impl<const N: usize, const W: usize, const B: usize, const C: usize, const R: usize> Storage
    for Fixed<N, W, B, C, R>
{
    fn dimensions(&self) -> Dimensions {
        Self::DIMENSIONS
    }

    fn parts(&mut self) -> Parts<'_> {
        Parts {
            slots: &mut self.slots,
            prepares: self.prepares.as_flattened_mut(),
            commits: self.commits.as_flattened_mut(),
            batches: self.batches.as_flattened_mut().as_flattened_mut(),
            pool: &mut self.pool,
            clients: &mut self.clients,
            replies: self.replies.as_flattened_mut(),
            pending: &mut self.pending,
            replica_budgets: &mut self.replica_budgets,
            client_budgets: &mut self.client_budgets,
            checkpoints: self.checkpoints.as_flattened_mut(),
            peers: &mut self.peers,
            view_rows: self.view_rows.as_flattened_mut(),
            histories: self.histories.as_flattened_mut().as_flattened_mut().as_flattened_mut(),
            named: self.named.as_flattened_mut(),
            chosen: self.chosen.as_flattened_mut(),
            reads: &mut self.reads,
            answer: &mut self.answer,
        }
    }

    fn lend(&self) -> Lent<'_> {
        Lent {
            slots: &self.slots,
            prepares: self.prepares.as_flattened(),
            commits: self.commits.as_flattened(),
            batches: self.batches.as_flattened().as_flattened(),
            pool: &self.pool,
            clients: &self.clients,
            replies: self.replies.as_flattened(),
            pending: &self.pending,
            replica_budgets: &self.replica_budgets,
            client_budgets: &self.client_budgets,
            checkpoints: self.checkpoints.as_flattened(),
            peers: &self.peers,
            view_rows: self.view_rows.as_flattened(),
            histories: self.histories.as_flattened().as_flattened().as_flattened(),
            named: self.named.as_flattened(),
            chosen: self.chosen.as_flattened(),
            reads: &self.reads,
            answer: &self.answer,
        }
    }
}
