//! Whole-state transfer (PROTOCOLS, point 8).

use crate::bench::*;
use crate::wanted::*;
use quorate::pbft::*;
use quorate::{Digest, Fault, Principal, wire};

/// Replica 3 misses requests `1..=last` of client 1, and all that is said about them.
fn without_3(last: u64) -> Bench<4> {
    let mut bench = Bench::<4>::new();
    for t in 1..=last {
        bench.ask(0, 1, t, b"x");
        bench.run_where(|from, to, _| from != 3 && to != 3);
    }
    bench
}

fn fetches(wanted: &[Wanted]) -> Vec<(usize, u64)> {
    let fetches = wanted.iter().filter_map(|it| {
        let Wanted::Send(quorate::Target::Node(to), _) = it else { return None };
        let Some(Message::FetchState { sequence }) = it.message() else { return None };
        Some((to.index(), sequence.0))
    });
    fetches.collect()
}

/// The digest that replica 0 vouched for.
fn vouched(bench: &Bench<4>, at: u64) -> Message<'static> {
    let found = bench.sent.iter().find_map(|letter| match wire::decode(&letter.bytes) {
        Ok(Message::Checkpoint { sequence, digest })
            if sequence.0 == at && letter.from == Principal::Node(node(0)) =>
        {
            Some(Message::Checkpoint { sequence, digest })
        }
        _ => None,
    });
    found.unwrap()
}

/// What replica 0 would serve.
fn served(bench: &Bench<4>, at: u64) -> (Vec<u8>, Vec<u8>) {
    let (clients, state) = &bench.hosts[0].captured[&at];
    (clients.clone(), state.0.to_vec())
}

fn state<'a>(sequence: u64, clients: &'a [u8], state: &'a [u8]) -> Message<'a> {
    let (clients, state) = (wire::Bytes(clients), wire::Bytes(state));
    Message::State { sequence: Sequence(sequence), clients, state }
}

#[test]
fn p25_replica_that_missed_five_windows_ends_equal_although_a_peer_makes_checkpoints_up() {
    let mut bench = without_3(40);
    let mut height = 1u64 << 60;
    for round in 0..60 {
        for _ in 0..8 {
            // The liar's height changes all the time, and sinks.
            let digest = digest(&height.to_le_bytes());
            let sequence = Sequence(height);
            bench.tell(3, 2, Message::Checkpoint { sequence, digest });
            height -= 4 * (round + 1);
        }
        let honest = |from: usize, to: usize, message: &Message<'_>| {
            !(from == 2 && to == 3 && matches!(message, Message::Checkpoint { .. }))
        };
        bench.pass_where(50, &[0, 1, 2, 3], honest);
    }
    assert_eq!(bench.hosts[3].state, bench.hosts[0].state);
    assert_eq!(bench.hosts[3].replica.status().executed.0, 40);
    assert_eq!(bench.hosts[3].installs, [40]);
    for t in 41..=50 {
        bench.ask(0, 1, t, b"x");
        bench.run();
    }
    assert_eq!(bench.operations(3).len(), 10);
    assert_eq!(bench.hosts[3].state, bench.hosts[0].state);
}

#[test]
fn p25_checkpoint_of_fewer_than_weak_replicas_is_not_fetched() {
    let mut bench = Bench::<4>::new();
    let checkpoint = |at: u64, name: &[u8]| {
        let (sequence, digest) = (Sequence(at), digest(name));
        Message::Checkpoint { sequence, digest }
    };
    let mut wanted = Vec::new();
    for at in [4, 8, 40, 1 << 60] {
        wanted.extend(bench.hear(3, 1, checkpoint(at, b"one")));
    }
    // Another one says something else of the same checkpoints.
    for at in [4, 8, 40, 1 << 60] {
        wanted.extend(bench.hear(3, 2, checkpoint(at, b"two")));
    }
    for _ in 0..100 {
        bench.now += 50_000;
        wanted.extend(bench.waken(3));
    }
    assert_eq!(fetches(&wanted), []);
    bench.hear(3, 0, checkpoint(40, b"two"));
    bench.now += 50_000;
    assert_eq!(fetches(&bench.waken(3)), [(0, 40)]);
}

#[test]
fn p26_state_that_was_not_asked_for_is_not_even_verified() {
    let mut bench = without_3(8);
    let (clients, bytes) = served(&bench, 8);
    let before = bench.picture(3);
    assert!(!bench.tell(3, 0, state(8, &clients, &bytes)));
    assert_eq!(bench.hear(3, 0, state(8, &clients, &bytes)), []);
    assert!(before == bench.picture(3), "an unasked state changed the state");
}

/// A replica 3 that asked replica 0 for checkpoint 8, with the right answer.
fn asking() -> (Bench<4>, Vec<u8>, Vec<u8>) {
    let mut bench = without_3(8);
    let (clients, bytes) = served(&bench, 8);
    let checkpoint = vouched(&bench, 8);
    let mut wanted = Vec::new();
    for from in 0..3 {
        wanted.extend(bench.hear(3, from, checkpoint));
    }
    assert_eq!(fetches(&wanted), [(0, 8)]);
    (bench, clients, bytes)
}

