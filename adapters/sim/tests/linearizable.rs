//! What clients see is one copy of the service; and the checker sees when it is not: canaries.

use core::time::Duration;
use quorate::{ClientId, Instant, NodeId};
use quorate_sim::network::{Cut, Delay, Weather};
use quorate_sim::pbft::{Cluster, READ};
use quorate_sim::plan::Role;
use quorate_sim::{Plan, campaign};
use std::collections::BTreeSet;

const READER: ClientId = ClientId(0);
const WRITER: ClientId = ClientId(1);

fn second(seconds: u64) -> Instant {
    Instant::from_micros(seconds * 1_000_000)
}

/// Four replicas with fast reads, many of them, while messages take their time; one replica
/// answers reads from old states.
fn stormy(seed: u64, believed: usize) -> Plan {
    let delay = Delay {
        min: Duration::from_micros(100),
        max: Duration::from_millis(20),
        spikes: 50,
        spike: Duration::from_millis(200),
    };
    let weather = Weather { loss: 20, duplicates: 20, delay };
    Plan {
        fast_reads: true,
        reads: 500,
        believed,
        clients: 4,
        requests: 20,
        storm: weather,
        calm: second(5),
        traitors: vec![(NodeId((seed % 4) as u8), Role::Stale)],
        ..Plan::quiet(seed, 4)
    }
}

#[test]
fn reads_and_writes_are_linearizable_among_laggards_and_stale_answers() {
    let (mut fast, mut lies) = (0, 0);
    for seed in 0..60 {
        let report = campaign::run(stormy(seed, 4), false);
        assert_eq!(report.violation, None, "seed {seed}");
        fast += report.statistics.fast_reads;
        lies += report.statistics.lies;
    }
    assert!(fast > 300 && lies > 100, "{fast} fast reads, {lies} lies");
}

/// Canary: clients that take weak replies for strong ones, two of four. The checker must see a
/// stale read.
#[test]
fn clients_that_take_weak_answers_read_what_is_past_and_the_checker_says_so() {
    let found = (0..60).filter_map(|seed| campaign::run(stormy(seed, 3), false).violation);
    let stale = found.filter(|violation| violation.checker == "linearizable").count();
    assert!(stale >= 10, "only {stale} of 60 seeds show a stale read");
}

/// The same without a traitor: whoever lags behind is enough.
#[test]
fn weak_answers_of_honest_laggards_are_stale_too() {
    let honest = |believed| {
        let plan = |seed| Plan { traitors: Vec::new(), ..stormy(seed, believed) };
        let runs = (0..60).filter_map(move |seed| campaign::run(plan(seed), false).violation);
        runs.map(|violation| violation.checker).collect::<Vec<_>>()
    };
    assert_eq!(honest(4), Vec::<&str>::new());
    assert!(honest(3).contains(&"linearizable"));
}

fn fast(clients: usize) -> Cluster {
    let plan = Plan { clients, requests: 0, window: 8, fast_reads: true, ..Plan::quiet(7, 4) };
    Cluster::new(plan, true)
}

/// The first eight bytes of a reply: how many operations changed something.
fn count(reply: &Option<Vec<u8>>) -> u64 {
    let reply = reply.as_ref().expect("no reply is too long");
    u64::from_le_bytes(*reply.first_chunk().expect("a reply begins with a number"))
}

#[test]
fn a_quiet_read_costs_two_messages_a_replica_and_no_sequence() {
    let mut cluster = fast(2);
    cluster.submit(WRITER, b"write");
    cluster.run_until(second(1)).unwrap();
    let before = cluster.traffic().sent;
    cluster.submit(READER, READ);
    let asked = cluster.now();
    while cluster.replies(READER).is_empty() && cluster.step() {}
    assert!(cluster.now().since(asked) < Duration::from_millis(10));
    assert!(cluster.traffic().sent - before < 8 + 12, "four asked, four answered, and heartbeats");
    cluster.run_until(second(2)).unwrap();
    assert_eq!(count(&cluster.replies(READER)[0]), 1);
    assert_eq!(cluster.statistics().fast_reads, 1);
    assert_eq!(cluster.status(NodeId(0)).map(|status| status.executed.0), Some(1));
}

/// Berger, Reiser, Bessani (SRDS 2021), whole: a replica skips requests by a state transfer while
/// another is dead. Ordered operations and reads of the client go on: the skipped request is
/// answered from the client table.
#[test]
fn srds_2021_clients_go_on_with_one_replica_silent_and_one_that_jumped() {
    let mut cluster = fast(2);
    let alone: BTreeSet<_> = [quorate::Principal::Node(NodeId(3))].into();
    let others: BTreeSet<_> = (0..3).map(|id| quorate::Principal::Node(NodeId(id))).collect();
    let cuts = [
        cluster.cut(Cut { from: others.clone(), to: alone.clone() }),
        cluster.cut(Cut { from: alone, to: others }),
    ];
    for round in 0..12u64 {
        cluster.submit(WRITER, &round.to_le_bytes());
    }
    // The last of them: replica 2 is dead before it answers, and replica 3 has heard nothing.
    while cluster.replies(WRITER).len() < 11 && cluster.step() {}
    cluster.crash(NodeId(2));
    let until = cluster.now().after(Duration::from_secs(2));
    cluster.run_until(until).unwrap();
    assert_eq!(cluster.replies(WRITER).len(), 11, "two replicas are no strong quorum");
    cuts.into_iter().for_each(|cut| cluster.heal(cut));
    let until = cluster.now().after(Duration::from_secs(20));
    cluster.run_until(until).unwrap();
    assert_eq!(cluster.statistics().transfers, 1, "replica 3 skipped what it did not hear");
    assert_eq!(cluster.replies(WRITER).len(), 12);
    cluster.submit(READER, READ);
    let until = cluster.now().after(Duration::from_secs(5));
    cluster.run_until(until).unwrap();
    assert_eq!(count(&cluster.replies(READER)[0]), 12);
}
