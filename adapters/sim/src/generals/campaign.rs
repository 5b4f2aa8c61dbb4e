//! Many seeds of generals, one after another and side by side.

use super::mouth::Role;
use super::plan::{Plan, Protocol};
use super::report::{Report, run};
use super::statistics::Statistics;
use crate::again::Again;
use crate::campaign::sweep;
use crate::faults::Faults;
use crate::kinds::Kinds;
use crate::network::Traffic;
use crate::violation::Violation;
use std::collections::BTreeMap;
use std::sync::Mutex;

/// What is run.
#[derive(Clone, Copy, Debug)]
pub struct Campaign {
    /// The protocol.
    pub protocol: Protocol,
    /// Generals; drawn by each seed, if it is not given.
    pub nodes: Option<usize>,
    /// What may go wrong.
    pub faults: Faults,
    /// Which traitors there may be, if there are any.
    pub kinds: Kinds,
    /// Whether there is one traitor more than the protocol withstands.
    pub beyond: bool,
    /// The first seed.
    pub first: u64,
    /// How many seeds.
    pub seeds: u64,
    /// How many threads run them.
    pub threads: usize,
    /// Whether to go on after a violation.
    pub keep_going: bool,
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
    /// What became of the frames of all runs.
    pub traffic: Traffic,
    /// How many seeds had which feature.
    pub features: BTreeMap<&'static str, u64>,
    /// Virtual microseconds of all runs.
    pub micros: u64,
    /// The fingerprints of all runs, in one number that does not depend on their order.
    pub fingerprint: u64,
}

impl Campaign {
    /// So many seeds from the first one on, with traitors; one thread.
    #[must_use]
    pub const fn new(protocol: Protocol, first: u64, seeds: u64) -> Self {
        Self {
            protocol,
            nodes: None,
            faults: Faults::Traitors,
            kinds: Role::ALL,
            beyond: false,
            first,
            seeds,
            threads: 1,
            keep_going: false,
        }
    }

    /// The commands that show one seed of this campaign again.
    #[must_use]
    pub fn again(&self, seed: u64) -> Again {
        let nodes = self.nodes.map_or("mixed".to_owned(), |nodes| nodes.to_string());
        let protocol = self.protocol.name();
        let faults = self.kinds.arguments(format!("--faults {}", self.faults.name()));
        let beyond = if self.beyond { " --beyond" } else { "" };
        let draw = format!("--protocol {protocol} --nodes {nodes} {faults}{beyond}");
        Again::of_seed(seed, &draw)
    }

    /// What happens in the run of one seed.
    #[must_use]
    pub fn plan(&self, seed: u64) -> Plan {
        let Self { protocol, nodes, faults, kinds, beyond, .. } = *self;
        Plan::draw(protocol, seed, nodes, faults, kinds, beyond)
    }

    /// Runs one seed; `text`: with a transcript.
    #[must_use]
    pub fn run_seed(&self, seed: u64, text: bool) -> Report {
        run(self.plan(seed), text)
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
        self.events += report.transcript.events();
        self.traffic.add(&report.traffic);
        for feature in &report.features {
            *self.features.entry(feature).or_default() += 1;
        }
        self.micros += report.micros;
        self.fingerprint = self.fingerprint.wrapping_add(report.transcript.fingerprint());
        if let Some(violation) = &report.violation {
            self.violations.insert(report.seed, violation.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_replay_command_names_everything_that_the_plan_was_drawn_from() {
        let campaign = Campaign { beyond: true, ..Campaign::new(Protocol::Sm, 0, 1) };
        let again = campaign.again(7);
        assert_eq!(
            again.explain,
            "quorate-sim explain 7 --protocol sm --nodes mixed --faults traitors --beyond"
        );
        assert_eq!(
            again.replay,
            "quorate-sim run --protocol sm --nodes mixed --faults traitors --beyond --seed 7 \
             --seeds 1 --trace"
        );
        let campaign = Campaign { kinds: Role::ALL.only(["twin"]).unwrap(), ..campaign };
        assert_eq!(
            campaign.again(7).replay,
            "quorate-sim run --protocol sm --nodes mixed --traitor twin --beyond --seed 7 \
             --seeds 1 --trace"
        );
    }

    #[test]
    fn seeds_draw_every_kind_of_traitor_or_those_that_are_chosen() {
        let drawn = |kinds: Kinds| {
            let campaign = Campaign { kinds, ..Campaign::new(Protocol::King, 0, 1) };
            let plans = (0..300).map(|seed| campaign.plan(seed));
            // Where a kind is chosen there is one of it in each run.
            let each =
                plans.inspect(|plan| assert!(!kinds.is_choice() || !plan.traitors.is_empty()));
            each.flat_map(|plan| plan.traitors)
                .map(|(_, role)| role.name())
                .collect::<BTreeSet<_>>()
        };
        assert_eq!(drawn(Role::ALL), Role::ALL.names().collect());
        let two = Role::ALL.only(["mutator", "inventor"]).unwrap();
        assert_eq!(drawn(two), BTreeSet::from(["inventor", "mutator"]));
    }
}
