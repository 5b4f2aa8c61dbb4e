//! A replica from what it left on disk, and what to leave there.

use super::amnesia::Recovering;
use super::config::Config;
use super::decision::Record;
use super::history::PrePrepared;
use super::merkle::{checkpoint_digest, encoded_clients_top};
use super::message::{NewView, Sequence, View, ViewChange, Vote};
use super::outputs::Outputs;
use super::recovery::Recovery;
use super::replica::Replica;
use super::rules::{Awaiting, NewViewStage, Rules, StoredNewView, Transfer};
use super::slot::{CheckpointVote, Slot};
use super::storage::Storage;
use super::tally::Phase;
use super::view_change::{Shelf, plausible};
use crate::auth::Digest;
use crate::fault::ConfigError;
use crate::node::NodeId;
use crate::service;
use crate::service::{Batch, EncodedPages};
use crate::time::Instant;
use core::fmt;

/// A captured checkpoint that the host restored before it calls [`Replica::recover`].
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Snapshot<'a> {
    /// The last sequence that the state includes.
    pub sequence: Sequence,
    /// The client table as encoded at that checkpoint: its pages one after the other.
    pub clients: &'a [u8],
    /// The digest of the application's pages,
    /// [`state_digest`](super::merkle::state_digest).
    pub state: Digest,
}

/// Why records do not make a replica. The host must not go on with them: it stops, or starts
/// over as a replica that has lost its log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum RecoverError {
    /// Settings that cannot work.
    Config(ConfigError),
    /// The snapshot's client table is not one of this cluster's sizes.
    Clients,
    /// The snapshot is not of the digest that the records vouch for.
    WrongSnapshot {
        /// The checkpoint of the snapshot.
        sequence: Sequence,
    },
    /// The records begin at a stable checkpoint for which the host has no snapshot.
    NoSnapshot {
        /// The stable checkpoint of the records.
        stable: Sequence,
    },
    /// A record that does not follow from the ones before it.
    Record(&'static str),
}

impl fmt::Display for RecoverError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(error) => error.fmt(f),
            Self::Clients => f.write_str("the snapshot's client table is not one of this cluster"),
            Self::WrongSnapshot { sequence } => {
                write!(f, "the snapshot of checkpoint {} is not the one vouched for", sequence.0)
            }
            Self::NoSnapshot { stable } => {
                write!(f, "the log begins at checkpoint {}, whose snapshot is missing", stable.0)
            }
            Self::Record(what) => write!(f, "the log contradicts itself: {what}"),
        }
    }
}

impl core::error::Error for RecoverError {}

impl<S: Storage> Replica<S> {
    /// A replica that continues where its records end, in empty memory. It never votes in a way
    /// that contradicts them.
    ///
    /// `snapshot` is the newest captured checkpoint that the host has, at or above the last
    /// stable one of the records, already restored to the application; `None` if no checkpoint
    /// was ever captured.
    ///
    /// # Errors
    /// Settings, a snapshot or records that do not fit together.
    pub fn recover<'r>(
        config: Config,
        storage: S,
        now: Instant,
        snapshot: Option<Snapshot<'_>>,
        records: impl IntoIterator<Item = Record<'r>>,
    ) -> Result<Self, RecoverError> {
        let mut recovery = Recovery::begin(config, storage, now)?;
        for record in records {
            recovery.take(&record)?;
        }
        recovery.finish(snapshot)
    }

    /// Records that, with the snapshot of a checkpoint at or above the last stable one, make this
    /// replica again: what a host writes to a fresh log when it drops the old one. Call it with
    /// no outputs left to drain.
    pub fn records(&self) -> impl Iterator<Item = Record<'_>> {
        let view = Outputs { node: &self.node, memory: self.storage.lend() };
        let parts = view.parts();
        (0..parts).filter_map(move |part| view.keep(part))
    }
}

impl<'a> Outputs<'a> {
    /// How many records there can be.
    fn parts(&self) -> usize {
        self.node.sizes.records()
    }

