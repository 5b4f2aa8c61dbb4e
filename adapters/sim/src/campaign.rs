//! Many seeds, one after another and side by side.

use crate::again::Again;
use crate::faults::Faults;
use crate::kinds::Kinds;
use crate::matrix::Matrix;
use crate::network::Traffic;
use crate::pbft::{Cluster, Statistics};
use crate::plan::{Plan, Role};
use crate::violation::Violation;
use std::any::Any;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// What is run.
#[derive(Clone, Debug)]
pub struct Campaign {
    /// Replicas, 4 to 64; 4 or 7 by the seed, if it is not given.
    pub nodes: Option<usize>,
    /// What may go wrong.
    pub faults: Faults,
    /// Which traitors there may be, if there are any.
    pub kinds: Kinds,
    /// The first seed.
    pub first: u64,
    /// How many seeds.
    pub seeds: u64,
    /// How many threads run them.
    pub threads: usize,
    /// Whether to go on after a violation.
    pub keep_going: bool,
    /// Where everybody is; as each seed likes, if it is not given.
    pub map: Option<Arc<Map>>,
}

/// Round trips between places, and the file that tells them.
#[derive(Clone, Debug)]
pub struct Map {
    /// The file, for the command that replays.
    pub file: String,
    /// What it tells: see [`Plan::settle`].
    pub matrix: Matrix,
}

/// How one seed went.
#[derive(Clone, Debug)]
pub struct Report {
    /// The seed.
    pub seed: u64,
    /// What was broken, if anything.
    pub violation: Option<Violation>,
    /// What happened, in numbers.
    pub statistics: Statistics,
    /// What became of messages.
    pub traffic: Traffic,
    /// The names of the features that the seed drew.
    pub features: Vec<&'static str>,
    /// Events of the run.
    pub events: u64,
    /// The length of the run in virtual microseconds.
    pub micros: u64,
    /// The same for every run of this seed.
    pub fingerprint: u64,
    /// The transcript, if it was asked for.
    pub lines: Vec<String>,
}

/// How all seeds went.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// Seeds that were run.
    pub seeds: u64,
    /// The violations by seed, the lowest first.
    pub violations: BTreeMap<u64, Violation>,
    /// What happened, in numbers.
    pub statistics: Statistics,
    /// Events of all runs.
    pub events: u64,
    /// What became of the messages of all runs.
    pub traffic: Traffic,
    /// How many seeds had which feature.
    pub features: BTreeMap<&'static str, u64>,
    /// Virtual microseconds of all runs.
    pub micros: u64,
    /// The longest run in virtual microseconds, and its seed.
    pub longest: (u64, u64),
    /// The fingerprints of all runs, in one number that does not depend on their order.
    pub fingerprint: u64,
}

impl Campaign {
    /// So many seeds from the first one on: 4 or 7 replicas, none of which lies; one thread.
    #[must_use]
    pub const fn new(first: u64, seeds: u64) -> Self {
        Self {
            nodes: None,
            faults: Faults::Swarm,
            kinds: Role::ALL,
            first,
            seeds,
            threads: 1,
            keep_going: false,
            map: None,
        }
    }

    /// The commands that show one seed of this campaign again.
    #[must_use]
    pub fn again(&self, seed: u64) -> Again {
        let nodes = self.nodes.map_or("mixed".to_owned(), |nodes| nodes.to_string());
        let faults = self.kinds.arguments(format!("--faults {}", self.faults.name()));
        let map = self.map.as_ref().map(|map| format!(" --matrix '{}'", map.file));
        let map = map.unwrap_or_default();
        let draw = format!("--protocol pbft --nodes {nodes} {faults}{map}");
        Again::of_seed(seed, &draw)
    }

    /// Runs one seed; `text`: with a transcript.
    #[must_use]
    pub fn run_seed(&self, seed: u64, text: bool) -> Report {
        run(self.plan(seed), text)
    }

    /// What happens in the run of one seed.
    #[must_use]
    pub fn plan(&self, seed: u64) -> Plan {
        let mut plan = Plan::with(seed, self.nodes, self.faults, self.kinds);
        if let Some(map) = &self.map {
            plan.settle(&map.matrix);
        }
        plan
    }

    /// Runs all seeds, and calls `each` after every one. After a violation no higher seed is
    /// begun, unless it is to keep going.
    ///
    /// # Panics
    /// `each` panics.
    pub fn run(&self, each: impl Fn(&Report) + Sync) -> Summary {
        self.run_until(|| false, each)
    }

    /// Runs seeds until all are run or it is to end, which is asked before each: those that were
    /// begun are finished, so that what was run are the first ones without a gap.
    ///
    /// # Panics
    /// `end` or `each` panics.
    pub fn run_until(
        &self,
        end: impl Fn() -> bool + Sync,
        each: impl Fn(&Report) + Sync,
    ) -> Summary {
        let summary = Mutex::new(Summary::default());
        sweep(self.seeds, self.threads, end, |at| {
            let report = self.run_seed(self.first.wrapping_add(at), false);
            each(&report);
            summary.lock().expect("no thread panics").add(&report);
            report.violation.is_none() || self.keep_going
        });
        summary.into_inner().expect("no thread panics")
    }
}

