//! When a replica gives up on a view, and when it does not (Castro-Liskov 1999, 4.4 and 4.5.2).

use crate::bench::*;
use crate::forgery::*;
use quorate::pbft::*;
use quorate::{Instant, Protocol, Quorum};
use std::time::Duration;

/// T of every bench cluster, in microseconds.
const T: u64 = 1_000_000;

/// Wakes a replica just before an instant, when nothing may happen, and at it.
fn expires_exactly_at(bench: &mut Bench<4>, id: usize, due: u64, from: u64, to: u64) {
    bench.now = due - 1;
    bench.wake(id);
    bench.wake(id);
    assert_eq!(bench.view(id).0, from, "too early for view {to}");
    let deadline = bench.hosts[id].replica.deadline().map(Instant::as_micros);
    assert!(deadline.is_some_and(|at| at <= due), "{deadline:?}, due {due}, view {to}");
    bench.now = due;
    bench.wake(id);
    bench.wake(id);
    assert_eq!(bench.view(id), (to, false), "time for view {to}");
}

#[test]
fn request_that_waits_longer_than_t_makes_a_backup_leave_the_view_and_not_a_moment_before() {
    let mut bench = Bench::<4>::new();
    bench.now = 7;
    bench.ask(2, 0, 1, b"A");
    bench.now = 600_000;
    bench.ask(2, 1, 1, b"a younger one");
    expires_exactly_at(&mut bench, 2, 7 + T, 0, 1);
}

#[test]
fn proposal_starts_the_timers_of_its_requests_at_a_backup_that_never_heard_of_them() {
    let mut bench = Bench::<4>::new();
    let batch = bench.lot(0, 1, b"A").0;
    bench.now = 500;
    bench.propose(2, 0, 1, batch);
    expires_exactly_at(&mut bench, 2, 500 + T, 0, 1);
}

#[test]
fn timer_of_a_request_is_not_moved_by_the_progress_of_other_clients() {
    let mut bench = Bench::<4>::new();
    // Nobody is left for being slow, which would hide a timer that was moved.
    (0..4).for_each(|id| bench.reconfigure(id, |config| config.watch_window = 4 * config.timeout));
    // The primary never hears of client 1, and serves the others one after another.
    for (id, client) in (1..4).flat_map(|id| (0..4).map(move |client| (id, client))) {
        bench.ask(id, client, 1, b"starved");
    }
    bench.mail.clear();
    for (served, client) in [(1, Some(0)), (2, Some(2)), (3, Some(3)), (3, None)] {
        if let Some(client) = client {
            bench.ask(0, client, 1, b"starved");
        }
        let forwarded = |m: &Message<'_>| matches!(m, Message::Request(_));
        bench.pass_where(225, &[0, 1, 2, 3], |_, _, message| !forwarded(message));
        assert_eq!(bench.operations(2).len(), served, "others make progress");
        assert_eq!(bench.view(2), (0, true));
    }
    bench.pass_where(110, &[0, 1, 2, 3], |_, _, m| !matches!(m, Message::Request(_)));
    for id in 1..4 {
        assert_eq!(bench.view(id).0, 1, "replica {id} gave up on the primary after T");
    }
    bench.pass(1_000);
    for id in 0..4 {
        assert!(bench.operations(id).contains(&b"starved".to_vec()), "replica {id}");
    }
}

#[test]
fn request_that_is_sent_again_does_not_start_its_timer_anew() {
    let mut bench = Bench::<4>::new();
    bench.ask(2, 0, 1, b"A");
    for at in [300_000, 600_000, 900_000] {
        bench.now = at;
        bench.ask(2, 0, 1, b"A");
    }
    expires_exactly_at(&mut bench, 2, T, 0, 1);
}

#[test]
fn executed_and_older_requests_start_no_timer() {
    let mut bench = Bench::<4>::new();
    bench.ask(0, 0, 7, b"A");
    bench.run();
    for id in 0..4 {
        bench.ask(id, 0, 7, b"A");
        bench.ask(id, 0, 6, b"stale");
    }
    let batch = bench.lot(0, 7, b"A").0;
    for id in 1..4 {
        bench.propose(id, 0, 2, batch);
    }
    bench.run();
    bench.pass(5_000);
    for id in 0..4 {
        assert_eq!(bench.view(id), (0, true), "replica {id}");
        assert_eq!(bench.operations(id), [b"A"]);
    }
}

