//! What a replica says of a batch that was settled before it was proposed to it, and of which view.

use crate::bench::*;
use crate::forgery::*;
use quorate::Digest;
use quorate::pbft::*;

const FIRST: Sequence = Sequence(1);

fn word(digest: Digest) -> Message<'static> {
    Message::Settled { sequence: FIRST, digest }
}

fn vote(view: u64, digest: Digest) -> Vote {
    Vote { view: View(view), sequence: FIRST, digest }
}

/// How often a replica said exactly this.
fn times<const N: usize>(bench: &Bench<N>, id: usize, message: Message<'_>) -> usize {
    bench.said(id).iter().filter(|said| **said == message).count()
}

/// Two replicas say that a batch is settled, and the second brings it; it is executed.
fn settle_by_words(bench: &mut Bench<4>, id: usize, others: [usize; 2]) -> (&'static [u8], Digest) {
    let (batch, digest) = bench.lot(1, 1, b"settled");
    for from in others {
        bench.tell(id, from, word(digest));
    }
    let brought = Message::Batch { sequence: FIRST, batch: Batch::from_bytes(batch) };
    assert!(bench.tell(id, others[1], brought));
    assert_eq!(bench.operations(id), [b"settled"]);
    (batch, digest)
}

/// n = 7. Replicas 5 and 6 lie: they help 0, 1 and 2 to prepare and replica 4 to commit, and are
/// silent to all others. Replica 4 commits before the PRE-PREPARE reaches it; replica 3 lacks its
/// PREPARE, and all but replica 4 lack the COMMIT of replica 3.
#[test]
fn whoever_joins_a_quorum_of_commits_before_the_proposal_came_says_prepare_as_well() {
    let mut bench = Bench::<7>::new();
    for id in 0..7 {
        bench.ask(id, 1, 1, b"a");
    }
    bench.run_where(|from, to, message| match (from, message) {
        (_, Message::PrePrepare { .. }) => to != 4,
        (5 | 6, Message::Prepare(_)) => to < 3,
        (5 | 6, Message::Commit(_)) => to == 4,
        (5 | 6, _) => false,
        _ => true,
    });
    let vote = vote(0, bench.lot(1, 1, b"a").1);
    let said = bench.said(4);
    assert!(said.contains(&Message::Prepare(vote)) && said.contains(&Message::Commit(vote)));
    for id in 0..5 {
        assert_eq!(bench.operations(id), [b"a"], "replica {id}");
        assert!(bench.hosts[id].accusations.is_empty(), "replica {id}");
    }
    bench.pass_where(3_000, &[0, 1, 2, 3, 4], |from, to, _| from < 5 && to < 5);
    assert!((0..5).all(|id| bench.view(id) == (0, true)), "nobody had a reason to leave");
}

#[test]
fn what_was_settled_by_words_is_prepared_once_when_its_proposal_comes() {
    let mut bench = Bench::<7>::new();
    let (batch, digest) = bench.lot(1, 1, b"a");
    for from in 1..4 {
        bench.tell(6, from, word(digest));
    }
    let brought = Message::Batch { sequence: FIRST, batch: Batch::from_bytes(batch) };
    assert!(bench.tell(6, 1, brought));
    assert_eq!(bench.operations(6), [b"a"]);
    assert_eq!(times(&bench, 6, Message::Prepare(vote(0, digest))), 0, "nobody has proposed it");
    for _ in 0..2 {
        bench.propose(6, 0, 1, batch);
        assert_eq!(times(&bench, 6, Message::Prepare(vote(0, digest))), 1);
    }
    bench.check_votes(&[6]).unwrap();
}

/// n = 7. Replicas 1 and 2 lie: they help 0, 3 and 4 to prepare, 3 to commit, and 6 to know that it
/// is settled before it was proposed there. The proposal is lost on its way to 6, which executes,
/// and lacks nothing; but replica 5 lacks the PREPARE of 6, and all others the COMMIT of 5.
#[test]
fn proposal_is_repeated_to_one_that_executed_without_it_and_whose_prepare_is_missing() {
    let mut bench = Bench::<7>::new();
    for id in 0..7 {
        bench.ask(id, 1, 1, b"a");
    }
    let digest = bench.lot(1, 1, b"a").1;
    let help = |from: usize, to: usize, message: &Message<'_>| match (from, message) {
        (1 | 2, Message::Prepare(_)) => [0, 3, 4].contains(&to),
        (1 | 2, Message::Commit(_)) => to == 3,
        (1 | 2, Message::Batch { .. }) => true,
        (1 | 2, _) => false,
        _ => true,
    };
    bench.run_where(|from, to, message| {
        let lost = matches!(message, Message::PrePrepare { .. } | Message::Commit(_));
        help(from, to, message) && !(to == 6 && lost)
    });
    assert_eq!(bench.operations(3), [b"a"]);
    for from in [1, 2, 3] {
        bench.tell(6, from, word(digest));
    }
    bench.run_where(help);
    assert_eq!(bench.operations(6), [b"a"]);
    assert!(bench.operations(0).is_empty(), "the others wait");
    bench.pass_where(400, &[0, 3, 4, 5, 6], help);
    for id in [0, 3, 4, 5, 6] {
        assert_eq!(bench.operations(id), [b"a"], "replica {id}");
        assert_eq!(bench.view(id), (0, true), "replica {id}");
    }
}