#[test]
fn p26_wrong_state_is_refused_before_it_is_installed_and_the_next_server_is_asked() {
    let (mut bench, clients, bytes) = asking();
    let mut flipped = bytes.clone();
    flipped[3] ^= 1;
    let mut other_clients = clients.clone();
    other_clients[13] ^= 1;
    let longer = [&bytes[..], &[0]].concat();
    let moved = [&clients[..], &bytes[..1]].concat();
    let before = bench.picture(3);
    let endless = vec![0; 40_000];
    let lies = [
        state(8, &clients, &flipped),
        state(8, &other_clients, &bytes),
        state(8, &clients, &longer),
        state(8, &clients, &bytes[..31]),
        state(8, &moved, &bytes[1..]),
        state(8, &clients[..clients.len() - 1], &bytes),
        state(8, &[], &[]),
        state(8, &clients, &endless),
    ];
    for (at, lie) in lies.into_iter().enumerate() {
        assert_eq!(bench.hear(3, 0, lie), [Wanted::Accuse(0, Fault::BadContent)], "lie {at}");
    }
    for sequence in [0, 4, 12, u64::MAX] {
        assert_eq!(bench.hear(3, 0, state(sequence, &clients, &bytes)), []);
        assert!(!bench.tell(3, 0, state(sequence, &clients, &bytes)));
    }
    assert!(before == bench.picture(3), "a wrong state changed the state");

    let mut servers = Vec::new();
    while servers.len() < 3 && bench.now < 2_000_000 {
        bench.now += 50_000;
        servers.extend(fetches(&bench.waken(3)));
    }
    assert_eq!(servers, [(1, 8), (2, 8), (0, 8)]);
    let wanted = bench.hear(3, 1, state(8, &clients, &bytes));
    assert_eq!(wanted[0], Wanted::Install(8));
    assert_eq!(bench.hosts[3].replica.status().executed.0, 8);
    assert!(!bench.tell(3, 2, state(8, &clients, &bytes)), "installed once");
}

#[test]
fn p26_installed_state_is_vouched_for_after_it_is_kept() {
    let (mut bench, clients, bytes) = asking();
    let wanted = bench.hear(3, 0, state(8, &clients, &bytes));
    let place = |kind: &dyn Fn(&Wanted) -> bool| wanted.iter().position(kind).unwrap();
    let install = place(&|it| *it == Wanted::Install(8));
    let kept = place(&|it| matches!(it.record(), Some(Record::Checkpoint { .. })));
    let sent = place(&|it| matches!(it.message(), Some(Message::Checkpoint { .. })));
    let stable = place(&|it| matches!(it.record(), Some(Record::Stable { .. })));
    assert!(install < kept && kept < sent && install < stable, "{wanted:?}");
}

#[test]
fn p26_lying_and_stalling_servers_are_left_for_an_honest_one() {
    for silent in [false, true] {
        let mut bench = without_3(40);
        for round in 0..100 {
            bench.pass_where(20, &[0, 1, 2, 3], |from, to, message| {
                !(to == 3 && from < 2 && matches!(message, Message::State { .. }))
            });
            if !silent {
                for from in 0..2 {
                    let lie = [round; 32];
                    bench.tell(3, from, state(40, &lie, &lie));
                }
            }
        }
        assert_eq!(bench.hosts[3].installs, [40], "silent: {silent}");
        assert_eq!(bench.hosts[3].state, bench.hosts[2].state);
        let accused = bench.hosts[3].accusations.contains(&(0, Fault::BadContent));
        assert_eq!(accused, !silent);
    }
}

#[test]
fn p26_stalling_server_cannot_keep_a_replica_from_a_cluster_that_moves_on() {
    let mut bench = without_3(40);
    let stalls = |from: usize, to: usize, message: &Message<'_>| {
        !(from == 0 && to == 3 && matches!(message, Message::State { .. }))
    };
    // A checkpoint every 80 ms: the old ones are gone before a second server can be asked.
    let mut t = 40;
    for _ in 0..300 {
        t += 1;
        bench.ask(0, 1, t, b"x");
        bench.pass_where(20, &[0, 1, 2, 3], stalls);
    }
    assert!(!bench.hosts[3].installs.is_empty(), "six seconds, and no state was had");
}

