//! Who played what, and the comparison at the end.

use super::LOOK;
use super::interrupt::Interrupt;
use super::report::Row;
use crate::cluster::LocalCluster;
use crate::config::to_hex;
use crate::problem::Problem;
use quorate_std::StatusReport;
use std::thread;
use std::time::{Duration, Instant};

/// How long the replicas may take to execute what is left.
const PATIENCE: Duration = Duration::from_secs(30);

/// Who played what.
#[derive(Clone, Debug)]
pub(super) struct Cast {
    /// What was done to each replica.
    roles: Vec<String>,
    /// The replica that still lies, if one does.
    pub(super) liar: Option<usize>,
}

impl Cast {
    /// Nothing has happened to any replica.
    pub(super) fn new(replicas: usize) -> Self {
        Self { roles: vec![String::new(); replicas], liar: None }
    }

    /// Something has happened to a replica.
    pub(super) fn enter(&mut self, replica: usize, role: impl Into<String>) {
        if let Some(place) = self.roles.get_mut(replica) {
            *place = role.into();
        }
    }

    /// Waits until all correct replicas have executed the same and compares their states; then
    /// tells of each replica.
    pub(super) fn compare(
        &self,
        cluster: &LocalCluster,
        interrupt: &Interrupt,
    ) -> Result<(bool, Vec<Row>), Problem> {
        let end = Instant::now() + PATIENCE;
        loop {
            interrupt.check()?;
            let reports: Vec<_> = (0..cluster.len()).map(|at| cluster.status(at)).collect();
            let correct = reports.iter().enumerate().filter(|(at, _)| Some(*at) != self.liar);
            let states: Vec<_> = correct
                .map(|(_, report)| report.as_ref().map(|report| (report.executed, report.digest)))
                .collect();
            let equal = states.iter().all(|state| {
                *state == states[0] && state.is_some_and(|(_, digest)| digest.is_some())
            });
            if equal || Instant::now() >= end {
                let disks = (0..cluster.len()).map(|at| cluster.disk_bytes(at));
                let rows = reports.into_iter().zip(&self.roles).zip(disks);
                let rows = rows.map(|((report, role), disk)| row(role, report, disk));
                return Ok((equal, rows.collect()));
            }
            thread::sleep(LOOK);
        }
    }
}

fn row(role: &str, report: Option<StatusReport>, disk_bytes: u64) -> Row {
    Row {
        role: role.to_owned(),
        view: report.as_ref().map(|report| report.view),
        executed: report.as_ref().map(|report| report.executed),
        digest: report.and_then(|report| report.digest).map(|digest| to_hex(&digest.0)),
        disk_bytes,
    }
}
