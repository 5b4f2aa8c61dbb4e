//! A replica at work: its small state, the memory lent to it, and what it wants done.
//!
//! The rules of the protocol are methods of [`Rules`], spread over the files named after their
//! subject. None of them is generic, so there is one copy of each whatever the sizes.

use super::amnesia::{Estimate, Fill, Recovering};
use super::config::{Config, Dimensions, Durability};
use super::merkle::{Place, Roots};
use super::message::{Sequence, View, Vote};
use super::storage::Parts;
use super::watch::Watch;
use super::whom::Whom;
use crate::auth::{Digest, Signature};
use crate::fault::{Fault, Refusal};
use crate::node::{ClientId, NodeId, NodeSet};
use crate::quorum::Quorum;
use crate::service::Batch;
use crate::time::Instant;
use core::cell::Cell;

/// The most effects of one step. Every rule that could have more does a bounded part of its work
/// and leaves the rest to the next step (see [`Node::backlog`]).
pub(super) const EFFECTS: usize = 48;

/// The state of a replica that does not depend on the sizes of its cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) config: Config,
    pub(super) sizes: Dimensions,
    pub(super) quorum: Quorum,
    /// The digest of the batch that does nothing, which is always at hand.
    pub(super) null: Digest,
    /// The latest time that was handed in.
    pub(super) now: Instant,
    /// The view this replica is in, or is changing to.
    pub(super) view: View,
    /// Whether it is in that view.
    pub(super) active: bool,
    /// h: the last stable checkpoint, and its digest.
    pub(super) stable: Sequence,
    pub(super) stable_digest: Digest,
    /// The last executed sequence.
    pub(super) executed: Sequence,
    pub(super) executing: Option<Executing>,
    /// No read is answered from a state before this sequence.
    pub(super) reads_from: Sequence,
    /// As primary: the last sequence proposed in this view.
    pub(super) proposed: Sequence,
    /// Checkpoints that the host was asked to capture, with the top of the client table's tree.
    pub(super) captures: [Option<(Sequence, Digest)>; 2],
    /// Whether a strong quorum contradicts this replica's state.
    pub(super) diverged: bool,
    /// A checkpoint that was captured before a restart and not vouched for yet.
    pub(super) recaptured: Option<(Sequence, Digest)>,
    /// While records are replayed: a state that was about to be installed.
    pub(super) replacing: Option<(Sequence, Digest)>,
    pub(super) transfer: Option<Transfer>,
    /// This replica has lost its log, and votes on nothing yet.
    pub(super) recovering: Option<Recovering>,
    /// Whether it has said so.
    pub(super) recovery_said: bool,
    /// It may have signed a VIEW-CHANGE for any view up to this one before it lost its log.
    pub(super) signed_view: View,
    pub(super) fill: Fill,
    /// Bytes of the pool in use, and since when something waits in it.
    pub(super) pool_used: usize,
    /// How many requests that is.
    pub(super) pool_count: usize,
    pub(super) pool_since: Instant,
    /// View changes since something was executed: timeouts double with each.
    pub(super) failed_views: u32,
    /// When to give up waiting for the NEW-VIEW of a view that a strong quorum wants.
    pub(super) new_view_deadline: Option<Instant>,
    pub(super) new_view: StoredNewView,
    /// Sequences whose slots are to be looked at again, a few a step.
    pub(super) backlog: Option<(Sequence, Sequence)>,
    pub(super) status: StatusClock,
    /// What is known of the primary's service.
    pub(super) watch: Watch,
    /// Replicas of which evidence was found: no more of theirs is looked at for its sake.
    pub(super) convicted: NodeSet,
    /// Whether the message of this step left nothing that was not there before.
    pub(super) fruitless: bool,
    /// What is to be said again at the end of this step: it is read from the log when it is
    /// unfolded, so nothing may change the log, and persist that, after it.
    pub(super) resend: Option<Resend>,
    /// The view of a VIEW-CHANGE of this replica's that its log does not know.
    pub(super) old_log: Option<View>,
    /// When the host must step again at the latest.
    pub(super) deadline: Instant,
    pub(super) effects: heapless::Vec<Effect, EFFECTS>,
    pub(super) cursor: Cell<Cursor>,
}

/// The batch that the host is executing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Executing {
    pub(super) sequence: Sequence,
    /// Where its batch lies.
    pub(super) which: usize,
    /// One bit for each request that the host has not answered yet.
    pub(super) remaining: u64,
}

/// The most pieces of a state that are asked for at a time.
pub(super) const REQUESTS: usize = 8;

