//! What a new view begins with: the decision procedure of Castro-Liskov 2002, section 3.2.4.
//!
//! The primary of the new view runs it to make its NEW-VIEW, and every backup runs it again on
//! the VIEW-CHANGEs that the NEW-VIEW names and accepts no other outcome.

use super::history::{History, Pairs, PrePrepared};
use super::message::{Sequence, ViewChange};
use super::view_store::ViewRow;
use crate::auth::Digest;
use crate::node::NodeSet;
use crate::quorum::Quorum;

/// How many windows above its low water mark a VIEW-CHANGE is counted. Its author has voted on
/// nothing above one, and will not in an older view; a second window is for members that lag behind
/// the others. It ends somewhere for the sake of replicas that lose their log, see
/// [`amnesia`](super::amnesia).
pub(super) const REACH: u64 = 2;

/// The VIEW-CHANGEs of distinct replicas for one view, where they are kept.
#[derive(Debug)]
pub(super) struct Members<'s> {
    /// One row for each replica of the cluster.
    pub(super) rows: &'s [ViewRow],
    /// P and Q of each row: n x W entries.
    pub(super) histories: &'s [u8],
    /// Whose rows count.
    pub(super) set: NodeSet,
    pub(super) quorum: Quorum,
    pub(super) window: usize,
    /// The digest of the batch that does nothing.
    pub(super) null: Digest,
}

/// Where a new view starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Start {
    pub(super) sequence: Sequence,
    pub(super) digest: Digest,
    /// The last sequence that was chosen; the start if there is none.
    pub(super) last: Sequence,
    /// How many sequences that makes.
    pub(super) chosen: usize,
}

impl<'s> Members<'s> {
    fn iter(&self) -> impl Iterator<Item = ViewChange<'s>> + use<'s> {
        let (rows, histories) = (self.rows, self.histories);
        let size = self.window * History::ENTRY;
        self.set.iter().filter_map(move |node| {
            let histories = histories.chunks_exact(size.max(1)).nth(node.index())?;
            Some(rows.get(node.index())?.message(node, histories))
        })
    }

    /// Decides every sequence of the window above the start and writes the choices, up to the
    /// last one that is not merely a gap, to `chosen`. `None`: these members do not settle it,
    /// more are needed.
    pub(super) fn decide(&self, chosen: &mut [u8]) -> Option<Start> {
        if self.set.len() < self.quorum.strong() {
            return None;
        }
        let (start, digest) = self.start()?;
        let mut outcome = Start { sequence: start, digest, last: start, chosen: 0 };
        let high = start.0.saturating_add(self.window as u64);
        let above = (start.0..high).filter_map(|below| Sequence(below).next());
        for (index, sequence) in above.enumerate() {
            let choice = self.choose(sequence);
            if choice.is_none() && !self.is_gap(sequence) {
                return None;
            }
            Pairs::put(chosen, index, sequence, &choice.unwrap_or(self.null))?;
            if choice.is_some() {
                outcome.last = sequence;
                outcome.chosen = index + 1;
            }
        }
        Some(outcome)
    }

    /// The highest checkpoint that weak members hold and that strong members have at or above
    /// their low water mark. Of two digests at one sequence the greater, so that all agree.
    fn start(&self) -> Option<(Sequence, Digest)> {
        let held = self.iter().flat_map(|change| change.checkpoints.iter());
        let vouched = held.filter(|checkpoint| {
            let holders = self.count(|change| change.checkpoints.iter().any(|c| c == *checkpoint));
            let below = self.count(|change| change.stable <= checkpoint.0);
            let enough = if canary!("checkpoint_of_one") { 1 } else { self.quorum.weak() };
            holders >= enough && below >= self.quorum.strong()
        });
        vouched.max()
    }

    /// The digest that conditions A1 and A2 allow at a sequence: of the highest view, then the
    /// greatest, so that all agree.
    fn choose(&self, sequence: Sequence) -> Option<Digest> {
        let claims = self.iter().filter_map(|change| {
            change.histories.get(sequence).and_then(|history| history.prepared())
        });
        let mut allowed =
            claims.filter(|claim| self.a1(sequence, claim) && self.a2(sequence, claim));
        if canary!("first_prepared") {
            return allowed.next().map(|claim| claim.digest);
        }
        allowed.max_by_key(|claim| (claim.view, claim.digest)).map(|claim| claim.digest)
    }

    /// Whether a member's word counts at a sequence: it lies above its low water mark and within
    /// its reach.
    fn speaks_of(&self, change: &ViewChange<'_>, sequence: Sequence) -> bool {
        let reach = REACH.saturating_mul(self.window as u64);
        change.stable < sequence && sequence.0 <= change.stable.0.saturating_add(reach)
    }

    /// A1: strong members who speak of the sequence prepared nothing there that is of a later
    /// view, or of the same view, and has another digest. The same digest contradicts nobody: a
    /// replica that adopted what was settled without knowing in which view has it in P under its
    /// own.
    fn a1(&self, sequence: Sequence, claim: &PrePrepared) -> bool {
        let agrees = |change: &ViewChange<'_>| {
            let prepared = change.histories.get(sequence).and_then(|history| history.prepared());
            self.speaks_of(change, sequence)
                && prepared.is_none_or(|own| own.view < claim.view || own.digest == claim.digest)
        };
        self.count(agrees) >= self.quorum.strong() || canary!("other_prepared_ignored")
    }

    /// A2: weak members pre-prepared the digest in that view or later, so that a correct one
    /// found its requests authentic and has the batch.
    fn a2(&self, sequence: Sequence, claim: &PrePrepared) -> bool {
        let vouches = |change: &ViewChange<'_>| {
            let history = change.histories.get(sequence);
            let view = history.and_then(|history| history.pre_prepared(&claim.digest));
            view.is_some_and(|view| view >= claim.view)
        };
        self.count(vouches) >= self.quorum.weak() || canary!("prepared_on_a_word")
    }

    /// B: strong members who speak of the sequence prepared nothing there that still counts.
    fn is_gap(&self, sequence: Sequence) -> bool {
        let empty = |change: &ViewChange<'_>| {
            let prepared = change.histories.get(sequence).and_then(|history| history.prepared());
            self.speaks_of(change, sequence)
                && prepared.is_none_or(|claim| self.is_void(sequence, &claim))
        };
        self.count(empty) >= self.quorum.strong() || canary!("gap_on_trust")
    }

    /// Whether weak members pre-prepared another digest at the sequence in a later view. One of
    /// them is correct: the NEW-VIEW of that view, which it checked, did not have to choose this
    /// one, or a quorum settled the other; so this one is not committed. Without this rule A2 and
    /// B could both fail for ever, since those who backed it may have forgotten it for what came
    /// after it: Q has room for [`DIGESTS`](super::history::DIGESTS).
    fn is_void(&self, sequence: Sequence, claim: &PrePrepared) -> bool {
        let rivals = |change: &ViewChange<'_>| {
            let history = change.histories.get(sequence).unwrap_or_default();
            let mut known = history.pre_prepared.iter().flatten();
            known.any(|rival| rival.view > claim.view && rival.digest != claim.digest)
        };
        let enough = if canary!("void_on_a_word") { 1 } else { self.quorum.weak() };
        self.count(rivals) >= enough
    }

    fn count(&self, holds: impl Fn(&ViewChange<'_>) -> bool) -> usize {
        self.iter().filter(|change| holds(change)).count()
    }
}
