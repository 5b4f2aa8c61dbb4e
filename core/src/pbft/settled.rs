//! What is settled for ever, and how a replica gets hold of it: by the word of weak replicas, and
//! by the batch's digest from whoever has it.

use super::message::{Sequence, Vote};
use super::rules::{Effect, Rules};
use super::tally::Phase;
use super::whom::Whom;
use crate::auth::Digest;
use crate::fault::Fault;
use crate::node::{NodeId, NodeSet};
use crate::service::Batch;

impl Rules<'_> {
    /// A replica says that a batch is settled. Of weak replicas one is correct, and holds a strong
    /// quorum of COMMITs; so what weak replicas say is as good as that quorum itself.
    pub(super) fn on_settled(&mut self, from: NodeId, sequence: Sequence, digest: Digest) {
        let word = Vote::settled(sequence, digest);
        if self.in_window(sequence) && self.cast(word, from, Phase::Commit) {
            // It may be what the COMMITs of a view lacked.
            self.count_commits(sequence);
        }
    }

    /// Counts the COMMITs at a sequence, of whatever views they are.
    pub(super) fn count_commits(&mut self, sequence: Sequence) {
        for node in self.nodes() {
            let vote = self.commits(sequence).get(node.index()).copied().unwrap_or_default();
            if vote.is_cast() {
                self.try_commit(vote);
            }
        }
    }

    /// Asks another replica for a batch that was settled without this one having it: one that
    /// voted for it, and another one each time.
    pub(super) fn want(&mut self, sequence: Sequence, digest: &Digest) {
        let voted = |votes: &[Vote], node: NodeId| {
            votes.get(node.index()).is_some_and(|vote| vote.is_cast() && vote.digest == *digest)
        };
        let me = self.node.me();
        let others = self.nodes().filter(move |node| *node != me);
        let voters: NodeSet = others
            .clone()
            .filter(|node| {
                voted(self.commits(sequence), *node) || voted(self.prepares(sequence), *node)
            })
            .collect();
        let from = if voters.is_empty() { others.collect() } else { voters };
        let turn = sequence.0.wrapping_add(self.node.status.ticks.into());
        let at = turn % (from.len().max(1) as u64);
        if let Some((_, node)) = (0u64..).zip(from.iter()).find(|(index, _)| *index == at) {
            let to = Whom::One(node);
            self.emit(Effect::FetchBatch { to, sequence, digest: *digest });
        }
    }

    /// Takes a batch that a NEW-VIEW chose or that a strong quorum committed.
    pub(super) fn bring(
        &mut self,
        from: NodeId,
        sequence: Sequence,
        batch: Batch<'_>,
        digest: Digest,
    ) {
        let view = self.node.view;
        let wanted = self.wanted(sequence);
        if wanted != Some(digest) {
            // An answer may also come after what was asked for has changed: nobody's fault.
            return;
        }
        if batch.bytes().len() > self.node.sizes.batch_bytes {
            return self.accuse(from, Fault::BadBatch);
        }
        if self.chosen(sequence) == Some(digest) && !self.node.is_mute() {
            self.accept(view, sequence, batch, digest);
            self.try_prepare(sequence);
        } else if let Some(committed) = self.slot(sequence).and_then(|slot| slot.committed) {
            self.adopt(sequence, committed, batch);
        }
        self.try_execute();
    }

    /// The digest that was settled at a sequence while its batch is not at hand.
    pub(super) fn wanted(&self, sequence: Sequence) -> Option<Digest> {
        let committed = self.slot(sequence).and_then(|slot| slot.committed);
        let chosen = || self.chosen(sequence).filter(|_| !self.node.is_mute());
        let digest = committed.map_or_else(chosen, |c| Some(c.digest))?;
        (self.in_window(sequence) && !self.at_hand(sequence, &digest)).then_some(digest)
    }
}
