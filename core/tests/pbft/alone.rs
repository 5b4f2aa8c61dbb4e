//! Replicas that asked for another view and found no company: what they do meanwhile, what that
//! costs, and what brings them back (PROTOCOLS, PBFT, points 5 and 7).

use crate::bench::*;
use quorate::pbft::*;

/// What the mail passes that these replicas neither send nor get.
fn without(silent: &[usize]) -> impl Fn(usize, usize, &Message<'_>) -> bool + '_ {
    |from, to, _| !silent.contains(&from) && !silent.contains(&to)
}

/// A cluster in which these replicas waited in vain for what no other one heard of.
fn left_alone<const N: usize>(alone: &[usize]) -> Bench<N> {
    let mut bench = Bench::<N>::new();
    for &id in alone {
        bench.ask(id, 3, 1, b"nobody else hears of it");
    }
    bench.mail.clear();
    bench.pass_where(1_100, alone, |_, _, _| false);
    for &id in alone {
        assert_eq!(bench.view(id), (1, false));
        assert!(bench.hosts[id].replica.is_alone());
    }
    bench
}

/// The others serve `count` requests, each at the primary of view 0.
fn serve<const N: usize>(bench: &mut Bench<N>, count: u64) {
    let before = bench.operations(0).len();
    for t in 1..=count {
        bench.ask(0, 1, t, b"served");
        bench.pass(20);
    }
    assert_eq!(bench.operations(0).len(), before + count as usize);
}

fn f_alone_stop_nothing<const N: usize>(alone: &[usize]) {
    let mut bench = left_alone::<N>(alone);
    serve(&mut bench, 20);
    bench.pass(300);
    for id in 0..N {
        assert_eq!(bench.hosts[id].state, bench.hosts[0].state, "replica {id}");
        let view = if alone.contains(&id) { (1, false) } else { (0, true) };
        assert_eq!(bench.view(id), view, "replica {id}");
        let status = bench.hosts[id].replica.status();
        assert_eq!(status.stable, Sequence(20), "replica {id} vouches for checkpoints");
        assert_eq!(bench.hosts[id].replica.is_alone(), alone.contains(&id));
    }
    for &id in alone {
        let votes = bench.said(id);
        let votes =
            votes.iter().filter(|it| matches!(it, Message::Prepare(_) | Message::Commit(_)));
        assert_eq!(votes.count(), 0, "what it said of view 0 is said");
        let answers = bench.replies.iter().filter(|reply| reply.0 == id);
        assert!(answers.count() > 0, "it answers clients");
    }
}

#[test]
fn f_replicas_that_ask_alone_follow_the_others_and_stop_nothing() {
    f_alone_stop_nothing::<4>(&[3]);
    f_alone_stop_nothing::<7>(&[5, 6]);
}

fn f_alone_and_f_silent<const N: usize>(alone: &[usize], silent: &[usize]) {
    let mut bench = left_alone::<N>(alone);
    serve(&mut bench, 6);
    let up: Vec<usize> = (0..N).filter(|id| !silent.contains(id)).collect();
    for &id in &up {
        bench.ask(id, 2, 1, b"needs those who are alone");
    }
    bench.pass_where(900, &up, without(silent));
    assert!(bench.operations(0).iter().all(|it| it != b"needs those who are alone"));
    // T is over, and one view change brings them back.
    bench.pass_where(400, &up, without(silent));
    for &id in &up {
        assert_eq!(bench.view(id), (1, true), "replica {id}");
        assert!(!bench.hosts[id].replica.is_alone());
        let executed = bench.operations(id);
        assert!(executed.iter().any(|it| it == b"needs those who are alone"), "replica {id}");
    }
    bench.check_agreement(&up).unwrap();
    bench.check_votes(&up).unwrap();
}

#[test]
fn f_alone_and_f_silent_cost_one_patience_and_a_view_change() {
    f_alone_and_f_silent::<4>(&[3], &[2]);
    f_alone_and_f_silent::<7>(&[5, 6], &[3, 4]);
}

#[test]
fn one_more_than_f_that_ask_bring_all_others_with_them() {
    let mut bench = left_alone::<4>(&[3]);
    bench.ask(2, 3, 1, b"nobody else hears of it");
    bench.mail.clear();
    bench.pass_where(1_100, &[2], |_, _, _| false);
    bench.pass(300);
    for id in 0..4 {
        assert_eq!(bench.view(id), (1, true), "replica {id}");
        assert!(!bench.hosts[id].replica.is_alone());
    }
}
