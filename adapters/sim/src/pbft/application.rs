//! How long the application of a replica takes: messages come in while it executes.

use super::owed::Owed;
use super::site::Site;
use super::stage::{Happening, Stage};

impl Site {
    /// What the machine is owed next, unless the application is still at it.
    pub(super) fn next_owed(&mut self, stage: &mut Stage<'_>) -> Option<Owed> {
        let executes = matches!(self.owed.front(), Some(Owed::Executed { .. }));
        if executes && !self.host_latency.is_zero() {
            let now = stage.engine.now();
            let done = self.done.unwrap_or_else(|| {
                let at = now.after(self.host_latency);
                stage.engine.schedule(at, Happening::Done { node: self.me, life: self.life });
                at
            });
            self.done = (done > now).then_some(done);
            if self.done.is_some() {
                return None;
            }
        }
        self.owed.pop_front()
    }

    /// Whether a state is there that the machine has not been told of.
    pub(super) fn installs(&self) -> bool {
        self.owed.iter().any(|owed| matches!(owed, Owed::Installed { .. }))
    }

    /// Whether the machine is owed nothing, or nothing yet.
    pub(super) fn is_idle(&self) -> bool {
        self.owed.is_empty() || self.done.is_some()
    }
}
