//! What was settled before this replica had prepared it: what it enters in P and Q, and says.

use super::history::PrePrepared;
use super::message::{Sequence, View, Vote};
use super::rules::{Effect, Rules};
use crate::auth::Digest;
use crate::service::Batch;

impl Rules<'_> {
    /// Keeps a batch that a strong quorum committed while this replica accepted another or none.
    pub(super) fn adopt(&mut self, sequence: Sequence, committed: PrePrepared, batch: Batch<'_>) {
        let PrePrepared { view, digest } = committed;
        if let Some(which) = self.enter_committed(sequence, view, digest) {
            self.keep_batch(sequence, which, batch.bytes());
            self.join_quorum(Vote { view, sequence, digest });
        }
    }

    /// Adds this replica's COMMIT to a strong quorum of them that it holds. The quorum proves
    /// that the batch is prepared; a replica that lags may see too few of its COMMITs, if some of
    /// their senders are gone, and needs this one. A replica that had accepted another batch in
    /// that view keeps its word and only executes.
    pub(super) fn join_quorum(&mut self, vote: Vote) {
        let other = self.cast_by_me(vote.sequence, vote.view).is_some_and(|d| d != vote.digest);
        let past = vote.view != self.node.view && !canary!("votes_in_views_that_are_left");
        if past || other || !self.may_swear(&vote) {
            return;
        }
        let accepted = self.slot(vote.sequence).and_then(|slot| slot.accepted(vote.view));
        if accepted != Some(vote.digest) {
            if vote.digest == self.node.null {
                // Q knows it in no view as late as P would; whoever lags is told it is settled.
                return;
            }
            self.enter_committed(vote.sequence, vote.view, vote.digest);
        }
        if !canary!("joins_without_prepare") {
            self.prepare_adopted(vote);
        }
        self.swear(vote);
    }

    /// Says PREPARE for what Q knows in this view although nobody had proposed it here when a
    /// quorum or the word of weak replicas settled it. Others may lack just this one.
    pub(super) fn prepare_adopted(&mut self, vote: Vote) {
        if !self.is_bound(vote.sequence, vote.view) {
            self.emit(Effect::PersistRePrePrepared(vote));
            self.vote_prepare(vote);
        }
    }

    /// Enters in P and Q what a strong quorum committed. A VIEW-CHANGE tells only of views before
    /// the one it asks for, so a quorum of a view that this replica has not reached is entered
    /// under the one it is in: that says less, and nothing else can be chosen anyway.
    pub(super) fn enter_committed(
        &mut self,
        sequence: Sequence,
        view: View,
        digest: Digest,
    ) -> Option<usize> {
        let view = view.min(self.reached());
        let which = self.slot_mut(sequence)?.adopt(view, digest);
        self.emit(Effect::PersistCommitted { view, sequence, which });
        Some(which)
    }
}
