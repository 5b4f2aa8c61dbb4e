//! A replica that lost its log: the estimation protocol of Castro-Liskov 2002, section 4.3.2.

use super::message::Sequence;
use super::rules::{Effect, Recovering, Rules};
use super::slot::CheckpointVote;
use super::view_change::Shelf;
use crate::node::NodeId;

impl Rules<'_> {
    /// The log is lost: whatever this replica said before, it must not contradict it.
    pub(super) fn begin_recovery(&mut self, nonce: u64) {
        self.node.recovering = Some(Recovering { nonce, bound: None });
        self.node.recovery_said = false;
        for at in self.nodes() {
            if let Some(row) = self.row_mut(Shelf::Latest, at) {
                row.estimate = None;
            }
        }
        self.node.status.due = self.node.now;
        self.node.deadline = self.node.now;
    }

    /// Says that it recovers, to its log and to the others, once.
    pub(super) fn say_recovery(&mut self) -> bool {
        let Some(Recovering { nonce, .. }) = self.node.recovering else { return false };
        if self.node.recovery_said {
            return false;
        }
        self.node.recovery_said = true;
        self.emit(Effect::PersistRecovering { nonce });
        self.emit(Effect::Recover { nonce });
        true
    }

    /// Asks again while too few have answered.
    pub(super) fn ask_again(&mut self) {
        if let Some(Recovering { nonce, bound: None }) = self.node.recovering {
            self.emit(Effect::Recover { nonce });
        }
    }

    /// A peer has lost its log. A replica that has lost its own does not know where it stands.
    pub(super) fn on_recover(&mut self, from: NodeId, nonce: u64) {
        if self.node.is_mute() || !self.spend_fetch(from) {
            return;
        }
        let stable = self.node.stable;
        let slots = self.memory.slots.iter().filter(|slot| slot.history.prepared.is_some());
        let prepared = slots.map(|slot| slot.history.sequence).max().unwrap_or_default();
        let prepared = prepared.max(stable);
        self.emit(Effect::Estimate { to: from, nonce, stable, prepared });
    }

    /// "It keeps collecting replies until it has one from j such that 2f replicas other than i
    /// reported values for c less than or equal to the value sent by j, and f other replicas
    /// reported values of p greater than or equal to" it (4.3.2). The first answer of each peer counts.
    pub(super) fn on_estimate(
        &mut self,
        from: NodeId,
        nonce: u64,
        stable: Sequence,
        prepared: Sequence,
    ) {
        let Some(recovering) = self.node.recovering else { return };
        if recovering.nonce != nonce || recovering.bound.is_some() {
            return;
        }
        let Some(row) = self.row_mut(Shelf::Latest, from) else { return };
        if row.estimate.is_some() {
            return;
        }
        row.estimate = Some((stable, prepared));
        if let Some(highest) = self.estimate() {
            let window = self.node.sizes.window as u64;
            let bound = Some(Sequence(highest.0.saturating_add(window)));
            self.node.recovering = Some(Recovering { nonce, bound });
            self.try_recovered();
        }
    }

    /// The lowest sequence M such that strong peers report a stable checkpoint at or below it and
    /// weak ones have prepared up to it: no correct replica, and so not this one before its loss,
    /// has voted above M + W.
    fn estimate(&self) -> Option<Sequence> {
        let me = self.node.me();
        let others = self.nodes().filter(move |node| *node != me);
        let answers = others.filter_map(|node| self.row(Shelf::Latest, node)?.estimate);
        let candidates = answers.clone().flat_map(|(stable, prepared)| [stable, prepared]);
        let fits = |at: &Sequence| {
            let below = answers.clone().filter(|(stable, _)| stable <= at).count();
            let above = answers.clone().filter(|(_, prepared)| prepared >= at).count();
            below >= self.node.quorum.strong() && above >= self.node.quorum.weak()
        };
        candidates.filter(fits).min()
    }

    /// "The replica is recovered when the checkpoint with sequence number H is stable" (4.3.2),
    /// a strong quorum of others vouching for it. What it kept to itself until then stays unsaid.
    pub(super) fn try_recovered(&mut self) {
        let Some(Recovering { bound: Some(bound), .. }) = self.node.recovering else { return };
        if self.node.stable < bound {
            return;
        }
        self.node.recovering = None;
        self.node.status.behind = true;
        // It vouches for the stable checkpoint from now on, to peers that have not got so far, and
        // for none of those that it kept to itself.
        let (sequence, digest) = (self.node.stable, self.node.stable_digest);
        self.forget_checkpoints_above(Sequence(0));
        self.put_checkpoint(self.node.me(), CheckpointVote { sequence, digest });
        self.emit(Effect::PersistCheckpoint { sequence, digest });
        self.emit(Effect::PersistRecovered);
    }
}
