//! Tells the world where the replica stands, and logs what has happened to it.

use crate::rooms::Member;
use board::console::Console;
use board::stack;
use cluster::{NODES, Report};
use core::fmt::Write as _;
use core::time::Duration;
use defmt::{debug, info, warn};
use quorate::pbft::Status;
use quorate::{Fault, Instant, NodeId, NodeSet, Principal, Refusal};

/// How often at most something is said.
const INTERVAL: Duration = Duration::from_millis(200);

/// What was said last, and when the next may be.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    /// Bytes of stack that it took to start.
    started: usize,
    /// Where the stack ended when it was painted anew, and how many bytes of it were in use then.
    top: usize,
    used: usize,
    said: Option<Report>,
    due: Instant,
    status: Status,
    refusal: Option<Refusal>,
    recovers: bool,
    /// Those whom it has had a session with.
    met: NodeSet,
}

impl Watch {
    /// Nothing was said. The stack was painted when it ended at `top`; what was used of it since
    /// was used to start, and it is painted anew.
    pub(crate) fn new(top: usize) -> Self {
        let (started, again) = (stack::used(top), stack::paint());
        Self { started, top: again, used: top.saturating_sub(again), ..Self::default() }
    }

    /// Prints a report and logs if something has changed.
    pub(crate) fn look(&mut self, now: Instant, node: &Member) {
        if now < self.due {
            return;
        }
        self.due = now.after(INTERVAL);
        let status = node.protocol().status();
        let registers = node.host().application();
        let (faults, last) = node.host().faults();
        self.log(&status, node.host().refusal());
        let recovers = node.protocol().is_recovering();
        if self.recovers && !recovers {
            info!("it votes again: nothing that it may have said before counts any more");
        }
        self.recovers = recovers;
        for id in (0..NODES as u8).map(NodeId) {
            if node.has_session(Principal::Node(id)) && self.met.insert(id) {
                info!("met {}", id);
            }
        }
        if self.said.is_none_or(|said| said.faults != faults)
            && let Some((who, fault)) = last
        {
            match fault {
                // No wrong where lines lose frames and power is cut, which is what happens here.
                Fault::Stalled => info!("{=u32} accusations, the last: {} is silent", faults, who),
                _ => warn!("{=u32} accusations, the last: {} {}", faults, who, fault),
            }
        }
        let report = Report {
            view: status.view.0,
            executed: status.executed.0,
            stable: status.stable.0,
            total: registers.total(),
            digest: registers.digest(),
            stacks: [self.started, self.used + stack::used(self.top)].map(|bytes| bytes as u64),
            faults,
            last,
        };
        if self.said != Some(report) {
            // Nobody listens: then nobody misses it.
            let _ = writeln!(Console, "{report}");
            self.said = Some(report);
        }
    }

    fn log(&mut self, status: &Status, refusal: Option<Refusal>) {
        let Status { view, active, stable, .. } = self.status;
        if (view, active) != (status.view, status.active) {
            info!("{}", status);
        } else if stable != status.stable {
            debug!("{}", status);
        }
        self.status = *status;
        if refusal != self.refusal {
            warn!("refused: {}", refusal);
            self.refusal = refusal;
        }
    }
}