/// Replica 0 lies: it says COMMIT in a view in which nothing was settled. What two others say is
/// settled was so in a later one.
#[test]
fn liar_does_not_choose_the_view_in_which_a_batch_was_settled() {
    let mut bench = Bench::<4>::new();
    bench.lead_into(2, 1);
    let lie = bench.lot(1, 1, b"settled").1;
    bench.commit(2, 0, 1, 1, lie);
    let (_, digest) = settle_by_words(&mut bench, 2, [1, 3]);
    assert_eq!(times(&bench, 2, Message::Commit(vote(1, digest))), 0);
    assert_eq!(times(&bench, 2, Message::Prepare(vote(1, digest))), 0);
    // The primary of view 1 is correct: it had proposed another one, and nothing came of it.
    let (rival, _) = bench.lot(1, 1, b"proposed before");
    bench.propose(2, 1, 1, rival);
    assert_eq!(bench.hosts[2].accusations, []);
    bench.check_votes(&[2]).unwrap();
}

/// The same where replica 2 had sent a COMMIT for another batch in that view: it keeps its word.
#[test]
fn liar_does_not_take_back_the_commit_of_another() {
    let mut bench = Bench::<4>::new();
    bench.lead_into(2, 1);
    let (first, mine) = bench.lot(1, 1, b"first");
    bench.propose(2, 1, 1, first);
    for from in [0, 3] {
        bench.prepare(2, from, 1, 1, mine);
    }
    assert_eq!(times(&bench, 2, Message::Commit(vote(1, mine))), 1);
    bench.lead_into(2, 3);
    let lie = bench.lot(1, 1, b"settled").1;
    bench.commit(2, 0, 1, 1, lie);
    let (_, digest) = settle_by_words(&mut bench, 2, [1, 3]);
    for author in [0, 1] {
        bench.show(2, change(author, 4, &[]));
    }
    let told = bench.own_change(2).histories.get(FIRST).unwrap();
    assert_eq!(told.prepared(), Some(PrePrepared { view: View(3), digest }));
    assert_eq!(told.pre_prepared(&mine), Some(View(1)), "and of the batch that it had prepared");
    bench.check_votes(&[2]).unwrap();
}

#[test]
fn after_a_restart_nobody_knows_in_which_view_it_was_settled() {
    let mut bench = Bench::<4>::new();
    settle_by_words(&mut bench, 3, [1, 2]);
    bench.restart(3);
    // Replica 0 had proposed it in view 0, and the others settled another one in view 1.
    let (rival, _) = bench.lot(1, 1, b"proposed before");
    bench.propose(3, 0, 1, rival);
    assert_eq!(bench.hosts[3].accusations, []);
}

/// A log that is written anew forgets a vote for what lost: whoever starts from it says no other.
#[test]
fn after_a_restart_nobody_says_prepare_for_what_was_adopted_before() {
    let mut bench = Bench::<4>::new();
    let (lost, _) = bench.lot(1, 1, b"proposed to this one only");
    bench.propose(3, 0, 1, lost);
    let (batch, digest) = settle_by_words(&mut bench, 3, [1, 2]);
    bench.compact(3);
    bench.restart(3);
    bench.propose(3, 0, 1, batch);
    assert_eq!(times(&bench, 3, Message::Prepare(vote(0, digest))), 0);
    bench.check_votes(&[3]).unwrap();
}

/// What was settled in view 0 was settled again in view 1, where this replica had accepted another
/// one. (With more liars than there may be: a log must be read whatever it tells.)
#[test]
fn what_lost_to_a_batch_of_an_earlier_view_does_not_stay_beside_it() {
    let mut bench = Bench::<4>::new();
    let (lost, loser) = bench.lot(2, 1, b"lost");
    let (batch, digest) = bench.lot(1, 1, b"settled");
    let (lost, batch) = (Batch::from_bytes(lost), Batch::from_bytes(batch));
    let settled = |view| Record::Committed { view: View(view), sequence: FIRST, batch };
    let accepted = Record::PrePrepared { view: View(1), sequence: FIRST, batch: lost };
    bench.remember(2, &[accepted, settled(0), settled(1)]);
    // A view has one batch at a place, in Q and in a log that is written anew.
    let kept: Vec<_> = bench.hosts[2].replica.records().collect();
    assert_eq!(kept, [settled(1); 2]);
    bench.show(2, change(0, 2, &[]));
    bench.show(2, change(1, 2, &[]));
    let told = bench.own_change(2).histories.get(FIRST).unwrap();
    assert_eq!(told.prepared(), Some(PrePrepared { view: View(1), digest }));
    assert_eq!((told.pre_prepared(&digest), told.pre_prepared(&loser)), (Some(View(1)), None));
}
