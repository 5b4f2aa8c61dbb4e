//! Retransmission: STATUS, votes, batches by digest (PROTOCOLS, point 8).

use crate::bench::*;
use crate::wanted::*;
use quorate::pbft::*;
use quorate::{Principal, Target};

/// One request executes at all although replicas `deaf` lose what `lost` names, with no more
/// traffic than what the replicas make themselves, and in the same view.
fn heals(deaf: &[usize], lost: impl Fn(&Message<'_>) -> bool) {
    let mut bench = Bench::<4>::new();
    bench.ask(0, 1, 5, b"a");
    bench.run_where(|_, to, message| !(deaf.contains(&to) && lost(message)));
    bench.pass(900);
    for id in 0..4 {
        assert_eq!(bench.operations(id), [b"a"], "replica {id}");
        assert_eq!(bench.view(id), (0, true), "replica {id}");
    }
}

#[test]
fn lost_votes_are_sent_again() {
    heals(&[3], |message| matches!(message, Message::Prepare(_)));
    heals(&[3], |message| matches!(message, Message::Commit(_)));
    heals(&[3], |message| matches!(message, Message::Prepare(_) | Message::Commit(_)));
    heals(&[0, 1, 2, 3], |message| matches!(message, Message::Commit(_)));
    heals(&[0, 1, 2, 3], |message| matches!(message, Message::Prepare(_)));
}

#[test]
fn lost_proposal_is_sent_again_or_fetched() {
    heals(&[3], |message| matches!(message, Message::PrePrepare { .. }));
    heals(&[2, 3], |message| matches!(message, Message::PrePrepare { .. }));
}

#[test]
fn replica_that_missed_everything_catches_up_without_traffic_and_without_a_checkpoint() {
    heals(&[3], |_| true);
}

#[test]
fn proposal_that_a_strong_quorum_never_heard_of_is_sent_again_before_patience_ends() {
    heals(&[2, 3], |_| true);
    heals(&[1, 2, 3], |_| true);
}

#[test]
fn proposal_that_nobody_heard_of_is_sent_again_once_the_client_asks_everybody() {
    let mut bench = Bench::<4>::new();
    bench.ask(0, 1, 5, b"a");
    bench.mail.clear();
    bench.pass(300);
    for to in 0..4 {
        bench.ask(to, 1, 5, b"a");
    }
    bench.pass(300);
    assert!((0..4).all(|id| bench.operations(id) == [b"a"]));
    assert!((0..4).all(|id| bench.view(id) == (0, true)));
}

#[test]
fn lost_checkpoints_are_sent_again() {
    let mut bench = Bench::<4>::new();
    for t in 1..=8 {
        bench.ask(0, 1, t, b"x");
        bench.run_where(|_, _, message| !matches!(message, Message::Checkpoint { .. }));
    }
    assert!((0..4).all(|id| bench.hosts[id].replica.status().stable.0 == 0));
    bench.pass(900);
    assert!((0..4).all(|id| bench.hosts[id].replica.status().stable.0 == 8));
    assert!(bench.hosts.iter().all(|host| host.installs.is_empty()));
}

#[test]
fn p24_proposal_above_a_lagging_high_mark_is_not_lost_for_good_and_changes_no_view() {
    let mut bench = Bench::<4>::new();
    // Replicas 0 and 1 have stable checkpoints 4 and 8; 2 and 3 do not know it yet.
    for t in 1..=8 {
        bench.ask(0, 1, t, b"x");
        bench.run_where(|_, to, message| to < 2 || !matches!(message, Message::Checkpoint { .. }));
    }
    let stable =
        |bench: &Bench<4>| [0, 1, 2, 3].map(|id| bench.hosts[id].replica.status().stable.0);
    assert_eq!(stable(&bench), [8, 8, 0, 0]);
    bench.ask(0, 1, 9, b"above");
    bench.run_where(|_, to, message| to < 2 || !matches!(message, Message::Checkpoint { .. }));
    assert!((0..4).all(|id| bench.operations(id).len() == 8));
    bench.pass(5_000);
    for id in 0..4 {
        assert_eq!(bench.operations(id).len(), 9, "replica {id}");
        assert_eq!(bench.view(id), (0, true), "replica {id}");
    }
}

#[test]
fn p23_primary_that_pins_the_window_is_replaced_and_gaps_become_null() {
    let mut bench = Bench::<4>::new();
    let (batch, _) = bench.one((0, 8), 1, 5, b"last of the window");
    let (outside, vote) = bench.one((0, 9), 2, 5, b"outside");
    for to in 1..4 {
        let before = bench.picture(to);
        for sequence in [0, 9, 10, 17, u64::MAX] {
            assert_eq!(bench.hear(to, 0, bench.proposal(0, sequence, &outside)), []);
            let vote = Vote { sequence: Sequence(sequence), ..vote };
            for from in (1..4).filter(|from| *from != to) {
                assert_eq!(bench.hear(to, from, Message::Prepare(vote)), []);
                assert_eq!(bench.hear(to, from, Message::Commit(vote)), []);
            }
        }
        assert!(before == bench.picture(to), "what is outside of the window changed the state");
        bench.tell(to, 0, bench.proposal(0, 8, &batch));
    }
    bench.run_where(|from, to, _| from != 0 && to != 0);
    assert!((1..4).all(|id| bench.operations(id).is_empty()), "8 comes after 1 to 7");
    bench.pass_where(1_500, &[1, 2, 3], |from, to, _| from != 0 && to != 0);
    for id in 1..4 {
        let expected = (8, 1, 5, b"last of the window".to_vec());
        assert_eq!(bench.hosts[id].history, [expected], "replica {id}");
        let status = bench.hosts[id].replica.status();
        assert_eq!((status.view, status.stable), (View(1), Sequence(8)));
    }
    for t in 6..=20 {
        bench.ask(1, 1, t, b"x");
        bench.run_where(|from, to, _| from != 0 && to != 0);
    }
    assert!((1..4).all(|id| bench.operations(id).len() == 16));
}

/// Replica 3 has a strong quorum of COMMITs for a batch that it does not have.
fn bodiless() -> (Bench<4>, Vec<u8>, Vote, Vec<Wanted>) {
    let mut bench = Bench::<4>::new();
    let (batch, vote) = bench.one((0, 1), 1, 5, b"a");
    let mut wanted = Vec::new();
    for from in 0..3 {
        wanted.extend(bench.hear(3, from, Message::Commit(vote)));
    }
    (bench, batch, vote, wanted)
}

fn body(sequence: u64, batch: &[u8]) -> Message<'_> {
    Message::Batch { sequence: Sequence(sequence), batch: Batch::from_bytes(batch) }
}

