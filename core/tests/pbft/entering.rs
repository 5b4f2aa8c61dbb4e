//! What happens in a view once it is entered (Castro-Liskov 1999, section 4.4).

use crate::bench::*;
use crate::forgery::*;
use quorate::pbft::*;
use quorate::{Digest, Target};

fn null() -> Digest {
    Batch::null_digest()
}

/// Replica 2 enters view 1, which begins with these digests; all others report them as prepared
/// in view 0.
fn entered(bench: &mut Bench<4>, chosen: &[(u64, Digest)]) {
    let reported = chosen.iter().filter(|(_, digest)| *digest != null());
    let entries: Vec<_> = reported.map(|(at, digest)| prepared(*at, 0, *digest)).collect();
    bench.lead_into_with(2, 1, &entries, chosen);
}

fn settle(bench: &mut Bench<4>) {
    for _ in 0..4 {
        bench.wake(2);
    }
}

#[test]
fn p14_null_fills_the_gap_and_what_stands_above_it_executes_after_it() {
    let mut bench = Bench::<4>::new();
    let batch = bench.lot(0, 1, b"X").0;
    // The primary leaves out sequence 1; sequence 2 is prepared by all and committed nowhere.
    for id in 1..4 {
        bench.propose(id, 0, 2, batch);
    }
    bench.run_where(|_, _, message| !matches!(message, Message::Commit(_)));
    assert!((1..4).all(|id| bench.votes(id, 0, 2).1.len() == 1), "it is prepared");
    bench.pass_where(3_000, &[1, 2, 3], |from, to, _| from != 0 && to != 0);
    let begins = bench.own_new_views(1)[0];
    assert_eq!(begins.chosen.get(Sequence(1)), Some(null()));
    assert_eq!(begins.chosen.get(Sequence(2)), Some(Batch::from_bytes(batch).digest()));
    for id in 1..4 {
        let executed = bench.hosts[id].replica.status().executed;
        assert_eq!((bench.view(id), executed.0), ((1, true), 2), "replica {id}");
        assert_eq!(bench.hosts[id].history, [(2, 0, 1, b"X".to_vec())], "NULL does nothing");
    }
}

#[test]
fn p15_batch_that_was_executed_is_agreed_on_again_and_executed_once() {
    let mut bench = Bench::<4>::new();
    bench.ask(0, 0, 1, b"A");
    bench.run();
    let answers = bench.replies.clone();
    assert_eq!(answers.len(), 4);
    for id in 1..4 {
        bench.ask(id, 1, 1, b"B");
    }
    bench.pass_where(3_000, &[1, 2, 3], |from, to, _| from != 0 && to != 0);
    let a = bench.lot(0, 1, b"A").1;
    assert_eq!(bench.own_new_views(1)[0].chosen.get(Sequence(1)), Some(a));
    for id in 1..4 {
        assert_eq!(bench.operations(id), [b"A", b"B"], "replica {id}");
        assert_eq!(bench.votes(id, 1, 1).1, [a], "replica {id} commits it again");
    }
    let again = bench.replies.iter().filter(|(_, client, ..)| *client == 0).count();
    assert_eq!(again, 4, "no second reply to the first request");
}

#[test]
fn p20_new_view_that_reached_one_backup_only_is_handed_on_by_it() {
    let mut bench = Bench::<4>::new();
    bench.ask(0, 0, 1, b"A");
    bench.run();
    for id in 1..4 {
        bench.ask(id, 1, 1, b"pending");
    }
    bench.mail.clear();
    // View 0 stays mute; view 1 begins, but its NEW-VIEW reaches replica 2 alone.
    bench.pass_where(1_200, &[0, 1, 2, 3], |from, to, message| match message {
        Message::NewView(_) => from == 1 && to == 2,
        Message::ViewChange(_) | Message::FetchViewChange { .. } => true,
        _ => false,
    });
    let views: Vec<_> = (0..4).map(|id| bench.view(id)).collect();
    assert_eq!(views, [(1, false), (1, true), (1, true), (1, false)]);
    let from = bench.sent.len();
    bench.pass_where(600, &[0, 2, 3], |from, to, _| from != 1 && to != 1);
    for id in [0, 3] {
        assert_eq!(bench.view(id), (1, true), "replica {id} enters without the primary");
        let handed = bench.sent[from..].iter().any(|letter| {
            letter.from == replica(2)
                && letter.to == Target::Node(node(id))
                && matches!(message(letter), Message::NewView(_))
        });
        assert!(handed, "replica 2 handed it to {id}");
    }
    bench.pass_where(6_000, &[0, 2, 3], |from, to, _| from != 1 && to != 1);
    for id in [0, 2, 3] {
        assert_eq!(bench.operations(id), [&b"A"[..], b"pending"], "replica {id}");
    }
}