#[test]
fn client_table_comes_with_the_state_so_that_nothing_is_executed_twice() {
    let mut bench = Bench::<4>::new();
    for t in 1..=8 {
        bench.ask(0, (t % 3) as u16, t, b"x");
        bench.run_where(|from, to, _| from != 3 && to != 3);
    }
    bench.pass(1_000);
    assert_eq!(bench.hosts[3].installs, [8]);
    assert_eq!(bench.hosts[3].history, []);
    let answers = bench.replies.clone();
    for (t, client) in [(6, 0u16), (7, 1), (8, 2)] {
        bench.replies.clear();
        bench.ask(3, client, t, b"x");
        let answer = answers.iter().find(|it| (it.0, it.1, it.2) == (0, client, t)).unwrap();
        assert_eq!(bench.replies, [(3, client, t, Outcome::Executed, answer.4.clone())]);
    }
    // A primary that proposes executed requests again has nobody execute them.
    let again = [bench.request(0, 6, b"x"), bench.request(1, 7, b"x"), bench.request(2, 9, b"y")];
    let batch = bench.batch(&again);
    for to in 1..4 {
        bench.tell(to, 0, bench.proposal(0, 9, &batch));
    }
    bench.run_where(|from, to, _| from != 0 && to != 0);
    assert_eq!(bench.operations(3), [b"y"]);
    assert_eq!(bench.hosts[3].state, bench.hosts[1].state);
}

#[test]
fn state_stops_the_timers_of_the_requests_that_it_includes() {
    let mut bench = without_3(8);
    bench.ask(3, 1, 8, b"x");
    bench.ask(3, 2, 5, b"fresh");
    bench.mail.clear();
    bench.pass_where(400, &[0, 1, 2, 3], |_, _, message| !matches!(message, Message::Request(_)));
    assert_eq!(bench.hosts[3].installs, [8]);
    bench.ask(0, 2, 5, b"fresh");
    bench.pass(5_000);
    assert!((0..4).all(|id| bench.view(id) == (0, true)));
}

#[test]
fn state_that_execution_overtook_is_not_installed() {
    let (mut bench, clients, bytes) = asking();
    // The votes arrive after all.
    for sequence in 1..=8 {
        let (batch, vote) = bench.one((0, sequence), 1, sequence, b"x");
        bench.tell(3, 0, bench.proposal(0, sequence, &batch));
        for from in [1, 2] {
            bench.tell(3, from, Message::Prepare(vote));
        }
        for from in [0, 1] {
            bench.tell(3, from, Message::Commit(vote));
        }
    }
    assert_eq!(bench.operations(3).len(), 8);
    assert!(!bench.tell(3, 0, state(8, &clients, &bytes)));
    assert_eq!(bench.hear(3, 0, state(8, &clients, &bytes)), []);
    assert_eq!(bench.hosts[3].installs, []);
    assert_eq!(bench.hosts[3].replica.status().stable.0, 8);
}

#[test]
fn state_is_served_from_captured_checkpoints_only_and_once_an_interval_to_each() {
    let mut bench = without_3(14);
    bench.now += 1_000_000;
    let ask = |sequence| Message::FetchState { sequence: Sequence(sequence) };
    for sequence in [0, 1, 4, 8, 13, 16, u64::MAX] {
        assert_eq!(bench.hear(0, 3, ask(sequence)), [], "checkpoint {sequence}");
    }
    assert_eq!(bench.hear(0, 3, ask(12)), [Wanted::Serve(3, 12)]);
    for _ in 0..100 {
        assert_eq!(bench.hear(0, 3, ask(12)), []);
    }
    // Its greed costs the others nothing.
    assert_eq!(bench.hear(0, 2, ask(12)), [Wanted::Serve(2, 12)]);
    bench.waken(0);
    assert_eq!(bench.hear(0, 3, ask(12)), [Wanted::Serve(3, 12)]);
}

#[test]
fn initial_state_that_no_host_captured_is_not_served() {
    let mut bench = Bench::<4>::new();
    bench.now = 1_000_000;
    for sequence in [0, 4, 8] {
        let sequence = Sequence(sequence);
        assert_eq!(bench.hear(0, 3, Message::FetchState { sequence }), [], "{sequence:?}");
    }
}

#[test]
fn diverged_replica_serves_no_state() {
    let mut bench = Bench::<4>::new();
    bench.hosts[3].state = digest(b"flipped");
    for t in 1..=4 {
        bench.ask(0, 1, t, b"x");
        bench.run_where(|_, _, message| !matches!(message, Message::State { .. }));
    }
    assert!(bench.hosts[3].replica.is_diverged());
    let sequence = Sequence(4);
    assert_eq!(bench.hear(3, 1, Message::FetchState { sequence }), []);
}

#[test]
fn digest_that_a_state_is_checked_against_covers_its_sequence() {
    let (mut bench, ..) = asking();
    let at_4 = bench.hosts[0].captured.get(&4).cloned();
    let (clients, old) = at_4.unwrap();
    // The right state of an older checkpoint under the number that was asked for.
    let wanted = bench.hear(3, 0, state(8, &clients, &old.0));
    assert_eq!(wanted, [Wanted::Accuse(0, Fault::BadContent)]);
    assert_eq!(bench.hosts[3].state, Digest::ZERO);
}
