//! Checkpoints, garbage collection, and a replica whose own state is wrong (PROTOCOLS, point 4).

use crate::bench::*;
use crate::wanted::*;
use quorate::pbft::*;
use quorate::{Digest, Fault, Input, Principal, Refusal, wire};

/// Has requests `first..=last` of client 1 executed by all.
fn order(bench: &mut Bench<4>, first: u64, last: u64) {
    for t in first..=last {
        bench.ask(0, 1, t, b"x");
        bench.run();
    }
}

/// The digest that a replica vouched for at a checkpoint.
fn vouched<const N: usize>(bench: &Bench<N>, id: usize, at: u64) -> Option<Digest> {
    let by = |letter: &&Letter| letter.from == Principal::Node(node(id));
    bench.sent.iter().filter(by).find_map(|letter| match wire::decode(&letter.bytes) {
        Ok(Message::Checkpoint { sequence, digest }) if sequence.0 == at => Some(digest),
        _ => None,
    })
}

fn checkpoint(sequence: u64, digest: Digest) -> Message<'static> {
    Message::Checkpoint { sequence: Sequence(sequence), digest }
}

fn no_checkpoints(_: usize, _: usize, message: &Message<'_>) -> bool {
    !matches!(message, Message::Checkpoint { .. })
}

fn stable<const N: usize>(bench: &Bench<N>, id: usize) -> u64 {
    bench.hosts[id].replica.status().stable.0
}

#[test]
fn checkpoint_is_taken_every_half_window() {
    let mut bench = Bench::<4>::new();
    order(&mut bench, 1, 17);
    let at: Vec<u64> = (0..=20).filter(|at| vouched(&bench, 2, *at).is_some()).collect();
    assert_eq!(at, [4, 8, 12, 16]);
    assert!((0..4).all(|id| stable(&bench, id) == 16));
}

#[test]
fn checkpoint_is_stable_with_a_strong_quorum_of_distinct_replicas_for_one_digest() {
    let mut bench = Bench::<6>::new();
    for t in 1..=4 {
        bench.ask(0, 1, t, b"x");
        bench.run_where(no_checkpoints);
    }
    let right = vouched(&bench, 2, 4).unwrap();
    for _ in 0..5 {
        assert_eq!(bench.hear(2, 0, checkpoint(4, right)), []);
        bench.hear(2, 2, checkpoint(4, right));
    }
    assert_eq!(bench.hear(2, 1, checkpoint(4, digest(b"wrong"))), []);
    assert_eq!(bench.hear(2, 3, checkpoint(8, right)), []);
    assert_eq!(bench.hear(2, 3, checkpoint(4, right)), []);
    assert_eq!(stable(&bench, 2), 0);
    let wanted = bench.hear(2, 4, checkpoint(4, right));
    let (sequence, digest) = (Sequence(4), right);
    assert_eq!(wanted[0].record(), Some(Record::Stable { sequence, digest }));
    assert_eq!(wanted[1..], [Wanted::Accuse(1, Fault::WrongDigest)]);
    assert_eq!(stable(&bench, 2), 4);
}

#[test]
fn checkpoint_out_of_the_interval_is_refused_and_a_second_digest_is_a_wrong_one() {
    let mut bench = Bench::<4>::new();
    bench.hear(2, 3, checkpoint(4, digest(b"first")));
    let before = bench.picture(2);
    for sequence in [1, 2, 3, 5, 6, 7, 9, u64::MAX] {
        let wanted = bench.hear(2, 3, checkpoint(sequence, digest(b"any")));
        assert_eq!(wanted, [Wanted::Accuse(3, Fault::OutOfBounds)]);
    }
    let wanted = bench.hear(2, 3, checkpoint(4, digest(b"second")));
    assert_eq!(wanted, [Wanted::Accuse(3, Fault::WrongDigest)]);
    for from in [0, 1, 3] {
        bench.hear(2, from, checkpoint(0, digest(b"any")));
    }
    assert!(before == bench.picture(2), "a refused checkpoint changed the state");
}

#[test]
fn low_mark_never_moves_past_what_this_replica_executed() {
    let mut bench = Bench::<4>::new();
    for sequence in [4, 8, 1 << 60] {
        for from in [0, 1, 3] {
            bench.tell(2, from, checkpoint(sequence, digest(b"theirs")));
        }
        assert_eq!(stable(&bench, 2), 0, "checkpoint {sequence}");
    }
}