/// A state that is being fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Transfer {
    pub(super) sequence: Sequence,
    pub(super) digest: Digest,
    /// Whether a strong quorum vouches for it, or only a weak one.
    pub(super) stable: bool,
    pub(super) awaiting: Awaiting,
    /// The roots of its trees, once they are known.
    pub(super) roots: Option<Roots>,
    /// What was asked for and has not come.
    pub(super) requests: [Option<Request>; REQUESTS],
    /// Servers that sent something else than what they were asked for.
    pub(super) liars: NodeSet,
    /// Servers that let this replica wait, or that have less than they vouched for.
    pub(super) stalled: NodeSet,
    /// The server that was asked last: they take turns.
    pub(super) last: NodeId,
    /// How often all servers were left, less the pieces that came since.
    pub(super) rounds: u8,
}

/// What a transfer waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Awaiting {
    /// Peers, or the next status interval.
    Peers,
    /// The host, to name what it lacks; `again`: more was staged since it was asked.
    Host { again: bool },
    /// The host, to replace the application's state.
    Installation,
}

/// A piece of a state that a server was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) place: Place,
    pub(super) digest: Digest,
    pub(super) server: NodeId,
    pub(super) since: Instant,
}

/// The NEW-VIEW that is waited for or that began the current view. Its lists lie in the storage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct StoredNewView {
    pub(super) stage: NewViewStage,
    pub(super) view: View,
    pub(super) author: NodeId,
    pub(super) signature: Signature,
    pub(super) digest: Digest,
    pub(super) named: usize,
    pub(super) chosen: usize,
    /// Where the view starts from, and the last sequence that it chose.
    pub(super) start: Sequence,
    pub(super) last: Sequence,
    /// When it arrived.
    pub(super) since: Instant,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum NewViewStage {
    #[default]
    None,
    /// Some VIEW-CHANGE that it names is not at hand.
    Pending,
    /// This replica entered the view through it.
    Entered,
}

/// When to tell the others where this replica stands, and whom it helped since it last did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct StatusClock {
    pub(super) due: Instant,
    pub(super) ticks: u32,
    /// What was executed at the last tick.
    pub(super) executed: Sequence,
    /// For how many ticks that has not changed.
    pub(super) stuck: u32,
    /// Whether a peer is ahead of this replica.
    pub(super) behind: bool,
    /// Peers that were sent votes since the last tick; each is once.
    pub(super) helped: NodeSet,
    /// Pieces of states that were served to each peer since the last tick.
    pub(super) served: [u8; crate::node::MAX_NODES],
    /// Pieces that each peer was asked for since the last tick.
    pub(super) asked: [u8; crate::node::MAX_NODES],
    /// Batches and VIEW-CHANGEs that were served to each peer since the last tick.
    pub(super) fetches: [u8; crate::node::MAX_NODES],
}

/// Where the host is in the outputs of the last step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Cursor {
    pub(super) effect: usize,
    pub(super) part: u64,
    /// Whether the next output says that the host stepped too early.
    pub(super) undrained: bool,
}

/// All that this replica said at some sequences, again: votes, and proposals of what the peer
/// has not executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Resend {
    pub(super) to: NodeId,
    pub(super) first: Sequence,
    pub(super) last: Sequence,
    /// What the peer has executed.
    pub(super) executed: Sequence,
}

/// What a step wants done: small facts by value; lists and batches stay where they lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    PersistPrePrepared {
        view: View,
        sequence: Sequence,
        which: usize,
    },
    PersistRePrePrepared(Vote),
    PersistPrepared(Vote),
    PersistCommitted {
        view: View,
        sequence: Sequence,
        which: usize,
    },
    PersistCheckpoint {
        sequence: Sequence,
        digest: Digest,
    },
    PersistStable {
        sequence: Sequence,
        digest: Digest,
    },
    PersistViewChange,
    PersistRecovering {
        nonce: u64,
        lost: bool,
    },
    PersistRecovered {
        signed: View,
    },
    Recover {
        nonce: u64,
        lost: bool,
        until: Sequence,
    },
    Estimate {
        to: NodeId,
        nonce: u64,
        estimate: Estimate,
    },
    PersistNewView,
    Forward {
        to: NodeId,
        client: ClientId,
    },
    PrePrepare {
        view: View,
        sequence: Sequence,
        which: usize,
    },
    Prepare(Vote),
    Commit(Vote),
    Checkpoint {
        to: Whom,
        sequence: Sequence,
        digest: Digest,
    },
    /// The latest VIEW-CHANGE of an author (`named` false), or the one a NEW-VIEW names.
    ViewChange {
        to: Whom,
        author: NodeId,
        named: bool,
    },
    NewView {
        to: Whom,
    },
    Status {
        to: Whom,
        wanting: bool,
    },
    Reply {
        client: ClientId,
    },
    Stale {
        client: ClientId,
        timestamp: u64,
    },
    Batch {
        to: NodeId,
        sequence: Sequence,
        digest: Digest,
    },
    FetchBatch {
        to: Whom,
        sequence: Sequence,
        digest: Digest,
    },
    FetchViewChange {
        to: Whom,
        author: NodeId,
        digest: Digest,
    },
    FetchState {
        to: NodeId,
        sequence: Sequence,
        place: Place,
    },
    Resend(Resend),
    Execute {
        sequence: Sequence,
        which: usize,
        fresh: u64,
    },
    Capture {
        sequence: Sequence,
    },
    ServeState {
        to: NodeId,
        sequence: Sequence,
        place: Place,
    },
    Stage {
        sequence: Sequence,
        place: Place,
    },
    Seek {
        sequence: Sequence,
        room: usize,
    },
    PersistInstall {
        sequence: Sequence,
        digest: Digest,
    },
    Install {
        sequence: Sequence,
    },
    Accuse {
        node: NodeId,
        fault: Fault,
    },
    Refuse(Refusal),
    /// There is no room for a client's request.
    Busy {
        client: ClientId,
        timestamp: u64,
    },
    /// The input contradicts what is kept here.
    Contradiction(Kept),
    Read {
        client: ClientId,
    },
    ReadReply {
        client: ClientId,
    },
    PersistLeft(View),
}

