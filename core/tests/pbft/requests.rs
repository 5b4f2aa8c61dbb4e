//! Requests: relaying, timers, timestamps, retransmission (PROTOCOLS, points 1 and 10).

use crate::bench::*;
use crate::wanted::*;
use quorate::pbft::*;
use quorate::{ClientId, Fault, Instant, NodeId, Principal, Signer, Target, wire};
use std::time::Duration;

const CLIENT: Principal = Principal::Client(ClientId(1));

/// Lets time pass for one replica that hears nothing.
fn alone(bench: &mut Bench<4>, id: usize, millis: u64) -> (u64, bool) {
    bench.pass_where(millis, &[id], |_, _, _| false);
    bench.view(id)
}

#[test]
fn backup_relays_a_client_s_request_to_the_primary_and_starts_its_timer() {
    let mut bench = Bench::<4>::new();
    let message = Message::Request(bench.request(1, 5, b"a"));
    let wanted = bench.hear_from(2, CLIENT, message);
    let [Wanted::Send(Target::Node(to), bytes)] = &wanted[..] else { panic!("{wanted:?}") };
    assert_eq!((to.index(), wire::decode(bytes)), (0, Ok(message)));
    // A repetition is relayed by the clock, not at once: it gains a client nothing.
    assert_eq!(bench.hear_from(2, CLIENT, message), []);
    assert_eq!(alone(&mut bench, 2, 990), (0, true));
    assert_eq!(alone(&mut bench, 2, 20), (1, false));
}

#[test]
fn request_that_another_replica_relayed_is_relayed_once_more_to_the_primary_only() {
    let mut bench = Bench::<4>::new();
    let message = Message::Request(bench.request(1, 5, b"a"));
    let wanted = bench.hear(2, 3, message);
    assert!(matches!(wanted[..], [Wanted::Send(Target::Node(NodeId(0)), _)]), "{wanted:?}");
    assert_eq!(bench.hear(2, 1, message), []);
    assert_eq!(alone(&mut bench, 2, 1_010), (1, false));
}

#[test]
fn proposal_starts_the_timers_of_the_requests_in_it() {
    let mut bench = Bench::<4>::new();
    let (batch, _) = bench.one((0, 1), 1, 5, b"a");
    bench.tell(2, 0, bench.proposal(0, 1, &batch));
    assert_eq!(alone(&mut bench, 2, 990), (0, true));
    assert_eq!(alone(&mut bench, 2, 20), (1, false));
}

#[test]
fn request_sent_to_everybody_is_proposed_once_and_its_timers_stop_when_it_executes() {
    let mut bench = Bench::<4>::new();
    for to in 0..4 {
        bench.ask(to, 1, 5, b"a");
    }
    bench.run();
    bench.pass(5_000);
    assert_eq!(bench.count_sent(|message| matches!(message, Message::PrePrepare { .. })), 3);
    for id in 0..4 {
        assert_eq!((bench.operations(id), bench.view(id)), (vec![b"a".to_vec()], (0, true)));
    }
}

#[test]
fn relayed_copies_of_a_waiting_request_are_proposed_once() {
    let mut bench = Bench::<4>::new();
    bench.ask(0, 0, 5, b"under way");
    for to in [0, 1, 2, 3] {
        bench.ask(to, 1, 5, b"a");
    }
    let (requests, rest): (Vec<Letter>, Vec<Letter>) = bench
        .mail
        .drain(..)
        .partition(|letter| matches!(wire::decode(&letter.bytes), Ok(Message::Request(_))));
    bench.mail.extend(requests);
    bench.run();
    bench.now += 1_000;
    bench.wake(0);
    bench.mail.extend(rest);
    bench.pass(100);
    assert!((0..4).all(|id| bench.operations(id) == [b"under way".to_vec(), b"a".to_vec()]));
    let proposed = bench.sent.iter().filter_map(|letter| match wire::decode(&letter.bytes) {
        Ok(Message::PrePrepare { sequence, .. }) => Some(sequence.0),
        _ => None,
    });
    assert_eq!(proposed.max(), Some(2));
}

#[test]
fn request_under_way_is_not_proposed_again() {
    let mut bench = Bench::<4>::new();
    bench.ask(0, 1, 5, b"a");
    let request = Message::Request(bench.request(1, 5, b"a"));
    bench.now += 1_000;
    for from in 1..4 {
        assert_eq!(bench.hear(0, from, request), []);
        bench.now += 1_000;
        let again = bench.waken(0);
        let proposed = |it: &Wanted| matches!(it.message(), Some(Message::PrePrepare { .. }));
        assert!(!again.iter().any(proposed), "{again:?}");
    }
}

