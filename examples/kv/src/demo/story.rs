//! What happens to the replicas while the load runs.

use super::LOOK;
use super::cast::Cast;
use super::connection::Connection;
use super::interrupt::Interrupt;
use super::load::Load;
use crate::cluster::LocalCluster;
use crate::problem::Problem;
use indicatif::ProgressBar;
use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

/// How long anything may take before the demonstration counts as hung.
const PATIENCE: Duration = Duration::from_secs(60);

/// The replicas, and who watches.
pub(super) struct Story<'a> {
    pub(super) cluster: &'a mut LocalCluster,
    pub(super) interrupt: &'a Interrupt,
    pub(super) bar: &'a ProgressBar,
}

impl Story<'_> {
    /// Kills the primary half-way, starts it again once there is another, and once it has caught
    /// up makes another replica lie. Returns when the load is over.
    pub(super) fn tell(
        &mut self,
        load: &Load,
        gateway: SocketAddr,
        lies: bool,
    ) -> Result<Cast, Problem> {
        self.bar.set_message("loading");
        self.until(load, "half of the load", |_| load.is_half_done())?;
        let (killed, view) = self.primary()?;
        load.watch_gaps();
        self.cluster.kill(killed);
        self.bar.set_message(format!("killed replica {killed}, the primary"));
        // However short the load is, somebody waits for a new primary.
        let mut probe = Connection::open(gateway)?;
        probe.add(&[b"DBSIZE"]);
        probe.exchange(|_| load.pulse())?;
        load.unwatch_gaps();
        let others = |at: &usize| *at != killed;
        self.until(load, "a new primary", |cluster| {
            let reports = (0..cluster.len()).filter(others).filter_map(|at| cluster.status(at));
            reports.filter(|report| report.active && report.view > view).count() > 1
        })?;
        self.cluster.start_node(killed)?;
        self.bar.set_message(format!("started replica {killed} again"));
        self.until(load, "the restarted replica to catch up", |cluster| {
            caught_up(cluster, killed)
        })?;
        let mut cast = Cast::new(self.cluster.len());
        cast.enter(killed, "was killed and came back");
        if lies {
            let (primary, _) = self.primary()?;
            let liar = (0..self.cluster.len()).rev().find(|at| *at != killed && *at != primary);
            if let Some(liar) = liar {
                self.cluster.make_liar(liar)?;
                self.bar.set_message(format!("replica {liar} lies"));
                cast.enter(liar, "lied");
                cast.liar = Some(liar);
            }
        }
        load.open_gate();
        self.until(load, "the rest of the load", |_| load.is_over())?;
        Ok(cast)
    }

    /// The primary of the highest view that a replica is in, and that view.
    fn primary(&self) -> Result<(usize, u64), Problem> {
        let reports = (0..self.cluster.len()).filter_map(|at| self.cluster.status(at));
        let view = reports.filter(|report| report.active).map(|report| report.view).max();
        let view = view.ok_or_else(|| Problem::failed("no replica says who is primary"))?;
        Ok(((view % self.cluster.len() as u64) as usize, view))
    }

    fn until(
        &self,
        load: &Load,
        what: &str,
        mut happened: impl FnMut(&LocalCluster) -> bool,
    ) -> Result<(), Problem> {
        let (mut end, mut done) = (Instant::now() + PATIENCE, load.done());
        while !happened(self.cluster) {
            self.interrupt.check()?;
            // A load that goes on is not a load that hangs, however long it is.
            if load.done() > done {
                (end, done) = (Instant::now() + PATIENCE, load.done());
            }
            self.bar.set_position(done);
            if Instant::now() >= end {
                return Err(Problem::failed(format!("waited in vain for {what}")));
            }
            if load.has_failed() {
                return Err(Problem::failed("a client has failed"));
            }
            thread::sleep(LOOK);
        }
        Ok(())
    }
}

/// Whether a replica has executed what the others had executed a moment ago.
fn caught_up(cluster: &LocalCluster, node: usize) -> bool {
    let others = (0..cluster.len()).filter(|at| *at != node).filter_map(|at| cluster.status(at));
    let Some((view, level)) = others.map(|report| (report.view, report.executed)).max() else {
        return false;
    };
    cluster.status(node).is_some_and(|own| own.active && own.view >= view && own.executed >= level)
}
