//! Says everything, but some of it late.

use crate::traitor::Traitor;
use crate::transcript::Fingerprint;
use core::time::Duration;
use std::hash::Hasher;

/// A traitor that keeps half of its messages back, each for a time of its own.
#[derive(Clone, Copy, Debug)]
pub struct Delayer {
    longest: Duration,
}

impl Delayer {
    /// Keeps messages back for less than this.
    #[must_use]
    pub const fn by(longest: Duration) -> Self {
        Self { longest }
    }
}

impl Traitor for Delayer {
    fn name(&self) -> &'static str {
        "delayer"
    }

    fn holds_back(&self, payload: &[u8]) -> Duration {
        let mut hash = Fingerprint::default();
        hash.write(payload);
        let (half, part) = (hash.finish() & 1 == 0, (hash.finish() >> 1) as u32);
        if half {
            return Duration::ZERO;
        }
        let micros = (self.longest.as_micros() * u128::from(part)) >> 32;
        Duration::from_micros(micros as u64)
    }
}
