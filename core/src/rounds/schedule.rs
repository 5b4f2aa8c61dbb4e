//! When rounds begin and end.

use crate::fault::ConfigError;
use crate::time::Instant;
use core::time::Duration;

/// The timetable of one agreement; see the [chapter](crate::rounds) for the inequality between
/// its numbers. All generals have the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Schedule {
    start: Instant,
    round: u64,
    margin: u64,
}

impl Schedule {
    /// Rounds of length `round`, the first of which begins at `start`. A general must be stepped
    /// within `margin` of each beginning. Spans count in whole microseconds.
    ///
    /// # Errors
    /// A round of no length, or a margin that is not shorter than the round.
    pub const fn new(
        start: Instant,
        round: Duration,
        margin: Duration,
    ) -> Result<Self, ConfigError> {
        let round = Instant::ZERO.after(round).as_micros();
        let margin = Instant::ZERO.after(margin).as_micros();
        if round == 0 {
            return Err(ConfigError("a round takes at least a microsecond"));
        }
        if margin >= round {
            return Err(ConfigError("the margin must be shorter than the round"));
        }
        Ok(Self { start, round, margin })
    }

    /// When round `round`, counted from 1, begins; that is when the one before it closes.
    #[must_use]
    pub const fn begin(&self, round: u8) -> Instant {
        let before = (round as u64).saturating_sub(1);
        let micros = self.start.as_micros().saturating_add(self.round.saturating_mul(before));
        Instant::from_micros(micros)
    }

    /// Whether a general that is first stepped in this round at `now` is too late for its peers.
    #[must_use]
    pub const fn is_missed(&self, round: u8, now: Instant) -> bool {
        now.as_micros() > self.begin(round).as_micros().saturating_add(self.margin)
    }
}
