//! Tells the world where the replica stands.

use board::console::Console;
use cluster::{Registers, Report};
use core::fmt::Write as _;
use core::time::Duration;
use quorate::Instant;
use quorate::pbft::{Replica, Storage};
use quorate_embedded::{Identity, Journal, Node, Service};

/// How often at most something is said.
const INTERVAL: Duration = Duration::from_millis(200);

/// What was said last, and when the next may be.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    said: Option<Report>,
    due: Instant,
}

impl Watch {
    /// Prints a report if something has changed.
    pub(crate) fn look<S, J, M, I, B, const N: usize>(
        &mut self,
        now: Instant,
        node: &Node<Replica<S>, Service<Registers, J, M>, I, B, N>,
    ) where
        S: Storage,
        J: Journal,
        M: AsRef<[u8]> + AsMut<[u8]>,
        I: Identity,
        B: AsMut<[u8]>,
    {
        if now < self.due {
            return;
        }
        self.due = now.after(INTERVAL);
        let status = node.protocol().status();
        let registers = node.host().application();
        let (faults, last) = node.host().faults();
        let report = Report {
            view: status.view.0,
            executed: status.executed.0,
            stable: status.stable.0,
            total: registers.total(),
            digest: registers.digest(),
            faults,
            last,
        };
        if self.said != Some(report) {
            // Nobody listens: then nobody misses it.
            let _ = writeln!(Console, "{report}");
            self.said = Some(report);
        }
    }
}
