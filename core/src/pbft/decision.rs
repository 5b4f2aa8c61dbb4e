//! What a replica and its host say to each other.

use super::merkle::Place;
use super::message::{Message, NewView, Sequence, View, ViewChange};
use crate::auth::Digest;
use crate::node::{ClientId, NodeId};
use crate::service::ClientTable;
use crate::service::{Batch, Request};
use serde::{Deserialize, Serialize};

/// What the host asks of its replica.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Command<'a> {
    /// A request of the last [`Decision::Execute`] was executed. One command for each request of
    /// the decision, in its order.
    Executed {
        /// Whose request.
        client: ClientId,
        /// The application's reply; one longer than the cluster's constant is replaced by
        /// [`Outcome::ReplyTooLong`](super::Outcome::ReplyTooLong), at all replicas alike.
        reply: &'a [u8],
    },
    /// The state of a [`Decision::Checkpoint`] is captured, and durable if the host has a disk.
    Captured {
        /// The checkpoint.
        sequence: Sequence,
        /// The digest of the application's pages,
        /// [`state_digest`](super::merkle::state_digest).
        state: Digest,
    },
    /// The read of the last [`Decision::Read`] of this client was carried out.
    Answered {
        /// Whose read.
        client: ClientId,
        /// The application's answer; `None` if it answers this operation in order only. One that
        /// is longer than the cluster's constant is as good as none.
        answer: Option<&'a [u8]>,
    },
    /// The answer to [`Decision::Seek`]: pieces that the host lacks, at most as many as there was
    /// room for. Fewer, or none, if it lacks no more than it has asked for already.
    Seek {
        /// The checkpoint.
        sequence: Sequence,
        /// What to ask peers for.
        pieces: &'a [Sought],
    },
    /// The answer to [`Decision::Install`]: the application's state is replaced, and durable if
    /// the host has a disk. After it no answer may come to what was to be executed before: it
    /// would be taken for one to a later batch.
    Installed {
        /// The checkpoint.
        sequence: Sequence,
        /// The client table of the checkpoint: its pages one after the other.
        clients: &'a [u8],
    },
}

/// A piece that a host lacks, and the digest that it must have: it stands in a node, or in the
/// roots, that the host was given before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Sought {
    /// Which piece.
    pub place: Place,
    /// Its digest.
    pub digest: Digest,
}

/// What was agreed, in the order in which the host carries it out.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Decision<'a> {
    /// Execute these requests, in order, and answer each with [`Command::Executed`]. The next
    /// batch comes when all are answered. One whose state is given up meanwhile, since it turns out
    /// wrong or [`Install`](Self::Install) comes, is given up with it: answers to it are refused
    /// with [`NotExecuting`](crate::Refusal::NotExecuting), which changes nothing.
    Execute(Execution<'a>),
    /// Between `sequence` and the next batch: capture application state and client table, then
    /// answer with [`Command::Captured`]. The answer may come later.
    Checkpoint {
        /// The last sequence that the state includes.
        sequence: Sequence,
        /// The client table, to be kept with the application's snapshot.
        clients: ClientTable<'a>,
    },
    /// Send `Message::State` with this piece, as it was captured at the checkpoint, to a replica
    /// that missed it. Checkpoints from the last stable one on are to be held; one before it may
    /// be, and best is while somebody fetches it. What is not held, or is no piece, is not
    /// answered.
    ServeState {
        /// Who asks.
        to: NodeId,
        /// The checkpoint.
        sequence: Sequence,
        /// Which piece.
        place: Place,
    },
    /// Keep the piece in the `Message::State` that was the input of this very step: it is the
    /// one that was sought. The pieces of a checkpoint begin with its roots: they give up what was
    /// sought for another one, while pages that were kept for that may be of use again.
    Stage {
        /// The checkpoint.
        sequence: Sequence,
        /// Which piece.
        place: Place,
    },
    /// Answer with [`Command::Seek`]: which pieces are lacking, depth first, going by the roots
    /// and nodes that were staged. A page is not lacking if one of its digest is staged or in a
    /// captured checkpoint, nor a node whose digest a captured checkpoint has; the live state
    /// does not count, it may move on before the rest has come. A host that answers later, when
    /// the roots of another checkpoint have come, answers with none, and leaves nothing of that
    /// other one out for it.
    Seek {
        /// The checkpoint.
        sequence: Sequence,
        /// The most pieces that can be asked for now.
        room: usize,
    },
    /// All pieces are there: replace the application's state by that of this checkpoint, keep it
    /// as the captured checkpoint of this sequence, drop those captured above it, since they are
    /// of a state that is given up, and answer with [`Command::Installed`]. The record before this
    /// decision must be durable before anything of that is. Whoever looks sees the old state or
    /// the new one, also after a crash in between.
    Install {
        /// The checkpoint.
        sequence: Sequence,
    },
    /// The message that was the input of this very step, or a request in it, and this signed one
    /// that was kept are by one author, who contradicts itself. A host that collects evidence
    /// makes it of the two, by [`Evidence::between`](crate::fault::Evidence::between); for any
    /// other there is nothing to do.
    Contradiction {
        /// A request, a VIEW-CHANGE or a NEW-VIEW.
        kept: Message<'a>,
    },
    /// Answer the operation of the `Message::Read` that was the input of this very step from the
    /// application's state as it is now, changing nothing, then say [`Command::Answered`]. Until
    /// then no other read of this client comes. The answer is the one that the operation would
    /// have as the next ordered request.
    Read {
        /// Whose read.
        client: ClientId,
        /// The last sequence that the state includes.
        state: Sequence,
    },
}