#[test]
fn request_older_than_one_that_was_proposed_changes_nothing() {
    let mut bench = Bench::<4>::new();
    let (batch, _) = bench.one((0, 1), 1, 6, b"new");
    bench.hear(2, 0, bench.proposal(0, 1, &batch));
    let before = bench.picture(2);
    let old = Message::Request(bench.request(1, 5, b"old"));
    assert_eq!(bench.hear_from(2, CLIENT, old), []);
    assert!(before == bench.picture(2), "an older request changed the state");
}

#[test]
fn newer_request_of_a_client_takes_the_place_of_its_older_one() {
    let mut bench = Bench::<4>::new();
    bench.ask(0, 0, 5, b"under way");
    bench.ask(0, 1, 5, b"old");
    bench.ask(0, 1, 6, b"new");
    bench.ask(0, 1, 5, b"old");
    bench.pass(100);
    for id in 0..4 {
        assert_eq!(bench.operations(id), [b"under way".to_vec(), b"new".to_vec()]);
    }
}

#[test]
fn request_too_long_to_lie_beside_those_that_wait_has_them_proposed_first() {
    let mut bench = Bench::<4>::new();
    for id in 0..4 {
        bench.reconfigure(id, |config| config.batch_delay = Duration::from_secs(60));
    }
    // The first batch is under way; the second one waits to be full, with no room for the third.
    for (client, length) in [(0, 1), (1, 300), (2, 900)] {
        bench.ask(0, client, 5, &vec![b'x'; length]);
    }
    bench.run();
    let lengths = |id| bench.operations(id).iter().map(Vec::len).collect::<Vec<_>>();
    for id in 0..4 {
        assert_eq!(lengths(id), [1, 300, 900], "replica {id}");
    }
}

#[test]
fn timer_of_a_request_is_moved_neither_by_its_repetition_nor_by_the_progress_of_others() {
    let mut bench = Bench::<4>::new();
    let censored = |from: usize, to: usize, message: &Message<'_>| {
        !(from != to && matches!(message, Message::Request(_)))
    };
    for id in 1..4 {
        bench.ask(id, 1, 5, b"censored");
        for client in [0, 2, 3] {
            bench.ask(id, client, 5, b"favoured");
        }
    }
    for round in 1..=9 {
        bench.pass_where(100, &[0, 1, 2, 3], censored);
        if let Some(client) = [0, 2, 3].get(round / 3) {
            bench.ask(0, *client, 5, b"favoured");
        }
        for id in 1..4 {
            bench.ask(id, 1, 5, b"censored");
        }
        bench.run_where(censored);
    }
    assert_eq!((bench.view(2), bench.operations(2).len()), ((0, true), 3));
    bench.pass_where(150, &[0, 1, 2, 3], censored);
    for id in 0..4 {
        assert_eq!(bench.view(id), (1, true), "replica {id}");
        assert!(bench.operations(id).contains(&b"censored".to_vec()));
    }
}

#[test]
fn p28_client_that_signs_two_operations_with_one_timestamp_gets_one_and_no_view_change() {
    for first in [0, 2] {
        let mut bench = Bench::<4>::new();
        let operation = |to: usize| if to < 2 { b"X" } else { b"Y" };
        for to in (0..4).map(|at| (at + first) % 4) {
            bench.ask(to, 1, 5, operation(to));
            if first != 0 {
                bench.run();
            }
        }
        bench.pass(5_000);
        for id in 0..4 {
            assert_eq!(bench.operations(id), [operation(first)], "replica {id}");
            assert_eq!(bench.view(id), (0, true));
        }
    }
}

#[test]
fn p29_stale_request_is_answered_as_stale_not_executed_and_starts_no_timer() {
    let mut bench = Bench::<4>::new();
    bench.ask(0, 1, 7, b"new");
    bench.pass(100);
    for id in 0..4 {
        let before = bench.picture(id);
        bench.replies.clear();
        for t in [0, 1, 6] {
            bench.ask(id, 1, t, b"old");
        }
        let stale = |t| (id, 1, t, Outcome::Stale, Vec::new());
        assert_eq!(bench.replies, [stale(0), stale(1), stale(6)]);
        let request = Message::Request(bench.request(1, 6, b"old"));
        assert!(!bench.tell(id, (id + 1) % 4, request), "relayed and of no use");
        assert!(before == bench.picture(id), "a stale request changed the state");
    }
    assert!(bench.mail.is_empty());
    assert!((0..4).all(|id| bench.operations(id) == [b"new"]));
}

