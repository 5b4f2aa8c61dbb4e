//! What is well signed and of no use, and votes that only take the place of others: a peer can
//! make any number of them, and each costs it something (P-36, P-37, E-09).

use crate::bench::*;
use crate::forgery::*;
use quorate::pbft::*;

/// VIEW-CHANGEs and NEW-VIEWs of one peer that a replica of the bench verifies at once.
const VIEWS_AT_ONCE: u64 = (2 * WINDOW as u64 * 64 + CLIENTS as u64) / 16;
/// The budget interval, in microseconds.
const INTERVAL: u64 = 50_000;

/// How many of these messages of replica `from` get through the wall of replica 2.
fn through<'a>(
    bench: &mut Bench<4>,
    from: usize,
    messages: impl Iterator<Item = Message<'a>>,
) -> u64 {
    messages.map(|message| u64::from(bench.tell(2, from, message))).sum()
}

#[test]
fn ever_higher_views_of_one_peer_are_verified_once_a_budget_interval_at_most() {
    let mut bench = Bench::<4>::new();
    let asks = |view: u64| Message::ViewChange(change(3, view, &[]));
    assert_eq!(through(&mut bench, 3, (1..=2_000).map(asks)), VIEWS_AT_ONCE);
    let mut verified = 0;
    for millis in 0..10_000 {
        bench.now += 1_000;
        verified += through(&mut bench, 3, [asks(3_000 + millis)].into_iter());
    }
    assert!(verified > 0 && verified <= 10_000_000 / INTERVAL, "{verified} in ten seconds");
    assert_eq!(bench.view(2), (0, true), "one peer moves nobody");
    // Nobody else pays for it, whoever passes on what it signed, and peace ends it.
    assert!(bench.show(2, change(1, 7, &[])));
    assert!(bench.tell(2, 0, asks(20_000)));
    bench.now += 600_000_000;
    assert!(bench.tell(2, 3, asks(20_001)));
}

#[test]
fn a_replica_that_asks_for_another_view_each_budget_interval_is_always_heard() {
    let mut bench = Bench::<4>::new();
    for view in 1..=1_000 {
        assert!(bench.show(2, change(3, view, &[])), "view {view}");
        bench.now += INTERVAL;
    }
}

#[test]
fn new_views_that_nobody_believes_are_verified_once_a_budget_interval_at_most() {
    let mut bench = Bench::<4>::new();
    let members: Vec<_> = [0, 1, 3].map(|id| change(id, 5, &[])).into();
    let named = names(&members);
    let claims = |round: u64| Message::NewView(new_view(4, 4 * round + 1, &named, &[]));
    assert_eq!(through(&mut bench, 1, (1..=2_000).map(claims)), VIEWS_AT_ONCE);
    let mut verified = 0;
    for round in 0..10_000 {
        bench.now += 1_000;
        verified += through(&mut bench, 1, [claims(3_000 + round)].into_iter());
    }
    assert!(verified > 0 && verified <= 10_000_000 / INTERVAL, "{verified} in ten seconds");
}

#[test]
fn new_view_that_waits_is_not_verified_again_and_one_that_was_wrong_costs_its_author() {
    let members: Vec<_> = [0, 1, 3].map(|id| change(id, 1, &[])).into();
    let mut bench = Bench::<4>::new();
    for change in &members[..2] {
        bench.show(2, *change);
    }
    let waits = Message::NewView(new_view(4, 1, &names(&members), &[]));
    assert!(bench.tell(2, 1, waits));
    assert_eq!(through(&mut bench, 1, std::iter::repeat_n(waits, 2_000)), 0, "it waits");

    let mut bench = Bench::<4>::new();
    members.iter().for_each(|change| assert!(bench.show(2, *change)));
    let wrong = Message::NewView(new_view(4, 1, &names(&members), &[(1, digest(b"made up"))]));
    let verified = through(&mut bench, 1, std::iter::repeat_n(wrong, 2_000));
    assert!(verified <= VIEWS_AT_ONCE, "{verified} times");
}

#[test]
fn view_changes_that_a_new_view_names_cost_those_nothing_who_bring_them() {
    let mut bench = Bench::<4>::new();
    for round in 1..=200 {
        let view = 4 * round + 1;
        let members: Vec<_> = [0, 1, 3].map(|id| change(id, view, &[])).into();
        // Replica 0 brings all of them, and then the NEW-VIEW, with no time in between.
        let new_view = Message::NewView(new_view(4, view, &names(&members), &[]));
        for change in &members[..2] {
            assert!(bench.show(2, *change), "round {round}");
        }
        assert!(bench.tell(2, 0, new_view), "round {round}");
        assert!(bench.tell(2, 0, Message::ViewChange(members[2])), "round {round}");
        assert_eq!(bench.view(2), (view, true), "round {round}");
        bench.now += INTERVAL;
    }
}

#[test]
fn who_passes_on_each_status_interval_what_contradicts_a_new_view_that_waits_is_always_heard() {
    let mut bench = Bench::<4>::new();
    let members = |id| change(id, 1, &[]);
    let kept: Vec<_> = [1, 2, 3].map(members).into();
    let other: Vec<_> = [0, 1, 2].map(members).into();
    let of = |changes: &[_]| names(changes);
    let (kept, other) = (of(&kept), of(&other));
    assert!(bench.tell(2, 1, Message::NewView(new_view(4, 1, &kept, &[]))), "it waits");
    let passed_on = Message::NewView(new_view(4, 1, &other, &[]));
    for round in 1..=1_000 {
        // The status interval of the bench, which the budget interval is not above.
        bench.now += 50_000;
        assert!(bench.tell(2, 0, passed_on), "round {round}");
    }
}

