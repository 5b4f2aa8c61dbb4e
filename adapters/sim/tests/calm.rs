//! Where nothing is lost and everything is fast enough, f traitors have nobody leave a primary that
//! is correct.

use quorate::{NodeId, NodeSet, Principal};
use quorate_sim::network::{Delay, Weather};
use quorate_sim::plan::Role;
use quorate_sim::terrain::Terrain;
use quorate_sim::{Plan, campaign};
use std::collections::BTreeMap;
use std::time::Duration;

const SEEDS: u64 = 8;

/// Messages overtake each other, and two links are slow. The timeout leaves room for a transfer of
/// a state in which each liar is asked, and waited for, once. The primary of view 0 is correct.
fn plan(seed: u64, nodes: u8, liars: &[u8], role: Role) -> Plan {
    let delay = Delay {
        min: Duration::from_micros(200),
        max: Duration::from_millis(6),
        spikes: 0,
        spike: Duration::ZERO,
    };
    let weather = Weather { delay, ..Weather::FAIR };
    let link = |from, to| (Principal::Node(NodeId(from)), Principal::Node(NodeId(to)));
    let far = (seed % 2) as u32;
    let slow = [(link(0, nodes - 1), 50), (link(1, 2), 30)];
    let distances: BTreeMap<_, _> =
        slow.map(|(link, millis)| (link, far * Duration::from_millis(millis))).into();
    let terrain = Terrain { distances, ..Terrain::default() };
    let traitors = liars.iter().map(|liar| (NodeId(*liar), role)).collect();
    let quiet = Plan::quiet(seed, nodes.into());
    Plan {
        requests: 20,
        timeout: Duration::from_secs(2),
        storm: weather,
        fair: weather,
        terrain: terrain.clone(),
        settled: terrain,
        traitors,
        ..quiet
    }
}

/// Plays a role; returns how often its traitors did what a correct replica would not.
fn stays(nodes: u8, liars: &[u8], role: Role) -> usize {
    let mut lies = 0;
    for seed in 0..SEEDS {
        let report = campaign::run(plan(seed, nodes, liars, role), true);
        let lines = report.transcript.lines();
        assert_eq!(report.violation, None, "{role:?}, {nodes} replicas, seed {seed}");
        let correct = (0..nodes).filter(|node| !liars.contains(node));
        let leaves: Vec<String> = correct.map(|node| format!("r{node}  LEAVES")).collect();
        let left = lines.iter().find(|line| leaves.iter().any(|words| line.contains(words)));
        assert_eq!(left, None, "{role:?}, {nodes} replicas, seed {seed}: the primary is correct");
        let told = |line: &&String| {
            ["LIES", "WITHHOLDS", "KEEPS BACK"].iter().any(|words| line.contains(words))
        };
        lies += lines.iter().filter(told).count();
    }
    lies
}

#[test]
fn nobody_leaves_a_correct_primary_whatever_f_traitors_do() {
    let (mut cases, mut lied) = (0, 0);
    for (nodes, liars) in [(4, &[3][..]), (7, &[1, 4]), (7, &[5, 6])] {
        let everyone: NodeSet = (0..nodes).map(NodeId).collect();
        let some: NodeSet = (0..nodes / 2).map(NodeId).collect();
        for role in [
            Role::Partial,
            Role::Silent(everyone),
            Role::Silent(some),
            Role::Liar,
            Role::Delayer,
            Role::Replayer,
            Role::Spammer,
            Role::Withholder(some),
            Role::Counterfeiter,
            Role::Usurper,
            Role::Agitator,
            Role::Boaster,
            Role::Mutator { process: 4, network: 2 },
        ] {
            let lies = stays(nodes, liars, role);
            cases += 1;
            lied += usize::from(lies > 100);
            println!("{nodes} replicas, {liars:?} {role:?}: {lies} lies");
        }
    }
    assert!(lied > 20, "most of them do something in {lied} of {cases} cases");
}
