//! What each principal may cost before it proves useful.
//!
//! Verifying signatures and hashing what is long is the dearest work that a peer can cause, and
//! whether it is in vain shows only afterwards. So each principal has a budget of its own, in
//! units of one verification or the hash of [`HASHED`] bytes. What is admitted is charged; what
//! was verified is paid back when it is stepped. A correct principal, whose signatures are good,
//! therefore owes at most what is under way between the two, for which the budget has room at
//! full load. What turns out forged is not paid back: it comes back with time alone, slowly, and
//! the slower the more often the budget was used up: half as fast each time, down to a 64th,
//! until all of it is back.
//!
//! # What is well signed and of no use
//!
//! A key of one's own signs whatever one likes, so a good signature alone pays nothing back:
//!
//! * A VIEW-CHANGE costs [`BACK`] units that come back with time alone, unless it is one that a
//!   waiting NEW-VIEW names; so does a NEW-VIEW unless it is kept. Of a peer that asks for ever
//!   higher views a replica verifies `replica_budget() / 16` at once and one a budget interval
//!   then, fewer if that is used up. A correct replica makes one a timeout, and passes on one
//!   that its author may contradict once a status interval, which no budget interval is above.
//! * A PRE-PREPARE is paid back if its batch is accepted, or came too late to be. The second and
//!   later ones for one sequence cost what they cost.
//! * A BATCH costs its hash, and is paid back unless it is another than the one asked for.
//! * A piece of a state is verified if it was asked for, of who was asked.
//! * A request that its client has signed is paid back: it is work. Links take turns.
//!
//! What is held already is dropped before it is verified, and costs nothing.
//!
//! # What carries no signature
//!
//! PREPARE, COMMIT, CHECKPOINT, STATUS, the answers to it and all questions cost the proof of
//! their link and no budget, which the host bounds, told by
//! [`Replica::was_fruitless`](super::Replica::was_fruitless) of each that led to nothing. It is
//! false for two PREPAREs and two COMMITs of a peer for each sequence of the window in each view,
//! and for four CHECKPOINTs until the next stable one, and for as many questions for pieces of a
//! state as are answered in a status interval, whatever it sends; never for anything else in this
//! list. What is served to a peer in a status interval is bounded besides.
//!
//! Links prove who sends, so nobody spends another's budget (Castro-Liskov 1999, section 5;
//! Clement et al., "Making Byzantine Fault Tolerant Systems Tolerate Byzantine Faults", NSDI
//! 2009, on what clients and replicas that flood can otherwise cost).

use super::config::Dimensions;
use super::message::Message;
use super::rules::{NewViewStage, Rules};
use super::view_change::Shelf;
use crate::auth::{Digest, Verified};
use crate::node::Principal;
use crate::protocol::Admission;
use crate::service::MAX_REQUESTS;
use crate::time::Instant;
use core::time::Duration;

/// Bytes whose hash costs about as much as a verification.
const HASHED: usize = 8192;
/// Units that come back to a replica at a time; to a client it is one.
const BACK: u32 = 16;
/// A budget comes back two to this power times slower at the slowest.
const SLOWEST: u8 = 6;
/// Requests of one client that may be under way to the verifiers at once: it has one outstanding,
/// and sends it again.
const REPEATED: usize = 8;
/// Forwarded requests of one replica that may be.
const FORWARDED: usize = 4096;

/// What one principal owes. All of it is paid at first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Budget {
    spent: u32,
    /// Since when the next unit has been coming back.
    since: Instant,
    /// How often it was used up.
    shrunk: u8,
    /// Whether it has been found used up since the last unit came back.
    empty: bool,
}

impl Budget {
    pub(super) const NONE: Self = Self { spent: 0, since: Instant::ZERO, shrunk: 0, empty: false };

    /// Takes note of the time: `back` units a `period` come back.
    fn refill(&mut self, now: Instant, period: Duration, back: u32) {
        let period = self.slowed(period);
        let micros = u64::try_from(period.as_micros()).unwrap_or(u64::MAX).max(1);
        let waited = u64::try_from(now.since(self.since).as_micros()).unwrap_or(u64::MAX);
        let periods = waited / micros;
        if periods != 0 {
            let units = u32::try_from(periods).unwrap_or(u32::MAX).saturating_mul(back);
            self.spent = self.spent.saturating_sub(units);
            self.since = self.since.after(Duration::from_micros(periods.saturating_mul(micros)));
            self.empty = false;
        }
        if self.spent == 0 {
            *self = Self { since: now, ..Self::NONE };
        }
    }

