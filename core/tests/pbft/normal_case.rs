//! The normal case of Castro-Liskov 1999, section 4.2.

use crate::bench::*;
use quorate::pbft::*;

#[test]
fn p01_fault_free_request_takes_2n_n_minus_1_messages_and_executes_once() {
    fn messages<const N: usize>() -> usize {
        let mut bench = Bench::<N>::new();
        bench.ask(0, 1, 5, b"a");
        bench.run();
        for id in 0..N {
            assert_eq!(bench.operations(id), [b"a"], "replica {id}");
        }
        assert_eq!(bench.replies.len(), N);
        bench.count_sent(|message| {
            matches!(message, Message::PrePrepare { .. } | Message::Prepare(_) | Message::Commit(_))
        })
    }
    assert_eq!((messages::<4>(), messages::<7>(), messages::<10>()), (24, 84, 180));
}

#[test]
fn many_requests_cross_checkpoints_and_all_histories_agree() {
    let mut bench = Bench::<4>::new();
    for t in 1..=100 {
        bench.ask(0, (t % 4) as u16, t, format!("op {t}").as_bytes());
        bench.run();
    }
    bench.pass(200);
    for id in 0..4 {
        assert_eq!(bench.operations(id).len(), 100, "replica {id}");
        assert_eq!(bench.hosts[id].replica.status().stable.0, 100);
        assert_eq!(bench.hosts[id].state, bench.hosts[0].state);
        assert!(bench.hosts[id].accusations.is_empty() && bench.hosts[id].refusals.is_empty());
    }
}

#[test]
fn silent_primary_is_replaced_and_the_request_executes() {
    let mut bench = Bench::<4>::new();
    for t in 1..=6 {
        bench.ask(0, 0, t, b"before");
        bench.run();
    }
    for id in 1..4 {
        bench.ask(id, 1, 5, b"after");
    }
    bench.pass_where(3_000, &[1, 2, 3], |from, to, _| from != 0 && to != 0);
    for id in 1..4 {
        assert_eq!(bench.view(id), (1, true), "replica {id}");
        assert_eq!(bench.operations(id).last().map(Vec::as_slice), Some(&b"after"[..]));
        assert_eq!(bench.operations(id).len(), 7);
    }
    bench.pass(1_000);
    assert_eq!(bench.view(0), (1, true));
    assert_eq!(bench.operations(0).len(), 7);
}

#[test]
fn replica_that_missed_more_than_the_window_installs_a_certified_state() {
    let mut bench = Bench::<4>::new();
    for t in 1..=40 {
        bench.ask(0, 0, t, b"x");
        bench.run_where(|from, to, _| from != 3 && to != 3);
    }
    assert_eq!(bench.operations(3).len(), 0);
    bench.pass(2_000);
    assert!(!bench.hosts[3].installs.is_empty());
    assert_eq!(bench.hosts[3].state, bench.hosts[0].state);
    assert_eq!(bench.hosts[3].replica.status().executed.0, 40);
}

#[test]
fn restarted_replicas_continue_from_their_records() {
    let mut bench = Bench::<4>::new();
    for t in 1..=11 {
        bench.ask(0, 0, t, b"x");
        bench.run();
    }
    for id in 0..4 {
        bench.restart(id);
    }
    bench.mail.clear();
    bench.pass(500);
    for t in 12..=30 {
        bench.ask(0, 0, t, b"y");
        bench.run();
    }
    bench.pass(500);
    for id in 0..4 {
        assert_eq!(bench.hosts[id].replica.status().executed.0, 30, "replica {id}");
        assert_eq!(bench.hosts[id].state, bench.hosts[0].state);
    }
}
