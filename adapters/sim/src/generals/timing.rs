//! How long everything takes in one run, and how the clocks go.

use crate::clock::Clock;
use crate::faults::Faults;
use crate::network::{Delay, Weather};
use crate::random::Random;
use crate::tail::Tail;
use core::time::Duration;
use quorate::Instant;
use quorate::rounds::Schedule;

/// What a right clock shows at true time zero, in microseconds.
pub(super) const ORIGIN: u64 = 1_000_000_000;

/// The times of a run, as short as the inequality of [`quorate::rounds`] allows: the round is one
/// microsecond longer than twice the skew, the longest delay, and the margin together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// The most that a right clock is from true time, in microseconds.
    pub skew: u64,
    /// The shortest and the longest time that a frame of a correct general takes.
    pub delay: (u64, u64),
    /// How those times are spread.
    pub tail: Tail,
    /// How many of a thousand frames arrive twice.
    pub duplicates: u32,
    /// The longest that a host takes to step its general after its time.
    pub margin: u64,
    /// How long a round is.
    pub round: u64,
}

impl Timing {
    /// The times of a seed.
    pub(super) fn draw(random: &mut Random, faults: Faults) -> Self {
        let longest = *random.pick(&[1_000, 5_000, 50_000]);
        let delay = (random.between(0, longest), longest);
        let mut timing = Self {
            skew: 0,
            delay,
            tail: Tail::Uniform,
            duplicates: 0,
            // A clock that runs fast may pass a microsecond over.
            margin: random.between(2, longest),
            round: 0,
        };
        if faults > Faults::None {
            timing.skew = *random.pick(&[0, 10, longest / 4, longest, 3 * longest]);
            timing.tail = *random.pick(&[Tail::Uniform, Tail::Exponential, Tail::Heavy]);
            timing.duplicates = *random.pick(&[0, 0, 100, 500]);
        }
        timing.round = 2 * timing.skew + longest + timing.margin + 1;
        timing
    }

    /// The network between correct generals.
    #[must_use]
    pub const fn weather(&self) -> Weather {
        let (min, max) = self.delay;
        let delay = Delay {
            min: Duration::from_micros(min),
            max: Duration::from_micros(max),
            spikes: 0,
            spike: Duration::ZERO,
        };
        Weather { loss: 0, duplicates: self.duplicates, delay }
    }

    /// When the first round of the first agreement begins, by a right clock.
    #[must_use]
    pub const fn start(&self) -> Instant {
        Instant::from_micros(ORIGIN + 2 * self.skew + 10)
    }

    /// The rounds that begin at a time.
    ///
    /// # Panics
    /// Never: the margin is shorter than the round.
    #[must_use]
    pub fn schedule(&self, start: Instant) -> Schedule {
        let (round, margin) =
            (Duration::from_micros(self.round), Duration::from_micros(self.margin));
        Schedule::new(start, round, margin).expect("the margin is shorter than the round")
    }

    /// A clock that is never farther than the skew from true time in so many microseconds: it was
    /// set a little wrong, and drifts.
    pub(super) fn clock(&self, random: &mut Random, micros: u64) -> Clock {
        if self.skew < 4 {
            return Clock::new(ORIGIN, 0);
        }
        let (first, last) = (self.place(random), self.place(random));
        let drift = (i128::from(last) - i128::from(first)) * 1_000_000;
        let rate = drift / i128::from(micros.max(1));
        let rate = i32::try_from(rate).unwrap_or(0);
        Clock::new(ORIGIN - self.skew + first, if rate.abs() > 20_000 { 0 } else { rate })
    }

    /// How far between the two ends that the skew allows.
    fn place(&self, random: &mut Random) -> u64 {
        random.between(2, 2 * self.skew - 2)
    }

    /// A clock that is wrong by more than the skew, one way or the other.
    pub(super) fn wrong_clock(&self, random: &mut Random) -> Clock {
        let by = self.skew + 1 + random.below(4 * self.round);
        let ahead = random.chance(500);
        Clock::new(if ahead { ORIGIN + by } else { ORIGIN - by }, 0)
    }

    /// How long a host takes this time to step its general.
    pub(super) fn nap(&self, random: &mut Random) -> Duration {
        Duration::from_micros(random.between(0, (self.margin - 1) * 97 / 100))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn right_clocks_stay_within_the_skew_and_wrong_ones_do_not() {
        let mut random = Random::new(9);
        for seed in 0..2_000 {
            let timing = Timing::draw(&mut Random::new(seed), Faults::Swarm);
            let micros = 6 * timing.round;
            let clock = timing.clock(&mut random, micros);
            let off = |clock: &Clock, at: u64| {
                clock.read(Instant::from_micros(at)).as_micros().abs_diff(ORIGIN + at)
            };
            for at in [0, micros / 3, micros] {
                assert!(off(&clock, at) <= timing.skew, "{timing:?} {clock:?} at {at}");
            }
            let wrong = timing.wrong_clock(&mut random);
            assert!(off(&wrong, micros) > timing.skew, "{timing:?} {wrong:?}");
        }
    }
}