    /// Charges a cost that is at most `limit`.
    ///
    /// # Errors
    /// There is not so much left: when there may be.
    fn spend(
        &mut self,
        now: Instant,
        (cost, limit): (u32, u32),
        (period, back): (Duration, u32),
    ) -> Result<(), Duration> {
        self.refill(now, period, back);
        let spent = self.spent.saturating_add(cost);
        if spent <= limit {
            self.spent = spent;
            return Ok(());
        }
        if !self.empty {
            self.empty = true;
            self.shrunk = self.shrunk.saturating_add(1).min(SLOWEST);
        }
        let left = self.slowed(period).saturating_sub(now.since(self.since));
        Err(left.max(Duration::from_micros(1)))
    }

    /// Pays back what proved useful.
    fn repay(&mut self, cost: u32) {
        self.spent = self.spent.saturating_sub(cost);
        if self.spent == 0 {
            *self = Self::NONE;
        }
    }

    fn slowed(&self, period: Duration) -> Duration {
        period.saturating_mul(1 << self.shrunk.min(SLOWEST))
    }
}

impl Rules<'_> {
    /// Charges what the verification of a message costs to who sent it.
    pub(super) fn charge(&mut self, from: Principal, message: &Message<'_>) -> Admission {
        let cost = cost(message);
        if cost == 0 {
            return Admission::Verify;
        }
        let now = self.node.now;
        let period = self.node.config.budget_interval;
        let (limit, back) = self.limit(from);
        let Some(budget) = self.budget(from) else { return Admission::Verify };
        match budget.spend(now, (cost.min(limit), limit), (period, back)) {
            Ok(()) => Admission::Verify,
            Err(after) => Admission::Later { after },
        }
    }

    /// A message was verified and stepped: if it was of use, who sent it owes nothing for it.
    pub(super) fn repay(&mut self, verified: &Verified<Message<'_>>) {
        let Verified { from, digest, message } = verified;
        // As much as was charged, so that nothing else is paid with it.
        let cost = cost(message).min(self.limit(*from).0);
        if cost == 0 || !self.was_of_use(message, digest) {
            return;
        }
        if let Some(budget) = self.budget(*from) {
            budget.repay(cost);
        }
    }

    /// Whether a message whose signatures are good was of use, now that it was stepped, or may
    /// have been of use when it was sent. Nobody can make up any number of such messages.
    fn was_of_use(&self, message: &Message<'_>, digest: &Digest) -> bool {
        match message {
            Message::PrePrepare { view, sequence, .. } => {
                let late = *view != self.node.view || !self.node.active;
                let accepted = self.slot(*sequence).and_then(|slot| slot.accepted(*view));
                late || !self.in_window(*sequence) || accepted == Some(*digest)
            }
            Message::Batch { sequence, .. } => {
                self.wanted(*sequence).is_none_or(|wanted| wanted == *digest)
            }
            Message::ViewChange(change) => {
                self.row(Shelf::Named, change.author).is_some_and(|row| row.digest == *digest)
            }
            Message::NewView(_) => {
                let stored = &self.node.new_view;
                stored.stage != NewViewStage::None && stored.digest == *digest
            }
            _ => true,
        }
    }

    /// What a principal may owe at most, and how much comes back at a time.
    fn limit(&self, of: Principal) -> (u32, u32) {
        match of {
            Principal::Node(_) => (self.node.sizes.replica_budget(), BACK),
            Principal::Client(_) => (self.node.sizes.client_budget(), 1),
        }
    }

    fn budget(&mut self, of: Principal) -> Option<&mut Budget> {
        match of {
            Principal::Node(node) => self.memory.replica_budgets.get_mut(node.index()),
            Principal::Client(client) => self.memory.client_budgets.get_mut(client.index()),
        }
    }
}