#[test]
fn p30_last_timestamp_of_all_ends_its_client_and_nobody_else() {
    let mut bench = Bench::<4>::new();
    bench.ask(0, 1, u64::MAX, b"last");
    bench.run();
    for t in [0, 1, 5, u64::MAX - 1] {
        for to in 0..4 {
            bench.ask(to, 1, t, b"after the last");
        }
    }
    bench.ask(0, 2, 1, b"another");
    bench.pass(2_000);
    for id in 0..4 {
        assert_eq!(bench.operations(id), [b"last".to_vec(), b"another".to_vec()]);
        assert_eq!(bench.view(id), (0, true));
    }
    let stale = bench.replies.iter().filter(|reply| reply.3 == Outcome::Stale).count();
    assert_eq!(stale, 16);
}

#[test]
fn repeated_request_is_answered_from_the_table_and_not_executed_again() {
    let mut bench = Bench::<4>::new();
    bench.ask(0, 1, 5, b"a");
    bench.run();
    let answers = bench.replies.clone();
    for id in 0..4 {
        let before = bench.picture(id);
        bench.replies.clear();
        bench.ask(id, 1, 5, b"a");
        bench.ask(id, 1, 5, b"something else");
        let answer = answers.iter().find(|answer| answer.0 == id).unwrap();
        assert_eq!(bench.replies, [answer.clone(), answer.clone()]);
        assert!(before == bench.picture(id), "a repetition changed the state");
        assert_eq!(bench.operations(id).len(), 1);
    }
    assert!(bench.mail.is_empty());
}

#[test]
fn forged_request_changes_nothing_and_its_relay_is_accused() {
    let mut bench = Bench::<4>::new();
    let before = bench.picture(2);
    let signature = TestSigner(Principal::Client(ClientId(2))).sign(&digest(b"other"));
    let forged = Request { signature, ..bench.request(1, 5, b"a") };
    assert!(!bench.tell(2, 3, Message::Request(forged)));
    let altered = Request { operation: wire::Bytes(b"b"), ..bench.request(1, 5, b"a") };
    assert!(!bench.tell(2, 3, Message::Request(altered)));
    let altered = Request { timestamp: 6, ..bench.request(1, 5, b"a") };
    assert!(!bench.tell(2, 3, Message::Request(altered)));
    assert_eq!(bench.hosts[2].accusations, [(3, Fault::Forged); 3]);
    // A client may not bring another's request, not even an authentic one.
    let request = Message::Request(bench.request(1, 5, b"a"));
    let other = Principal::Client(ClientId(2));
    let refused = Admission::Refused(Fault::Impersonation);
    let replica = &mut bench.hosts[2].replica;
    assert_eq!(replica.admit(Instant::ZERO, other, &request), refused);
    let verified = bench.roster.verify(&TestVerifier, other, request);
    assert_eq!(verified.err(), Some(Fault::Impersonation));
    assert!(before == bench.picture(2), "a forged request changed the state");
}

#[test]
fn clients_send_requests_and_nothing_else() {
    let mut bench = Bench::<4>::new();
    let (batch, vote) = bench.one((0, 1), 1, 5, b"a");
    let before = bench.picture(2);
    let status = Message::Status(bench.hosts[2].replica.status());
    for message in [bench.proposal(0, 1, &batch), Message::Prepare(vote), status] {
        let refused = Admission::Refused(Fault::NotAllowed);
        assert_eq!(bench.hosts[2].replica.admit(Instant::ZERO, CLIENT, &message), refused);
        let verified = bench.roster.verify(&TestVerifier, CLIENT, message);
        assert_eq!(verified.err(), Some(Fault::NotAllowed));
    }
    assert!(before == bench.picture(2), "a client's vote changed the state");
}

#[test]
fn request_longer_than_a_batch_changes_nothing_and_the_longest_executes() {
    let mut bench = Bench::<4>::new();
    let longest = vec![7; 1024 - Request::OVERHEAD];
    let longer = vec![7; longest.len() + 1];
    let before = bench.picture(2);
    let request = bench.request(1, 5, &longer);
    assert_eq!(bench.hear_from(2, CLIENT, Message::Request(request)), []);
    let wanted = bench.hear(2, 3, Message::Request(request));
    assert_eq!(wanted, [Wanted::Accuse(3, Fault::OutOfBounds)]);
    assert!(before == bench.picture(2), "a request that fits nowhere changed the state");
    bench.ask(2, 1, 5, &longest);
    bench.run();
    assert_eq!(bench.operations(2), [longest]);
}

