//! A replica that lost its log: the estimation protocol of Castro-Liskov 2002, section 4.3.2.
//!
//! # Why M + 3W
//!
//! A correct replica votes from its low water mark h to h + W, and h is settled. A strong quorum
//! committed what is settled, so that of the strong peers who answer one is correct and had
//! prepared it, or has a stable checkpoint above it: its answer is c and p with h <= p <= c + W.
//! All of these have c <= M. So h <= M + W at the time of the loss: nothing that was said then is
//! about a sequence above M + 2W, and no VIEW-CHANGE that was signed then, which never expires, is
//! counted above M + 3W ([`REACH`](super::choice::REACH)). Above that the replica may vote as if
//! it had never been there before. (The paper's M + W relies on keys that are changed when a
//! replica recovers, so that old messages are worth nothing.)

use super::choice::REACH;
use super::message::{Sequence, View};
use super::rules::{Effect, Rules};
use super::slot::CheckpointVote;
use super::view_store::CHECKPOINTS;
use crate::fault::Fault;
use crate::node::NodeId;

/// Where a peer stands, as it answered a replica that asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Estimate {
    /// The lowest stable checkpoint that it told of, c.
    pub(super) stable: Sequence,
    /// The highest prepared sequence that it told of, p.
    pub(super) prepared: Sequence,
    /// The highest view that it told of.
    pub(super) view: View,
    /// Whether it remembers a vote of the one who asks.
    pub(super) heard: bool,
}

/// What a replica that lost its log knows of what it may have said before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Recovering {
    pub(super) nonce: u64,
    /// Whether it knows that it had a log; otherwise it may be new.
    pub(super) lost: bool,
    /// Nothing that it said before the loss counts above this sequence; not known before enough
    /// peers have answered.
    pub(super) bound: Option<Sequence>,
}

/// NULLs that a primary with nothing else to do orders for a peer that recovers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Fill {
    /// How far the peer needs the others to get.
    pub(super) until: Sequence,
    /// How many may still be ordered before the next status tick.
    pub(super) left: u64,
}

/// What a peer has had ordered by saying that it recovers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Grant {
    /// How far the others are to get for it.
    until: Sequence,
    /// At which tick that was raised last.
    since: u32,
    /// How often it was.
    raised: u8,
}

impl Grant {
    pub(super) const NONE: Self = Self { until: Sequence(0), since: 0, raised: 0 };
    /// The longest pause between two raises is two to this power ticks: of 100 ms, seven minutes.
    const LONGEST: u8 = 12;

    /// How far the others are to get, now that the peer asks for `until`; never further than that.
    /// What was granted before stays so. To raise it takes twice as many ticks each time, up to a
    /// pause that is short for one that recovers again and again, and long for the flash of those
    /// who write down what is ordered for one that only pretends to.
    fn raise(&mut self, until: Sequence, tick: u32) -> Sequence {
        let pause = 1_u32 << self.raised.min(Self::LONGEST);
        let rested = self.raised == 0 || tick.wrapping_sub(self.since) >= pause;
        if until > self.until && rested {
            *self = Self { until, since: tick, raised: self.raised.saturating_add(1) };
        }
        self.until.min(until)
    }
}

