//! Watching the primary: is it slow, or unfair?
//!
//! A timer alone lets a primary take nearly T for every request, or serve all clients but one at
//! the last moment. So each backup also looks at what its primary does with the requests that
//! wait here: those that their clients sent to this replica, that it passed on to the primary,
//! and that no PRE-PREPARE of this view has brought. A correct primary that may propose empties
//! its pool at once, so that a request waits here for the way there, the way back and the time
//! that a batch is held. It is allowed a quarter of the timeout for that (or four status
//! intervals, if that is more).
//!
//! * *Slow* (after Aardvark, NSDI 2009): in two observation windows out of two, or in most of
//!   several, the requests that waited here waited longer than that on average.
//! * *Unfair* (after RBFT, ICDCS 2013): a request waits here, and the primary proposed another
//!   one which this replica saw later by more than that. No pool that is first in, first out
//!   does so: each request is passed on anew four times before.
//!
//! A request that its client sent to the primary alone is not seen to wait. Clients ask everybody
//! when they are not served, and should do so after a quarter of the timeout at the latest.
//!
//! What is measured is waiting, not orders a second: a rate that falls says nothing if the load
//! fell too, while by Little's law the requests that wait are the rate times the wait, whatever
//! the load. And waits are compared with a constant, not with how it was before: what is learned
//! can be taught, a little worse each window, by a patient traitor.
//!
//! *Only what the primary itself does counts.* Waits are read from a clock of this replica that
//! stands still whenever the primary might be unable to propose, or this replica unable to see
//! it: while the log may be full, while this replica is behind, fetches a state, changes views, or
//! was not stepped. Faulty backups can withhold votes, states and VIEW-CHANGEs, and all that stops
//! this clock; faulty clients can only add requests, and a correct primary proposes those too. (A
//! faulty primary can stop it as well; `lateness` says what becomes of that.) So with a correct
//! primary nobody but the links can make a backup leave its view here: they would have to lose the
//! request of one client, sent to one replica only, four times in a row, or take an eighth of the
//! timeout one way.
//!
//! *A cluster that is slow as a whole does not rotate for ever.* Of `f + 1` primaries in a row
//! that were left for this, one was correct: the allowance then doubles, twice at most, up to the
//! timeout itself, until the primary is fast again for some windows.

use super::lateness::{Lateness, is_slow};
use super::message::{Sequence, View};
use super::rules::{Effect, Rules};
use crate::node::ClientId;
use crate::time::Instant;
use core::time::Duration;
use serde::{Deserialize, Serialize};

/// A request may wait for its proposal for this part of the timeout, and at least for so many
/// status intervals, in each of which it is passed on again.
const ALLOWANCE: u32 = 4;
const INTERVALS: u32 = 4;
/// What waits is passed on to the primary again each time this part of the timeout is over.
const TELL_AGAIN: u32 = 20;
/// Requests passed on in one step: for the first time in a view, and again.
const TOLD: usize = 16;
const TOLD_AGAIN: usize = 4;
/// A slow window adds to the score, another one takes from it; at the limit the view is left.
const SLOW: u8 = 2;
const LIMIT: u8 = 4;
/// After so many windows in a row with waits of half the allowance or less it is as at first.
const RESTORED: u8 = 8;
/// The most doublings of the allowance: a quarter of the timeout, then the timeout itself.
const DOUBLINGS: u32 = 2;

/// Why this replica left the views that it left, each counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Departures {
    /// A request was not executed, or a NEW-VIEW did not come, within the timeout.
    pub timer: u64,
    /// The primary let requests wait for too long on average.
    pub slow: u64,
    /// The primary let a request wait while later ones passed.
    pub unfair: u64,
    /// Weak replicas had left, or a quorum was in a later view.
    pub followed: u64,
}

/// What is wrong with the primary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Slow,
    Unfair,
}

