//! Proposes, but as late as it dares.

use crate::traitor::Traitor;
use core::time::Duration;
use quorate::pbft::Message;
use quorate::wire;

/// A traitor that, as primary, keeps each proposal back for a while, and is correct otherwise.
#[derive(Clone, Copy, Debug)]
pub struct Slow {
    delay: Duration,
}

impl Slow {
    /// Keeps each proposal back for so long.
    #[must_use]
    pub const fn by(delay: Duration) -> Self {
        Self { delay }
    }
}

impl Traitor for Slow {
    fn name(&self) -> &'static str {
        "slow"
    }

    fn holds_back(&self, payload: &[u8]) -> Duration {
        match wire::decode(payload) {
            Ok(Message::PrePrepare { .. }) => self.delay,
            _ => Duration::ZERO,
        }
    }
}