#[test]
fn request_that_finds_no_room_starts_no_timer_so_that_clients_cannot_change_the_view() {
    let mut bench = Bench::<4>::new();
    // Big requests at once to two backups, which have room for one; no client repeats its own.
    for to in 1..3 {
        for client in 0..3 {
            bench.ask(to, client, 5, &[client as u8; 900]);
        }
    }
    bench.pass(5_000);
    for id in 0..4 {
        assert_eq!(bench.view(id), (0, true), "replica {id}");
    }
}

#[test]
fn request_that_arrives_during_a_view_change_is_not_lost() {
    let mut bench = Bench::<4>::new();
    for id in 1..4 {
        bench.ask(id, 1, 5, b"first");
    }
    bench.pass_where(1_010, &[1, 2, 3], |_, _, _| false);
    assert_eq!(bench.view(2), (1, false));
    bench.ask(2, 2, 5, b"second");
    bench.pass_where(3_000, &[1, 2, 3], |from, to, _| from != 0 && to != 0);
    for id in 1..4 {
        assert_eq!(bench.operations(id), [b"first".to_vec(), b"second".to_vec()], "replica {id}");
        assert_eq!(bench.view(id), (1, true));
    }
}

#[test]
fn diverged_replica_neither_replies_nor_repeats_replies() {
    let mut bench = Bench::<4>::new();
    bench.hosts[3].state = digest(b"flipped");
    for t in 1..=4 {
        bench.ask(0, 1, t, b"x");
        bench.run_where(|_, to, message| to != 3 || !matches!(message, Message::State { .. }));
    }
    assert!(bench.hosts[3].replica.is_diverged());
    bench.replies.clear();
    bench.ask(3, 1, 4, b"x");
    bench.ask(3, 1, 3, b"x");
    assert_eq!(bench.replies, []);
}

/// The clients that replica 0 told that there is no room, with their requests' timestamps.
fn refused(bench: &mut Bench<4>) -> Vec<(u16, u64)> {
    let answers = std::mem::take(&mut bench.answers).into_iter();
    let busy = answers.filter_map(|(id, bytes)| match wire::decode(&bytes) {
        Ok(Message::Busy(busy)) if id == 0 => Some((busy.client.0, busy.timestamp)),
        _ => None,
    });
    busy.collect()
}

/// One client has the log of replica 0 and its pool full, another was refused, and some
/// milliseconds after what was there is executed it is all full again.
fn crowded(millis: u64) -> Bench<4> {
    let mut bench = Bench::<4>::new();
    let flood = |bench: &mut Bench<4>, first: u64| {
        (first..first + 9).for_each(|t| bench.ask(0, 0, t, &[b'x'; 900]));
    };
    flood(&mut bench, 1);
    bench.now += 1_000;
    bench.ask(0, 3, 1, b"honest");
    assert_eq!(refused(&mut bench), [(3, 1)]);
    bench.run();
    bench.now += millis * 1_000;
    bench.wake(0);
    bench.run();
    flood(&mut bench, 11);
    assert_eq!(refused(&mut bench), []);
    bench
}

#[test]
fn client_that_was_refused_displaces_what_came_later() {
    let mut bench = crowded(100);
    bench.ask(0, 3, 1, b"honest");
    assert_eq!(refused(&mut bench), [(0, 19)]);
    // Whoever had to go for it does not come back in its place.
    bench.ask(0, 0, 20, &[b'x'; 900]);
    assert_eq!(refused(&mut bench), [(0, 20)]);
    bench.run();
    bench.pass(100);
    assert!((0..4).all(|id| bench.operations(id).last().unwrap() == b"honest"));
}

#[test]
fn client_that_stopped_asking_has_lost_its_turn() {
    let mut bench = crowded(260);
    bench.ask(0, 3, 1, b"honest");
    assert_eq!(refused(&mut bench), [(3, 1)]);
}

#[test]
fn request_without_room_stops_no_timer_of_an_earlier_one_of_its_client() {
    let mut bench = Bench::<4>::new();
    bench.reconfigure(2, |config| config.watch_window = 4 * config.timeout);
    let (batch, _) = bench.one((0, 1), 1, 5, b"under way");
    bench.tell(2, 0, bench.proposal(0, 1, &batch));
    assert_eq!(alone(&mut bench, 2, 500), (0, true));
    bench.ask(2, 0, 1, &[7; 900]);
    bench.ask(2, 1, 6, &[7; 900]);
    assert_eq!(alone(&mut bench, 2, 490), (0, true));
    assert_eq!(alone(&mut bench, 2, 20), (1, false));
    assert_eq!(bench.hosts[2].replica.departures().timer, 1);
}
