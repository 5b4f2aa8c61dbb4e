//! How often something may happen.

use core::time::Duration;
use quorate::Instant;

/// Lets some things happen at once, and then one each step.
///
/// It is one instant: until then all that has happened is paid for. (The virtual scheduling of
/// ITU-T I.371, a leaky bucket.)
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace(Instant);

impl Pace {
    pub(crate) const fn new() -> Self {
        Self(Instant::ZERO)
    }

    /// When one more may happen, where `more` at once may be ahead of their time.
    pub(crate) fn due(self, step: Duration, more: u32) -> Instant {
        let ahead = Instant::ZERO.after(step.saturating_mul(more));
        Instant::from_micros(self.0.as_micros().saturating_sub(ahead.as_micros()))
    }

    /// Something excuses so much of what has happened.
    pub(crate) fn excuse(&mut self, span: Duration) {
        let span = Instant::ZERO.after(span).as_micros();
        self.0 = Instant::from_micros(self.0.as_micros().saturating_sub(span));
    }

    /// One has happened.
    pub(crate) fn spend(&mut self, now: Instant, step: Duration) {
        self.0 = self.0.max(now).after(step);
    }
}