#[test]
fn votes_for_a_checkpoint_count_also_when_they_come_before_the_own_capture() {
    let mut bench = Bench::<4>::new();
    bench.hosts[2].captures = false;
    order(&mut bench, 1, 8);
    assert_eq!((stable(&bench, 2), stable(&bench, 0)), (0, 8));
    assert_eq!(bench.hosts[2].replica.status().executed.0, 8);
    // The host answers late, and in the wrong order.
    for at in [8, 4] {
        let state = crate::pages::state_digest(&bench.hosts[2].captured[&at].1);
        let command = Command::Captured { sequence: Sequence(at), state };
        bench.step(2, Input::Command(command));
    }
    assert_eq!(stable(&bench, 2), 8);
    bench.hosts[2].captures = true;
    bench.run();
    order(&mut bench, 9, 20);
    bench.pass(500);
    assert_eq!((stable(&bench, 2), bench.hosts[2].state), (20, bench.hosts[0].state));
    assert!(bench.hosts[2].refusals.is_empty() && bench.hosts[2].installs.is_empty());
}

#[test]
fn digest_of_a_checkpoint_that_was_not_asked_for_is_refused() {
    let mut bench = Bench::<4>::new();
    order(&mut bench, 1, 4);
    let before = bench.picture(2);
    for sequence in [0, 1, 4, 8, u64::MAX] {
        let command = Command::Captured { sequence: Sequence(sequence), state: digest(b"any") };
        let refusal = Refusal::NotCapturing { sequence };
        assert_eq!(bench.dry(2, Input::Command(command)), [Wanted::Refuse(refusal)]);
    }
    assert!(before == bench.picture(2), "a refused command changed the state");
}

#[test]
fn checkpoint_digest_covers_the_client_table_beside_the_state() {
    let run = |clients: [u16; 4], step: u64| {
        let mut bench = Bench::<4>::new();
        for (client, t) in clients.into_iter().zip(1..) {
            bench.ask(0, client, t * step, b"x");
            bench.run();
        }
        (bench.hosts[0].state, vouched(&bench, 0, 4).unwrap())
    };
    let (state, digest) = run([1, 1, 1, 1], 1);
    assert_eq!(run([1, 1, 1, 1], 1), (state, digest));
    for other in [run([2, 2, 2, 2], 1), run([1, 1, 2, 1], 1), run([1, 1, 1, 1], 2)] {
        assert_eq!(other.0, state, "the application's state is the same");
        assert_ne!(other.1, digest);
    }
}

#[test]
fn replica_that_vouches_for_another_state_than_a_strong_quorum_is_accused() {
    let mut bench = Bench::<4>::new();
    order(&mut bench, 1, 3);
    for to in 0..3 {
        bench.tell(to, 3, checkpoint(4, digest(b"wrong")));
    }
    bench.ask(0, 1, 4, b"x");
    bench.run_where(|from, _, message| from != 3 || no_checkpoints(0, 0, message));
    for id in 0..3 {
        assert_eq!(bench.hosts[id].accusations, [(3, Fault::WrongDigest)], "replica {id}");
        assert_eq!(stable(&bench, id), 4);
    }
}

#[test]
fn p22_replica_whose_state_is_wrong_notices_stops_fetches_and_ends_equal() {
    let mut bench = Bench::<4>::new();
    order(&mut bench, 1, 2);
    bench.hosts[3].state.0[7] ^= 1;
    let lost = |_: usize, to: usize, message: &Message<'_>| {
        to != 3 || !matches!(message, Message::State { .. })
    };
    for t in 3..=7 {
        bench.ask(0, 1, t, b"x");
        bench.run_where(lost);
    }
    let host = &bench.hosts[3];
    assert!(host.replica.is_diverged());
    assert_eq!(host.accusations, [(3, Fault::WrongDigest)]);
    assert_eq!(host.history.len(), 4, "it executes nothing on a wrong state");
    assert!(bench.replies.iter().all(|reply| reply.0 != 3 || reply.2 <= 4));
    // Long enough for timers of requests: a replica with a wrong state blames nobody for it.
    bench.pass_where(3_000, &[0, 1, 2, 3], lost);
    assert!(bench.hosts[3].replica.is_diverged());
    assert_eq!(bench.count_sent(|it| matches!(it, Message::ViewChange(_))), 0);
    bench.pass(500);
    assert!(!bench.hosts[3].replica.is_diverged());
    order(&mut bench, 8, 20);
    bench.pass(500);
    for id in 0..4 {
        assert_eq!(bench.hosts[id].state, bench.hosts[0].state, "replica {id}");
        assert_eq!((stable(&bench, id), bench.view(id)), (20, (0, true)), "replica {id}");
        assert!(!bench.hosts[id].replica.is_diverged());
        // The network lost what it was served: that may be told, as nobody's proven wrong.
        let fair = |it: &(usize, Fault)| {
            *it == (3, Fault::WrongDigest) || (id == 3 && it.1 == Fault::Stalled)
        };
        assert!(bench.hosts[id].accusations.iter().all(fair), "replica {id}");
    }
}

