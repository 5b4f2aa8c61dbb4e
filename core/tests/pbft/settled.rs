//! The word of weak replicas that a batch is settled is as good as the COMMITs behind it.

use crate::bench::*;
use quorate::pbft::*;

fn word(sequence: u64, digest: quorate::Digest) -> Message<'static> {
    Message::Settled { sequence: Sequence(sequence), digest }
}

/// Whether the replica asks for this batch, on hearing that it is settled.
fn asks(bench: &mut Bench<4>, from: usize, digest: quorate::Digest) -> bool {
    let asked = Message::FetchBatch { sequence: Sequence(1), digest };
    let wanted = bench.hear(3, from, word(1, digest));
    wanted.iter().any(|it| it.message() == Some(asked))
}

#[test]
fn weak_equal_words_settle_a_batch_that_is_then_fetched_and_executed() {
    let mut bench = Bench::<4>::new();
    let (batch, digest) = bench.lot(1, 5, b"a");
    assert!(!asks(&mut bench, 0, digest));
    assert!(!asks(&mut bench, 0, digest), "the same replica counts once");
    assert!(asks(&mut bench, 1, digest));
    let batch = Message::Batch { sequence: Sequence(1), batch: Batch::from_bytes(batch) };
    assert!(bench.tell(3, 2, batch));
    assert_eq!(bench.operations(3), [b"a"]);
    let sworn = bench.said(3).iter().any(|it| matches!(it, Message::Commit(_)));
    assert!(!sworn, "the word of others is no view in which to vote");
}

#[test]
fn words_for_different_batches_never_add_up() {
    let mut bench = Bench::<4>::new();
    let (one, other) = (bench.lot(1, 5, b"a").1, bench.lot(1, 5, b"b").1);
    assert!(!asks(&mut bench, 0, one));
    assert!(!asks(&mut bench, 1, other));
    let wanted = bench.hear(3, 1, word(1, one));
    assert_eq!(format!("{wanted:?}").matches("Equivocation").count(), 1, "{wanted:?}");
    assert!(!asks(&mut bench, 1, one), "the first word stands");
}

#[test]
fn a_commit_of_the_view_that_there_is_not_is_no_word() {
    let mut bench = Bench::<4>::new();
    let (view, sequence, digest) = (View(u64::MAX), Sequence(1), bench.lot(1, 5, b"a").1);
    for from in 0..3 {
        let vote = Message::Commit(Vote { view, sequence, digest });
        assert_eq!(bench.hear(3, from, vote), []);
    }
}

#[test]
fn a_word_stands_for_the_commit_of_its_sender_and_adds_to_those_of_others() {
    let mut bench = Bench::<7>::new();
    let (view, sequence, digest) = (View(0), Sequence(1), bench.lot(1, 5, b"a").1);
    // n = 7: weak is 3, strong is 5. One word and four COMMITs are a strong quorum.
    let vote = Message::Commit(Vote { view, sequence, digest });
    assert_eq!(bench.hear(6, 3, word(1, digest)), []);
    for from in 0..3 {
        assert_eq!(bench.hear(6, from, vote), []);
    }
    assert_eq!(bench.hear(6, 3, vote), [], "nobody counts twice");
    assert_ne!(bench.hear(6, 4, vote), []);
}

#[test]
fn a_word_that_comes_after_the_commits_completes_their_quorum() {
    let mut bench = Bench::<7>::new();
    let (view, sequence, digest) = (View(0), Sequence(1), bench.lot(1, 5, b"a").1);
    let vote = Message::Commit(Vote { view, sequence, digest });
    for from in 0..4 {
        assert_eq!(bench.hear(6, from, vote), []);
    }
    // Its COMMIT was lost, and is not taken after its word.
    assert_ne!(bench.hear(6, 4, word(1, digest)), []);
}

#[test]
fn words_outside_of_the_window_change_nothing() {
    let mut bench = Bench::<4>::new();
    let digest = bench.lot(1, 5, b"a").1;
    let before = bench.picture(3);
    for sequence in [0, 9, u64::MAX] {
        for from in 0..3 {
            assert_eq!(bench.hear(3, from, word(sequence, digest)), []);
        }
    }
    assert!(before == bench.picture(3));
}

/// Replica 3 left view 0 alone. What the others settled with the vote of replica 0, which then
/// died, reaches it without any traffic.
#[test]
fn what_was_settled_with_the_vote_of_one_who_died_reaches_a_replica_that_left_its_view() {
    let mut bench = Bench::<4>::new();
    bench.ask(3, 2, 1, b"never ordered");
    bench.pass_where(3_000, &[3], |_, _, _| false);
    assert!(!bench.view(3).1, "it left its view alone");
    bench.mail.clear();
    for t in 1..=3 {
        bench.ask(0, 1, t, b"x");
        bench.run_where(|from, to, _| from != 3 && to != 3);
    }
    assert_eq!(bench.operations(1).len(), 3);
    bench.pass_where(900, &[1, 2, 3], |from, to, _| from != 0 && to != 0);
    assert_eq!(bench.operations(3).len(), 3);
}

#[test]
fn a_quorum_against_an_own_commit_of_its_view_is_three_liars_and_moves_nobody() {
    let mut bench = Bench::<4>::new();
    let (view, sequence) = (View(0), Sequence(1));
    let (batch, digest) = bench.lot(1, 5, b"a");
    let batch = Batch::from_bytes(batch);
    assert!(bench.tell(3, 0, Message::PrePrepare { view, sequence, batch }));
    let vote = Vote { view, sequence, digest };
    bench.tell(3, 1, Message::Prepare(vote));
    assert!(bench.said(3).contains(&Message::Commit(vote)), "it is sworn");
    let (other_batch, other) = bench.lot(1, 5, b"b");
    for from in 0..3 {
        bench.tell(3, from, Message::Commit(Vote { digest: other, ..vote }));
    }
    let batch = Batch::from_bytes(other_batch);
    bench.tell(3, 2, Message::Batch { sequence, batch });
    assert!(bench.operations(3).is_empty());
    // Its VIEW-CHANGE tells of the COMMIT that it sent.
    bench.pass_where(3_000, &[3], |_, _, _| false);
    let change = bench.own_change(3);
    let history = change.histories.get(sequence).expect("it is not silent about it");
    assert_eq!(history.prepared(), Some(PrePrepared { view, digest }));
}