/// What a backup knows about the primary of its view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Watch {
    /// Microseconds during which a primary could propose and this replica would have seen it.
    clock: u64,
    /// When the clock was brought up to date, and whether it has been running since.
    seen: Instant,
    running: bool,
    /// The last sequence that was pre-prepared in this view.
    highest: Sequence,
    pub(super) lateness: Lateness,
    /// When, on the clock of `lateness`, the observation window ends; `None`: nothing waits.
    until: Option<u64>,
    /// The waits that ended in this window, together, and how many.
    waits: u64,
    count: u64,
    score: u8,
    /// When, on this clock, the youngest of the proposed requests was first seen here.
    youngest: u64,
    /// Whether something waits here that the primary of this view was not told of.
    untold: bool,
    verdict: Option<Verdict>,
    /// Views in a row that were left for this, and fast windows in a row since.
    left: u32,
    fast: u8,
    pub(super) departures: Departures,
}

impl Watch {
    pub(super) const NEW: Self = Self {
        clock: 0,
        seen: Instant::ZERO,
        running: true,
        highest: Sequence(0),
        lateness: Lateness::NEW,
        until: None,
        waits: 0,
        count: 0,
        score: 0,
        youngest: 0,
        untold: false,
        verdict: None,
        left: 0,
        fast: 0,
        departures: Departures { timer: 0, slow: 0, unfair: 0, followed: 0 },
    };

    /// The last sequence that was pre-prepared in this view.
    pub(super) const fn highest(&self) -> Sequence {
        self.highest
    }

    /// The time on the clock of this file.
    pub(super) const fn clock(&self) -> u64 {
        self.clock
    }

    /// The primary proposed a request that waited here since `stamp`; or one that this replica
    /// had not heard of.
    pub(super) fn propose(&mut self, stamp: Option<u64>) {
        self.youngest = self.youngest.max(stamp.unwrap_or(self.clock));
        if let Some(stamp) = stamp {
            self.waits = self.waits.saturating_add(self.clock.saturating_sub(stamp));
            self.count = self.count.saturating_add(1);
        }
    }
}

