//! The timetable of slots, and what has to fit together.

use crate::fault::ConfigError;
use crate::node::{MAX_NODES, NodeId};
use crate::rounds::Schedule;
use crate::time::Instant;
use core::time::Duration;

/// One general's place and the timetable that all share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Config {
    /// Which general this is.
    pub me: NodeId,
    /// How many generals there are, n.
    pub nodes: usize,
    /// The most traitors among them, m: n >= 2m + 1, and whatever the protocol demands.
    pub traitors: usize,
    /// When slot 0 begins.
    pub first: Instant,
    /// From the beginning of one slot to that of the next: at least a round. If it is shorter
    /// than a whole agreement, slots overlap.
    pub interval: Duration,
    /// The length of a round, see [`Schedule`].
    pub round: Duration,
    /// The margin of a round, see [`Schedule`].
    pub margin: Duration,
}

impl Config {
    /// When the rounds of a slot are.
    ///
    /// # Errors
    /// As [`Schedule::new`].
    pub const fn schedule(&self, slot: u64) -> Result<Schedule, ConfigError> {
        Schedule::new(self.start(slot), self.round, self.margin)
    }

    /// When a slot begins.
    #[must_use]
    pub const fn start(&self, slot: u64) -> Instant {
        let interval = Instant::ZERO.after(self.interval).as_micros();
        let offset = interval.saturating_mul(slot);
        Instant::from_micros(self.first.as_micros().saturating_add(offset))
    }

    /// The first slot that begins after `now`.
    #[must_use]
    pub fn slot_after(&self, now: Instant) -> u64 {
        let interval = Instant::ZERO.after(self.interval).as_micros();
        let since = Instant::ZERO.after(now.since(self.first)).as_micros();
        if now < self.first {
            0
        } else {
            since.checked_div(interval).unwrap_or(0).saturating_add(1)
        }
    }

    /// How many slots must be held at once: those that overlap, the next one, which clocks that
    /// are ahead may begin, and the one that is executed; and so many that a general that rejoins
    /// has three rounds, after the state is agreed on, to hear of it, to ask for it, and to have
    /// it, from hosts that execute at once. Each one more gives it one interval more, and every
    /// host one interval more to execute a slot and to capture a state: take one more for hosts
    /// that need a part of an interval. A host that takes longer than its lanes last makes its
    /// general count itself faulty.
    #[must_use]
    pub fn lanes(&self, rounds: u8) -> usize {
        let interval = Instant::ZERO.after(self.interval).as_micros().max(1);
        let round = Instant::ZERO.after(self.round).as_micros();
        let overlap = round.saturating_mul(rounds.into()).div_ceil(interval);
        let fetching = round.saturating_mul(3).div_ceil(interval).max(2);
        usize::try_from(overlap.saturating_add(fetching)).unwrap_or(usize::MAX)
    }

    /// "If the generals serve clients, a reply is worth what m + 1 of them say" (Schneider 1990),
    /// so m + 1 must be loyal.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        if self.nodes > MAX_NODES {
            return Err(ConfigError("at most 64 generals"));
        }
        if self.nodes <= self.traitors.saturating_mul(2) && !canary!("clients_in_the_minority") {
            return Err(ConfigError("clients need n >= 2m + 1 generals: m + 1 loyal replies"));
        }
        if self.me.index() >= self.nodes {
            return Err(ConfigError("this general's id is not below the number of generals"));
        }
        if self.interval < self.round {
            return Err(ConfigError("the interval between slots is at least one round"));
        }
        self.schedule(0).map(|_| ())
    }
}
