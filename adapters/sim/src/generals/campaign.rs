//! Many seeds of generals.

use super::mouth::Role;
use super::plan::{Plan, Protocol};
use super::report::{Report, run};
use super::statistics::Statistics;
use crate::again::Again;
use crate::faults::Faults;
use crate::kinds::Kinds;
use crate::many::{self, Seeds, Sweep};

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
pub type Summary = many::Summary<Statistics>;

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
}

impl Sweep for Campaign {
    type Counts = Statistics;
    type Plan = Plan;

    fn protocol(&self) -> &'static str {
        self.protocol.name()
    }

    fn seeds(&self) -> Seeds {
        let Self { first, seeds: count, threads, keep_going, .. } = *self;
        Seeds { first, count, threads, keep_going }
    }

    fn plan(&self, seed: u64) -> Plan {
        let Self { protocol, nodes, faults, kinds, beyond, .. } = *self;
        Plan::draw(protocol, seed, nodes, faults, kinds, beyond)
    }

    fn again(&self, seed: u64) -> Again {
        let nodes = self.nodes.map_or("mixed".to_owned(), |nodes| nodes.to_string());
        let protocol = self.protocol.name();
        let faults = self.kinds.arguments(format!("--faults {}", self.faults.name()));
        let beyond = if self.beyond { " --beyond" } else { "" };
        let draw = format!("--protocol {protocol} --nodes {nodes} {faults}{beyond}");
        Again::of_seed(seed, &draw)
    }

    fn run_seed(&self, seed: u64, text: bool) -> Report {
        run(self.plan(seed), text)
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