#[test]
fn p45_withheld_body_is_fetched_by_digest_from_one_after_the_other_and_executed() {
    let (mut bench, batch, vote, mut wanted) = bodiless();
    let Vote { sequence, digest, .. } = vote;
    for _ in 0..20 {
        bench.now += 50_000;
        wanted.extend(bench.waken(3));
    }
    let asked = |id| {
        let fetch = Message::FetchBatch { sequence, digest };
        let whom = [Target::All, Target::Node(node(id))];
        wanted.iter().any(|it| {
            it.message() == Some(fetch) && matches!(it, Wanted::Send(to, _) if whom.contains(to))
        })
    };
    assert!((0..3).all(asked), "{wanted:?}");
    let wanted = bench.hear(3, 1, body(1, &batch));
    let record = Record::Committed { view: View(0), sequence, batch: Batch::from_bytes(&batch) };
    assert_eq!(wanted[0].record(), Some(record));
    // Its own COMMIT joins the quorum, once it is kept.
    let commit = wanted.iter().position(|it| it.commit() == Some(vote)).unwrap();
    let kept = Record::Prepared { view: View(0), sequence, digest };
    assert!(wanted[..commit].iter().any(|it| it.record() == Some(kept)), "{wanted:?}");
    assert_eq!(wanted.last(), Some(&Wanted::Execute(1, vec![(1, 5, b"a".to_vec())])));
}

#[test]
fn p45_lying_server_s_body_is_dropped_and_an_unasked_one_is_not_looked_at() {
    let (mut bench, batch, ..) = bodiless();
    let (lie, _) = bench.one((0, 1), 2, 5, b"lie");
    let before = bench.picture(3);
    assert!(!bench.hear(3, 1, body(1, &lie)).iter().any(|it| it.record().is_some()));
    for sequence in [0, 2, 8, 9, u64::MAX] {
        assert!(!bench.tell(3, 1, body(sequence, &batch)));
        assert_eq!(bench.hear(3, 1, body(sequence, &batch)), []);
    }
    assert!(before == bench.picture(3), "a body that is not the right one changed the state");
    assert!(bench.hear(3, 2, body(1, &batch)).iter().any(Wanted::is_execute));
    assert!(!bench.tell(3, 2, body(1, &batch)));
}