/// A batch to execute, without the requests that were executed before.
#[derive(Clone, Debug)]
pub struct Execution<'a> {
    pub(super) sequence: Sequence,
    pub(super) batch: Batch<'a>,
    pub(super) fresh: u64,
}

impl<'a> Execution<'a> {
    /// The place of the batch in the history.
    #[must_use]
    pub const fn sequence(&self) -> Sequence {
        self.sequence
    }

    /// The digest of the whole batch, which COMMITs name. It hashes the batch.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.batch.digest()
    }

    /// The requests to execute, in order.
    pub fn requests(&self) -> impl Iterator<Item = Request<'a>> + use<'a> {
        let fresh = self.fresh;
        let numbered = self.batch.iter().zip(0u32..);
        numbered.filter(move |(_, at)| fresh & 1 << at != 0).map(|(request, _)| request)
    }
}

#[cfg(feature = "defmt")]
impl defmt::Format for Execution<'_> {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "execute {}", self.sequence);
    }
}

/// What must survive a crash. A restarted replica is given all records since its last stable
/// checkpoint, in the order in which they were made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Record<'a> {
    /// A batch was pre-prepared: its body, an element of Q, and with it the PRE-PREPARE of a
    /// primary or the PREPARE of a backup.
    PrePrepared {
        /// The view of the proposal.
        view: View,
        /// Its sequence.
        sequence: Sequence,
        /// The batch; NULL if it has no bytes.
        #[serde(borrow)]
        batch: Batch<'a>,
    },
    /// A batch that is held was pre-prepared again, in a later view.
    RePrePrepared {
        /// The later view.
        view: View,
        /// Its sequence.
        sequence: Sequence,
        /// The digest of the batch.
        digest: Digest,
    },
    /// A batch was prepared: an element of P, and with it the COMMIT.
    Prepared {
        /// The view of the proposal.
        view: View,
        /// Its sequence.
        sequence: Sequence,
        /// The digest of the batch.
        digest: Digest,
    },
    /// A strong quorum committed a batch that was not pre-prepared here in that view. It stands
    /// in P and Q from then on, since nothing else can ever be chosen, but no vote goes with it.
    Committed {
        /// The view of the COMMITs.
        view: View,
        /// Its sequence.
        sequence: Sequence,
        /// The batch.
        batch: Batch<'a>,
    },
    /// The replica vouches for a checkpoint.
    Checkpoint {
        /// The last sequence that the state includes.
        sequence: Sequence,
        /// The digest of state and client table.
        digest: Digest,
    },
    /// A checkpoint is stable: everything up to it can be forgotten.
    Stable {
        /// The last sequence that the state includes.
        sequence: Sequence,
        /// The digest of state and client table.
        digest: Digest,
    },
    /// The replica's own VIEW-CHANGE: it has left all views before.
    ViewChange(ViewChange<'a>),
    /// A VIEW-CHANGE that the next NEW-VIEW names.
    Named(ViewChange<'a>),
    /// The replica has entered a view.
    NewView(NewView<'a>),
    /// The replica began to recover from the loss of its log. Until it has, it says nothing that
    /// could contradict what it said before.
    Recovering {
        /// Of its question to the others.
        nonce: u64,
        /// Whether it knows that there was a log; otherwise it may be new.
        lost: bool,
        /// It has heard of VIEW-CHANGEs for views up to this one that it signed before.
        signed: View,
    },
    /// The replica has recovered.
    Recovered {
        /// It may have signed a VIEW-CHANGE for any view up to this one before the loss.
        signed: View,
    },
    /// The state of a checkpoint is about to replace the replica's own. Until a `Checkpoint` of
    /// that sequence or a later one follows, the host may have either of them.
    Install {
        /// The last sequence that the state includes.
        sequence: Sequence,
        /// The digest of state and client table.
        digest: Digest,
    },
    /// The replica has left all views before this one for others that did, and signed no
    /// VIEW-CHANGE for it: while it recovers it has no say, and after that none in a view for
    /// which it may have signed one before the loss.
    Left {
        /// The view that it waits for.
        view: View,
    },
}
