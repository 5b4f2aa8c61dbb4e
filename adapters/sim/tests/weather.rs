//! What the network, clocks and disks do to a cluster, one at a time.

use quorate::{ClientId, Instant, NodeId, NodeSet, Principal};
use quorate_sim::clock::Clock;
use quorate_sim::harm::{Harm, Kind};
use quorate_sim::matrix::Matrix;
use quorate_sim::network::Cut;
use quorate_sim::pbft::Cluster;
use quorate_sim::plan::{Jump, Partition, Relapse};
use quorate_sim::terrain::{Echoes, Lanes};
use quorate_sim::{Plan, Report, campaign};
use std::collections::BTreeSet;
use std::time::Duration;

/// Plays a plan that must hold, and returns what it was like.
fn holds(plan: Plan) -> Report {
    let report = campaign::run(plan, true);
    let tail = report.transcript.lines().iter().rev().take(20).rev();
    let tail: Vec<&str> = tail.map(String::as_str).collect();
    assert_eq!(report.violation, None, "{}", tail.join("\n"));
    report
}

fn seconds(seconds: u64) -> Instant {
    Instant::from_micros(seconds * 1_000_000)
}

/// Requests until after `calm`, and three more from then on.
fn busy(seed: u64, calm: Instant) -> Plan {
    let pause = Duration::from_micros(calm.as_micros() / 10);
    Plan { calm, pause, requests: 20, late: 3, ..Plan::quiet(seed, 4) }
}

#[test]
fn half_of_all_messages_come_again_views_later() {
    for seed in 0..5 {
        // The first primary is dead for the first second: what it said before comes again later.
        let mut plan = busy(seed, seconds(6));
        plan.terrain.echoes = Echoes { permille: 500, within: Duration::from_secs(5) };
        plan.settled.echoes = plan.terrain.echoes;
        plan.relapses = vec![Relapse {
            node: NodeId(0),
            at: Instant::from_micros(500_000),
            fuel: Vec::new(),
            down: Duration::from_secs(2),
        }];
        let report = holds(plan);
        assert!(report.traffic.replayed * 5 > report.traffic.sent * 2, "{:?}", report.traffic);
        let old = |line: &String| line.contains("from r0   PRE-PREPARE v0");
        let entered =
            report.transcript.lines().iter().position(|line| line.contains("ENTERS view"));
        let later = &report.transcript.lines()[entered.expect("a view without r0")..];
        assert!(later.iter().any(old), "seed {seed}: a proposal of view 0 in a later one");
    }
}

#[test]
fn wrong_clocks_that_run_apart_and_jump_cost_time_and_nothing_else() {
    for seed in 0..5 {
        let clocks = [0, 3_600_000_000, 7, 1 << 40].into_iter().zip([-20_000, 20_000, 0, 9_000]);
        let clocks = (0..).map(NodeId).zip(clocks.map(|(offset, rate)| Clock::new(offset, rate)));
        let jump = |node, second, by| Jump { node: NodeId(node), at: seconds(second), by };
        let jumps = vec![jump(0, 1, -900_000), jump(1, 2, 1_500_000), jump(3, 3, -2_000_000)];
        let report = holds(Plan { clocks: clocks.collect(), jumps, ..busy(seed, seconds(6)) });
        assert_eq!(report.statistics.jumps, 3);
    }
}

/// F-10.
#[test]
fn a_clock_that_jumps_by_an_hour_is_one_faulty_replica_and_no_more() {
    const HOUR: i64 = 3_600_000_000;
    for by in [HOUR, -HOUR] {
        for node in [0, 2].map(NodeId) {
            let jumps = vec![Jump { node, at: seconds(1), by }];
            let clocks = vec![(node, Clock::new(2 * HOUR as u64, 0))];
            let mut cluster = Cluster::new(Plan { jumps, clocks, ..busy(1, seconds(2)) }, false);
            cluster.run_until(seconds(40)).unwrap();
            let left = (0..3).filter(|client| cluster.replies(ClientId(*client)).len() != 23);
            assert_eq!(left.count(), 0, "r{} by {by}", node.0);
            let views = (0..4).filter_map(|id| cluster.status(NodeId(id))).map(|it| it.view.0);
            assert!(views.max() <= Some(1), "one view change at most");
        }
    }
}

#[test]
fn a_replica_that_crashes_again_and_again_as_it_recovers_comes_back() {
    let mut relapses = 0;
    for seed in 0..10 {
        let relapse = |node, at| Relapse {
            node: NodeId(node),
            at: Instant::from_micros(at),
            fuel: vec![1, 2, 1, 3, 1],
            down: Duration::from_millis(40),
        };
        let disk_latency = Duration::from_millis(5);
        let relapses_of = vec![relapse(0, 300_000), relapse(2, 2_000_000)];
        let plan = Plan { relapses: relapses_of, disk_latency, ..busy(seed, seconds(6)) };
        relapses += holds(plan).statistics.relapses;
    }
    assert!(relapses >= 60, "{relapses} of 100");
}

#[test]
fn a_record_in_the_place_of_another_keeps_a_replica_from_starting() {
    let mut damaged = 0;
    for seed in 0..10 {
        let (at, down) = (seconds(1), Duration::from_millis(100));
        let harm = Harm { node: NodeId(1), at, down, kind: Kind::Misdirected };
        let report = holds(Plan { harms: vec![harm], ..busy(seed, seconds(3)) });
        damaged += report.statistics.damaged;
    }
    assert!(damaged >= 5, "{damaged} of 10 logs");
}

