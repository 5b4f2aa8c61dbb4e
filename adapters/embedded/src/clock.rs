//! Time on a board: counters that wrap, and timers that wait.

use quorate::Instant;

/// Tells the time: microseconds since some origin, never going back.
pub trait Clock {
    /// The time now.
    fn now(&mut self) -> Instant;
}

/// A clock that can be waited for.
#[allow(async_fn_in_trait, reason = "boards run one executor: nobody asks for Send")]
pub trait Timer: Clock {
    /// Waits until it is `at` or later. Dropped before its end, it has no effect.
    async fn until(&mut self, at: Instant);
}

impl<C: Clock + ?Sized> Clock for &mut C {
    fn now(&mut self) -> Instant {
        (**self).now()
    }
}

impl<T: Timer> Timer for &mut T {
    async fn until(&mut self, at: Instant) {
        (**self).until(at).await;
    }
}

/// A clock made of a 32-bit counter that wraps: a timer of the chip, a cycle counter, a tick of
/// an operating system.
///
/// It must be read at least once in half the time in which the counter wraps: in 2,147 s at
/// 1 MHz, in 12.7 s at 168 MHz. A loop that wakes a node in time reads it more often. A counter
/// that seems to step back, as one that is read in two halves may, stands still instead of leaping
/// ahead by all of its range.
///
/// ```
/// use quorate_embedded::{Clock, Ticks};
///
/// let mut readings = [0xffff_fff0, 0xffff_ffff, 15].into_iter();
/// let mut clock = Ticks::new(1_000_000, move || readings.next().unwrap());
/// assert_eq!(clock.now().as_micros(), 15);
/// assert_eq!(clock.now().as_micros(), 31, "the counter wrapped, the clock did not");
/// ```
#[derive(Clone, Copy)]
pub struct Ticks<R> {
    read: R,
    hertz: u32,
    last: u32,
    total: u64,
}

impl<R: FnMut() -> u32> Ticks<R> {
    /// A clock of a counter that counts `hertz` times a second, which is not zero. Its origin is
    /// now.
    ///
    /// # Panics
    /// If `hertz` is zero: such a counter tells no time.
    #[must_use]
    pub fn new(hertz: u32, mut read: R) -> Self {
        assert!(hertz != 0, "a counter that does not count is no clock");
        let last = read();
        Self { read, hertz, last, total: 0 }
    }
}

impl<R: FnMut() -> u32> Clock for Ticks<R> {
    fn now(&mut self) -> Instant {
        let reading = (self.read)();
        let passed = reading.wrapping_sub(self.last);
        // More than half of the range is a step back.
        if passed <= u32::MAX / 2 {
            self.total = self.total.saturating_add(passed.into());
            self.last = reading;
        }
        let hertz = u64::from(self.hertz);
        let (seconds, rest) = (self.total / hertz, self.total % hertz);
        let micros = seconds.saturating_mul(1_000_000).saturating_add(rest * 1_000_000 / hertz);
        Instant::from_micros(micros)
    }
}

impl<R> core::fmt::Debug for Ticks<R> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Ticks").field("total", &self.total).finish_non_exhaustive()
    }
}

#[cfg(feature = "defmt")]
impl<R> defmt::Format for Ticks<R> {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "Ticks({})", self.total);
    }
}

/// The clock and the timer of `embassy-time`.
#[cfg(feature = "embassy-time")]
#[derive(Clone, Copy, Debug, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Embassy;

#[cfg(feature = "embassy-time")]
impl Clock for Embassy {
    fn now(&mut self) -> Instant {
        Instant::from_micros(embassy_time::Instant::now().as_micros())
    }
}

#[cfg(feature = "embassy-time")]
impl Timer for Embassy {
    async fn until(&mut self, at: Instant) {
        // The farthest instants do not fit into the driver's ticks: those nobody waits for.
        match embassy_time::Instant::try_from_micros(at.as_micros()) {
            Some(at) => embassy_time::Timer::at(at).await,
            None => core::future::pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::vec;

    fn read(hertz: u32, readings: &[u32]) -> vec::Vec<u64> {
        let mut next = readings.iter().copied();
        let mut clock = Ticks::new(hertz, || next.next().unwrap());
        (1..readings.len()).map(|_| clock.now().as_micros()).collect()
    }

    #[test]
    fn a_counter_may_wrap_again_and_again() {
        let mut readings = vec![0];
        // Seven eighths around, eight times: seven wraps.
        readings.extend((1..=16u32).map(|at| at.wrapping_mul(0x7000_0000)));
        let micros = read(1_000_000, &readings);
        let expected: vec::Vec<u64> = (1..=16).map(|at| at * 0x7000_0000).collect();
        assert_eq!(micros, expected);
    }

    #[test]
    fn a_step_back_stands_still() {
        assert_eq!(read(1_000_000, &[100, 200, 150, 201, 0, 300]), [100, 100, 101, 101, 200]);
    }

    #[test]
    fn no_rate_rounds_time_away_or_overflows() {
        assert_eq!(read(32_768, &[0, 1, 32_768, 65_535]), [30, 1_000_000, 1_999_969]);
        let half = u32::MAX / 2;
        let around = read(1, &[0, half, half * 2, half.wrapping_mul(3)]);
        assert_eq!(around, [1, 2, 3].map(|at| u64::from(half) * at * 1_000_000));
    }
}
