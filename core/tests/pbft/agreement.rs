//! Agreement on one sequence: quorums, votes, equivocation, order (PROTOCOLS, points 2 and 3).

use crate::bench::*;
use crate::wanted::*;
use quorate::pbft::*;
use quorate::{Fault, Quorum};

/// Whether a step wants exactly these COMMITs sent.
fn commits(wanted: &[Wanted]) -> Vec<Vote> {
    wanted.iter().filter_map(Wanted::commit).collect()
}

/// Replica 2 of `N` is given votes one by one: where it prepares and where it executes.
fn counted<const N: usize>() -> (usize, usize) {
    let mut bench = Bench::<N>::new();
    let (batch, vote) = bench.one((0, 1), 1, 5, b"a");
    bench.hear(2, 0, bench.proposal(0, 1, &batch));
    let others: Vec<usize> = (0..N).filter(|id| *id != 2).collect();
    let mut prepares = 0;
    for from in others.iter().filter(|id| **id != 0) {
        prepares += 1;
        if !commits(&bench.hear(2, *from, Message::Prepare(vote))).is_empty() {
            break;
        }
    }
    let mut commits = 0;
    for from in others {
        commits += 1;
        if bench.hear(2, from, Message::Commit(vote)).iter().any(Wanted::is_execute) {
            break;
        }
    }
    (prepares, commits)
}

macro_rules! for_sizes {
    ($($n:literal)*) => {
        $({
            // The primary's PRE-PREPARE and the replica's own votes count too.
            let strong = Quorum::of($n).unwrap().strong();
            assert_eq!(counted::<$n>(), (strong - 2, strong - 1), "n = {}", $n);
        })*
    };
}

#[test]
fn p02_general_strong_quorum_prepares_and_commits_for_every_n() {
    for_sizes!(4 5 6 7 8 9 10 11 12 13 14 15 16);
}

#[test]
fn p02_equivocating_primary_of_six_commits_neither_half() {
    let mut bench = Bench::<6>::new();
    for (client, backups) in [(0, [1, 2]), (1, [3, 4])] {
        let (batch, vote) = bench.one((0, 1), client, 5, b"x");
        for to in backups {
            bench.tell(to, 0, bench.proposal(0, 1, &batch));
            bench.tell(to, 0, Message::Commit(vote));
        }
    }
    bench.run_where(|from, to, _| from != 0 && to != 0);
    let committed = bench.count_sent(|message| matches!(message, Message::Commit(_)));
    assert_eq!(committed, 0);
    assert!((0..6).all(|id| bench.operations(id).is_empty()));
}

#[test]
fn p04_the_half_that_an_equivocating_primary_outvotes_executes_what_was_committed() {
    let mut bench = Bench::<4>::new();
    let (batch_a, vote_a) = bench.one((0, 1), 0, 5, b"A");
    let (batch_b, vote_b) = bench.one((0, 1), 1, 5, b"B");
    bench.tell(1, 0, bench.proposal(0, 1, &batch_a));
    for to in [2, 3] {
        bench.tell(to, 0, bench.proposal(0, 1, &batch_b));
    }
    for to in 1..4 {
        bench.tell(to, 0, Message::Commit(vote_b));
    }
    bench.run_where(|from, to, _| from != 0 && to != 0);
    for id in 1..4 {
        assert_eq!(bench.operations(id), [b"B"], "replica {id}");
        assert_eq!(bench.view(id), (0, true));
    }
    assert_eq!(bench.count_sent(|message| *message == Message::Commit(vote_a)), 0);
    // It voted for A, so it never votes for B in this view.
    let of_1 = bench.sent.iter().filter(|letter| letter.from == quorate::Principal::Node(node(1)));
    let votes = of_1.filter_map(|letter| match quorate::wire::decode(&letter.bytes).unwrap() {
        Message::Prepare(vote) | Message::Commit(vote) => Some(vote),
        _ => None,
    });
    assert_eq!(votes.collect::<Vec<_>>(), [vote_a]);
}