impl Rules<'_> {
    /// Before a step: moves the clock. A host that steps later than by a whole window was not
    /// running, and saw nothing.
    pub(super) fn watch_time(&mut self) {
        let elapsed = self.node.now.since(self.node.watch.seen);
        let awake = elapsed <= self.node.config.watch_window;
        let watch = &mut self.node.watch;
        watch.seen = self.node.now;
        if awake && watch.running {
            watch.clock = watch.clock.saturating_add(micros(elapsed));
        }
        if awake {
            watch.lateness.pass(micros(elapsed));
        }
    }

    /// After a step: whether the clocks run until the next one.
    pub(super) fn watch_state(&mut self) {
        self.node.watch.running = self.primary_may_propose();
        self.watch_lateness();
    }

    /// Whether this replica is a backup in its view with nothing of its own to mend.
    pub(super) fn is_calm(&self) -> bool {
        let node = &self.node;
        let mends = node.transfer.is_some() || node.backlog.is_some() || node.diverged;
        node.active && !node.leads() && !mends
    }

    /// Whether the primary could propose more, and this replica would see it.
    fn primary_may_propose(&self) -> bool {
        // The primary's own checkpoint may be one behind this replica's.
        let interval = self.node.sizes.checkpoint_interval();
        let room = self.node.watch.highest.0 < self.node.stable.0.saturating_add(interval);
        room && self.is_calm() && !self.node.status.behind
    }

    /// A new view: its primary is told of everything that waits, and begins with a clean slate.
    pub(super) fn watch_view(&mut self, last: Sequence) {
        self.forget_lateness();
        let Watch { clock, lateness, .. } = self.node.watch;
        let window = micros(self.node.config.watch_window);
        let waits = self.node.pool_count != 0;
        self.node.watch = Watch {
            running: false,
            highest: last,
            until: waits.then_some(lateness.clock().saturating_add(window)),
            waits: 0,
            count: 0,
            score: 0,
            youngest: 0,
            untold: waits,
            verdict: None,
            ..self.node.watch
        };
        for pending in self.memory.pending.iter_mut() {
            (pending.stamp, pending.told) = (clock, None);
        }
    }

    /// A request waits here, and the primary is told of it.
    pub(super) fn watch_request(&mut self, client: ClientId) {
        let to = self.node.primary(self.node.view);
        self.emit(Effect::Forward { to, client });
        let now = self.node.now;
        if let Some(pending) = self.memory.pending.get_mut(client.index()) {
            pending.told = Some(now);
        }
        self.open_window();
    }

    /// The observation window begins, unless it did before.
    fn open_window(&mut self) {
        let window = micros(self.node.config.watch_window);
        let end = self.node.watch.lateness.clock().saturating_add(window);
        self.node.watch.until.get_or_insert(end);
    }

    /// The primary proposed something at a sequence.
    pub(super) fn watch_sequence(&mut self, sequence: Sequence) {
        let watch = &mut self.node.watch;
        watch.highest = watch.highest.max(sequence);
        watch.lateness.propose();
        self.open_window();
    }

    /// How long a request may wait here, in microseconds.
    pub(super) fn allowance(&self) -> u64 {
        let weak = u32::try_from(self.node.quorum.weak()).unwrap_or(u32::MAX);
        let doublings = (self.node.watch.left / weak).min(DOUBLINGS);
        self.least_allowance().saturating_mul(1 << doublings)
    }

    fn least_allowance(&self) -> u64 {
        let intervals = self.node.config.status_interval.saturating_mul(INTERVALS);
        micros((self.patience() / ALLOWANCE).max(intervals))
    }

    /// The clients whose requests wait here for the primary, with since when they do.
    pub(super) fn waiting(&self) -> impl Iterator<Item = (ClientId, &super::Pending)> {
        let view = self.node.view;
        let clients = (0..=u16::MAX).map(ClientId).zip(self.memory.pending.iter());
        clients.filter(move |(_, pending)| pending.waits(view))
    }

    /// Whether a request waits here for longer than it may, in time that counts.
    pub(super) fn is_kept_waiting(&self, allowance: u64) -> bool {
        let oldest = self.waiting().map(|(_, pending)| pending.stamp).min();
        let watch = &self.node.watch;
        watch.running && oldest.is_some_and(|stamp| watch.clock.saturating_sub(stamp) > allowance)
    }

    /// When this file wants to be woken: for a verdict or for requests to pass on at once, else
    /// at the end of the window.
    pub(super) fn watch_deadline(&self) -> Option<Instant> {
        let watch = &self.node.watch;
        if !self.watches() {
            return None;
        }
        if watch.verdict.is_some() || self.tells() {
            return Some(self.node.now);
        }
        let until = watch.until.filter(|_| watch.lateness.is_running())?;
        let due = watch.seen.as_micros().saturating_add(until);
        let due = due.saturating_sub(watch.lateness.clock());
        Some(Instant::from_micros(due))
    }

    /// Whether this replica is a backup in its view that has a say.
    fn watches(&self) -> bool {
        self.node.active && !self.node.leads() && !self.node.is_mute()
    }

    fn tells(&self) -> bool {
        self.node.watch.untold && self.node.backlog.is_none()
    }

    /// Does one thing that is due, if anything is.
    pub(super) fn watch_wake(&mut self) -> bool {
        if !self.watches() {
            return false;
        }
        let watch = &self.node.watch;
        if let Some(verdict) = watch.verdict {
            self.leave(verdict);
        } else if watch.until.is_some_and(|until| until <= watch.lateness.clock()) {
            self.judge();
        } else if self.tells() {
            self.tell();
        } else {
            return false;
        }
        true
    }

    /// Leaves the view for what its primary did.
    fn leave(&mut self, verdict: Verdict) {
        let watch = &mut self.node.watch;
        watch.verdict = None;
        watch.left = watch.left.saturating_add(1);
        watch.fast = 0;
        let departures = &mut watch.departures;
        let count = match verdict {
            Verdict::Slow => &mut departures.slow,
            Verdict::Unfair => &mut departures.unfair,
        };
        *count = count.saturating_add(1);
        self.next_view();
    }

    /// Leaves the view because others did. Whoever was blamed, or had begun to think so too,
    /// counts it as they do, so that all allow the next primary equally much.
    pub(super) fn follow(&mut self, view: View) {
        let blamed = self.node.leads();
        let watch = &mut self.node.watch;
        watch.departures.followed = watch.departures.followed.saturating_add(1);
        if blamed || watch.score >= SLOW || watch.verdict.is_some() {
            watch.left = watch.left.saturating_add(1);
            watch.fast = 0;
        }
        self.start_view_change(view);
    }

    /// The end of an observation window. What still waits, and longer than it may, counts as if
    /// it were proposed now; what came a moment ago says nothing yet.
    fn judge(&mut self) {
        let (allowance, clock) = (self.allowance(), self.node.watch.clock);
        let ages = self.waiting().map(|(_, pending)| clock.saturating_sub(pending.stamp));
        let mut anything = self.oldest_agreement().is_some();
        let (mut waits, mut count) = (0u64, 0u64);
        for age in ages {
            anything = true;
            if age > allowance {
                (waits, count) = (waits.saturating_add(age), count.saturating_add(1));
            }
        }
        let window = self.node.config.watch_window;
        let least = self.least_allowance();
        let interval = self.node.config.status_interval;
        let watch = &mut self.node.watch;
        let (late, served) = watch.lateness.close(interval);
        let total = watch.waits.saturating_add(waits);
        let mean = total.checked_div(watch.count.saturating_add(count));
        (watch.waits, watch.count) = (0, 0);
        let end = watch.lateness.clock().saturating_add(micros(window));
        watch.until = anything.then_some(end);
        if is_slow(late, window) || mean.is_some_and(|mean| mean > allowance) {
            watch.score = watch.score.saturating_add(SLOW);
        } else if mean.is_some() || served {
            watch.score = watch.score.saturating_sub(1);
        }
        if let Some(mean) = mean {
            let fast = mean <= least / 2 && late.is_zero();
            watch.fast = if fast { watch.fast.saturating_add(1) } else { 0 };
        }
        if watch.fast >= RESTORED {
            watch.left = 0;
        }
        if watch.score >= LIMIT && !canary!("slow_primary_stays") {
            watch.verdict = Some(Verdict::Slow);
        }
    }

    /// Passes requests on to the primary of a view that was entered, some of them in each step.
    fn tell(&mut self) {
        let mut clients = [None; TOLD];
        let untold = self.waiting().filter(|(_, pending)| pending.told.is_none());
        for (place, (client, _)) in clients.iter_mut().zip(untold) {
            *place = Some(client);
        }
        self.node.watch.untold = clients.iter().all(Option::is_some);
        for client in clients.into_iter().flatten() {
            self.watch_request(client);
        }
    }

    /// At each tick: passes what has waited longest on once more, since it may have been lost or
    /// found no room; and looks for a request that was passed over.
    pub(super) fn watch_tick(&mut self) {
        let settling = self.node.watch.untold || self.node.backlog.is_some();
        if !self.watches() || settling {
            return;
        }
        let pause = self.patience() / TELL_AGAIN;
        for _ in 0..TOLD_AGAIN {
            let now = self.node.now;
            let again = |told: Option<Instant>| told.is_none_or(|told| told.after(pause) <= now);
            let again = self.waiting().filter(|(_, pending)| again(pending.told));
            let oldest = again.min_by_key(|(_, pending)| pending.since);
            let Some((client, _)) = oldest else { break };
            self.watch_request(client);
        }
        let (youngest, allowance) = (self.node.watch.youngest, self.allowance());
        let oldest = self.waiting().map(|(_, pending)| pending.stamp).min();
        let passed = self.look_for_late();
        if passed || oldest.is_some_and(|oldest| youngest > oldest.saturating_add(allowance)) {
            self.node.watch.verdict = Some(Verdict::Unfair);
        }
    }
}

impl super::Pending {
    /// Whether it lies here and no proposal of this view has brought it.
    fn waits(&self, view: View) -> bool {
        self.timestamp != 0 && self.pooled && self.proposed != Some(view)
    }
}

/// A span in microseconds.
fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}
