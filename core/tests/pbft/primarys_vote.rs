//! What the primary of a new view has pre-prepared of its choices, and what it only passes on.

use crate::bench::*;
use crate::forgery::*;
use crate::wanted::*;
use quorate::Fault;
use quorate::pbft::*;

/// Replicas 0 and 2 have prepared a batch in view 0, replica 3 has pre-prepared it, and replica 1,
/// which knows nothing of it, begins view 1 with the first two; it does not get the batch.
fn primary_without_a_batch() -> Bench<4> {
    let mut bench = Bench::<4>::new();
    for id in [0, 2, 3] {
        bench.ask(id, 0, 1, b"A");
    }
    bench.run_where(|from, to, message| match message {
        Message::PrePrepare { .. } => to != 1,
        Message::Prepare(_) => to != 1 && (from == 0 || to != 3),
        _ => false,
    });
    assert_eq!(bench.votes(3, 0, 1).1, [], "replica 3 has not prepared it");
    bench.pass_where(1_300, &[0, 1, 2], |from, to, message| match message {
        Message::ViewChange(_) | Message::NewView(_) => from != 3 && to != 3,
        Message::Prepare(_) => from != 3 && to != 3,
        _ => false,
    });
    for id in [0, 1, 2] {
        assert_eq!(bench.view(id), (1, true), "replica {id}");
    }
    bench
}

#[test]
fn what_a_primary_has_not_pre_prepared_itself_is_not_prepared_by_its_new_view() {
    let mut bench = primary_without_a_batch();
    // Replica 0 dies, and view 1 ends. Of whatever was prepared, two of the others must know.
    bench.ask(1, 0, 1, b"A");
    bench.pass_where(4_000, &[1, 2, 3], |from, to, message| {
        let lost = matches!(message, Message::Batch { .. } | Message::NewView(_));
        from != 0 && to != 0 && !lost
    });
    assert!((1..4).all(|id| bench.view(id).0 > 1), "{:?}", [1, 2, 3].map(|id| bench.view(id)));
    bench.pass_where(20_000, &[1, 2, 3], |from, to, _| from != 0 && to != 0);
    for id in 1..4 {
        assert_eq!(bench.operations(id), [b"A"], "replica {id}");
    }
}

#[test]
fn primary_that_gets_the_batch_says_prepare_and_the_view_goes_on() {
    let mut bench = primary_without_a_batch();
    let silent = bench
        .sent
        .iter()
        .all(|letter| letter.from != replica(1) || !matches!(message(letter), Message::Prepare(_)));
    assert!(silent, "it has no batch to pre-prepare");
    assert_eq!(bench.votes(2, 1, 1).1, [], "replica 2 says no COMMIT");
    bench.pass_where(600, &[0, 1, 2], |from, to, _| from != 3 && to != 3);
    for id in 0..3 {
        assert_eq!(bench.operations(id), [b"A"], "replica {id}");
        assert_eq!(bench.view(id), (1, true), "replica {id}");
        assert_eq!(bench.votes(id, 1, 1).1.len(), 1, "replica {id} commits it in view 1");
    }
    assert!(bench.hosts.iter().all(|host| host.accusations.is_empty()));
}

#[test]
fn primary_that_says_prepare_where_it_proposes_is_accused() {
    let mut bench = primary_without_a_batch();
    let vote = |view, sequence| {
        let digest = digest(b"any");
        Message::Prepare(Vote { view: View(view), sequence: Sequence(sequence), digest })
    };
    let not_allowed = [Wanted::Accuse(1, Fault::NotAllowed)];
    assert_eq!(bench.hear(2, 1, vote(1, 2)), not_allowed, "it may propose there");
    assert_eq!(bench.hear(2, 1, vote(1, 1)), [], "its NEW-VIEW chose that one");
    assert_eq!(bench.hear(2, 1, vote(5, 2)), [], "its NEW-VIEW of that view may choose it");
    assert_eq!(bench.hear(2, 0, vote(0, 1)), [Wanted::Accuse(0, Fault::NotAllowed)]);
}