#[test]
fn body_is_served_by_digest_to_each_peer_within_its_own_budget() {
    let mut bench = Bench::<4>::new();
    bench.ask(0, 1, 5, b"a");
    bench.run();
    bench.now += 1_000_000;
    let (batch, vote) = bench.one((0, 1), 1, 5, b"a");
    let (sequence, right) = (Sequence(1), vote.digest);
    let fetch = |sequence, digest| Message::FetchBatch { sequence, digest };
    assert_eq!(bench.hear(2, 3, fetch(sequence, digest(b"other"))), []);
    assert_eq!(bench.hear(2, 3, fetch(Sequence(2), right)), []);
    assert_eq!(bench.hear(2, 3, fetch(Sequence(u64::MAX), right)), []);
    let mut served = 0;
    for _ in 0..1_000 {
        let wanted = bench.hear(2, 3, fetch(sequence, right));
        served += wanted.len();
        assert!(wanted.iter().all(|it| it.message() == Some(body(1, &batch))));
    }
    assert!((1..=64).contains(&served), "{served} bodies");
    assert_eq!(bench.hear(2, 0, fetch(sequence, right)).len(), 1, "of its own budget");
    bench.waken(2);
    assert_eq!(bench.hear(2, 3, fetch(sequence, right)).len(), 1, "a new interval");
}

#[test]
fn status_is_answered_once_an_interval_to_each_peer() {
    let mut bench = Bench::<4>::new();
    bench.ask(0, 1, 5, b"a");
    bench.run();
    bench.now += 1_000_000;
    bench.waken(2);
    let status = Status { active: true, wanting: true, ..Status::default() };
    let answer = bench.hear(2, 3, Message::Status(status));
    assert!(answer.iter().any(|it| it.prepare().is_some()), "{answer:?}");
    assert!(answer.iter().any(|it| it.commit().is_some()), "{answer:?}");
    for _ in 0..100 {
        assert_eq!(bench.hear(2, 3, Message::Status(status)), []);
    }
    assert_eq!(bench.hear(2, 1, Message::Status(status)).len(), answer.len());
    let content = Status { wanting: false, ..status };
    assert_eq!(bench.hear(2, 0, Message::Status(content)), []);
}

#[test]
fn one_peer_that_says_it_is_ahead_is_not_believed_but_weak_peers_are() {
    let mut bench = Bench::<4>::new();
    bench.ask(0, 1, 5, b"a");
    bench.run();
    bench.pass(1_000);
    let asks = |wanted: &[Wanted]| {
        let asks = |it: &Wanted| {
            matches!(it.message(), Some(Message::Status(Status { wanting: true, .. })))
        };
        wanted.iter().any(asks)
    };
    let executed = Sequence(1 << 40);
    let far = Status { view: View(9), active: true, executed, ..Status::default() };
    for _ in 0..20 {
        bench.hear(2, 3, Message::Status(far));
        bench.now += 50_000;
        assert!(!asks(&bench.waken(2)));
    }
    bench.hear(2, 1, Message::Status(far));
    bench.now += 50_000;
    assert!(asks(&bench.waken(2)));
}

#[test]
fn what_was_adopted_from_a_quorum_is_executed_after_a_restart_without_traffic() {
    let mut bench = Bench::<4>::new();
    let (_, batch, vote, _) = bodiless();
    for from in 0..3 {
        bench.tell(3, from, Message::Commit(vote));
    }
    bench.tell(3, 1, body(1, &batch));
    assert_eq!(bench.operations(3), [b"a"]);
    bench.restart(3);
    assert_eq!(bench.operations(3).len(), 0);
    bench.pass_where(1_000, &[3], |_, _, _| false);
    assert_eq!(bench.operations(3), [b"a"]);
}

#[test]
fn request_that_was_relayed_in_vain_is_relayed_again_before_the_patience_ends() {
    let mut bench = Bench::<4>::new();
    bench.ask(2, 1, 5, b"a");
    bench.mail.clear();
    bench.pass(900);
    assert!((0..4).all(|id| bench.operations(id) == [b"a"]));
    assert!((0..4).all(|id| bench.view(id) == (0, true)));
    let relays = bench.sent.iter().filter(|it| it.from == Principal::Node(node(2)));
    assert!(relays.count() > 1);
}
