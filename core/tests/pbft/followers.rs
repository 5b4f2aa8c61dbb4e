//! A replica that has no say in a view, because it may have had one before it lost its log,
//! follows the others into it, and its log knows where it is (PROTOCOLS, point 9).

use crate::bench::*;
use crate::forgery::*;
use quorate::pbft::*;

/// Three others in view 1, and replica 3, which lost its log and followed them.
fn followed() -> Bench<4> {
    let mut bench = Bench::<4>::new();
    *bench.hosts[3].replica = Replica::amnesiac(Bench::<4>::config(3), Memory::new(), 7).unwrap();
    let changes = follow(&mut bench, 1);
    for change in &changes {
        bench.show(3, *change);
    }
    assert_eq!(bench.view(3), (1, true));
    bench
}

/// The others are in a view, and its primary tells replica 3 of it. The VIEW-CHANGEs that the
/// NEW-VIEW names are still to come.
fn follow(bench: &mut Bench<4>, view: u64) -> Vec<ViewChange<'static>> {
    let there = Status { view: View(view), active: true, ..Status::default() };
    for from in 0..2 {
        bench.tell(3, from, Message::Status(there));
    }
    let changes: Vec<_> = (0..3).map(|author| change(author, view, &[])).collect();
    bench.tell(3, 0, Message::NewView(new_view(4, view, &names(&changes), &[])));
    assert_eq!(bench.view(3), (view, false));
    changes
}

#[test]
fn view_that_was_followed_without_a_say_outlives_a_crash_and_a_compacted_log() {
    for compact in [false, true] {
        let mut bench = followed();
        follow(&mut bench, 2);
        let said = bench.said(3);
        let own = |it: &Message<'_>| matches!(it, Message::ViewChange(c) if c.author == node(3));
        assert!(!said.iter().any(own), "it had no say");
        if compact {
            bench.compact(3);
        }
        bench.restart(3);
        assert_eq!(bench.view(3), (2, false), "compact: {compact}");
        let kept: Vec<_> = bench.hosts[3].replica.records().collect();
        assert!(kept.contains(&Record::Left { view: View(2) }), "{kept:?}");
        // What it had entered before takes no proposal any more, and what it waits for comes.
        let batch = bench.lot(0, 1, b"late").0;
        assert!(!bench.propose(3, 1, 1, batch));
        for change in follow_again(&mut bench, 2) {
            bench.show(3, change);
        }
        assert_eq!(bench.view(3), (2, true), "compact: {compact}");
        bench.compact(3);
        bench.restart(3);
        assert_eq!(bench.view(3), (2, true), "what it entered it has not left");
    }
}

/// The NEW-VIEW of a view that replica 3 waits for comes again.
fn follow_again(bench: &mut Bench<4>, view: u64) -> Vec<ViewChange<'static>> {
    let changes: Vec<_> = (0..3).map(|author| change(author, view, &[])).collect();
    bench.tell(3, 0, Message::NewView(new_view(4, view, &names(&changes), &[])));
    changes
}

/// A log that knows a vote of view 1, and not that the replica is in it.
fn votes_of_view_1(bench: &mut Bench<4>, id: usize) -> quorate::Digest {
    let (bytes, digest) = bench.lot(0, 1, b"kept");
    let batch = Batch::from_bytes(bytes);
    let record = Record::PrePrepared { view: View(1), sequence: Sequence(1), batch };
    bench.remember(id, &[record]);
    assert_eq!(bench.view(id), (0, true));
    digest
}

#[test]
fn no_prepare_of_a_lower_view_follows_one_that_the_log_knows() {
    let mut bench = Bench::<4>::new();
    votes_of_view_1(&mut bench, 3);
    let rival = bench.lot(0, 2, b"rival").0;
    bench.propose(3, 0, 1, rival);
    assert_eq!(bench.votes(3, 0, 1).0, [], "it has voted in view 1");
    let next = bench.lot(0, 3, b"next");
    bench.propose(3, 0, 2, next.0);
    assert_eq!(bench.votes(3, 0, 2).0, [next.1], "nowhere else");
}

#[test]
fn no_proposal_in_a_lower_view_follows_a_vote_that_the_log_knows() {
    let mut bench = Bench::<4>::new();
    votes_of_view_1(&mut bench, 0);
    bench.ask(0, 1, 5, b"proposed elsewhere");
    bench.pass_where(100, &[0], |_, _, _| false);
    let mut proposed = bench.said(0).into_iter().filter_map(|message| match message {
        Message::PrePrepare { sequence, .. } => Some(sequence.0),
        _ => None,
    });
    assert_eq!(proposed.next(), Some(2));
    assert_eq!(proposed.next(), None);
}

#[test]
fn what_a_new_view_chose_is_not_prepared_again_after_a_vote_of_a_later_view() {
    let mut bench = Bench::<4>::new();
    let (bytes, _) = bench.lot(0, 1, b"kept");
    let batch = Batch::from_bytes(bytes);
    let late = Record::PrePrepared { view: View(3), sequence: Sequence(1), batch };
    bench.remember(3, &[late]);
    let null = Batch::from_bytes(&[]).digest();
    let second = prepared(2, 0, digest(b"above"));
    bench.lead_into_with(3, 1, &[second], &[(1, null), (2, digest(b"above"))]);
    for _ in 0..8 {
        bench.wake(3);
    }
    assert_eq!(bench.votes(3, 1, 1).0, [], "it has voted in view 3");
}