#[test]
fn p05_three_way_split_prepares_nothing_and_every_request_executes_in_the_next_view() {
    let mut bench = Bench::<4>::new();
    for id in 1..4 {
        let client = id as u16 - 1;
        let (batch, _) = bench.one((0, 1), client, 5, &[b'A', id as u8]);
        bench.tell(id, 0, bench.proposal(0, 1, &batch));
    }
    bench.run_where(|from, to, _| from != 0 && to != 0);
    assert_eq!(bench.count_sent(|message| matches!(message, Message::Commit(_))), 0);
    for client in 0..3u16 {
        for to in 1..4 {
            bench.ask(to, client, 5, &[b'A', client as u8 + 1]);
        }
    }
    bench.pass_where(1_500, &[1, 2, 3], |from, to, _| from != 0 && to != 0);
    for id in 1..4 {
        assert_eq!(bench.view(id), (1, true), "replica {id}");
        let mut executed = bench.operations(id);
        assert_eq!(executed, bench.operations(1));
        executed.sort();
        assert_eq!(executed, [[b'A', 1], [b'A', 2], [b'A', 3]]);
    }
}

#[test]
fn one_vote_per_replica_however_often_it_is_sent() {
    let mut bench = Bench::<4>::new();
    let (batch, vote) = bench.one((0, 1), 1, 5, b"a");
    bench.hear(2, 0, bench.proposal(0, 1, &batch));
    // Its own PREPARE comes back too: that is no vote of another replica.
    for _ in 0..10 {
        assert!(commits(&bench.hear(2, 0, Message::Prepare(vote))).is_empty());
        assert!(commits(&bench.hear(2, 2, Message::Prepare(vote))).is_empty());
    }
    assert_eq!(commits(&bench.hear(2, 1, Message::Prepare(vote))), [vote]);
    for _ in 0..10 {
        let wanted = bench.hear(2, 1, Message::Commit(vote));
        assert!(!wanted.iter().any(Wanted::is_execute));
        let own = bench.hear(2, 2, Message::Commit(vote));
        assert!(!own.iter().any(Wanted::is_execute));
    }
    assert!(bench.hear(2, 0, Message::Commit(vote)).iter().any(Wanted::is_execute));
}

#[test]
fn second_vote_for_another_batch_is_equivocation_and_changes_nothing() {
    let mut bench = Bench::<4>::new();
    let (batch, vote) = bench.one((0, 1), 1, 5, b"a");
    let other = Vote { digest: digest(b"other"), ..vote };
    bench.hear(2, 3, Message::Prepare(other));
    bench.hear(2, 3, Message::Commit(other));
    let before = bench.picture(2);
    for message in [Message::Prepare(vote), Message::Commit(vote)] {
        assert_eq!(bench.hear(2, 3, message), [Wanted::Accuse(3, Fault::Equivocation)]);
    }
    assert!(before == bench.picture(2), "an equivocating vote changed the state");
    bench.hear(2, 0, bench.proposal(0, 1, &batch));
    assert_eq!(commits(&bench.hear(2, 1, Message::Prepare(vote))), [vote]);
    bench.hear(2, 0, Message::Commit(vote));
    assert!(bench.hear(2, 1, Message::Commit(vote)).iter().any(Wanted::is_execute));
}

#[test]
fn vote_that_is_held_or_of_an_older_view_changes_nothing() {
    let mut bench = Bench::<4>::new();
    let (_, vote) = bench.one((1, 1), 1, 5, b"a");
    let older = Vote { view: View(0), ..vote };
    for message in [Message::Prepare, Message::Commit] {
        bench.hear(2, 3, message(vote));
        let before = bench.picture(2);
        for late in [vote, older] {
            assert_eq!(bench.hear(2, 3, message(late)), []);
        }
        assert!(before == bench.picture(2), "a late vote changed the state");
    }
}

#[test]
fn second_proposal_for_one_sequence_is_equivocation_and_the_first_stands() {
    let mut bench = Bench::<4>::new();
    let (first, vote) = bench.one((0, 1), 1, 5, b"a");
    let (second, _) = bench.one((0, 1), 2, 5, b"b");
    bench.hear(2, 0, bench.proposal(0, 1, &first));
    let before = bench.picture(2);
    let wanted = bench.hear(2, 0, bench.proposal(0, 1, &second));
    assert_eq!(wanted, [Wanted::Accuse(0, Fault::Equivocation)]);
    assert!(before == bench.picture(2), "a second proposal changed the state");
    assert_eq!(bench.hear(2, 0, bench.proposal(0, 1, &first)), []);
    assert_eq!(commits(&bench.hear(2, 1, Message::Prepare(vote))), [vote]);
}