#[test]
fn p22_wrong_state_is_noticed_also_when_it_went_through_two_checkpoints() {
    let mut bench = Bench::<4>::new();
    bench.hosts[3].state.0[0] ^= 0x80;
    let late = |_: usize, to: usize, message: &Message<'_>| {
        to != 3 || !matches!(message, Message::Checkpoint { .. })
    };
    for t in 1..=8 {
        bench.ask(0, 1, t, b"x");
        bench.run_where(late);
    }
    assert_eq!(bench.hosts[3].replica.status().executed.0, 8);
    assert!(!bench.hosts[3].replica.is_diverged());
    bench.pass(1_000);
    order(&mut bench, 9, 16);
    bench.pass(1_000);
    assert_eq!(bench.hosts[3].state, bench.hosts[0].state);
    assert_eq!((stable(&bench, 3), bench.hosts[3].replica.is_diverged()), (16, false));
}

#[test]
fn p22_replica_whose_state_is_wrong_ends_equal_although_the_cluster_moved_on() {
    let mut bench = Bench::<4>::new();
    bench.hosts[3].state.0[0] ^= 1;
    for t in 1..=30 {
        bench.ask(0, 1, t, b"x");
        bench.run_where(|_, to, message| to != 3 || !matches!(message, Message::State { .. }));
    }
    assert!(bench.hosts[3].replica.is_diverged());
    assert_eq!(stable(&bench, 0), 28);
    bench.pass(5_000);
    assert!(!bench.hosts[3].replica.is_diverged());
    assert_eq!(bench.hosts[3].state, bench.hosts[0].state);
}

#[test]
fn p22_diverged_replica_vouches_for_nothing() {
    let mut bench = Bench::<4>::new();
    bench.hosts[3].state.0[0] ^= 1;
    for t in 1..=8 {
        bench.hosts[3].captures = t < 8;
        bench.ask(0, 1, t, b"x");
        bench.run_where(|_, to, message| to != 3 || no_checkpoints(0, 0, message));
    }
    let theirs = vouched(&bench, 0, 4).unwrap();
    for from in 0..3 {
        bench.hear(3, from, checkpoint(4, theirs));
    }
    assert!(bench.hosts[3].replica.is_diverged());
    let command = Command::Captured { sequence: Sequence(8), state: digest(b"wrong") };
    assert_eq!(bench.dry(3, Input::Command(command)), []);
    let status = Status { active: true, wanting: true, ..Status::default() };
    bench.now += 60_000;
    bench.waken(3);
    let helped = bench.hear(3, 1, Message::Status(status));
    let vouches = |it: &Wanted| matches!(it.message(), Some(Message::Checkpoint { .. }));
    assert!(!helped.iter().any(vouches), "{helped:?}");
}

#[test]
fn batch_under_execution_is_given_up_when_the_state_turns_out_wrong() {
    let mut bench = Bench::<4>::new();
    bench.hosts[3].state.0[0] ^= 1;
    for t in 1..=4 {
        bench.ask(0, 1, t, b"x");
        bench.run_where(|_, to, message| to != 3 || no_checkpoints(0, 0, message));
    }
    let (batch, vote) = bench.one((0, 5), 2, 5, b"y");
    bench.hear(3, 0, bench.proposal(0, 5, &batch));
    bench.hear(3, 1, Message::Prepare(vote));
    bench.hear(3, 0, Message::Commit(vote));
    assert!(bench.hear(3, 1, Message::Commit(vote)).iter().any(Wanted::is_execute));
    let theirs = vouched(&bench, 0, 4).unwrap();
    for from in 0..3 {
        bench.hear(3, from, checkpoint(4, theirs));
    }
    assert!(bench.hosts[3].replica.is_diverged());
    let client = quorate::ClientId(2);
    let refused = Wanted::Refuse(Refusal::NotExecuting { client });
    assert_eq!(bench.answer(3, 2, b"on a wrong state"), [refused]);
}

