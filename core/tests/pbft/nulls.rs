//! NULLs, which a primary with nothing else to do orders so that a peer that lost its log recovers.

use crate::bench::*;
use crate::forgery::*;
use quorate::pbft::*;

#[test]
fn an_idle_cluster_lets_it_recover_by_ordering_nothing() {
    let mut bench = Bench::<4>::new();
    bench.order(1, 6);
    bench.forget(3, 77);
    bench.pass(3_000);
    assert!(!bench.recovers(3));
    assert_eq!(bench.operations(0).len(), 6);
    assert!((0..4).all(|id| bench.view(id) == (0, true)));
    let status = bench.hosts[0].replica.status();
    assert_eq!(status.executed, Sequence(28), "no more than it needs");
}

#[test]
fn who_pretends_to_recover_for_ever_gets_fewer_and_fewer_nulls_and_no_view_change() {
    let mut bench = Bench::<4>::new();
    bench.order(1, 2);
    let until = Sequence(u64::MAX);
    let mut executed = [2, 0, 0, 0, 0];
    let mut ticks = 0;
    for doubled in 1..executed.len() {
        while ticks < 128 << doubled {
            for nonce in 0..5 {
                bench.tell(0, 3, Message::Recover { nonce, lost: true, until });
            }
            bench.pass(50);
            ticks += 1;
        }
        executed[doubled] = bench.hosts[0].replica.status().executed.0;
        // Once, and what was granted shortly before: each as far as one that recovers may need it.
        let more = executed[doubled] - executed[doubled - 1];
        assert!(doubled == 1 || (1..=2 * 4 * 8).contains(&more), "{executed:?}");
    }
    assert!(executed[1] <= 2 + 1 + 256, "no more than one in a status interval: {executed:?}");
    assert!((0..4).all(|id| bench.view(id) == (0, true)));
}

#[test]
fn who_has_pretended_for_long_still_recovers_when_it_must() {
    let mut bench = Bench::<4>::new();
    bench.order(1, 6);
    for _ in 0..300 {
        bench.tell(0, 3, Message::Recover { nonce: 1, lost: true, until: Sequence(u64::MAX) });
        bench.pass(50);
    }
    bench.forget(3, 5);
    bench.pass(60_000);
    assert!(!bench.recovers(3));
}

#[test]
fn a_null_that_was_lost_is_proposed_again() {
    let mut bench = Bench::<4>::new();
    bench.order(1, 6);
    bench.forget(3, 77);
    let is_null = |batch: &Batch<'_>| batch.bytes().is_empty();
    let null = |message: &Message<'_>| match message {
        Message::PrePrepare { batch, .. } => is_null(batch),
        _ => false,
    };
    let lost = std::cell::Cell::new(0);
    bench.pass_where(3_000, &[0, 1, 2, 3], |_, to, message| {
        let loses = to == 2 && null(message) && lost.get() < 3;
        lost.set(lost.get() + u32::from(loses));
        !loses
    });
    assert_eq!(lost.get(), 3);
    assert!(!bench.recovers(3));
    assert!((0..4).all(|id| bench.view(id) == (0, true)));
}

#[test]
fn a_null_of_two_views_leaves_a_view_change_that_others_accept() {
    let mut bench = Bench::<4>::new();
    let null = Batch::from_bytes(&[]);
    let (sequence, digest) = (Sequence(1), null.digest());
    bench.tell(3, 0, Message::PrePrepare { view: View(0), sequence, batch: null });
    let changes = [0, 1, 2].map(|author| change(author, 1, &[]));
    for change in changes {
        bench.show(3, change);
    }
    bench.tell(3, 1, Message::NewView(new_view(4, 1, &names(&changes), &[])));
    assert_eq!(bench.view(3), (1, true));
    for from in 0..3 {
        bench.tell(3, from, Message::Commit(Vote { view: View(1), sequence, digest }));
    }
    assert_eq!(bench.hosts[3].replica.status().executed, sequence);
    bench.ask(3, 1, 9, b"alone");
    bench.pass_where(2_500, &[3], |_, _, _| false);
    assert_eq!(bench.view(3), (2, false));
    let mine = bench.sent.iter().rev().map(message);
    let mut mine = mine.filter(|it| matches!(it, Message::ViewChange(c) if c.author == node(3)));
    let me = quorate::Principal::Node(node(3));
    let verified = bench.roster.verify(&TestVerifier, me, mine.next().unwrap());
    assert!(verified.is_ok(), "{verified:?}");
}