#[test]
fn rival_of_what_a_quorum_settled_is_equivocation_and_is_not_accepted() {
    let mut bench = Bench::<4>::new();
    let (settled, vote) = bench.one((0, 1), 1, 5, b"a");
    let (rival, _) = bench.one((0, 1), 2, 5, b"b");
    for from in [0, 1, 3] {
        bench.hear(2, from, Message::Commit(vote));
    }
    let before = bench.picture(2);
    let wanted = bench.hear(2, 0, bench.proposal(0, 1, &rival));
    assert_eq!(wanted, [Wanted::Accuse(0, Fault::Equivocation)]);
    assert!(before == bench.picture(2), "a rival changed the state");
    assert!(bench.hear(2, 0, bench.proposal(0, 1, &settled)).iter().any(Wanted::is_execute));
}

#[test]
fn prepare_of_the_primary_is_refused_and_does_not_count() {
    let mut bench = Bench::<4>::new();
    let (batch, vote) = bench.one((0, 1), 1, 5, b"a");
    bench.hear(2, 0, bench.proposal(0, 1, &batch));
    let wanted = bench.hear(2, 0, Message::Prepare(vote));
    assert_eq!(wanted, [Wanted::Accuse(0, Fault::NotAllowed)]);
}

#[test]
fn votes_alone_prepare_nothing_without_the_pre_prepare() {
    let mut bench = Bench::<4>::new();
    let (batch, vote) = bench.one((0, 1), 1, 5, b"a");
    for from in [1, 3] {
        assert_eq!(bench.hear(2, from, Message::Prepare(vote)), []);
    }
    let wanted = bench.hear(2, 0, bench.proposal(0, 1, &batch));
    assert_eq!(commits(&wanted), [vote]);
}

#[test]
fn proposals_come_from_the_primary_of_the_view_only() {
    let mut bench = Bench::<4>::new();
    let (batch, _) = bench.one((0, 1), 1, 5, b"a");
    let before = bench.picture(2);
    for (from, view) in [(1, 0), (3, 0), (0, 1), (0, 5), (3, 6)] {
        let wanted = bench.hear(2, from, bench.proposal(view, 1, &batch));
        assert_eq!(wanted, [Wanted::Accuse(from, Fault::NotPrimary)], "{from} in view {view}");
    }
    // Of the right primary, but of a view that this replica is not in.
    for view in [1, 4, 5, u64::MAX] {
        let primary = View(view).primary(4).index();
        if primary != 2 {
            assert_eq!(bench.hear(2, primary, bench.proposal(view, 1, &batch)), []);
        }
    }
    assert!(before == bench.picture(2), "a misplaced proposal changed the state");
}

#[test]
fn p50_votes_of_two_views_never_add_up() {
    let mut bench = Bench::<7>::new();
    let (batch, vote) = bench.one((0, 1), 1, 5, b"a");
    let later = Vote { view: View(7), ..vote };
    bench.hear(2, 0, bench.proposal(0, 1, &batch));
    for (from, vote) in [(1, vote), (3, later), (4, later), (5, vote)] {
        assert!(commits(&bench.hear(2, from, Message::Prepare(vote))).is_empty());
    }
    assert_eq!(commits(&bench.hear(2, 6, Message::Prepare(vote))), [vote]);
    for (from, vote) in [(0, vote), (1, vote), (3, later), (4, later), (5, vote)] {
        let wanted = bench.hear(2, from, Message::Commit(vote));
        assert!(!wanted.iter().any(Wanted::is_execute), "{from}");
    }
    assert!(bench.hear(2, 6, Message::Commit(vote)).iter().any(Wanted::is_execute));
}