/// A signed statement that is kept, as far as evidence goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kept {
    /// A client's request, in the pool.
    Request(ClientId),
    /// The latest VIEW-CHANGE of a replica.
    ViewChange(NodeId),
    /// The NEW-VIEW that began this view, or that is waited for.
    NewView,
}

impl Effect {
    /// Whether it is a record to be persisted.
    const fn is_record(&self) -> bool {
        matches!(
            self,
            Self::PersistPrePrepared { .. }
                | Self::PersistRePrePrepared(_)
                | Self::PersistPrepared(_)
                | Self::PersistCommitted { .. }
                | Self::PersistCheckpoint { .. }
                | Self::PersistStable { .. }
                | Self::PersistInstall { .. }
                | Self::PersistViewChange
                | Self::PersistNewView
                | Self::PersistRecovering { .. }
                | Self::PersistRecovered { .. }
                | Self::PersistLeft(_)
        )
    }
}

/// A replica at work.
pub(super) struct Rules<'s> {
    pub(super) node: &'s mut Node,
    pub(super) memory: Parts<'s>,
}

impl Node {
    pub(super) fn new(config: Config, sizes: Dimensions, quorum: Quorum) -> Self {
        Self {
            config,
            sizes,
            quorum,
            null: Batch::null_digest(),
            now: Instant::ZERO,
            view: View(0),
            active: true,
            stable: Sequence(0),
            stable_digest: Digest::ZERO,
            executed: Sequence(0),
            executing: None,
            reads_from: Sequence(0),
            proposed: Sequence(0),
            captures: [None; 2],
            diverged: false,
            recaptured: None,
            replacing: None,
            transfer: None,
            recovering: None,
            recovery_said: false,
            signed_view: View(0),
            fill: Fill::default(),
            pool_used: 0,
            pool_count: 0,
            pool_since: Instant::ZERO,
            failed_views: 0,
            new_view_deadline: None,
            new_view: StoredNewView::default(),
            backlog: None,
            status: StatusClock {
                due: Instant::ZERO,
                ticks: 0,
                executed: Sequence(0),
                stuck: 0,
                behind: false,
                helped: NodeSet::EMPTY,
                served: [0; crate::node::MAX_NODES],
                asked: [0; crate::node::MAX_NODES],
                fetches: [0; crate::node::MAX_NODES],
            },
            watch: Watch::NEW,
            convicted: NodeSet::EMPTY,
            fruitless: false,
            resend: None,
            old_log: None,
            deadline: Instant::ZERO,
            effects: heapless::Vec::new(),
            cursor: Cell::new(Cursor { effect: 0, part: 0, undrained: false }),
        }
    }

    pub(super) fn me(&self) -> NodeId {
        self.config.me
    }

    pub(super) fn primary(&self, view: View) -> NodeId {
        view.primary(self.sizes.nodes)
    }

    /// Whether this replica is the primary of the view that it is in.
    pub(super) fn leads(&self) -> bool {
        self.active && !self.is_mute() && self.primary(self.view) == self.me()
    }

    /// Whether this replica may have said before what it does not know any more.
    pub(super) fn is_mute(&self) -> bool {
        self.recovering.is_some() && !canary!("votes_while_recovering")
    }
}

impl Rules<'_> {
    /// Adds an effect. That there is room is an invariant of the rules, not of what peers say.
    pub(super) fn emit(&mut self, effect: Effect) {
        if self.node.config.durability == Durability::None && effect.is_record() {
            return;
        }
        let kept = self.node.effects.push(effect);
        assert!(kept.is_ok(), "a step has at most {EFFECTS} effects");
    }

    pub(super) fn accuse(&mut self, node: NodeId, fault: Fault) {
        self.emit(Effect::Accuse { node, fault });
    }

    pub(super) fn refuse(&mut self, refusal: Refusal) {
        self.emit(Effect::Refuse(refusal));
    }
}