#[test]
fn p18_t_doubles_with_each_view_that_fails_up_to_the_cap_and_is_t_again_after_progress() {
    let mut bench = Bench::<4>::new();
    let cap = Config::new(node(2), scope()).timeout_cap.as_micros() as u64;
    let mut due = T;
    bench.ask(2, 0, 1, b"A");
    for view in 1..=70 {
        expires_exactly_at(&mut bench, 2, due, view - 1, view);
        // The wait for NEW-VIEW begins when strong replicas want the view, not before.
        bench.now = due + 300;
        bench.show(2, change(0, view, &[]));
        bench.now = due + 400;
        bench.show(2, change(1, view, &[]));
        // Where this replica leads and could not serve, the client asks again.
        bench.ask(2, 0, 1, b"A");
        let doubled = T.checked_shl(view as u32 - 1).filter(|it| *it >= T).unwrap_or(cap);
        due = bench.now + doubled.min(cap);
    }
    assert_eq!(due - bench.now, cap);
    bench.lead_into(2, 71);
    let (batch, a) = bench.lot(0, 1, b"A");
    bench.propose(2, 71, 1, batch);
    for from in [0, 1] {
        bench.prepare(2, from, 71, 1, a);
        bench.commit(2, from, 71, 1, a);
    }
    assert_eq!(bench.operations(2), [b"A"]);
    let asked = bench.now;
    bench.ask(2, 0, 2, b"B");
    expires_exactly_at(&mut bench, 2, asked + T, 71, 72);
}

#[test]
fn p18_seventy_views_fail_in_a_whole_cluster_and_the_next_one_serves() {
    let mut bench = Bench::<4>::new();
    for id in 0..4 {
        // The status interval does not matter here; a long one makes the test short.
        bench.reconfigure(id, |config| {
            config.status_interval = Duration::from_millis(900);
            config.watch_window = Duration::from_millis(900);
        });
    }
    for id in 1..4 {
        bench.ask(id, 0, 1, b"A");
    }
    bench.mail.clear();
    let mut left = Vec::new();
    // Two more than seventy: the next primary is the dead one.
    while bench.view(1).0 < 72 {
        let before = bench.view(1).0;
        let next =
            bench.hosts[1..].iter().filter_map(|host| host.replica.deadline()).min().unwrap();
        bench.now = bench.now.max(next.as_micros());
        for id in 1..4 {
            let due = bench.hosts[id].replica.deadline();
            if due.is_some_and(|due| due.as_micros() <= bench.now) {
                bench.wake(id);
            }
        }
        bench.run_where(|from, to, message| {
            from != 0 && to != 0 && !matches!(message, Message::NewView(_) | Message::Request(_))
        });
        bench.sent.clear();
        if bench.view(1).0 > before {
            left.push(bench.now);
        }
    }
    let waits: Vec<u64> = left.windows(2).map(|pair| (pair[1] - pair[0]) / T).collect();
    assert_eq!(waits[..8], [1, 2, 4, 8, 16, 32, 64, 64]);
    assert!(waits.iter().skip(6).all(|wait| *wait == 64), "{waits:?}");
    // Now the network is whole, timeouts are at their cap, and every fourth primary is dead: the
    // recovery bound holds. The client asks again, as clients do.
    let quorum = Quorum::of(4).unwrap();
    let (healed, tick) = (bench.now, Duration::from_millis(10));
    let bound = Bench::<4>::config(1).recovery_bound(quorum, tick).as_micros() as u64;
    while (1..4).any(|id| bench.operations(id).is_empty()) {
        (1..4).for_each(|id| bench.ask(id, 0, 1, b"A"));
        bench.pass_where(1_000, &[1, 2, 3], |from, to, _| from != 0 && to != 0);
        assert!(bench.now - healed <= bound, "not within {bound} microseconds");
    }
    assert!(bench.now - healed > bound / 8, "a bound that is far off");
}