impl Rules<'_> {
    /// Whatever this replica said before it must not contradict. `lost`: it knows that it has said
    /// something, and that the log is lost; otherwise it finds out whether it is new.
    pub(super) fn begin_recovery(&mut self, nonce: u64, lost: bool) {
        self.node.recovering = Some(Recovering { nonce, lost, bound: None });
        self.node.recovery_said = false;
        for at in self.nodes() {
            if let Some(peer) = self.peer_mut(at) {
                peer.answered = false;
            }
        }
        self.node.status.due = self.node.now;
        self.node.deadline = self.node.now;
    }

    /// Says that it recovers, to its log and to the others, once and before anything else.
    pub(super) fn say_recovery(&mut self) {
        let Some(recovering) = self.node.recovering else { return };
        if self.node.recovery_said {
            return;
        }
        self.node.recovery_said = true;
        let Recovering { nonce, lost, .. } = recovering;
        self.emit(Effect::PersistRecovering { nonce, lost });
        self.ask_again();
    }

    /// Asks, and tells how far the others must get before it can take part again.
    pub(super) fn ask_again(&mut self) {
        if let Some(Recovering { nonce, lost, bound }) = self.node.recovering {
            let until = bound.unwrap_or_default();
            self.emit(Effect::Recover { nonce, lost, until });
        }
    }

    /// A peer does not know what it has said. One that has lost its log is no primary; one that
    /// leads helps it to recover when there is nothing else to order. A replica that has lost its
    /// own log does not know where it stands.
    pub(super) fn on_recover(&mut self, from: NodeId, nonce: u64, lost: bool, until: Sequence) {
        let may_answer = self.node.recovering.is_none_or(|mine| !mine.lost && !lost);
        if !may_answer || !self.spend_fetch(from) {
            return;
        }
        let stable = self.node.stable;
        let furthest = (2 + REACH).saturating_mul(self.node.sizes.window as u64);
        let until = until.min(Sequence(stable.0.saturating_add(furthest)));
        let until = self.grant(from, until);
        self.node.fill.until = self.node.fill.until.max(until);
        let slots = self.memory.slots.iter().filter(|slot| slot.history.prepared.is_some());
        let prepared = slots.map(|slot| slot.history.sequence).max().unwrap_or_default();
        let heard = self.peer(from).spoken;
        let (prepared, view) = (prepared.max(stable), self.node.view);
        let estimate = Estimate { stable, prepared, view, heard };
        self.emit(Effect::Estimate { to: from, nonce, estimate });
        if lost && self.node.active && from == self.node.primary(view) && !self.node.is_mute() {
            self.next_view();
        }
    }

    fn grant(&mut self, to: NodeId, until: Sequence) -> Sequence {
        let tick = self.node.status.ticks;
        self.peer_mut(to).map_or(Sequence(0), |peer| peer.grant.raise(until, tick))
    }

    /// "It keeps collecting replies until it has one from j such that 2f replicas other than i
    /// reported values for c less than or equal to the value sent by j, and f other replicas
    /// reported values of p greater than or equal to" it; of each replica the least c and the
    /// greatest p that it has sent (4.3.2).
    pub(super) fn on_estimate(&mut self, from: NodeId, nonce: u64, said: Estimate) {
        let Some(recovering) = self.node.recovering else { return };
        if recovering.nonce != nonce || recovering.bound.is_some() {
            return;
        }
        let interval = self.node.sizes.checkpoint_interval();
        let window = self.node.sizes.window as u64;
        let reach = said.stable.0.saturating_add(window);
        let possible = said.stable.0.is_multiple_of(interval)
            && (said.stable.0..=reach).contains(&said.prepared.0);
        if !possible {
            return self.accuse(from, Fault::OutOfBounds);
        }
        let Some(peer) = self.peer_mut(from) else { return };
        let before = if peer.answered { peer.estimate } else { said };
        peer.answered = true;
        peer.estimate = Estimate {
            stable: before.stable.min(said.stable),
            prepared: before.prepared.max(said.prepared),
            view: before.view.max(said.view),
            heard: before.heard || said.heard,
        };
        if !recovering.lost {
            return self.find_out();
        }
        if let Some(highest) = self.estimate() {
            // Up to a checkpoint, since it is one that ends the recovery.
            let reach = if canary!("recovered_too_early") { 0 } else { 1 + REACH };
            let above = highest.0.saturating_add(reach.saturating_mul(window));
            let bound = above.checked_next_multiple_of(interval).unwrap_or(u64::MAX);
            let bound = Some(Sequence(bound));
            self.node.recovering = Some(Recovering { nonce, lost: true, bound });
            self.node.signed_view = self.node.signed_view.max(self.views_before_the_loss());
            self.ask_again();
            self.try_recovered();
        }
    }

    /// Weak peers who remember a vote of a replica with an empty log tell it that it had another:
    /// it asks anew, since from now on only those count who know where they stand. That all who
    /// can be waited for remember none tells it that it is new.
    fn find_out(&mut self) {
        let Some(recovering) = self.node.recovering else { return };
        let old = self.answers().filter(|answer| answer.heard).count();
        let new = self.answers().count() - old;
        if old >= self.node.quorum.weak() {
            self.begin_recovery(recovering.nonce.wrapping_add(1), true);
        } else if new >= self.node.sizes.nodes - 1 - self.node.quorum.faults() {
            self.write_checkpoints();
            self.find_voice();
            self.emit(Effect::PersistRecovered { signed: self.node.signed_view });
        }
    }

    /// Writes down the checkpoints that it vouches for and has not told anybody of, since it is
    /// about to.
    fn write_checkpoints(&mut self) {
        let (me, stable) = (self.node.me(), self.node.stable);
        let mut mine = [CheckpointVote::NONE; CHECKPOINTS];
        for (place, vote) in mine.iter_mut().zip(self.checkpoints_of(me)) {
            *place = *vote;
        }
        for CheckpointVote { sequence, digest } in mine {
            if sequence > stable {
                self.emit(Effect::PersistCheckpoint { sequence, digest });
            }
        }
    }

    /// From now on it takes part. What its clients asked for meanwhile has waited for nobody.
    fn find_voice(&mut self) {
        self.node.recovering = None;
        self.node.new_view_deadline = None;
        self.node.status.behind = true;
        for pending in self.memory.pending.iter_mut() {
            pending.since = self.node.now;
        }
        self.watch_view(self.node.watch.highest());
        self.watch_new_view();
        self.review_log();
    }

    fn answers(&self) -> impl Iterator<Item = Estimate> + Clone + '_ {
        let me = self.node.me();
        let others = self.nodes().filter(move |node| *node != me);
        let peers = others.map(|node| self.peer(node));
        peers.filter(|peer| peer.answered).map(|peer| peer.estimate)
    }

    /// The lowest sequence M such that strong peers report a stable checkpoint at or below it and
    /// weak ones have prepared up to it.
    fn estimate(&self) -> Option<Sequence> {
        let candidates = self.answers().flat_map(|answer| [answer.stable, answer.prepared]);
        let fits = |at: &Sequence| {
            let below = self.answers().filter(|answer| answer.stable <= *at).count();
            let above = self.answers().filter(|answer| answer.prepared >= *at).count();
            below >= self.node.quorum.strong() && above >= self.node.quorum.weak()
        };
        candidates.filter(fits).min()
    }

    /// The views for which this replica may have signed a VIEW-CHANGE before the loss: up to the
    /// one after the highest that a correct peer is in. It signs none for them again, lest it
    /// looked like a liar. No more than two views above what weak peers tell of, so that one who
    /// exaggerates costs no more than that.
    fn views_before_the_loss(&self) -> View {
        let views = self.answers().map(|answer| answer.view);
        let reached = |view: &View| {
            views.clone().filter(|other| other >= view).count() >= self.node.quorum.weak()
        };
        let believed = views.clone().filter(reached).max().unwrap_or_default();
        let highest = views.clone().max().unwrap_or_default();
        View(highest.0.min(believed.0.saturating_add(1)).saturating_add(1))
    }

    /// Whether a primary with nothing to do orders a NULL, so that a peer that lost its log gets
    /// to a checkpoint above all that it may have said.
    pub(super) fn null_waits(&self) -> bool {
        let Fill { until, left } = self.node.fill;
        let idle = self.node.pool_count == 0 && self.node.proposed <= self.node.executed;
        self.node.leads() && idle && left != 0 && self.node.proposed < until && self.has_room()
    }

    /// "The replica is recovered when the checkpoint with sequence number H is stable" (4.3.2),
    /// a strong quorum of others vouching for it. What it kept to itself until then stays unsaid.
    pub(super) fn try_recovered(&mut self) {
        let Some(Recovering { bound: Some(bound), .. }) = self.node.recovering else { return };
        if self.node.stable < bound {
            return;
        }
        self.find_voice();
        // It vouches for the stable checkpoint from now on, to peers that have not got so far, and
        // for none of those that it kept to itself.
        let (sequence, digest) = (self.node.stable, self.node.stable_digest);
        self.forget_checkpoints_above(Sequence(0));
        self.put_checkpoint(self.node.me(), CheckpointVote { sequence, digest });
        self.emit(Effect::PersistCheckpoint { sequence, digest });
        self.emit(Effect::PersistRecovered { signed: self.node.signed_view });
    }
}
