//! What becomes of a replica's disk while it has no power.

use super::line::Line;
use super::site::Site;
use super::stage::Stage;
use crate::harm::Kind;

impl Site {
    /// What becomes of the disk while the power is off.
    pub(super) fn harm(&mut self, stage: &mut Stage<'_>, kind: Kind) {
        let node = self.me;
        let done = match kind {
            Kind::RolledBack { .. } => self.disk.roll_back(),
            Kind::Corrupted => self.disk.corrupt(&mut stage.engine.random),
            Kind::Misdirected => self.disk.misdirect(&mut stage.engine.random),
            Kind::Lost => self.disk.lose(&mut stage.engine.random),
            Kind::CaptureCorrupted => self.disk.corrupt_capture(&mut stage.engine.random),
            Kind::PagesCorrupted => self.disk.corrupt_staged(&mut stage.engine.random),
        };
        if done {
            stage.checks.statistics.harmed += 1;
            let what = kind.words();
            stage.enter(&Line::Disk { node, what });
        }
    }
}