impl Summary {
    fn add(&mut self, report: &Report) {
        self.seeds += 1;
        self.statistics.add(&report.statistics);
        self.events += report.events;
        self.traffic.add(&report.traffic);
        for feature in &report.features {
            *self.features.entry(feature).or_default() += 1;
        }
        self.micros += report.micros;
        self.longest = self.longest.max((report.micros, report.seed));
        self.fingerprint = self.fingerprint.wrapping_add(report.fingerprint);
        if let Some(violation) = &report.violation {
            self.violations.insert(report.seed, violation.clone());
        }
    }
}

impl Summary {
    /// How many seeds had a feature.
    #[must_use]
    pub fn had(&self, feature: &str) -> u64 {
        self.features.get(feature).copied().unwrap_or_default()
    }
}

/// Calls `play` with each number below `count`, lower ones first, in so many threads. After one
/// for which it is false no higher one is begun, and once it is to end none at all.
pub(crate) fn sweep(
    count: u64,
    threads: usize,
    end: impl Fn() -> bool + Sync,
    play: impl Fn(u64) -> bool + Sync,
) {
    let next = AtomicU64::new(0);
    let stop = AtomicU64::new(count);
    std::thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(|| {
                // Whoever takes a number plays it: asked later, this would leave gaps.
                while !end() {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    if at >= stop.load(Ordering::Relaxed) {
                        break;
                    }
                    if !play(at) {
                        stop.fetch_min(at, Ordering::Relaxed);
                    }
                }
            });
        }
    });
}

/// Plays a plan to its end; `text`: with a transcript. A panic in a machine is a violation.
#[must_use]
pub fn run(plan: Plan, text: bool) -> Report {
    let (seed, features) = (plan.seed, plan.features());
    let mut cluster = Cluster::new(plan, text);
    let result = catch_unwind(AssertUnwindSafe(|| cluster.run()));
    let violation = match result {
        Ok(result) => result.err(),
        Err(panic) => Some(Violation::new("panic", cluster.now(), message(&*panic))),
    };
    Report {
        seed,
        violation,
        statistics: *cluster.statistics(),
        traffic: cluster.traffic(),
        features,
        events: cluster.transcript().events(),
        micros: cluster.now().as_micros(),
        fingerprint: cluster.transcript().fingerprint(),
        lines: cluster.transcript().lines().to_vec(),
    }
}

/// What a panic said.
pub(crate) fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_campaign_that_is_ended_has_run_its_first_seeds_and_no_other() {
        let played = AtomicU64::new(0);
        let campaign = Campaign { threads: 3, ..Campaign::new(5, 1_000_000) };
        let count = |_: &Report| {
            played.fetch_add(1, Ordering::Relaxed);
        };
        let ended = campaign.run_until(|| played.load(Ordering::Relaxed) >= 4, count);
        assert!((4..=6).contains(&ended.seeds), "{}", ended.seeds);
        let same = Campaign { seeds: ended.seeds, ..campaign }.run(|_| {});
        assert_eq!((same.seeds, same.fingerprint), (ended.seeds, ended.fingerprint));
    }

    #[test]
    fn the_replay_command_names_everything_that_the_plan_was_drawn_from() {
        let campaign = Campaign { faults: Faults::Traitors, ..Campaign::new(0, 1) };
        let again = campaign.again(7);
        assert_eq!(
            again.replay,
            "quorate-sim run --protocol pbft --nodes mixed --faults traitors --seed 7 --seeds 1 \
             --trace"
        );
        let map = Map { file: "a map.txt".to_owned(), matrix: Matrix::cities() };
        let far = Campaign { map: Some(Arc::new(map)), ..campaign.clone() };
        assert_eq!(
            far.again(2).replay,
            "quorate-sim run --protocol pbft --nodes mixed --faults traitors \
             --matrix 'a map.txt' --seed 2 --seeds 1 --trace"
        );
        assert_eq!(
            again.explain,
            "quorate-sim explain 7 --protocol pbft --nodes mixed --faults traitors"
        );
        let kinds = Role::ALL.only(["mutator", "silent"]).unwrap();
        let again = Campaign { kinds, nodes: Some(7), ..campaign }.again(1);
        assert_eq!(
            again.replay,
            "quorate-sim run --protocol pbft --nodes 7 --traitor silent --traitor mutator \
             --seed 1 --seeds 1 --trace"
        );
        assert_eq!(
            again.explain,
            "quorate-sim explain 1 --protocol pbft --nodes 7 --traitor silent --traitor mutator"
        );
    }
}