#[test]
fn new_view_is_served_on_status_to_one_who_missed_it_without_its_primary_and_without_traffic() {
    let mut bench = Bench::<4>::new();
    bench.ask(0, 0, 1, b"A");
    bench.run();
    for id in 0..3 {
        bench.ask(id, 1, 1, b"pending");
    }
    bench.mail.clear();
    bench.pass_where(1_020, &[0, 1, 2], |_, _, _| false);
    bench.pass_where(2_000, &[0, 1, 2], |from, to, _| from != 3 && to != 3);
    assert!((0..3).all(|id| bench.view(id) == (1, true)), "three go on without replica 3");
    assert_eq!(bench.view(3), (0, true));
    let apart = |from, to| (from, to) == (1, 3) || (from, to) == (3, 1);
    bench.pass_where(2_000, &[0, 1, 2, 3], |from, to, _| !apart(from, to));
    assert_eq!(bench.view(3), (1, true), "it never spoke with the primary of view 1");
}

/// Replica 1 says nothing any more, and of the two others only one is still in the view.
#[test]
fn new_view_is_believed_on_the_word_of_one_who_is_in_it_and_one_who_wants_a_later_one() {
    let mut bench = Bench::<4>::new();
    bench.ask(0, 0, 1, b"A");
    bench.run();
    for id in 0..3 {
        bench.ask(id, 1, 1, b"pending");
    }
    bench.mail.clear();
    bench.pass_where(1_020, &[0, 1, 2], |_, _, _| false);
    bench.pass_where(2_000, &[0, 1, 2], |from, to, _| from != 3 && to != 3);
    assert!((0..3).all(|id| bench.view(id) == (1, true)), "three go on without replica 3");
    bench.ask(2, 2, 1, b"heard of by nobody else");
    bench.pass_where(1_100, &[2], |_, _, _| false);
    assert_eq!((bench.view(2), bench.view(3)), ((2, false), (0, true)));
    bench.pass_where(800, &[0, 2, 3], |from, to, message| {
        from != 1 && to != 1 && !matches!(message, Message::Request(_))
    });
    assert_eq!((bench.view(0), bench.view(3)), ((1, true), (1, true)));
}

#[test]
fn two_new_views_of_one_traitor_for_one_view_let_nobody_disagree_and_the_cluster_goes_on() {
    let mut bench = Bench::<4>::new();
    bench.ask(0, 0, 1, b"A");
    // A is prepared at replica 2 alone; 0 and 3 have it pre-prepared.
    bench.run_where(|_, to, message| match message {
        Message::Prepare(_) => to == 2,
        Message::Commit(_) => false,
        _ => true,
    });
    for id in [0, 2, 3] {
        bench.ask(id, 1, 1, b"pending");
    }
    bench.pass_where(1_100, &[0, 2, 3], |_, _, _| false);
    let (a, lie) = (bench.lot(0, 1, b"A").1, change(1, 1, &[]));
    let [zero, two, three] = [0, 2, 3].map(|id| bench.own_change(id));
    assert!(two.histories.get(Sequence(1)).unwrap().prepared.is_some());
    for id in [0, 2, 3] {
        for change in [zero, lie, two, three] {
            bench.show(id, change);
        }
    }
    let without = new_view(4, 1, &names(&[zero, lie, three]), &[]);
    let with = new_view(4, 1, &names(&[zero, two, three]), &[(1, a)]);
    bench.install(0, without);
    bench.install(2, with);
    bench.install(3, with);
    assert!([0, 2, 3].into_iter().all(|id| bench.view(id) == (1, true)), "both are in order");
    let (other, b) = bench.lot(2, 1, b"B");
    for id in [0, 2, 3] {
        bench.propose(id, 1, 1, other);
        settle(&mut bench);
        for from in [0, 2, 3] {
            bench.prepare(id, 1, 1, 1, if from == 0 { b } else { a });
        }
        bench.commit(id, 1, 1, 1, b);
    }
    assert_eq!((bench.votes(0, 1, 1).0, bench.votes(2, 1, 1).0), (vec![b], vec![a]));
    bench.pass_where(8_000, &[0, 2, 3], |from, to, _| from != 1 && to != 1);
    for id in [0, 2, 3] {
        assert!(bench.operations(id).contains(&b"pending".to_vec()), "replica {id}");
    }
    bench.check_agreement(&[0, 2, 3]).unwrap();
    bench.check_votes(&[0, 2, 3]).unwrap();
}