#[test]
fn places_of_the_log_are_clean_when_the_window_comes_around() {
    let mut bench = Bench::<4>::new();
    // Votes of a far view fill replica 3's place at every sequence of the window.
    for sequence in 1..=8 {
        let vote = Vote { view: View(5), sequence: Sequence(sequence), digest: digest(b"far") };
        for to in 0..3 {
            bench.tell(to, 3, Message::Prepare(vote));
            bench.tell(to, 3, Message::Commit(vote));
        }
    }
    order(&mut bench, 1, 8);
    assert!((0..3).all(|id| stable(&bench, id) == 8));
    // From here on nothing goes without replica 3.
    for t in 9..=16 {
        bench.ask(0, 1, t, b"x");
        bench.run_where(|from, to, _| from != 1 && to != 1);
    }
    for id in [0, 2, 3] {
        assert_eq!(bench.operations(id).len(), 16, "replica {id}");
        assert_eq!(stable(&bench, id), 16);
    }
}

#[test]
fn replica_that_was_repaired_vouches_for_both_states_and_is_called_damaged_and_no_liar() {
    let mut bench = Bench::<4>::new();
    order(&mut bench, 1, 2);
    bench.hosts[3].state.0[7] ^= 1;
    // Replica 2 hears of no checkpoint but those of replica 3, so that none is stable there.
    let heard = |from: usize, to: usize, message: &Message<'_>| {
        to != 2 || from == 3 || !matches!(message, Message::Checkpoint { .. })
    };
    for t in 3..=4 {
        bench.ask(0, 1, t, b"x");
        bench.run_where(heard);
    }
    bench.pass_where(500, &[3], heard);
    assert!(!bench.hosts[3].replica.is_diverged());
    let said = bench.said(3).into_iter().filter_map(|message| match message {
        Message::Checkpoint { sequence: Sequence(4), digest } => Some(digest),
        _ => None,
    });
    let mut said: Vec<_> = said.collect();
    said.dedup();
    assert_eq!(said.len(), 2, "the wrong state and the right one");
    assert!(bench.hosts[2].accusations.contains(&(3, Fault::WrongDigest)));
    for id in 0..4 {
        let accusations = &bench.hosts[id].accusations;
        assert!(accusations.iter().all(|it| it.1 == Fault::WrongDigest), "{id}: {accusations:?}");
    }
}

/// Replica 2 captured s4 wrongly, and s8 rightly, before it hears of what the others captured.
#[test]
fn whose_next_checkpoint_is_right_again_does_not_stay_diverged() {
    let mut bench = Bench::<4>::new();
    bench.hosts[2].captures = false;
    let apart = |_: usize, to: usize, message: &Message<'_>| {
        to != 2 || !matches!(message, Message::Checkpoint { .. })
    };
    for t in 1..=8 {
        bench.ask(0, 0, t, b"x");
        bench.run_where(apart);
    }
    assert_eq!(bench.hosts[2].replica.status().executed.0, 8);
    let right = crate::pages::state_digest(&bench.hosts[2].captured[&8].1);
    for (at, state) in [(4, digest(b"spoilt")), (8, right)] {
        let command = Command::Captured { sequence: Sequence(at), state };
        bench.step(2, Input::Command(command));
    }
    for at in [4, 8] {
        let theirs = bench.vouched(0, at).unwrap();
        for from in [0, 1, 3] {
            bench.tell(2, from, checkpoint(at, theirs));
        }
    }
    bench.hosts[2].captures = true;
    bench.pass(20_000);
    for t in 9..=10 {
        bench.ask(0, 0, t, b"x");
        bench.run();
    }
    bench.pass(60_000);
    let status = bench.hosts[2].replica.status();
    let diverged = bench.hosts[2].replica.is_diverged();
    assert_eq!((status.executed.0, status.wanting, diverged), (10, false, false));
}
