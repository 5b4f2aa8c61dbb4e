//! Many seeds, one after another and side by side.

use crate::again::Again;
use crate::network::Traffic;
use crate::transcript::Transcript;
use crate::violation::Violation;
use quorate::Instant;
use std::any::Any;
use std::collections::BTreeMap;
use std::fmt::Display;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// How one seed went; `S`: what is counted in its protocol.
#[derive(Clone, Debug)]
pub struct Report<S> {
    /// The seed.
    pub seed: u64,
    /// What was broken, if anything.
    pub violation: Option<Violation>,
    /// What happened, in numbers.
    pub statistics: S,
    /// What became of messages.
    pub traffic: Traffic,
    /// The names of the features that the seed drew.
    pub features: Vec<&'static str>,
    /// The length of the run in virtual microseconds.
    pub micros: u64,
    /// What happened: how many events, their fingerprint, and their lines if they were asked for.
    pub transcript: Transcript,
}

/// How all seeds went.
#[derive(Clone, Debug, Default)]
pub struct Summary<S> {
    /// Seeds that were run.
    pub seeds: u64,
    /// The violations by seed, the lowest first.
    pub violations: BTreeMap<u64, Violation>,
    /// What happened, in numbers.
    pub statistics: S,
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

/// Counts of one run that add up to those of many.
pub trait Counts: Default + Send {
    /// Adds those of another run.
    fn add(&mut self, other: &Self);
}

/// Which seeds are run, and how.
#[derive(Clone, Copy, Debug)]
pub struct Seeds {
    /// The first one.
    pub first: u64,
    /// How many.
    pub count: u64,
    /// How many threads run them.
    pub threads: usize,
    /// Whether to go on after a violation.
    pub keep_going: bool,
}

/// Something of which many seeds are run.
pub trait Sweep: Sync {
    /// What is counted.
    type Counts: Counts;
    /// What happens in the run of one seed.
    type Plan: Display;

    /// The name of the protocol.
    fn protocol(&self) -> &'static str;

    /// Which seeds.
    fn seeds(&self) -> Seeds;

    /// What happens in the run of one seed.
    fn plan(&self, seed: u64) -> Self::Plan;

    /// The commands that show one seed again.
    fn again(&self, seed: u64) -> Again;

    /// Runs one seed; `text`: with a transcript.
    fn run_seed(&self, seed: u64, text: bool) -> Report<Self::Counts>;

    /// Runs all seeds, and calls `each` after every one. After a violation no higher seed is
    /// begun, unless it is to keep going.
    ///
    /// # Panics
    /// `each` panics.
    fn run(&self, each: impl Fn(&Report<Self::Counts>) + Sync) -> Summary<Self::Counts> {
        self.run_until(|| false, each)
    }

    /// Runs seeds until all are run or it is to end, which is asked before each: those that were
    /// begun are finished, so that what was run are the first ones without a gap.
    ///
    /// # Panics
    /// `end` or `each` panics.
    fn run_until(
        &self,
        end: impl Fn() -> bool + Sync,
        each: impl Fn(&Report<Self::Counts>) + Sync,
    ) -> Summary<Self::Counts> {
        let Seeds { first, count, threads, keep_going } = self.seeds();
        let summary = Mutex::new(Summary::default());
        sweep(count, threads, end, |at| {
            let report = self.run_seed(first.wrapping_add(at), false);
            each(&report);
            summary.lock().expect("no thread panics").add(&report);
            report.violation.is_none() || keep_going
        });
        summary.into_inner().expect("no thread panics")
    }
}

impl<S: Counts> Summary<S> {
    fn add(&mut self, report: &Report<S>) {
        self.seeds += 1;
        self.statistics.add(&report.statistics);
        self.events += report.transcript.events();
        self.traffic.add(&report.traffic);
        for feature in &report.features {
            *self.features.entry(feature).or_default() += 1;
        }
        self.micros += report.micros;
        self.longest = self.longest.max((report.micros, report.seed));
        self.fingerprint = self.fingerprint.wrapping_add(report.transcript.fingerprint());
        if let Some(violation) = &report.violation {
            self.violations.insert(report.seed, violation.clone());
        }
    }

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

/// Plays a world to its end; a panic in a machine is a violation. `now` tells when it was.
pub(crate) fn caught<W>(
    world: &mut W,
    play: impl FnOnce(&mut W) -> Result<(), Violation>,
    now: impl FnOnce(&W) -> Instant,
) -> Option<Violation> {
    match catch_unwind(AssertUnwindSafe(|| play(world))) {
        Ok(result) => result.err(),
        Err(panic) => Some(Violation::new("panic", now(world), message(&*panic))),
    }
}

/// What a panic said.
fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default()
}