#[test]
fn batch_that_a_new_view_chose_is_fetched_before_it_is_voted_on() {
    let mut bench = Bench::<4>::new();
    let (batch, a) = bench.lot(0, 1, b"A");
    let (wrong, _) = bench.lot(0, 2, b"B");
    entered(&mut bench, &[(1, a)]);
    settle(&mut bench);
    let wanted = Message::FetchBatch { sequence: Sequence(1), digest: a };
    assert!(bench.said(2).contains(&wanted), "it asks at once");
    for from in [0, 3] {
        bench.prepare(2, from, 1, 1, a);
    }
    assert_eq!(bench.votes(2, 1, 1), (vec![], vec![]), "no vote for what it does not hold");
    let before = bench.said(2).len();
    for _ in 0..6 {
        bench.now += 50_000;
        bench.wake(2);
    }
    assert!(bench.said(2)[before..].contains(&wanted), "it asks again");

    let sequence = Sequence(1);
    bench.tell(2, 3, Message::Batch { sequence, batch: Batch::from_bytes(wrong) });
    assert_eq!(bench.votes(2, 1, 1), (vec![], vec![]), "another batch than the one chosen");
    bench.tell(2, 0, Message::Batch { sequence, batch: Batch::from_bytes(batch) });
    assert_eq!(bench.votes(2, 1, 1), (vec![a], vec![a]));
    for from in [0, 1] {
        bench.commit(2, from, 1, 1, a);
    }
    assert_eq!(bench.operations(2), [b"A"]);
}

#[test]
fn sequence_that_a_new_view_settled_is_not_proposed_again_by_its_primary() {
    for at_hand in [false, true] {
        let mut bench = Bench::<4>::new();
        let lots: Vec<_> = (1..=5).map(|t| bench.lot(0, t, b"A")).collect();
        let mut chosen: Vec<_> = (1..).zip(lots.iter().map(|(_, digest)| *digest)).collect();
        chosen[1].1 = null();
        if at_hand {
            for (at, (batch, _)) in (1..).zip(&lots) {
                bench.propose(2, 0, at, batch);
            }
        }
        entered(&mut bench, &chosen);
        let (other, b) = bench.lot(1, 1, b"B");
        // At once, while the start of the view is still being worked through; and after that.
        for _ in 0..2 {
            for at in (1..=5).rev() {
                bench.propose(2, 1, at, other);
                for from in [0, 3] {
                    bench.prepare(2, from, 1, at, b);
                }
            }
            settle(&mut bench);
        }
        for (at, digest) in chosen {
            let (prepares, commits) = bench.votes(2, 1, at);
            let voted = if at_hand || digest == null() { vec![digest] } else { vec![] };
            assert_eq!(prepares, voted, "sequence {at}, at hand: {at_hand}");
            assert!(commits.is_empty(), "sequence {at}, at hand: {at_hand}");
        }
        bench.propose(2, 1, 6, other);
        assert_eq!(bench.votes(2, 1, 6).0, [b], "the next one is free");
    }
}