#[test]
fn second_proposals_of_a_primary_for_one_sequence_cost_it_what_they_cost() {
    let mut bench = Bench::<4>::new();
    let operations: Vec<_> = (0..5_000u64).map(u64::to_le_bytes).collect();
    let batches: Vec<_> = operations
        .iter()
        .map(|operation| {
            let of = |id| bench.request(id, 5, operation);
            let requests: Vec<_> = (0..CLIENTS as u16).map(of).collect();
            bench.batch(&requests)
        })
        .collect();
    let proposals: Vec<_> = batches.iter().map(|batch| bench.proposal(0, 1, batch)).collect();
    let verified = through(&mut bench, 0, proposals.into_iter());
    assert_eq!(verified, 1 + 16 * VIEWS_AT_ONCE / CLIENTS as u64 + 1, "the first was accepted");
}

#[test]
fn null_beside_what_was_proposed_costs_its_primary_as_much_as_a_request() {
    let mut bench = Bench::<4>::new();
    let batch = bench.batch(&[bench.request(0, 5, b"a")]);
    assert!(bench.tell(2, 0, bench.proposal(0, 1, &batch)));
    let nulls = std::iter::repeat_n(bench.proposal(0, 1, &[]), 5_000);
    assert_eq!(through(&mut bench, 0, nulls), 2 * WINDOW as u64 * 64 + CLIENTS as u64);
}

#[test]
fn batches_that_were_not_asked_for_cost_who_sends_them_and_the_right_one_is_taken_from_another() {
    let mut bench = Bench::<4>::new();
    let (batch, vote) = bench.one((0, 1), 1, 5, b"a");
    (0..2).for_each(|from| assert!(bench.tell(3, from, Message::Commit(vote))));
    let body = |batch| {
        let (sequence, batch) = (Sequence(1), Batch::from_bytes(batch));
        Message::Batch { sequence, batch }
    };
    let (lie, _) = bench.one((0, 1), 2, 5, b"lie");
    assert!(!bench.tell(3, 2, body(&lie)), "nothing is asked for yet");
    assert!(bench.tell(3, 2, Message::Commit(vote)));
    let hashed: usize = (0..5_000).map(|_| usize::from(bench.tell(3, 1, body(&lie)))).sum();
    assert_eq!(hashed, 2 * WINDOW * 64 + CLIENTS);
    assert!(bench.tell(3, 0, body(&batch)));
    assert_eq!(bench.operations(3), [b"a"]);
}

/// How many of these messages of replica 3 are of use to replica 2, as it tells its host.
fn fruits<'a>(bench: &mut Bench<4>, messages: impl Iterator<Item = Message<'a>>) -> usize {
    let of_use = |message| {
        bench.force(2, 3, message);
        usize::from(!bench.hosts[2].replica.was_fruitless())
    };
    messages.map(of_use).sum()
}

#[test]
fn votes_of_ever_higher_views_and_of_old_ones_are_of_use_twice_a_place() {
    let mut bench = Bench::<4>::new();
    let vote = |view, sequence| {
        let (view, digest) = (View(view), digest(b"x"));
        Vote { view, sequence: Sequence(sequence), digest }
    };
    let flood = |views: std::ops::Range<u64>| {
        let votes = views.flat_map(move |view| (0..=WINDOW as u64 + 1).map(move |at| (view, at)));
        votes.flat_map(move |(view, at)| {
            let vote = vote(view, at);
            // Who leads a view prepares nothing in it.
            let prepare = (view % 4 != 3).then_some(Message::Prepare(vote));
            prepare.into_iter().chain([Message::Commit(vote)])
        })
    };
    assert_eq!(fruits(&mut bench, flood(0..500)), 2 * WINDOW, "one of each for each place");
    for from in [0, 1, 3] {
        bench.show(2, change(from, 1_000, &[]));
    }
    assert_eq!(bench.view(2).0, 1_000);
    assert_eq!(fruits(&mut bench, flood(500..1_000)), 0, "old ones for old ones");
    assert_eq!(fruits(&mut bench, flood(1_000..1_500)), 2 * WINDOW);
}

#[test]
fn checkpoints_ahead_are_of_use_four_at_a_time_in_any_order() {
    let at = |sequence| Message::Checkpoint { sequence: Sequence(sequence), digest: digest(b"x") };
    let up = || (1..=1_000).map(|number| at(4 * number));
    for downwards in [false, true] {
        let mut bench = Bench::<4>::new();
        let count = match downwards {
            true => fruits(&mut bench, up().collect::<Vec<_>>().into_iter().rev()),
            false => fruits(&mut bench, up()),
        };
        assert_eq!(count, 4, "downwards: {downwards}");
    }
}

#[test]
fn questions_and_answers_that_nobody_waits_for_are_never_of_use() {
    let mut bench = Bench::<4>::new();
    let (sequence, digest, view) = (Sequence(4), digest(b"x"), View(0));
    let place = Place::ROOTS;
    let messages = [
        Message::Status(Status { wanting: true, ..Status::default() }),
        Message::FetchBatch { sequence, digest },
        Message::FetchViewChange { author: node(1), digest },
        Message::FetchState { sequence, place },
        Message::Recover { nonce: 1, lost: false, until: sequence },
        Message::Estimate { nonce: 1, stable: sequence, prepared: sequence, view, heard: true },
    ];
    for message in messages {
        assert_eq!(fruits(&mut bench, std::iter::repeat_n(message, 100)), 0, "{message:?}");
    }
}