#[test]
fn a_lost_write_and_a_spoiled_snapshot_stop_a_replica_and_nobody_else() {
    for (kind, told) in [(Kind::Lost, "is damaged at byte"), (Kind::CaptureCorrupted, "snapshot")] {
        let (mut damaged, mut seen) = (0, 0);
        for seed in 0..10 {
            let (at, down) = (seconds(1), Duration::from_millis(100));
            let harm = Harm { node: NodeId(1), at, down, kind };
            let report = holds(Plan { harms: vec![harm], ..busy(seed, seconds(3)) });
            damaged += report.statistics.damaged;
            let refusal = |line: &&String| line.contains(told) && line.contains("does not start");
            seen += report.transcript.lines().iter().filter(refusal).count();
        }
        assert!(damaged >= 5 && seen >= 5, "{kind:?}: {damaged} of 10, {seen} told");
    }
}

#[test]
fn pages_that_were_spoiled_in_a_transfer_are_fetched_once_more() {
    let (mut harmed, mut installed) = (0, 0);
    for seed in 0..30 {
        // r3 is cut off until it needs a state, and loses its power while that comes.
        let all = (0..4).map(|id| Principal::Node(NodeId(id)));
        let clients = (0..3).map(|id| Principal::Client(ClientId(id)));
        let r3 = BTreeSet::from([Principal::Node(NodeId(3))]);
        let others: BTreeSet<_> = all.take(3).chain(clients).collect();
        let cuts = vec![Cut { from: r3.clone(), to: others.clone() }, Cut { from: others, to: r3 }];
        let partition = Partition { from: Instant::ZERO, until: seconds(2), cuts };
        let (at, down) = (2_000_000 + 2_000 * seed, Duration::from_millis(10));
        let (node, at, kind) = (NodeId(3), Instant::from_micros(at), Kind::PagesCorrupted);
        let harms = vec![Harm { node, at, down, kind }];
        let mut plan = Plan { partitions: vec![partition], harms, ..busy(seed, seconds(3)) };
        plan.core = None;
        let report = holds(plan);
        harmed += report.statistics.harmed;
        let hurt = report.transcript.lines().iter().position(|line| line.contains("staged"));
        let after = hurt.map(|at| &report.transcript.lines()[at..]).unwrap_or_default();
        installed += after.iter().filter(|line| line.contains("r3  installs")).count();
    }
    assert!(harmed > 0 && installed as u64 >= harmed, "{harmed} harmed, {installed} installed");
}

#[test]
fn a_world_wide_cluster_on_narrow_links_gets_everything_done() {
    let cities = Matrix::cities();
    for seed in 0..3 {
        let quiet = Plan::quiet(seed, 7);
        let nodes = (0..7).map(|id| (Principal::Node(NodeId(id)), usize::from(id)));
        let clients = (0..3).map(|id| (Principal::Client(ClientId(id)), 12 - usize::from(id)));
        let mut plan = Plan {
            window: 16,
            timeout: Duration::from_secs(3),
            timeout_cap: Duration::from_secs(12),
            status_interval: Duration::from_millis(400),
            retry: Duration::from_secs(1),
            ..quiet
        };
        plan.terrain.settle(&cities, &nodes.chain(clients).collect::<Vec<_>>());
        plan.terrain.lanes = Lanes { bandwidth: 8_000, queue: Duration::from_millis(500) };
        plan.settled = plan.terrain.clone();
        let report = holds(plan);
        assert!(report.traffic.queued > 50, "{:?}", report.traffic);
        // Ten requests, one after the other, with five messages on each one's way.
        assert!(report.micros > 10 * 5 * 50_000, "{} us", report.micros);
        assert_eq!(report.statistics.view_changes, 0);
    }
}

/// F-13: who does not hear whom, in all ways that four replicas have.
#[test]
fn any_replicas_deaf_to_any_others_split_nothing_and_recover() {
    let side = |bits: u8| -> BTreeSet<Principal> {
        let ids = (0..4).filter(|id| bits >> id & 1 == 1);
        ids.map(|id| Principal::Node(NodeId(id))).collect()
    };
    for cut in 0..=255u8 {
        let cuts = vec![Cut { from: side(cut & 15), to: side(cut >> 4) }];
        let from = Instant::from_micros(5_000);
        let until = Instant::from_micros(900_000);
        let partitions = vec![Partition { from, until, cuts }];
        let plan = Plan { partitions, requests: 4, clients: 2, ..busy(cut.into(), until) };
        holds(plan);
    }
}

#[test]
fn the_core_finishes_while_the_others_stay_as_they_are() {
    for seed in 0..8 {
        let outside = NodeId(seed as u8 % 4);
        let core: NodeSet = (0..4).map(NodeId).filter(|node| *node != outside).collect();
        let me = BTreeSet::from([Principal::Node(outside)]);
        let others: BTreeSet<Principal> = core.iter().map(Principal::Node).collect();
        let (mute, deaf) =
            (Cut { from: me.clone(), to: others.clone() }, Cut { from: others, to: me });
        let cuts = if seed < 4 { vec![mute, deaf] } else { vec![deaf] };
        let calm = seconds(2);
        let until = Instant::from_micros(u64::MAX);
        let partitions = vec![Partition { from: calm, until, cuts }];
        let report = holds(Plan { partitions, core: Some(core), ..busy(seed, calm) });
        assert_eq!((report.statistics.cores, report.statistics.requests), (1, 3 * 23));
    }
}

#[test]
fn seeds_hold_across_the_world_that_they_are_put_in() {
    let wide = Matrix::parse("moon earth\n1 2600\n2600 1\n").unwrap();
    for matrix in [Matrix::cities(), wide] {
        for seed in 0..10 {
            let mut plan = Plan::draw(seed, Some(4), seed % 2 == 0);
            plan.settle(&matrix);
            holds(plan);
        }
    }
}