#[test]
fn correct_primary_goes_on_above_what_its_new_view_chose() {
    let mut bench = Bench::<4>::new();
    let (batch, a) = bench.lot(0, 1, b"A");
    bench.propose(1, 0, 3, batch);
    bench.ask(1, 1, 1, b"pending");
    for other in [0, 2] {
        bench.show(1, change(other, 1, &[prepared(3, 0, a)]));
    }
    assert_eq!(bench.view(1), (1, true));
    for _ in 0..4 {
        bench.now += 1_000;
        bench.wake(1);
    }
    let proposals: Vec<_> = bench
        .said(1)
        .into_iter()
        .filter_map(|message| match message {
            Message::PrePrepare { view, sequence, .. } => Some((view.0, sequence.0)),
            _ => None,
        })
        .collect();
    assert_eq!(proposals, [(1, 4)]);
}

/// Replica 3 was away for six batches; a request waits for a view to change.
fn one_that_was_away() -> Bench<4> {
    let mut bench = Bench::<4>::new();
    for t in 1..=6 {
        bench.ask(0, 0, t, b"before");
        bench.run_where(|from, to, _| from != 3 && to != 3);
    }
    for id in 1..4 {
        bench.ask(id, 1, 1, b"pending");
    }
    bench.mail.clear();
    bench
}

#[test]
fn start_checkpoint_above_what_a_replica_executed_is_fetched_and_the_rest_executed() {
    let mut bench = one_that_was_away();
    // Only the view change gets through: it alone tells replica 3 of checkpoint 4.
    bench.pass_where(1_300, &[1, 2, 3], |from, to, message| {
        let mute = matches!(message, Message::Checkpoint { .. } | Message::Status(_));
        from != 0 && to != 0 && !mute
    });
    assert_eq!(bench.view(3), (1, true));
    let (sequence, place) = (Sequence(4), Place::ROOTS);
    let asked = bench.said(3).contains(&Message::FetchState { sequence, place });
    assert!(asked, "it asks for the state that the view starts from");
    assert_eq!(bench.hosts[3].installs, [4]);
    bench.pass_where(3_000, &[1, 2, 3], |from, to, _| from != 0 && to != 0);
    for id in 1..4 {
        assert_eq!(bench.hosts[id].replica.status().executed.0, 7, "replica {id}");
        assert_eq!(bench.hosts[id].state, bench.hosts[1].state, "replica {id}");
    }
}

#[test]
fn start_checkpoint_is_fetched_after_a_restart_though_one_replica_alone_vouches_for_it_now() {
    let mut bench = one_that_was_away();
    bench.pass_where(1_300, &[1, 2, 3], |from, to, message| {
        let mute = matches!(message, Message::Checkpoint { .. } | Message::Status(_));
        let state = matches!(message, Message::FetchState { .. });
        from != 0 && to != 0 && !mute && !state
    });
    assert_eq!((bench.view(3), bench.hosts[3].installs.len()), ((1, true), 0));
    // The power fails before the state is there; replica 2 says nothing more.
    bench.restart(3);
    bench.mail.clear();
    bench.pass_where(600, &[1, 3], |from, to, _| from != 0 && to != 0 && from != 2 && to != 2);
    assert_eq!(bench.hosts[3].installs, [4]);
}

