//! Many seeds of PBFT.

use crate::again::Again;
use crate::faults::Faults;
use crate::kinds::Kinds;
use crate::many::{self, Seeds, Sweep};
use crate::matrix::Matrix;
use crate::pbft::{Cluster, Statistics};
use crate::plan::{Plan, Role};
use std::sync::Arc;

/// What is run.
#[derive(Clone, Debug)]
pub struct Campaign {
    /// Replicas, 4 to 64; 4 or 7 by the seed, if it is not given.
    pub nodes: Option<usize>,
    /// What may go wrong.
    pub faults: Faults,
    /// Which traitors there may be, if there are any.
    pub kinds: Kinds,
    /// Whether one more replica lies than may: checkers must object.
    pub beyond: bool,
    /// Requests of all clients of a run together, or a few more; as each seed likes, if it is not
    /// given.
    pub requests: Option<usize>,
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
pub type Report = many::Report<Statistics>;

/// How all seeds went.
pub type Summary = many::Summary<Statistics>;

impl Campaign {
    /// So many seeds from the first one on: 4 or 7 replicas, none of which lies; one thread.
    #[must_use]
    pub const fn new(first: u64, seeds: u64) -> Self {
        Self {
            nodes: None,
            faults: Faults::Swarm,
            kinds: Role::ALL,
            beyond: false,
            requests: None,
            first,
            seeds,
            threads: 1,
            keep_going: false,
            map: None,
        }
    }
}

impl Sweep for Campaign {
    type Counts = Statistics;
    type Plan = Plan;

    fn protocol(&self) -> &'static str {
        "pbft"
    }

    fn seeds(&self) -> Seeds {
        let Self { first, seeds: count, threads, keep_going, .. } = *self;
        Seeds { first, count, threads, keep_going }
    }

    fn plan(&self, seed: u64) -> Plan {
        let mut plan = Plan::with(seed, self.nodes, self.faults, self.kinds, self.beyond);
        if let Some(requests) = self.requests {
            plan.demand(requests);
        }
        if let Some(map) = &self.map {
            plan.settle(&map.matrix);
        }
        plan
    }

    fn again(&self, seed: u64) -> Again {
        let nodes = self.nodes.map_or("mixed".to_owned(), |nodes| nodes.to_string());
        let faults = self.kinds.arguments(format!("--faults {}", self.faults.name()));
        let map = self.map.as_ref().map(|map| format!(" --matrix '{}'", map.file));
        let map = map.unwrap_or_default();
        let beyond = if self.beyond { " --beyond" } else { "" };
        let requests = self.requests.map(|requests| format!(" --requests {requests}"));
        let requests = requests.unwrap_or_default();
        let protocol = self.protocol();
        let draw = format!("--protocol {protocol} --nodes {nodes} {faults}{beyond}{requests}{map}");
        Again::of_seed(seed, &draw)
    }

    fn run_seed(&self, seed: u64, text: bool) -> Report {
        run(self.plan(seed), text)
    }
}

/// Plays a plan to its end; `text`: with a transcript. A panic in a machine is a violation.
#[must_use]
pub fn run(plan: Plan, text: bool) -> Report {
    let (seed, features) = (plan.seed, plan.features());
    let mut cluster = Cluster::new(plan, text);
    let violation = many::caught(&mut cluster, Cluster::run, Cluster::now);
    Report {
        seed,
        violation,
        statistics: *cluster.statistics(),
        traffic: cluster.traffic(),
        features,
        micros: cluster.now().as_micros(),
        transcript: cluster.into_transcript(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering};

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
