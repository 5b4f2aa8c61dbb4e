//! Lateness: requests that a primary proposed, or never proposes, and that nobody executes.
//!
//! The clock of `watch` stands still while the log may be full, and a request that was proposed
//! waits for nothing there. A primary could use both: fill the log and let nothing of it be
//! agreed on, by a hole in it or by keeping each proposal from another replica in turn, until
//! just before the timers. Three rules bound what that gains it.
//!
//! * *Agreement takes time too.* From a proposal's arrival at a correct replica to the last COMMIT
//!   it takes three times the way of a message at most, and `n - f` correct replicas need nobody
//!   else for it, whatever faulty ones withhold. It may take three halves of the allowance, on a
//!   clock that stands still only for what this replica itself is late with: what is settled and
//!   not executed here, states, view changes, or a host that does not step it. A hole in the
//!   log stops it as little as proposals without COMMITs do: a correct primary sends what is
//!   missing as soon as it is told.
//! * *Late is late.* Whoever serves a thousand requests at once and then nobody for most of the
//!   timeout has a fine mean. So a window is slow, too, if something in it was late for an eighth
//!   of it, as seen at the ticks of the status interval.
//! * *A request is not passed by a whole window.* One that waits here for twice the allowance, on
//!   no clock but time itself, is in the next proposal of a correct primary, however full its log
//!   was: W later ones without it say that it was passed over.
//!
//! So a primary that stays serves each request that all know before the timers of `T`, and before
//! it has proposed a window of others after `T / 2`. Where its log is not full, or nothing is
//! proposed, it does within `T / 4 + 3 T / 8`, or lets one wait for longer in one window of three.
//! What is left to it is to keep the log half full, and each hole in it for somewhat less than
//! `3 T / 8`: the clock of `watch` then stands, nothing is late, and only the last rule binds.

use super::message::Sequence;
use super::rules::Rules;
use super::slot::Slot;
use crate::time::Instant;
use core::time::Duration;

/// A window is slow if something was late for this part of it.
const PART: u32 = 8;

/// What a backup knows about things that are late.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lateness {
    /// Microseconds during which this replica was not late itself, and one more: 0 stands for never
    /// where its times are kept.
    clock: u64,
    /// Whether it has been running since the last step.
    running: bool,
    /// At how many ticks of this observation window something was late.
    ticks: u32,
    /// Whether anything was proposed in it.
    served: bool,
    /// Proposals with anything new in them.
    proposals: u64,
    /// Since when the oldest request that was not proposed waits, once that is for too long, and
    /// how many proposals there were by then.
    passed: Option<(Instant, u64)>,
}

impl Lateness {
    pub(super) const NEW: Self =
        Self { clock: 1, running: true, ticks: 0, served: false, proposals: 0, passed: None };

    /// The time on the clock of this file.
    pub(super) const fn clock(&self) -> u64 {
        self.clock
    }

    pub(super) const fn is_running(&self) -> bool {
        self.running
    }

    /// Before a step: so many microseconds have passed.
    pub(super) const fn pass(&mut self, micros: u64) {
        if self.running {
            self.clock = self.clock.saturating_add(micros);
        }
    }

    /// A new view: what was late is forgotten.
    const fn begin(&mut self) {
        *self = Self { clock: self.clock, running: false, ..Self::NEW };
    }

    /// Something new was proposed.
    pub(super) const fn propose(&mut self) {
        self.served = true;
        self.proposals = self.proposals.saturating_add(1);
    }

    /// The end of a window: for how long something was late in it at the least, and whether
    /// anything was proposed.
    pub(super) const fn close(&mut self, interval: Duration) -> (Duration, bool) {
        let closed = (interval.saturating_mul(self.ticks), self.served);
        (self.ticks, self.served) = (0, false);
        closed
    }
}

/// Whether something was late for so long that the window is a slow one.
pub(super) fn is_slow(late: Duration, window: Duration) -> bool {
    !late.is_zero() && late.saturating_mul(PART) >= window
}

impl Rules<'_> {
    /// A new view: its primary answers for nothing that was proposed before.
    pub(super) fn forget_lateness(&mut self) {
        self.node.watch.lateness.begin();
        self.memory.slots.iter_mut().for_each(|slot| slot.begun = Slot::NEVER);
    }

    /// After a step: whether the clock runs until the next one.
    pub(super) fn watch_lateness(&mut self) {
        let next = self.node.executed.next().and_then(|next| self.slot(next));
        let settled = next.is_some_and(|slot| slot.committed.is_some());
        self.node.watch.lateness.running = self.is_calm() && !settled;
    }

    /// At each tick: is anything late? Returns whether a request was passed over.
    pub(super) fn look_for_late(&mut self) -> bool {
        let allowance = self.allowance();
        let clock = self.node.watch.lateness.clock;
        let longest = allowance.saturating_add(allowance / 2);
        let age = self.oldest_agreement().map(|begun| clock.saturating_sub(begun));
        let open = age.is_some_and(|age| age > longest) && self.node.watch.lateness.running;
        let late = open || self.is_kept_waiting(allowance);

        let waits = self.waiting().map(|(_, pending)| pending.since).min();
        let patience = Duration::from_micros(allowance.saturating_mul(2));
        let waits = waits.filter(|since| since.after(patience) <= self.node.now);
        let window = self.node.sizes.window as u64;
        let lateness = &mut self.node.watch.lateness;
        lateness.ticks = lateness.ticks.saturating_add(late.into());
        let known = lateness.passed.filter(|(since, _)| Some(*since) == waits);
        lateness.passed = known.or(waits.map(|since| (since, lateness.proposals)));
        known.is_some_and(|(_, before)| lateness.proposals.saturating_sub(before) >= window)
    }

    /// A proposal of this view was accepted: from now on it is to be agreed on, if its primary
    /// answers for it, as it does not for what a NEW-VIEW chose nor for what brings nothing new.
    pub(super) fn begin_agreement(&mut self, sequence: Sequence, answers: bool) {
        let clock = self.node.watch.lateness.clock;
        if let Some(slot) = self.slot_mut(sequence) {
            slot.begun = if answers { clock } else { Slot::NEVER };
        }
    }

    /// When agreement began on the oldest proposal of this view that is not executed. By slot and
    /// not by client: of one client several requests may be under way.
    pub(super) fn oldest_agreement(&self) -> Option<u64> {
        let (executed, view) = (self.node.executed, self.node.view);
        let open = self.memory.slots.iter().filter(|slot| {
            let sequence = slot.history.sequence;
            let known = sequence > executed && self.in_window(sequence);
            known && slot.begun != Slot::NEVER && slot.accepted(view).is_some()
        });
        open.map(|slot| slot.begun).min()
    }

    /// A state was installed: what was late until now was so for want of it.
    pub(super) fn restart_agreements(&mut self) {
        let clock = self.node.watch.lateness.clock;
        let begun = self.memory.slots.iter_mut().filter(|slot| slot.begun != Slot::NEVER);
        begun.for_each(|slot| slot.begun = clock);
    }
}