    /// The record of one part.
    fn keep(&self, part: usize) -> Option<Record<'a>> {
        let (checkpoints, n) = (super::view_store::CHECKPOINTS, self.node.sizes.nodes);
        let Some(part) = part.checked_sub(1) else {
            let (sequence, digest) = (self.node.stable, self.node.stable_digest);
            return (sequence.0 != 0).then_some(Record::Stable { sequence, digest });
        };
        let Some(part) = part.checked_sub(checkpoints) else {
            return self.keep_checkpoint(part);
        };
        let Some(part) = part.checked_sub(n + 4) else {
            return self.keep_view(part);
        };
        if part == 4 * self.memory.slots.len() {
            let installing =
                self.node.transfer.filter(|it| it.awaiting == Awaiting::Installation)?;
            let Transfer { sequence, digest, .. } = installing;
            return Some(Record::Install { sequence, digest });
        }
        if part == 4 * self.memory.slots.len() + 1 {
            let signed = self.node.signed_view;
            let recovered = (signed > View(0)).then_some(Record::Recovered { signed });
            let recovering = self.node.recovering;
            let recovering =
                recovering.map(|it| Record::Recovering { nonce: it.nonce, lost: it.lost, signed });
            return recovering.or(recovered);
        }
        self.keep_slot(part / 4, part % 4)
    }

    fn keep_checkpoint(&self, at: usize) -> Option<Record<'a>> {
        let mut rows = self.memory.checkpoints.chunks_exact(super::view_store::CHECKPOINTS);
        let CheckpointVote { sequence, digest } = *rows.nth(self.node.me().index())?.get(at)?;
        let above = sequence > self.node.stable && !self.node.diverged;
        above.then_some(Record::Checkpoint { sequence, digest })
    }

    /// The own VIEW-CHANGE before the NEW-VIEW if the latter ended it, after it if it left it.
    fn keep_view(&self, part: usize) -> Option<Record<'a>> {
        let n = self.node.sizes.nodes;
        let own = self.view_change(self.node.me(), false);
        let entered = self.node.new_view.stage == NewViewStage::Entered;
        let ended = own.is_none_or(|own| own.view <= self.node.new_view.view);
        match part {
            0 if ended || !entered => own.map(Record::ViewChange),
            0 => None,
            part if part <= n && entered => {
                let author = NodeId(u8::try_from(part - 1).ok()?);
                self.view_change(author, true).map(Record::Named)
            }
            part if part == n + 1 && entered => Some(Record::NewView(self.new_view())),
            part if part == n + 2 && entered && !ended => own.map(Record::ViewChange),
            part if part == n + 3 && !self.node.active => {
                let view = self.node.view;
                let silent = own.is_none_or(|own| own.view < view);
                silent.then_some(Record::Left { view })
            }
            _ => None,
        }
    }

    /// Q by rising views, then P, then the COMMIT. What was adopted from a quorum of COMMITs is
    /// kept as that, since no PREPARE went with it.
    fn keep_slot(&self, index: usize, part: usize) -> Option<Record<'a>> {
        let slot = self.memory.slots.get(index)?;
        let sequence = slot.history.sequence;
        if sequence <= self.node.stable {
            return None;
        }
        let mine = |votes: &[Vote]| {
            let votes = votes.get(self.ring().votes(sequence)).unwrap_or_default();
            votes.get(self.node.me().index()).copied().filter(Vote::is_cast)
        };
        let sworn = mine(self.memory.commits);
        let is_sworn = |p: &PrePrepared| {
            sworn.is_some_and(|vote| vote.view == p.view && vote.digest == p.digest)
        };
        match part {
            0 | 1 => {
                let mut order = [0, 1];
                let entry = |at: &usize| slot.history.pre_prepared.get(*at).copied().flatten();
                order.sort_unstable_by_key(|at| entry(at).map(|entry| entry.view));
                let which = *order.get(part)?;
                let PrePrepared { view, digest } = entry(&which)?;
                let batch = self.batch(sequence, which);
                let adopted = mine(self.memory.prepares).is_none_or(|vote| {
                    vote.view < view || (vote.view == view && vote.digest != digest)
                });
                Some(if adopted {
                    Record::Committed { view, sequence, batch }
                } else {
                    Record::PrePrepared { view, sequence, batch }
                })
            }
            2 => {
                let prepared = slot.history.prepared().filter(|p| !is_sworn(p))?;
                let which = slot.position(&prepared.digest)?;
                let batch = self.batch(sequence, which);
                Some(Record::Committed { view: prepared.view, sequence, batch })
            }
            _ => {
                let Vote { view, digest, .. } = sworn?;
                Some(Record::Prepared { view, sequence, digest })
            }
        }
    }
}

