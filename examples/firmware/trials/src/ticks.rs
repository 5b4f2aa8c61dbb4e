//! A clock that never goes back, from a counter that wraps.

use quorate::Instant;

/// Makes the time of a counter of 32 bits that counts microseconds and wraps every 71.6 minutes.
/// It must be read at least once in that time.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ticks {
    now: u64,
}

impl Ticks {
    /// The time at which the counter shows `counter`.
    pub fn now(&mut self, counter: u32) -> Instant {
        // The low half as the counter has it; the high half as before, one more if it wrapped.
        let [low, _] = [self.now as u32, (self.now >> 32) as u32];
        self.now += u64::from(counter.wrapping_sub(low));
        Instant::from_micros(self.now)
    }
}

/// A counter that shows the time of a trial.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Clock {
    counter: u32,
    ticks: Ticks,
}

impl Clock {
    /// A clock whose counter begins at `counter`.
    pub(crate) fn at(counter: u32) -> Self {
        Self { counter, ticks: Ticks { now: counter.into() } }
    }

    /// Lets time pass, and tells what time it is then.
    pub(crate) fn pass(&mut self, micros: u32) -> Instant {
        self.counter = self.counter.wrapping_add(micros);
        self.ticks.now(self.counter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_goes_on_where_the_counter_wraps() {
        let mut ticks = Ticks::default();
        let shown = [0, 1, u32::MAX, 0, 7, 7, 6_u32.wrapping_sub(1)];
        let times = shown.map(|counter| ticks.now(counter).as_micros());
        let wrap = 1 << 32;
        assert_eq!(times, [0, 1, wrap - 1, wrap, wrap + 7, wrap + 7, 2 * wrap + 5]);
    }
}
