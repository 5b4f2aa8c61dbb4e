//! The time of day, as a general counts it.

use quorate::rounds::Schedule;
use quorate::{ConfigError, Instant};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A time of day as the core counts: whole microseconds since 1970 began. What is before that is
/// its beginning.
#[must_use]
pub fn instant(time: SystemTime) -> Instant {
    Instant::ZERO.after(time.duration_since(UNIX_EPOCH).unwrap_or_default())
}

/// The timetable whose first round begins at this time of day: the same for all generals.
///
/// # Errors
/// A round of no length, or a margin that is not shorter than the round.
pub fn schedule(
    start: SystemTime,
    round: Duration,
    margin: Duration,
) -> Result<Schedule, ConfigError> {
    Schedule::new(instant(start), round, margin)
}

/// A general's clock: the time of day when it was made, and from there on a clock that nobody
/// sets. It never goes back.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    made: Instant,
    since: std::time::Instant,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self { made: instant(SystemTime::now()), since: std::time::Instant::now() }
    }

    pub(crate) fn now(self) -> Instant {
        self.made.after(self.since.elapsed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_day_is_counted_in_microseconds_since_1970() {
        assert_eq!(instant(UNIX_EPOCH), Instant::ZERO);
        let later = UNIX_EPOCH + Duration::from_nanos(1_500_000_001_999);
        assert_eq!(instant(later), Instant::from_micros(1_500_000_001));
        assert_eq!(instant(UNIX_EPOCH - Duration::from_secs(1)), Instant::ZERO);
        let (round, margin) = (Duration::from_millis(100), Duration::from_millis(20));
        let rounds = schedule(later, round, margin).expect("the margin is shorter");
        assert_eq!(rounds.begin(1), instant(later));
        assert_eq!(rounds.begin(2), instant(later + round));
        assert!(schedule(later, round, round).is_err());
    }

    #[test]
    fn a_clock_starts_at_the_time_of_day_and_never_goes_back() {
        let before = instant(SystemTime::now());
        let clock = Clock::start();
        let mut last = clock.now();
        assert!(last >= before);
        for _ in 0..1000 {
            let now = clock.now();
            assert!(now >= last);
            last = now;
        }
    }
}
