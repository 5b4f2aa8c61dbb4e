//! Time and retransmission: what happens when nothing does.
//!
//! Nothing is retransmitted blindly. A replica that lacks something says where it stands; a peer
//! answers with its own part of what is missing. Each peer is answered once a status interval,
//! so that asking more often gains nothing.

use super::message::{Sequence, Status, View};
use super::rules::{Effect, NewViewStage, Resend, Rules};
use super::slot::Slot;
use super::whom::Whom;
use crate::node::NodeId;
use crate::time::Instant;

/// How many sequences one answer covers with votes, and how many of those with proposals.
pub(super) const RESENT: u32 = 128;
pub(super) const REPROPOSED: u64 = 16;
/// Batches and VIEW-CHANGEs served to one peer in a status interval.
const FETCHES: u8 = 64;
/// Batches asked for again in one tick.
const REFETCHED: usize = 8;
/// After so many ticks without progress a state is fetched rather than votes.
const STUCK: u32 = 3;
/// A primary with nothing else to do orders this part of a checkpoint interval of NULLs in a
/// status interval for a peer that recovers.
const NULLS: u64 = 8;
/// A status goes out every so many ticks when all is well.
const HEARTBEAT: u32 = 8;

impl Rules<'_> {
    /// Time has passed. One thing is done in a step, so that what a step emits is bounded; the
    /// deadline stays in the past while there is more.
    pub(super) fn on_wake(&mut self) {
        let now = self.node.now;
        let view_timer = self.view_deadline();
        if let Some((sequence, digest)) = self.node.recaptured.take() {
            if sequence > self.node.stable {
                self.vouch(sequence, digest);
            }
        } else if view_timer.is_some_and(|due| due <= now) {
            self.node.watch.departures.timer = self.node.watch.departures.timer.saturating_add(1);
            self.next_view();
        } else if self.node.status.due <= now {
            self.tick();
        } else if !self.watch_wake() {
            self.propose();
        }
    }

    /// When this replica gives up on the view that it is in, or that it waits for.
    fn view_deadline(&self) -> Option<Instant> {
        if self.node.is_mute() {
            return None;
        }
        if !self.node.active {
            return self.node.new_view_deadline;
        }
        // In a view that it is in, the other one is set only where there is no view after it.
        let due = self.request_deadline()?;
        Some(self.node.new_view_deadline.map_or(due, |told| told.max(due)))
    }

    /// When the oldest request that waits for execution has waited too long. Each request has
    /// its own timer, which the progress of others does not move.
    pub(super) fn request_deadline(&self) -> Option<Instant> {
        // A replica that is behind has nothing to say about the primary.
        if !self.node.active || self.node.transfer.is_some() {
            return None;
        }
        let waiting = self.memory.pending.iter().filter(|pending| pending.timestamp != 0);
        let oldest = waiting.map(|pending| pending.since).min()?;
        Some(oldest.after(self.patience()))
    }

    /// When the host must step again at the latest.
    pub(super) fn next_deadline(&self) -> Instant {
        let mut due = self.node.status.due;
        let waits = self.node.backlog.is_some() || self.node.recaptured.is_some();
        if waits || self.batch_waits() || self.null_waits() {
            due = self.node.now;
        }
        let view_timer = self.view_deadline();
        let batch_timer = (self.node.leads() && self.node.pool_used != 0 && self.has_room())
            .then(|| self.node.pool_since.after(self.node.config.batch_delay));
        [view_timer, batch_timer, self.watch_deadline()]
            .into_iter()
            .flatten()
            .fold(due, Instant::min)
    }

    /// Whether something is under way here that the others could help with.
    pub(super) fn lacks(&self) -> bool {
        let pending = self.memory.pending.iter().any(|pending| pending.timestamp != 0);
        let open = self.memory.slots.iter().any(|slot| self.is_open(slot));
        let awaited = self.own_checkpoint_unstable();
        !self.node.active
            || self.node.is_mute()
            || pending
            || open
            || self.missing_batches().next().is_some()
            || awaited
            || self.node.status.behind
            || self.node.transfer.is_some()
    }

    /// Batches that the NEW-VIEW chose or a quorum committed and that are not at hand, also those
    /// of which nothing else is known here.
    fn missing_batches(&self) -> impl Iterator<Item = (Sequence, crate::Digest)> + '_ {
        let (low, high) = (self.node.stable.0, self.high().0);
        let sequences = (low..high).filter_map(|below| Sequence(below).next());
        sequences.filter_map(|at| Some((at, self.wanted(at)?)))
    }

    /// Whether a slot is not executed, or lacks this replica's COMMIT in the current view, which
    /// others may need.
    fn is_open(&self, slot: &Slot) -> bool {
        let (sequence, view) = (slot.history.sequence, self.node.view);
        let mine = self.commits(sequence).get(self.node.me().index());
        let sworn = mine.is_some_and(|vote| vote.is_cast() && vote.view >= view);
        let voted = self.cast_by_me(sequence, view).is_some();
        sequence > self.node.stable && (sequence > self.node.executed || (voted && !sworn))
    }

    fn own_checkpoint_unstable(&self) -> bool {
        let own = self.checkpoints_of(self.node.me());
        own.iter().any(|vote| vote.sequence > self.node.stable)
    }

    fn tick(&mut self) {
        let stuck = self.node.status.executed == self.node.executed;
        let (lacks, behind) = (self.lacks(), self.node.status.behind);
        let status = &mut self.node.status;
        status.due = self.node.now.after(self.node.config.status_interval);
        status.ticks = status.ticks.wrapping_add(1);
        status.executed = self.node.executed;
        status.stuck = if stuck { status.stuck.saturating_add(1) } else { 0 };
        status.helped = crate::NodeSet::EMPTY;
        status.served = [0; crate::node::MAX_NODES];
        status.asked = [0; crate::node::MAX_NODES];
        status.fetches = [0; crate::node::MAX_NODES];
        status.behind = false;
        self.node.fill.left = (self.node.sizes.checkpoint_interval() / NULLS).max(1);
        let wanting = lacks && (stuck || behind);
        let heartbeat = status.ticks.is_multiple_of(HEARTBEAT);
        if wanting || heartbeat {
            self.emit(Effect::Status { to: Whom::All, wanting });
        }
        if wanting {
            self.refetch();
        }
        if self.node.is_mute() {
            self.ask_again();
        }
        self.review_transfer();
        if self.node.status.stuck >= STUCK && self.node.executing.is_none() {
            self.consider_transfer(true);
        }
        self.watch_tick();
    }

    /// Asks again for what was asked for before, and says again what nobody answered.
    fn refetch(&mut self) {
        let mut wanted = [None; REFETCHED];
        for (place, missing) in wanted.iter_mut().zip(self.missing_batches()) {
            *place = Some(missing);
        }
        for (sequence, digest) in wanted.into_iter().flatten() {
            self.want(sequence, &digest);
        }
        self.fetch_named(Whom::All);
        let again = self.node.status.ticks.is_multiple_of(2) && !canary!("view_change_said_once");
        if self.has_a_say() && !self.node.is_mute() && again {
            let author = self.node.me();
            self.emit(Effect::ViewChange { to: Whom::All, author, named: false });
        }
    }

    /// A peer says where it stands: help it, or notice that it is ahead.
    pub(super) fn on_status(&mut self, from: NodeId, status: &Status) {
        if let Some(peer) = self.peer_mut(from) {
            peer.executed = status.executed;
            peer.waits = if status.active { View(0) } else { status.view };
            if status.active {
                peer.reported = status.view;
            }
        }
        self.watch_new_view();
        self.note_height(from, status.executed);
        // One peer may say anything; of weak peers one is correct.
        let ahead = |node: &NodeId| {
            let peer = self.peer(*node);
            peer.executed > self.node.executed || peer.reported > self.node.view
        };
        if self.nodes().filter(ahead).count() >= self.node.quorum.weak() {
            self.node.status.behind = true;
        }
        let asked = (status.wanting || self.waits_for(status)) && !canary!("never_helps");
        if asked && !self.node.is_mute() && self.node.status.helped.insert(from) {
            self.help(from, status);
        }
    }

    /// Whether this replica leads, does not get on, and the peer may not know that there is
    /// anything to do: it lacks nothing that it has heard of.
    fn waits_for(&self, status: &Status) -> bool {
        let stuck = self.node.status.stuck != 0 && self.node.proposed > self.node.executed;
        self.node.leads() && stuck && status.view == self.node.view
    }

    fn help(&mut self, peer: NodeId, status: &Status) {
        let to = Whom::One(peer);
        let enters = status.view < self.node.view
            || (status.view == self.node.view && !status.active && self.node.active);
        if enters
            && !canary!("new_view_forgotten")
            && self.node.active
            && self.node.new_view.stage == NewViewStage::Entered
        {
            self.emit(Effect::NewView { to });
        }
        if self.has_a_say() && self.node.view > View(0) && status.view <= self.node.view {
            let author = self.node.me();
            self.emit(Effect::ViewChange { to, author, named: false });
        }
        self.remind(peer, status.view);
        let mut votes = [None; super::view_store::CHECKPOINTS];
        if !self.node.diverged {
            let own = self.checkpoints_of(self.node.me()).iter();
            let above = own.filter(|vote| vote.sequence > status.stable && vote.sequence.0 != 0);
            for (place, vote) in votes.iter_mut().zip(above) {
                *place = Some(*vote);
            }
        }
        for vote in votes.into_iter().flatten() {
            let (sequence, digest) = (vote.sequence, vote.digest);
            self.emit(Effect::Checkpoint { to, sequence, digest });
        }
        // Votes from the peer's stable checkpoint on: it may have executed by an older view's
        // quorum what it cannot vote on in this view yet, while others wait for its vote.
        let stable = status.stable.max(self.node.stable);
        // An answer does not reach through a long window: every other one goes on from there.
        let long = self.node.sizes.window > RESENT as usize;
        let far = long && self.node.status.ticks.is_multiple_of(2);
        let below = if far { stable.max(status.executed) } else { stable };
        let first = Sequence(below.0.saturating_add(1));
        let last = Sequence(first.0.saturating_add(u64::from(RESENT - 1))).min(self.high());
        if first <= last {
            self.node.resend = Some(Resend { to: peer, first, last, executed: status.executed });
        }
    }

    /// A peer asks for a batch.
    pub(super) fn on_fetch_batch(
        &mut self,
        from: NodeId,
        sequence: Sequence,
        digest: &crate::Digest,
    ) {
        let known = self.slot(sequence).is_some_and(|slot| slot.position(digest).is_some());
        if known && *digest != self.node.null && self.spend_fetch(from) {
            self.emit(Effect::Batch { to: from, sequence, digest: *digest });
        }
    }

    /// Whether a peer may be served once more in this status interval.
    pub(super) fn spend_fetch(&mut self, peer: NodeId) -> bool {
        match self.node.status.fetches.get_mut(peer.index()) {
            Some(spent) if *spent < FETCHES || canary!("fetches_unlimited") => {
                *spent = spent.saturating_add(1);
                true
            }
            _ => false,
        }
    }
}
