//! The clock of one machine: it was set wrong, runs too fast or too slow, and jumps.

use quorate::Instant;

/// A clock. The world has its own time, which is the true one; a machine knows only this.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Clock {
    /// Millionths by which it runs too fast; below zero: too slow.
    rate: i32,
    /// A true time, and what the clock showed then, in microseconds.
    since: u64,
    shown: u64,
}

const MILLION: u128 = 1_000_000;

impl Clock {
    /// A clock that shows `offset` microseconds at true time zero, and runs too fast by `rate`
    /// millionths, at most 900,000 either way.
    #[must_use]
    pub fn new(offset: u64, rate: i32) -> Self {
        Self { rate: rate.clamp(-900_000, 900_000), since: 0, shown: offset }
    }

    fn pace(&self) -> u128 {
        MILLION.saturating_add_signed(self.rate.into())
    }

    /// What it shows at a true time, which is not before its last jump.
    #[must_use]
    pub fn read(&self, now: Instant) -> Instant {
        let passed = u128::from(now.as_micros().saturating_sub(self.since));
        let passed = u64::try_from(passed * self.pace() / MILLION).unwrap_or(u64::MAX);
        Instant::from_micros(self.shown.saturating_add(passed))
    }

    /// The first true time from now on at which it shows a deadline or more.
    #[must_use]
    pub fn reaches(&self, now: Instant, deadline: Instant) -> Instant {
        let passes = u128::from(deadline.as_micros().saturating_sub(self.shown));
        let passed = u64::try_from((passes * MILLION).div_ceil(self.pace())).unwrap_or(u64::MAX);
        Instant::from_micros(self.since.saturating_add(passed)).max(now)
    }

    /// Somebody sets it: forward by so many microseconds, or back, to zero at most.
    pub fn jump(&mut self, now: Instant, by: i64) {
        self.shown = self.read(now).as_micros().saturating_add_signed(by);
        self.since = now.as_micros();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    const fn at(micros: u64) -> Instant {
        Instant::from_micros(micros)
    }

    #[test]
    fn a_true_clock_shows_the_time() {
        let clock = Clock::default();
        for micros in [0, 1, 999, u64::MAX] {
            assert_eq!(clock.read(at(micros)), at(micros));
            assert_eq!(clock.reaches(at(0), at(micros)), at(micros));
        }
    }

    #[test]
    fn a_fast_one_that_was_set_wrong_is_set_back() {
        let mut clock = Clock::new(500, 100_000);
        assert_eq!(clock.read(at(1_000)), at(1_600));
        clock.jump(at(1_000), -600);
        assert_eq!(clock.read(at(1_000)), at(1_000));
        assert_eq!(clock.read(at(2_000)), at(2_100));
        clock.jump(at(2_000), -5_000);
        assert_eq!(clock.read(at(2_000)), at(0));
        clock.jump(at(2_000), i64::MAX);
        assert_eq!(clock.read(at(2_000)), at(i64::MAX as u64));
    }

    #[test]
    fn an_alarm_rings_when_the_clock_shows_its_time_and_not_before() {
        let mut random = Random::new(3);
        for _ in 0..10_000 {
            let rate = random.between(0, 1_800_000) as i32 - 900_000;
            let mut clock = Clock::new(random.below(1 << 30), rate);
            let now = at(random.below(1 << 30));
            clock.jump(now, random.below(2_000_000) as i64 - 1_000_000);
            let deadline = at(random.below(1 << 31));
            let rings = clock.reaches(now, deadline);
            assert!(rings >= now && clock.read(rings) >= deadline, "{clock:?} {now:?} {rings:?}");
            let before = at(rings.as_micros() - 1);
            assert!(rings == now || clock.read(before) < deadline, "{clock:?} {now:?} {rings:?}");
        }
        assert_eq!(Clock::new(0, -900_000).reaches(at(0), at(u64::MAX)), at(u64::MAX));
    }
}