#[test]
fn p50_prepares_of_the_old_view_do_not_prepare_the_proposal_of_the_new_one() {
    let mut bench = Bench::<4>::new();
    for id in 1..4 {
        bench.ask(id, 1, 5, b"first");
    }
    bench.pass_where(1_200, &[1, 2, 3], |from, to, _| from != 0 && to != 0);
    assert_eq!(bench.view(2), (1, true));
    let next = bench.hosts[2].replica.status().executed.0 + 1;
    let (batch, vote) = bench.one((1, next), 2, 5, b"second");
    bench.hear(2, 1, bench.proposal(1, next, &batch));
    let old = Vote { view: View(0), ..vote };
    let before = bench.picture(2);
    assert_eq!(bench.hear(2, 3, Message::Prepare(old)), []);
    assert!(before == bench.picture(2), "a PREPARE of an older view changed the state");
    assert_eq!(commits(&bench.hear(2, 3, Message::Prepare(vote))), [vote]);
}

#[test]
fn execution_is_in_order_of_sequence_whatever_commits_first() {
    let mut bench = Bench::<4>::new();
    for (sequence, executed) in [(3, 0), (1, 1), (2, 3)] {
        let (batch, vote) = bench.one((0, sequence), sequence as u16, 5, &[sequence as u8]);
        bench.tell(2, 0, bench.proposal(0, sequence, &batch));
        bench.tell(2, 1, Message::Prepare(vote));
        for from in [0, 1] {
            bench.tell(2, from, Message::Commit(vote));
        }
        assert_eq!(bench.operations(2).len(), executed, "after {sequence}");
    }
    assert_eq!(bench.operations(2), [[1], [2], [3]]);
}

#[test]
fn next_batch_is_executed_only_when_the_last_one_is_answered_in_its_order() {
    let mut bench = Bench::<4>::new();
    let requests = [bench.request(0, 5, b"a"), bench.request(1, 5, b"b")];
    let batch = bench.batch(&requests);
    let (second, vote_2) = bench.one((0, 2), 2, 5, b"c");
    let vote = Vote { sequence: Sequence(1), digest: Batch::from_bytes(&batch).digest(), ..vote_2 };
    for (sequence, batch, vote) in [(1, &batch, vote), (2, &second, vote_2)] {
        bench.hear(2, 0, bench.proposal(0, sequence, batch));
        bench.hear(2, 1, Message::Prepare(vote));
        bench.hear(2, 0, Message::Commit(vote));
        let wanted = bench.hear(2, 1, Message::Commit(vote));
        assert_eq!(wanted.iter().any(Wanted::is_execute), sequence == 1);
    }
    let before = bench.picture(2);
    let refused = |client| quorate::Refusal::NotExecuting { client: quorate::ClientId(client) };
    for client in [1, 2, 3, u16::MAX] {
        assert_eq!(bench.answer(2, client, b"r"), [Wanted::Refuse(refused(client))]);
    }
    assert!(before == bench.picture(2), "a refused command changed the state");
    assert!(!bench.answer(2, 0, b"ra").iter().any(Wanted::is_execute));
    assert!(bench.answer(2, 1, b"rb").iter().any(Wanted::is_execute));
    assert!(!bench.answer(2, 2, b"rc").iter().any(Wanted::is_execute));
    assert_eq!(bench.answer(2, 2, b"rc"), [Wanted::Refuse(refused(2))]);
}

#[test]
fn request_in_two_batches_executes_at_most_once() {
    let mut bench = Bench::<4>::new();
    let again = bench.request(1, 5, b"a");
    let fresh = bench.request(2, 5, b"b");
    for (sequence, requests) in [(1, vec![again]), (2, vec![again]), (3, vec![again, fresh])] {
        let batch = bench.batch(&requests);
        for to in 1..4 {
            bench.tell(to, 0, bench.proposal(0, sequence, &batch));
        }
        bench.run_where(|from, to, _| from != 0 && to != 0);
    }
    for id in 1..4 {
        assert_eq!(bench.operations(id), [b"a", b"b"], "replica {id}");
        assert_eq!(bench.hosts[id].replica.status().executed.0, 3);
    }
    // Each executed request has one reply of each replica: the duplicates have none.
    assert_eq!(bench.replies.len(), 6);
}