/// A replica enters nothing beside what it knows to be settled.
const BESIDE: RecoverError = RecoverError::Record("a batch beside the one that was settled");

/// At one place of a view a replica pre-prepares one batch, and no batch again in an earlier view.
fn one_a_view(slot: &Slot, view: View, digest: &Digest) -> Result<(), RecoverError> {
    for known in slot.history.pre_prepared.iter().flatten() {
        if known.view == view && known.digest != *digest {
            return Err(RecoverError::Record("two batches at one place of a view"));
        }
        if known.view > view && known.digest == *digest {
            return Err(RecoverError::Record("a batch in a view before its last one"));
        }
    }
    Ok(())
}

impl Rules<'_> {
    /// Takes one record. Those below the stable checkpoint are of the past.
    pub(super) fn replay(&mut self, record: &Record<'_>) -> Result<(), RecoverError> {
        match *record {
            Record::PrePrepared { view, sequence, batch } => {
                self.replay_pre_prepared(view, sequence, batch)
            }
            Record::RePrePrepared { view, sequence, digest } => {
                self.replay_again(Vote { view, sequence, digest })
            }
            Record::Prepared { view, sequence, digest } => {
                self.replay_prepared(Vote { view, sequence, digest })
            }
            Record::Committed { view, sequence, batch } => {
                self.replay_committed(view, sequence, batch)
            }
            Record::Checkpoint { sequence, digest } => {
                self.end_installation(sequence);
                self.put_checkpoint(self.node.me(), CheckpointVote { sequence, digest });
                Ok(())
            }
            Record::Install { sequence, digest } => {
                self.node.replacing = Some((sequence, digest));
                Ok(())
            }
            Record::Stable { sequence, digest } => {
                self.end_installation(sequence);
                self.node.stable = self.node.stable.max(sequence);
                self.node.stable_digest = digest;
                self.put_checkpoint(self.node.me(), CheckpointVote { sequence, digest });
                Ok(())
            }
            Record::ViewChange(change) => self.replay_view_change(&change),
            Record::Named(change) => {
                if !plausible(&change, &self.node.sizes) {
                    return Err(RecoverError::Record("a VIEW-CHANGE of impossible size"));
                }
                let digest = change.digest(&self.node.config.scope);
                self.store_view_change(Shelf::Named, &change, digest);
                Ok(())
            }
            Record::NewView(new_view) => self.replay_new_view(&new_view),
            Record::Recovering { nonce, lost, signed } => {
                self.node.signed_view = self.node.signed_view.max(signed);
                self.node.recovering = Some(Recovering { nonce, lost, bound: None });
                Ok(())
            }
            Record::Recovered { signed } => {
                self.node.recovering = None;
                self.node.signed_view = signed;
                Ok(())
            }
            Record::Left { view } => {
                if view > self.node.view {
                    self.node.view = view;
                    self.node.active = false;
                    self.node.new_view.stage = NewViewStage::None;
                }
                Ok(())
            }
        }
    }

    fn replay_pre_prepared(
        &mut self,
        view: View,
        sequence: Sequence,
        batch: Batch<'_>,
    ) -> Result<(), RecoverError> {
        let digest = batch.digest();
        let Some(slot) = self.slot_mut(sequence) else { return Ok(()) };
        one_a_view(slot, view, &digest)?;
        let which = slot.enter(view, digest).ok_or(BESIDE)?;
        if !self.keep_batch(sequence, which, batch.bytes()) {
            return Err(RecoverError::Record("a batch longer than batches may be"));
        }
        self.replay_prepare_vote(Vote { view, sequence, digest });
        Ok(())
    }

    fn replay_again(&mut self, vote: Vote) -> Result<(), RecoverError> {
        let null = self.node.null;
        let Some(slot) = self.slot_mut(vote.sequence) else { return Ok(()) };
        let known = slot.position(&vote.digest).is_some();
        if !known && vote.digest != null {
            return Err(RecoverError::Record("a batch voted on again was never kept"));
        }
        one_a_view(slot, vote.view, &vote.digest)?;
        let which = slot.enter(vote.view, vote.digest).ok_or(BESIDE)?;
        if let (false, Some(length)) = (known, slot.lengths.get_mut(which)) {
            *length = 0;
        }
        self.replay_prepare_vote(vote);
        Ok(())
    }

    fn replay_prepare_vote(&mut self, vote: Vote) {
        if !canary!("votes_forgotten") {
            self.cast(vote, self.node.me(), Phase::Prepare);
        }
    }

    fn replay_prepared(&mut self, vote: Vote) -> Result<(), RecoverError> {
        let me = self.node.me();
        let Some(slot) = self.slot_mut(vote.sequence) else { return Ok(()) };
        if slot.history.prepared.is_none_or(|(_, view)| view < vote.view) {
            let which = slot.position(&vote.digest);
            let missing = RecoverError::Record("a batch that was prepared was never kept");
            let which = which.ok_or(missing)?;
            let mut entries = slot.history.pre_prepared.iter().flatten();
            if !entries.any(|it| it.digest == vote.digest && it.view >= vote.view) {
                let problem = "a batch was prepared in a view in which it was not pre-prepared";
                return Err(RecoverError::Record(problem));
            }
            slot.history.prepared = Some((which, vote.view));
        }
        self.cast(vote, me, Phase::Commit);
        Ok(())
    }

    fn replay_committed(
        &mut self,
        view: View,
        sequence: Sequence,
        batch: Batch<'_>,
    ) -> Result<(), RecoverError> {
        let digest = batch.digest();
        let Some(slot) = self.slot_mut(sequence) else { return Ok(()) };
        if slot.rivals(&digest) {
            return Err(BESIDE);
        }
        // The view in which it was entered may be one before that in which it was settled.
        slot.committed = Some(PrePrepared { view: Vote::REPLAYED, digest });
        let which = slot.adopt(view, digest);
        let kept = self.keep_batch(sequence, which, batch.bytes()).then_some(());
        kept.ok_or(RecoverError::Record("a batch longer than batches may be"))
    }

    fn replay_view_change(&mut self, change: &ViewChange<'_>) -> Result<(), RecoverError> {
        if change.author != self.node.me() || !plausible(change, &self.node.sizes) {
            return Err(RecoverError::Record("a VIEW-CHANGE that is not this replica's"));
        }
        if change.view == View(0) {
            return Err(RecoverError::Record("a VIEW-CHANGE for the first view"));
        }
        self.restore_own(change);
        self.node.view = change.view;
        self.node.active = false;
        self.node.new_view.stage = NewViewStage::None;
        Ok(())
    }

    fn replay_new_view(&mut self, new_view: &NewView<'_>) -> Result<(), RecoverError> {
        let (named, chosen) = (new_view.view_changes.bytes(), new_view.chosen.bytes());
        let stores =
            (self.memory.named.get_mut(..named.len()), self.memory.chosen.get_mut(..chosen.len()));
        let (Some(named_store), Some(chosen_store)) = stores else {
            return Err(RecoverError::Record("a NEW-VIEW of impossible size"));
        };
        named_store.copy_from_slice(named);
        chosen_store.copy_from_slice(chosen);
        self.node.new_view = StoredNewView {
            stage: NewViewStage::Pending,
            view: new_view.view,
            author: new_view.author,
            signature: new_view.signature,
            digest: new_view.digest(&self.node.config.scope),
            named: new_view.view_changes.len(),
            chosen: new_view.chosen.len(),
            ..StoredNewView::default()
        };
        self.node.view = self.node.view.max(new_view.view);
        self.node.active = false;
        self.try_enter();
        if self.node.active {
            self.node.effects.clear();
            Ok(())
        } else {
            Err(RecoverError::Record("a NEW-VIEW without the VIEW-CHANGEs that it names"))
        }
    }

    /// Takes the restored checkpoint for what was executed.
    pub(super) fn restore(&mut self, snapshot: Option<Snapshot<'_>>) -> Result<(), RecoverError> {
        let stable = self.node.stable;
        let Some(Snapshot { sequence, clients, state }) = snapshot else {
            return if stable.0 == 0 { Ok(()) } else { Err(RecoverError::NoSnapshot { stable }) };
        };
        if sequence < stable {
            return Err(RecoverError::NoSnapshot { stable });
        }
        let size = self.node.sizes.reply_bytes;
        let pages = EncodedPages::of(clients, size);
        let top = encoded_clients_top(self.client_table().pages(), pages);
        let digest = checkpoint_digest(sequence, &top, &state);
        self.settle_installation(sequence, &digest);
        let known = self.checkpoint_of(self.node.me(), sequence);
        if known.is_some_and(|known| known != digest) {
            return Err(RecoverError::WrongSnapshot { sequence });
        }
        service::install(self.memory.clients, self.memory.replies, size, clients)
            .ok_or(RecoverError::Clients)?;
        self.node.executed = sequence;
        if known.is_none() && !self.node.diverged {
            self.node.recaptured = Some((sequence, digest));
        }
        Ok(())
    }

    /// Nothing at or above the sequence of a state that is being installed is vouched for before
    /// it is there.
    fn end_installation(&mut self, sequence: Sequence) {
        self.node.replacing = self.node.replacing.filter(|(target, _)| *target > sequence);
    }

    /// A state was about to be installed when the power failed. If the host has it, what this
    /// replica vouched for there and above was said of the state before it. If the host has
    /// another one of that sequence or above instead, that is the state that was given up: the
    /// replica begins as one whose state is wrong, and fetches the right one again.
    fn settle_installation(&mut self, sequence: Sequence, digest: &Digest) {
        let Some(target) = self.node.replacing.take() else { return };
        let installed = (sequence, *digest) == target;
        if !installed && sequence < target.0 {
            return;
        }
        self.forget_checkpoints_above(Sequence(target.0.0.saturating_sub(1)));
        if !installed {
            self.node.diverged = true;
            self.node.transfer = Some(Transfer::to(target.0, target.1, false, self.node.me()));
        }
    }

    /// Picks up the work: everything is looked at again, and the others are asked for the rest.
    pub(super) fn resume(&mut self) {
        let view = self.node.view;
        let (low, high) = (self.node.stable.0, self.high().0);
        let sequences = (low..high).filter_map(|below| Sequence(below).next());
        let mut accepted =
            sequences.filter(|at| self.slot(*at).is_some_and(|slot| slot.accepted(view).is_some()));
        let last = accepted.next_back();
        self.node.proposed = self.node.proposed.max(last.unwrap_or_default());
        self.node.proposed = self.node.proposed.max(self.node.stable);
        self.restore_reads();
        // One that begins on a state that was given up knows what to fetch; so does one whose view
        // starts above its state, and those who vouched for that start may have gone by now.
        let (executed, diverged, me) = (self.node.executed, self.node.diverged, self.node.me());
        let wanted = self.node.transfer.filter(|it| diverged || it.sequence > executed);
        let wanted = wanted.filter(|_| diverged || !canary!("start_forgotten"));
        self.node.transfer = wanted.map(|it| Transfer::to(it.sequence, it.digest, it.stable, me));
        self.watch_after_restart();
        self.node.effects.clear();
        self.node.status.due = self.node.now;
        self.node.status.behind = true;
        self.node.deadline = self.node.now;
        self.review_log();
    }
}