impl Dimensions {
    /// Units that a replica may owe: two windows of full batches, and what it forwards.
    #[must_use]
    pub const fn replica_budget(&self) -> u32 {
        let batch = MAX_REQUESTS.saturating_add(self.batch_bytes / HASHED);
        let forwarded = if self.clients < FORWARDED { self.clients } else { FORWARDED };
        units(self.window.saturating_mul(2).saturating_mul(batch).saturating_add(forwarded))
    }

    /// Units that a client may owe: its longest request, several times.
    #[must_use]
    pub const fn client_budget(&self) -> u32 {
        units(REPEATED.saturating_mul(1 + self.batch_bytes / HASHED))
    }
}

#[allow(clippy::cast_possible_truncation, reason = "compared before")]
const fn units(count: usize) -> u32 {
    if count > u32::MAX as usize { u32::MAX } else { count as u32 }
}

/// Units that it costs to verify a message.
fn cost(message: &Message<'_>) -> u32 {
    let (signatures, bytes) = match message {
        Message::Request(request) => (1, request.len()),
        Message::Read(read) => (1, read.operation.0.len()),
        Message::PrePrepare { batch, .. } => {
            // NULL has none, and can contradict what was accepted like any other.
            (batch.iter().take(MAX_REQUESTS).count().max(1), batch.bytes().len())
        }
        Message::Batch { batch, .. } => (1, batch.bytes().len()),
        Message::ViewChange(change) => (BACK as usize, change.histories.bytes().len()),
        Message::NewView(new_view) => (BACK as usize, new_view.chosen.bytes().len()),
        Message::State { bytes, .. } => (0, bytes.0.len()),
        _ => return 0,
    };
    units(signatures + bytes / HASHED)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PERIOD: Duration = Duration::from_millis(50);

    fn at(millis: u64) -> Instant {
        Instant::from_micros(millis * 1000)
    }

    #[test]
    fn what_is_paid_back_never_runs_out_and_what_is_not_comes_back_ever_more_slowly() {
        let mut budget = Budget::NONE;
        for _ in 0..10_000 {
            assert_eq!(budget.spend(at(1), (1, 8), (PERIOD, 1)), Ok(()));
            budget.repay(1);
        }
        let mut granted = heapless::Vec::<u64, 64>::new();
        for millis in 0..20_000 {
            if budget.spend(at(millis), (1, 8), (PERIOD, 1)).is_ok() {
                granted.push(millis).unwrap();
            }
        }
        assert_eq!(granted[..8], [0, 1, 2, 3, 4, 5, 6, 7], "the whole budget at once");
        let pauses = || granted[8..].windows(2).map(|it| it[1] - it[0]);
        assert!(pauses().is_sorted() && pauses().next_back() == Some(3200), "{granted:?}");
        assert!(granted.len() < 8 + 12, "{} in 20 s", granted.len());
        // All of it comes back with peace, and then it is as fast as before.
        let rested = 20_000 + 9 * 3200;
        assert_eq!(budget.spend(at(rested), (8, 8), (PERIOD, 1)), Ok(()));
        assert_eq!(budget.spend(at(rested), (1, 8), (PERIOD, 1)), Err(2 * PERIOD));
    }

    #[test]
    fn what_is_paid_back_is_never_more_than_what_is_owed() {
        let mut budget = Budget::NONE;
        assert_eq!(budget.spend(at(1), (3, 8), (PERIOD, 1)), Ok(()));
        budget.repay(u32::MAX);
        budget.repay(8);
        for _ in 0..8 {
            assert_eq!(budget.spend(at(1), (1, 8), (PERIOD, 1)), Ok(()));
        }
        assert!(budget.spend(at(1), (1, 8), (PERIOD, 1)).is_err(), "it owes at most 8");
    }

    #[test]
    fn no_clock_breaks_it() {
        let mut budget = Budget::NONE;
        for now in [at(5), Instant::ZERO, Instant::from_micros(u64::MAX), at(5)] {
            assert!(budget.spend(now, (1, 1), (Duration::MAX, u32::MAX)).is_ok() || budget.empty);
        }
        assert_eq!(units(usize::MAX), u32::MAX);
    }
}
