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

/// A cluster whose replica 3 has recovered, and may have signed VIEW-CHANGEs up to view 2 before.
fn recovered() -> Bench<4> {
    let mut bench = Bench::<4>::new();
    bench.remember(3, &[Record::Recovered { signed: View(2) }]);
    bench
}

/// The views of the VIEW-CHANGEs that replica 3 signed.
fn signed_by_3(bench: &Bench<4>) -> Vec<u64> {
    let said = bench.said(3).into_iter();
    let own = said.filter_map(|message| match message {
        Message::ViewChange(change) if change.author == node(3) => Some(change.view.0),
        _ => None,
    });
    let mut views: Vec<u64> = own.collect();
    views.dedup();
    views
}

/// View 1 begins without replica 3.
fn view_1_begins(bench: &mut Bench<4>) {
    let changes: Vec<_> = (0..3).map(|author| change(author, 1, &[])).collect();
    for change in &changes {
        bench.show(3, *change);
    }
    bench.install(3, new_view(4, 1, &names(&changes), &[]));
    assert_eq!(bench.view(3), (1, true));
    let (batch, digest) = bench.lot(0, 1, b"goes on");
    bench.propose(3, 1, 1, batch);
    assert_eq!(bench.votes(3, 1, 1).0, [digest], "it takes part");
}

#[test]
fn recovered_replica_joins_the_view_of_the_others_and_none_above_it() {
    let mut bench = recovered();
    for author in [1, 2] {
        bench.show(3, change(author, 1, &[]));
    }
    assert_eq!(bench.view(3), (1, false));
    view_1_begins(&mut bench);
    assert_eq!(signed_by_3(&bench), []);
}

#[test]
fn recovered_replica_whose_patience_ends_waits_for_the_next_view_and_no_later_one() {
    let mut bench = recovered();
    bench.ask(3, 1, 5, b"waits");
    bench.pass_where(1_100, &[3], |_, _, _| false);
    assert_eq!(bench.view(3), (1, false));
    view_1_begins(&mut bench);
    assert_eq!(signed_by_3(&bench), []);
}

#[test]
fn recovered_replica_that_nobody_follows_asks_for_the_first_view_that_it_may_ask_for() {
    let mut bench = recovered();
    bench.ask(3, 1, 5, b"waits");
    // T, then T for view 1 and twice that for view 2.
    bench.pass_where(3_900, &[3], |_, _, _| false);
    assert_eq!((bench.view(3), signed_by_3(&bench)), ((2, false), vec![]));
    bench.pass_where(200, &[3], |_, _, _| false);
    assert_eq!((bench.view(3), signed_by_3(&bench)), ((3, false), vec![3]));
}

#[test]
fn cluster_that_needs_a_replica_without_a_say_gets_to_a_view_in_which_it_has_one() {
    let mut bench = recovered();
    for id in 1..4 {
        bench.ask(id, 1, 5, b"needs all three");
    }
    // T, and then T, 2T and 4T at most for the views 1 to 3.
    bench.pass_where(5_000, &[1, 2, 3], |from, to, _| from != 0 && to != 0);
    assert_eq!(signed_by_3(&bench), [3]);
    for id in 1..4 {
        assert_eq!(bench.view(id), (3, true), "replica {id}");
        assert_eq!(bench.operations(id), [b"needs all three"], "replica {id}");
    }
    bench.check_votes(&[0, 1, 2, 3]).unwrap();
}

#[test]
fn one_that_waits_for_a_view_without_a_say_is_counted_among_those_that_want_it() {
    for counted in [false, true] {
        let mut bench = Bench::<4>::new();
        bench.show(1, change(2, 1, &[]));
        bench.ask(1, 0, 1, b"pending");
        bench.pass_where(1_100, &[1], |_, _, _| false);
        assert_eq!(bench.view(1), (1, false));
        let waits = Status { view: View(1), active: !counted, ..Status::default() };
        bench.tell(1, 3, Message::Status(waits));
        bench.pass_where(1_200, &[1], |_, _, _| false);
        assert_eq!(bench.view(1).0, if counted { 2 } else { 1 });
    }
}

#[test]
fn patience_of_a_replica_that_finds_its_voice_begins_then() {
    let mut bench = Bench::<4>::new();
    *bench.hosts[3].replica = Replica::unsure(Bench::<4>::config(3), Memory::new(), 100).unwrap();
    // A request waits, and a view that others want, long before it knows that it is new.
    bench.ask(3, 1, 5, b"waits");
    bench.pass_where(5_000, &[3], |_, _, _| false);
    assert_eq!(bench.view(3), (0, true));
    let (stable, prepared, view) = (Sequence(0), Sequence(0), View(0));
    for from in 0..2 {
        let answer = Message::Estimate { nonce: 100, stable, prepared, view, heard: false };
        bench.tell(3, from, answer);
    }
    assert!(!bench.hosts[3].replica.is_recovering());
    bench.pass_where(980, &[3], |_, _, _| false);
    assert_eq!(bench.view(3), (0, true), "T from now");
    bench.pass_where(50, &[3], |_, _, _| false);
    assert_eq!(bench.view(3), (1, false));
}

#[test]
fn wait_for_a_view_begins_anew_when_a_replica_finds_its_voice() {
    let mut bench = Bench::<4>::new();
    *bench.hosts[3].replica = Replica::unsure(Bench::<4>::config(3), Memory::new(), 100).unwrap();
    bench.wake(3);
    follow(&mut bench, 1);
    for author in 0..3 {
        // The others' VIEW-CHANGEs are other ones than the NEW-VIEW names.
        bench.show(3, change(author, 1, &[prepared(1, 0, digest(b"other"))]));
    }
    bench.pass_where(9_000, &[3], |_, _, _| false);
    let (stable, prepared, view) = (Sequence(0), Sequence(0), View(0));
    for from in 0..2 {
        let answer = Message::Estimate { nonce: 100, stable, prepared, view, heard: false };
        bench.tell(3, from, answer);
    }
    assert!(!bench.hosts[3].replica.is_recovering());
    bench.pass_where(900, &[3], |_, _, _| false);
    assert_eq!(bench.view(3), (1, false), "T from now");
    bench.pass_where(200, &[3], |_, _, _| false);
    assert_eq!(bench.view(3), (2, false));
}