#[test]
fn executed_sequence_never_falls_when_a_late_state_arrives() {
    let mut bench = Bench::<4>::new();
    for t in 1..=6 {
        bench.ask(0, 0, t, b"before");
        bench.run_where(|from, to, _| from != 3 && to != 3);
    }
    let held = bench.hosts[0].captured[&4].clone();
    let (sequence, digest) = (Sequence(4), bench.vouched(0, 4).unwrap());
    // Replica 3 looks for the state of checkpoint 4, and gets the votes for 1 to 6 before it; its
    // host is slow to capture a checkpoint of its own.
    bench.hosts[3].captures = false;
    for from in [0, 1] {
        bench.tell(3, from, Message::Checkpoint { sequence, digest });
    }
    for _ in 0..4 {
        bench.now += 50_000;
        bench.wake(3);
    }
    let place = Place::ROOTS;
    assert!(bench.said(3).contains(&Message::FetchState { sequence, place }));
    let lots: Vec<_> = (1..=6).map(|t| bench.lot(0, t, b"before")).collect();
    for (at, (batch, digest)) in (1..).zip(lots) {
        bench.propose(3, 0, at, batch);
        for from in [0, 1, 2] {
            bench.commit(3, from, 0, at, digest);
        }
    }
    let executed = bench.hosts[3].replica.status().executed;
    assert_eq!(executed.0, 6);
    let roots = crate::pages::Captured::of(&held.0, &held.1).bytes(place).unwrap();
    let bytes = quorate::wire::Bytes(&roots);
    bench.force(3, 0, Message::State { sequence, place, bytes });
    assert_eq!(bench.hosts[3].installs, []);
    assert_eq!(bench.hosts[3].replica.status().executed, executed);
    bench.check_agreement(&[0, 3]).unwrap();
}

#[test]
fn votes_of_a_new_view_that_come_before_it_are_kept_for_it() {
    let mut bench = Bench::<4>::new();
    let (batch, a) = bench.lot(0, 1, b"A");
    bench.propose(2, 0, 1, batch);
    for from in [0, 3] {
        bench.prepare(2, from, 1, 1, a);
        bench.commit(2, from, 1, 1, a);
    }
    assert_eq!(bench.votes(2, 0, 1).1, [], "they are not votes of view 0");
    entered(&mut bench, &[(1, a)]);
    settle(&mut bench);
    assert_eq!(bench.votes(2, 1, 1), (vec![a], vec![a]));
    assert_eq!(bench.operations(2), [b"A"]);
}

#[test]
fn replica_that_lacks_a_commit_catches_up_without_traffic_though_the_others_committed_in_two_views()
{
    let mut bench = Bench::<4>::new();
    bench.ask(0, 0, 1, b"A");
    // View 0: all prepare A; 1, 2 and 3 see the COMMITs and execute it.
    bench.run_where(|_, to, message| to != 0 || !matches!(message, Message::Commit(_)));
    assert_eq!((bench.operations(0).len(), bench.operations(3).len()), (0, 1));
    // View 1: all enter it and prepare A again, which only 0 and 3 get to know.
    let a = bench.lot(0, 1, b"A").1;
    for (to, author) in [(0, 2), (0, 3), (3, 2), (2, 3)] {
        bench.show(to, change(author, 1, &[prepared(1, 0, a)]));
    }
    bench.run_where(|_, to, message| match message {
        Message::Prepare(_) => to == 0 || to == 3,
        Message::Commit(_) => false,
        _ => true,
    });
    for id in 0..4 {
        bench.wake(id);
    }
    bench.run_where(|_, to, message| match message {
        Message::Prepare(_) => to == 0 || to == 3,
        Message::Commit(_) => false,
        _ => true,
    });
    let views: Vec<_> = (0..4).map(|id| bench.view(id)).collect();
    assert_eq!(views, [(1, true); 4]);
    bench.pass(20_000);
    assert_eq!(bench.operations(0), [b"A"], "all four hold A as committed or prepared");
}

#[test]
fn request_that_was_proposed_in_a_view_that_failed_is_proposed_again_in_a_later_one() {
    let mut bench = Bench::<4>::new();
    bench.ask(1, 0, 1, b"A");
    let proposed = |bench: &mut Bench<4>, view: u64| {
        bench.lead_into(1, view);
        for _ in 0..8 {
            bench.now += 1_000;
            bench.wake(1);
        }
        let a = bench.lot(0, 1, b"A").0;
        bench.said(1).into_iter().any(|message| match message {
            Message::PrePrepare { view: of, batch, .. } => of.0 == view && batch.bytes() == a,
            _ => false,
        })
    };
    assert!(proposed(&mut bench, 1), "it is proposed in view 1, which fails");
    bench.lead_into(1, 2);
    bench.ask(1, 0, 1, b"A");
    assert!(proposed(&mut bench, 5), "its client asked again, and replica 1 is primary again");
}
