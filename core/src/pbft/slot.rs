//! One place of the log, and the small rows beside it.

use super::history::{DIGESTS, History, PrePrepared};
use super::message::{Sequence, View, Vote};
use crate::auth::Digest;
use crate::time::Instant;

/// What a replica knows about one sequence. Its votes and batches lie beside it in the storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Slot {
    /// P and Q of the sequence; `sequence` 0: the slot is free.
    pub(super) history: History,
    /// Bytes of the batch of each digest in Q.
    pub(super) lengths: [u32; DIGESTS],
    /// What a strong quorum committed, and in which view.
    pub(super) committed: Option<PrePrepared>,
    /// When agreement began on what was accepted last, on the clock of `lateness`; `NEVER`: its
    /// primary does not answer for it.
    pub(super) begun: u64,
}

impl Default for Slot {
    fn default() -> Self {
        Self::EMPTY
    }
}

impl Slot {
    /// On no clock has agreement begun. Zero, so that an empty slot is all zero bits and a static
    /// replica costs no flash.
    pub(super) const NEVER: u64 = 0;

    pub(super) const EMPTY: Self = Self {
        history: History { sequence: Sequence(0), pre_prepared: [None; DIGESTS], prepared: None },
        lengths: [0; DIGESTS],
        committed: None,
        begun: Self::NEVER,
    };

    /// A free slot, taken for a sequence.
    pub(super) const fn of(sequence: Sequence) -> Self {
        let mut slot = Self::EMPTY;
        slot.history.sequence = sequence;
        slot
    }

    /// Where in Q the digest stands.
    pub(super) fn position(&self, digest: &Digest) -> Option<usize> {
        let mut entries = self.history.pre_prepared.iter();
        entries.position(|entry| entry.is_some_and(|entry| entry.digest == *digest))
    }

    /// The digest that was pre-prepared here in `view`. One at most: a second is equivocation.
    pub(super) fn accepted(&self, view: View) -> Option<Digest> {
        let mut entries = self.history.pre_prepared.iter().flatten();
        entries.find(|entry| entry.view == view).map(|entry| entry.digest)
    }

    /// Whether another digest than this one is settled here for ever.
    pub(super) fn rivals(&self, digest: &Digest) -> bool {
        let settled = self.committed.filter(|_| !canary!("rival_of_what_is_settled"));
        settled.is_some_and(|settled| settled.digest != *digest)
    }

    /// Enters a digest in Q and returns its position. A new one takes a free place, else that of
    /// the lower view, but never that of the digest that P names; `None`: nothing is entered
    /// beside what is settled, which may lie in that very place, and be with the host.
    pub(super) fn enter(&mut self, view: View, digest: Digest) -> Option<usize> {
        if self.rivals(&digest) {
            return None;
        }
        let named = self.history.prepared.map(|(which, _)| which);
        let at = self.position(&digest).unwrap_or_else(|| self.place_for_new(named));
        if canary!("q_left_out") {
            self.history.pre_prepared = [None; DIGESTS];
        }
        if let Some(entry) = self.history.pre_prepared.get_mut(at) {
            *entry = Some(PrePrepared { view, digest });
        }
        Some(at)
    }

    /// Enters in P and Q what a strong quorum committed in `view`, and returns its position. What
    /// else was pre-prepared here in that view lost, and is forgotten: a new digest takes its
    /// place, and beside one that Q knew already it leaves its place free.
    pub(super) fn adopt(&mut self, view: View, digest: Digest) -> usize {
        let lost = |entry: PrePrepared| entry.view == view && entry.digest != digest;
        let mut entries = self.history.pre_prepared.iter();
        let loser = entries.position(|entry| entry.is_some_and(lost));
        // P names it from now on, unless it is of a later view: what it named is as good as others.
        let named = self.history.prepared.filter(|(_, prepared)| *prepared >= view);
        let named = named.map(|(which, _)| which);
        let at = self.position(&digest).or(loser).unwrap_or_else(|| self.place_for_new(named));
        if let Some(entry) = loser.and_then(|loser| self.history.pre_prepared.get_mut(loser)) {
            *entry = None;
        }
        if let Some(entry) = self.history.pre_prepared.get_mut(at) {
            let known = entry.filter(|entry| entry.digest == digest).map(|entry| entry.view);
            *entry = Some(PrePrepared { view: known.unwrap_or(view).max(view), digest });
        }
        let outdated = |(which, prepared)| prepared < view || Some(which) == loser;
        if self.history.prepared.is_none_or(outdated) {
            self.history.prepared = Some((at, view));
        }
        at
    }

    /// Where a digest that is not in Q would go, if one of them is to stay.
    fn place_for_new(&self, named_by_p: Option<usize>) -> usize {
        let places = self.history.pre_prepared.iter().enumerate();
        let replaceable = places.filter(|(at, _)| Some(*at) != named_by_p);
        let age = |entry: &Option<PrePrepared>| entry.map(|entry| entry.view);
        if canary!("q_forgets_the_latest") {
            return replaceable.max_by_key(|(_, entry)| age(entry)).map_or(0, |(at, _)| at);
        }
        let lowest = replaceable.min_by_key(|(_, entry)| age(entry));
        lowest.map_or(0, |(at, _)| at)
    }
}

impl Vote {
    /// No vote yet: sequence 0 is never voted on.
    pub(super) const NONE: Self =
        Self { view: View(0), sequence: Sequence(0), digest: Digest::ZERO };

    /// The word of a replica that a batch is settled, kept in the place of its COMMIT: a COMMIT
    /// of a view that there is not.
    pub(super) const fn settled(sequence: Sequence, digest: Digest) -> Self {
        Self { view: Self::ANY_VIEW, sequence, digest }
    }

    /// The view of what was settled in a view that is not known.
    pub(super) const ANY_VIEW: View = View(u64::MAX);

    /// The view of what is known to be settled from the log: there this replica may have said
    /// something else, which a log that was written anew no longer tells.
    pub(super) const REPLAYED: View = View(u64::MAX - 1);

    /// Whether it is a vote.
    pub(super) const fn is_cast(&self) -> bool {
        self.sequence.0 != 0
    }
}

/// A checkpoint that a replica vouches for; sequence 0: none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct CheckpointVote {
    pub(super) sequence: Sequence,
    pub(super) digest: Digest,
}

impl CheckpointVote {
    pub(super) const NONE: Self = Self { sequence: Sequence(0), digest: Digest::ZERO };
}

/// A request that is known here and not executed yet; one a client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Pending {
    /// Its timestamp; 0: none.
    pub(super) timestamp: u64,
    /// Since when its timer runs.
    pub(super) since: Instant,
    /// Whether it lies in the pool, waiting to be proposed.
    pub(super) pooled: bool,
    /// In which view its primary, this replica or another, proposed it.
    pub(super) proposed: Option<View>,
    /// When it came, on the clock of `watch`.
    pub(super) stamp: u64,
    /// When the primary of this view was last told of it.
    pub(super) told: Option<Instant>,
    /// Since when its client waits for room, while it lies in the pool or was refused a moment ago.
    pub(super) turn: Instant,
    /// When there was last no room for a request of its client.
    pub(super) refused: Option<Instant>,
}

impl Pending {
    pub(super) const NONE: Self = Self {
        timestamp: 0,
        since: Instant::ZERO,
        pooled: false,
        proposed: None,
        stamp: 0,
        told: None,
        turn: Instant::ZERO,
        refused: None,
    };
}
