//! A primary that is slow, unfair or silent is replaced soon, and costs little in the long run; a
//! correct one stays.

use quorate::pbft::Departures;
use quorate::{ClientId, Instant, NodeId};
use quorate_sim::Plan;
use quorate_sim::network::{Delay, Weather};
use quorate_sim::pbft::Cluster;
use quorate_sim::plan::Role;
use std::time::Duration;

/// T. The watch window of the simulator is half of it.
const T: Duration = Duration::from_secs(1);
const WINDOW: Duration = Duration::from_millis(500);
/// When a client that was not served asks all replicas.
const RETRY: Duration = Duration::from_millis(250);
/// What one message takes.
const DELAY: Duration = Duration::from_millis(5);

/// A run without faults in which each client asks for so many things, one after another.
fn plan(seed: u64, nodes: usize, requests: usize) -> Plan {
    let delay = Delay { min: DELAY, max: DELAY, spikes: 0, spike: DELAY };
    let weather = Weather { loss: 0, duplicates: 0, delay };
    Plan {
        clients: 4,
        requests,
        window: 64,
        timeout: T,
        timeout_cap: 64 * T,
        retry: RETRY,
        storm: weather,
        fair: weather,
        bound: Duration::from_secs(600),
        ..Plan::quiet(seed, nodes)
    }
}

/// The same with the first f replicas playing a role.
fn with(role: Role, plan: Plan) -> Plan {
    let faults = plan.nodes / 3;
    let traitors = (0..faults as u8).map(|id| (NodeId(id), role)).collect();
    Plan { traitors, ..plan }
}

/// The replicas of a plan that do not lie.
fn correct(plan: &Plan) -> impl Iterator<Item = NodeId> + use<> {
    let liars = plan.liars();
    (0..plan.nodes as u8).map(NodeId).filter(move |node| !liars.contains(*node))
}

/// How long a plan takes, in virtual seconds.
fn seconds(plan: Plan) -> f64 {
    let mut cluster = Cluster::new(plan, false);
    cluster.run().unwrap();
    cluster.now().as_micros() as f64 / 1e6
}

/// Checks that the traitors, primaries of the first f views, are all replaced within so long, by
/// the watch and not by a timer, and that the correct primary after them stays.
fn replaced(plan: &Plan, within: Duration) {
    let mut cluster = Cluster::new(plan.clone(), false);
    cluster.run_until(Instant::ZERO.after(within)).unwrap();
    let view = plan.traitors.len() as u64;
    for node in correct(plan) {
        let status = cluster.status(node).unwrap();
        let why = cluster.departures(node).unwrap();
        assert_eq!((status.view.0, status.active), (view, true), "{node:?} {why:?}");
        assert_eq!(why.timer, 0, "{node:?} {why:?}");
    }
    cluster.run().unwrap();
    assert!(correct(plan).all(|node| cluster.status(node).unwrap().view.0 == view));
}

#[test]
fn p34_primaries_that_propose_just_before_the_timeout_are_replaced_within_two_windows_each() {
    for (seed, nodes, faults) in [(1, 4, 1), (2, 7, 2)] {
        let plan = with(Role::Slow, plan(seed, nodes, 200));
        // Nobody knows of a request that its client sent to the primary only. From when it asks
        // all replicas, each primary in turn has two windows.
        let visible = RETRY + DELAY;
        let within = visible + faults * (2 * WINDOW + RETRY + 20 * DELAY);
        replaced(&plan, within);
    }
}

#[test]
fn p34_slow_primaries_leave_nine_tenths_of_the_throughput_of_a_long_run() {
    for (seed, nodes) in [(1, 4), (2, 7)] {
        let quiet = seconds(plan(seed, nodes, 2_000));
        let slow = seconds(with(Role::Slow, plan(seed, nodes, 2_000)));
        println!("n = {nodes}: {quiet:.1} s without faults, {slow:.1} s, {:.3}", quiet / slow);
        assert!(quiet / slow >= 0.9, "{quiet} s without faults, {slow} s, n = {nodes}");
    }
}

#[test]
fn primaries_that_let_nothing_be_agreed_on_in_time_are_replaced_before_any_timer() {
    for (seed, nodes, faults) in [(1, 4, 1), (2, 7, 2)] {
        let plan = with(Role::Hoarder, plan(seed, nodes, 200));
        // What is late is known as such after three eighths of T, and for a part of two windows.
        let within = faults * (3 * WINDOW + RETRY + 20 * DELAY);
        replaced(&plan, within);
    }
}

#[test]
fn primaries_that_let_nothing_be_agreed_on_leave_nine_tenths_of_the_throughput_of_a_long_run() {
    for (seed, nodes) in [(1, 4), (2, 7)] {
        let quiet = seconds(plan(seed, nodes, 2_000));
        let hoarded = seconds(with(Role::Hoarder, plan(seed, nodes, 2_000)));
        println!("n = {nodes}: {quiet:.1} s without faults, {hoarded:.1} s");
        assert!(quiet / hoarded >= 0.9, "{quiet} s without faults, {hoarded} s, n = {nodes}");
    }
}

#[test]
fn f_silent_backups_cost_next_to_nothing_and_change_no_view() {
    for (seed, nodes) in [(1, 4), (2, 7)] {
        let quiet = seconds(plan(seed, nodes, 500));
        let mut plan = plan(seed, nodes, 500);
        let everybody = (0..nodes as u8).map(NodeId).collect();
        let silent = (nodes - nodes / 3..nodes).map(|id| NodeId(id as u8));
        plan.traitors = silent.map(|node| (node, Role::Silent(everybody))).collect();
        let mut cluster = Cluster::new(plan.clone(), false);
        cluster.run().unwrap();
        let with_silent = cluster.now().as_micros() as f64 / 1e6;
        assert!(quiet / with_silent >= 0.97, "{quiet} s without faults, {with_silent} s");
        for node in correct(&plan) {
            assert_eq!(cluster.departures(node), Some(Departures::default()));
        }
    }
}

#[test]
fn censored_client_is_served_within_twice_the_timeout_with_or_without_others() {
    for (seed, nodes, others) in [(1, 4, 0), (2, 4, 200), (3, 7, 200)] {
        // Of seven replicas the second primary is deaf to the client too.
        let victim = ClientId(3);
        let plan = with(Role::Unfair(victim), plan(seed, nodes, others));
        let mut cluster = Cluster::new(plan, false);
        let begin = Instant::from_micros(100_000);
        cluster.run_until(begin).unwrap();
        let before = cluster.replies(victim).len();
        assert_eq!(before, 0);
        if others == 0 {
            cluster.submit(victim, b"at last");
        }
        cluster.run_until(begin.after(2 * T)).unwrap();
        assert!(!cluster.replies(victim).is_empty(), "{nodes} replicas, {others} others");
    }
}
