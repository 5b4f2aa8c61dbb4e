//! Runs in which the test says what happens.

use quorate::{ClientId, Instant, NodeId, Principal};
use quorate_sim::Plan;
use quorate_sim::network::Cut;
use quorate_sim::pbft::Cluster;

const CLIENT: ClientId = ClientId(0);

fn second(seconds: u64) -> Instant {
    Instant::from_micros(seconds * 1_000_000)
}

/// A cluster with one client that asks for nothing by itself.
fn idle(nodes: usize) -> Cluster {
    let plan = Plan { clients: 1, requests: 0, window: 16, ..Plan::quiet(7, nodes) };
    Cluster::new(plan, true)
}

fn nodes(ids: &[u8]) -> std::collections::BTreeSet<Principal> {
    ids.iter().map(|id| Principal::Node(NodeId(*id))).collect()
}

/// How many lines of the transcript deliver a message of this kind.
fn delivered(cluster: &Cluster, kind: &str) -> usize {
    let lines = cluster.transcript().lines().iter();
    lines.filter(|line| line.contains("  from ") && line.contains(kind)).count()
}

#[test]
fn p_01_a_batch_costs_two_n_times_n_minus_one_messages() {
    for (n, messages) in [(4, 24), (7, 84)] {
        let mut cluster = idle(n);
        cluster.submit(CLIENT, b"one");
        cluster.run_until(second(1)).unwrap();
        assert_eq!(cluster.replies(CLIENT).len(), 1);
        let kinds = [" PRE-PREPARE ", " PREPARE ", " COMMIT "];
        let sent: usize = kinds.iter().map(|kind| delivered(&cluster, kind)).sum();
        assert_eq!(sent, messages, "n = {n}");
        let states: Vec<_> = (0..n as u8).map(|id| cluster.state(NodeId(id))).collect();
        assert!(states.iter().all(|state| *state == states[0]));
    }
}

#[test]
fn a_dead_primary_is_replaced() {
    let mut cluster = idle(4);
    cluster.crash(NodeId(0));
    cluster.submit(CLIENT, b"one");
    cluster.run_until(second(10)).unwrap();
    assert_eq!(cluster.replies(CLIENT).len(), 1);
    assert!(cluster.status(NodeId(1)).is_some_and(|status| status.view.0 >= 1));
}

#[test]
fn f_15_power_cut_for_all_loses_nothing_that_was_acknowledged() {
    let mut cluster = idle(4);
    for round in 0..20u64 {
        cluster.submit(CLIENT, &round.to_le_bytes());
        cluster.run_until(second(10 * round + 5)).unwrap();
        assert_eq!(cluster.replies(CLIENT).len() as u64, round + 1);
        (0..4).for_each(|node| cluster.crash(NodeId(node)));
        (0..4).for_each(|node| cluster.restart(NodeId(node)));
        cluster.run_until(second(10 * round + 10)).unwrap();
    }
    // Each reply begins with the number of operations executed so far.
    let counts = cluster.replies(CLIENT).iter().flatten().map(|reply| reply[0]);
    assert_eq!(counts.collect::<Vec<_>>(), (1..=20).collect::<Vec<_>>());
}

#[test]
fn a_view_change_that_some_did_not_hear_of_is_caught_up_with() {
    // The primary is dead and r3 is heard by nobody: it goes on to a later view alone.
    let mut cluster = idle(4);
    cluster.crash(NodeId(1));
    let cut = cluster.cut(Cut { from: nodes(&[3]), to: nodes(&[0, 1, 2]) });
    cluster.submit(CLIENT, b"one");
    cluster.run_until(second(3)).unwrap();
    cluster.heal(cut);
    cluster.submit(CLIENT, b"two");
    cluster.run_until(second(60)).unwrap();
    assert_eq!(cluster.replies(CLIENT).len(), 2);
}

#[test]
fn a_wiped_replica_recovers_under_load_and_its_vote_counts_again() {
    let mut cluster = idle(4);
    let mut time = 0;
    let mut order = |cluster: &mut Cluster, count: usize| {
        for _ in 0..count {
            time += 1;
            let before = cluster.replies(CLIENT).len();
            cluster.submit(CLIENT, b"more");
            cluster.run_until(second(time)).unwrap();
            assert_eq!(cluster.replies(CLIENT).len(), before + 1, "at {time} s");
        }
    };
    order(&mut cluster, 6);
    cluster.wipe(NodeId(2));
    order(&mut cluster, 1);
    cluster.restart(NodeId(2));
    order(&mut cluster, 24);
    cluster.crash(NodeId(1));
    order(&mut cluster, 3);
}

#[test]
fn more_that_recover_than_faults_are_allowed_stop_the_cluster_and_split_nothing() {
    let mut cluster = idle(4);
    cluster.submit(CLIENT, b"one");
    cluster.run_until(second(1)).unwrap();
    for node in [1, 2] {
        cluster.wipe(NodeId(node));
        cluster.restart(NodeId(node));
    }
    cluster.submit(CLIENT, b"two");
    cluster.run_until(second(20)).unwrap();
    assert_eq!(cluster.replies(CLIENT).len(), 1);
}
