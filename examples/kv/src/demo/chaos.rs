//! Faults at random under load, one replica at a time: never more than f = 1 of four.

use super::LOOK;
use super::cast::Cast;
use super::interrupt::Interrupt;
use super::load::Load;
use super::schedule::{Fault, Faults, Kind, Schedule};
use crate::cluster::LocalCluster;
use crate::problem::Problem;
use crate::status;
use quorate_std::StatusReport;
use std::fmt;
use std::thread;
use std::time::{Duration, Instant};

/// How long a replica that was healed may take until it is whole: this covers several views
/// that fail in a row, each with twice the timeout of the one before.
const PATIENCE: Duration = Duration::from_secs(120);

/// Faults for some time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chaos {
    pub(super) span: Duration,
    pub(super) seed: u64,
}

/// What is done to the replicas, and who watches.
struct Havoc<'a> {
    chaos: Chaos,
    cluster: &'a mut LocalCluster,
    interrupt: &'a Interrupt,
    load: &'a Load,
    begun: Instant,
    faults: Faults,
    /// Of each replica.
    own: Vec<Faults>,
}

impl Chaos {
    /// Lets one fault follow another until the time is over. Each is healed, and the replica
    /// whole again, before the next one begins; all are at the end.
    pub(super) fn wreak(
        self,
        cluster: &mut LocalCluster,
        interrupt: &Interrupt,
        load: &Load,
    ) -> Result<(Faults, Cast), Problem> {
        let own = vec![Faults::default(); cluster.len()];
        let begun = Instant::now();
        let faults = Faults::default();
        let mut havoc = Havoc { chaos: self, cluster, interrupt, load, begun, faults, own };
        let told = havoc.run();
        if let Err(Problem::Failed(_)) = told {
            havoc.tell_all();
        }
        told?;
        let mut cast = Cast::new(havoc.cluster.len());
        for (replica, own) in havoc.own.iter().enumerate() {
            cast.enter(replica, own.to_string());
        }
        Ok((havoc.faults, cast))
    }
}

impl fmt::Display for Chaos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "--chaos {} --seed {}", self.span.as_secs_f64() / 60.0, self.seed)
    }
}

impl Havoc<'_> {
    fn run(&mut self) -> Result<(), Problem> {
        self.until_whole("the start")?;
        for fault in Schedule::new(self.chaos.seed, self.cluster.len()) {
            if self.left() == Duration::ZERO {
                break;
            }
            let fault = Fault { lasts: fault.lasts.min(self.left()), ..fault };
            self.begin(fault)?;
            self.wait(fault.lasts)?;
            self.heal(fault)?;
            let healed = Instant::now();
            self.until_whole(&fault.to_string())?;
            self.faults.count(fault.kind);
            if let Some(own) = self.own.get_mut(fault.replica) {
                own.count(fault.kind);
            }
            let (elapsed, span) = (clock(self.begun.elapsed()), clock(self.chaos.span));
            let took = healed.elapsed().as_secs_f64();
            eprintln!("{elapsed} of {span}  {fault}, whole again after {took:.1} s");
            self.wait(fault.rest.min(self.left()))?;
        }
        Ok(())
    }

    fn begin(&mut self, fault: Fault) -> Result<(), Problem> {
        let replica = fault.replica;
        match fault.kind {
            Kind::Kill | Kind::Wipe => self.cluster.kill(replica),
            Kind::Pause => self.cluster.pause(replica)?,
            Kind::Cut(cut) => self.cluster.cut(replica, cut),
            Kind::Lie => self.cluster.make_liar(replica)?,
        }
        Ok(())
    }

    fn heal(&mut self, fault: Fault) -> Result<(), Problem> {
        let replica = fault.replica;
        match fault.kind {
            Kind::Kill => self.cluster.start_node(replica),
            Kind::Pause => self.cluster.resume(replica),
            Kind::Wipe => self.cluster.start_wiped(replica),
            Kind::Cut(_) => {
                self.cluster.mend(replica);
                Ok(())
            }
            Kind::Lie => {
                self.cluster.kill(replica);
                self.cluster.start_node(replica)
            }
        }
    }

    /// How much of the time is left.
    fn left(&self) -> Duration {
        self.chaos.span.saturating_sub(self.begun.elapsed())
    }

    fn wait(&self, time: Duration) -> Result<(), Problem> {
        let end = Instant::now() + time;
        loop {
            self.check()?;
            let left = end.saturating_duration_since(Instant::now());
            if left == Duration::ZERO {
                return Ok(());
            }
            thread::sleep(LOOK.min(left));
        }
    }

    fn check(&self) -> Result<(), Problem> {
        self.interrupt.check()?;
        if self.load.has_failed() {
            return Err(Problem::failed("a client has failed"));
        }
        Ok(())
    }

    /// Waits until no replica recovers, each has its links, and each has executed what any of them
    /// had executed at the beginning: the load goes on meanwhile.
    fn until_whole(&self, behind: &str) -> Result<(), Problem> {
        let end = Instant::now() + PATIENCE;
        let mut level = None;
        let mut missing: Vec<usize> = (0..self.cluster.len()).collect();
        loop {
            self.check()?;
            let all = (0..self.cluster.len()).filter_map(|at| self.cluster.status(at));
            let level = *level.get_or_insert_with(|| all.map(|report| report.executed).max());
            missing.retain(|at| !self.cluster.status(*at).is_some_and(|own| is_whole(&own, level)));
            if missing.is_empty() {
                return Ok(());
            }
            if Instant::now() >= end {
                let (waited, chaos) = (PATIENCE.as_secs(), self.chaos);
                let sentence = format!(
                    "replicas {missing:?} not whole {waited} s after this: {behind} ({chaos})"
                );
                return Err(Problem::failed(sentence));
            }
            thread::sleep(LOOK);
        }
    }

    /// Where each replica stands, for whoever looks for the cause of a failure.
    fn tell_all(&self) {
        for replica in 0..self.cluster.len() {
            match self.cluster.status(replica) {
                Some(report) => eprintln!("{}", status::to_text(&report)),
                None => eprintln!("replica {replica}: no answer"),
            }
        }
    }
}

/// Whether a replica is correct again: does not recover, has all its links, and has executed this
/// much. One that asked in vain for another primary while it was away is correct too: it executes
/// what the others order, and its vote counts from the next view on.
fn is_whole(own: &StatusReport, level: Option<u64>) -> bool {
    !own.recovering
        && own.peers.iter().all(|peer| peer.connected)
        && level.is_some_and(|level| own.executed >= level)
}

fn clock(time: Duration) -> String {
    format!("{}:{:02}", time.as_secs() / 60, time.as_secs() % 60)
}