#[test]
fn waiting_for_a_new_view_begins_with_strong_replicas_that_want_it_or_a_later_one() {
    let mut bench = Bench::<4>::new();
    bench.ask(2, 0, 1, b"A");
    bench.now = T;
    bench.wake(2);
    assert_eq!(bench.view(2), (1, false));
    bench.show(2, change(0, 1, &[]));
    bench.now = 50 * T;
    bench.wake(2);
    bench.wake(2);
    assert_eq!(bench.view(2), (1, false), "alone with one other it waits for ever");
    bench.show(2, change(3, 2, &[]));
    expires_exactly_at(&mut bench, 2, 51 * T, 1, 2);
}

#[test]
fn p16_weak_replicas_that_want_later_views_are_joined_in_the_lowest_of_those() {
    let mut bench = Bench::<4>::new();
    bench.show(2, change(3, 1 << 63, &[]));
    assert_eq!(bench.view(2), (0, true), "one alone moves nobody");
    assert!(bench.said(2).is_empty());
    bench.show(2, change(0, 9, &[]));
    assert_eq!(bench.view(2), (9, false));

    let mut bench = Bench::<4>::new();
    for (from, view) in [(0, 7), (1, 9)] {
        bench.show(2, change(from, view, &[]));
    }
    assert_eq!(bench.view(2), (7, false));
    bench.show(2, change(3, 8, &[]));
    assert_eq!(bench.view(2), (8, false), "weak ones want more than 7: the lowest is 8");

    // Seven replicas: weak is three, and one of them counts once.
    let mut bench = Bench::<7>::new();
    for (from, view) in [(0, 5), (0, 6), (0, 7), (1, 3)] {
        bench.show(2, change(from, view, &[]));
    }
    assert_eq!(bench.view(2), (0, true));
    bench.show(2, change(6, 4, &[]));
    assert_eq!(bench.view(2), (3, false));
}

#[test]
fn p43_one_who_committed_in_the_old_view_and_one_in_the_new_one_do_not_lock_the_others() {
    let mut bench = Bench::<4>::new();
    bench.ask(0, 0, 1, b"A");
    // Replica 2 alone prepares and commits in view 0; then it is cut off.
    bench.run_where(|_, to, message| match message {
        Message::Prepare(_) => to == 2,
        Message::Commit(_) => false,
        _ => true,
    });
    let a = bench.lot(0, 1, b"A").1;
    assert_eq!(bench.votes(2, 0, 1).1, [a]);
    for id in [0, 1, 3] {
        bench.ask(id, 1, 1, b"B");
    }
    bench.mail.clear();
    // View 1 begins without it; its NEW-VIEW reaches replica 3 alone, which commits in it.
    let others = |from: usize, to: usize| from != 2 && to != 2;
    bench.pass_where(1_030, &[0, 1, 3], |from, to, m| {
        others(from, to) && matches!(m, Message::ViewChange(_))
    });
    bench.pass_where(200, &[0, 1, 3], |from, to, _| (from, to) == (1, 3) || (from, to) == (3, 1));
    assert_eq!((bench.view(0), bench.view(2), bench.view(3)), ((1, false), (0, true), (1, true)));
    // The others leave view 1 as well; nothing of the view change gets through for a while.
    bench.pass_where(2_500, &[0, 1, 3], |_, _, _| false);
    bench.pass(20_000);
    for id in 0..4 {
        let operations = bench.operations(id);
        assert!(operations.contains(&b"A".to_vec()) && operations.contains(&b"B".to_vec()));
    }
    bench.check_agreement(&[0, 1, 2, 3]).unwrap();
    bench.check_votes(&[0, 1, 2, 3]).unwrap();
}

#[test]
fn clock_that_falls_back_freezes_or_leaps_moves_no_view_by_itself() {
    let mut bench = Bench::<4>::new();
    bench.now = 10 * T;
    bench.ask(2, 0, 1, b"A");
    for now in [0, 5 * T, 10 * T, 10 * T, 3] {
        bench.now = now;
        bench.wake(2);
        assert_eq!(bench.view(2), (0, true));
    }
    bench.now = u64::MAX;
    for _ in 0..8 {
        bench.wake(2);
    }
    assert_eq!(bench.view(2).0, 1, "one view change, not one for each hour");
    assert_eq!(bench.hosts[2].replica.deadline(), Some(Instant::from_micros(u64::MAX)));
}
