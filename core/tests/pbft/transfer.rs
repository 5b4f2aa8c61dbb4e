//! State transfer: whose state is fetched, what of it is believed, what is served (PROTOCOLS,
//! point 8).

use crate::bench::*;
use crate::pages::Captured;
use crate::wanted::*;
use quorate::pbft::*;
use quorate::{Digest, Fault, Principal, wire};

/// Replica 3 misses requests `1..=last` of client 1, and all that is said about them.
pub fn without_3(last: u64) -> Bench<4> {
    let mut bench = Bench::<4>::new();
    for t in 1..=last {
        bench.ask(0, 1, t, b"x");
        bench.run_where(|from, to, _| from != 3 && to != 3);
    }
    bench
}

/// Whom a step asks, for which checkpoint, for which piece.
pub fn fetches(wanted: &[Wanted]) -> Vec<(usize, u64, Place)> {
    let fetches = wanted.iter().filter_map(|it| {
        let Wanted::Send(quorate::Target::Node(to), _) = it else { return None };
        let Some(Message::FetchState { sequence, place }) = it.message() else { return None };
        Some((to.index(), sequence.0, place))
    });
    fetches.collect()
}

/// The digest that replica 0 vouched for.
pub fn vouched(bench: &Bench<4>, at: u64) -> Message<'static> {
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

/// What replica 0 captured.
pub fn captured(bench: &Bench<4>, at: u64) -> Captured {
    let (clients, state) = &bench.hosts[0].captured[&at];
    Captured::of(clients, state)
}

pub fn piece(sequence: u64, place: Place, bytes: &[u8]) -> Message<'_> {
    Message::State { sequence: Sequence(sequence), place, bytes: wire::Bytes(bytes) }
}

pub fn is_piece(message: &Message<'_>) -> bool {
    matches!(message, Message::State { .. })
}

/// A replica 3 that asked replica 0 for the roots of checkpoint 8.
pub fn asking() -> Bench<4> {
    let mut bench = without_3(8);
    let checkpoint = vouched(&bench, 8);
    let mut wanted = Vec::new();
    for from in 0..3 {
        wanted.extend(bench.hear(3, from, checkpoint));
    }
    assert_eq!(fetches(&wanted), [(0, 8, Place::ROOTS)]);
    bench
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
    let asked = fetches(&bench.waken(3));
    assert_eq!(asked, [(0, 40, Place::ROOTS)]);
}

#[test]
fn p26_piece_that_was_not_asked_for_is_not_even_verified() {
    let mut bench = without_3(8);
    let roots = captured(&bench, 8).bytes(Place::ROOTS).unwrap();
    let before = bench.picture(3);
    assert!(!bench.tell(3, 0, piece(8, Place::ROOTS, &roots)));
    assert_eq!(bench.hear(3, 0, piece(8, Place::ROOTS, &roots)), []);
    assert!(before == bench.picture(3), "an unasked piece changed the state");

    let mut bench = asking();
    let page = captured(&bench, 8).bytes(Place::page(Part::State, 0)).unwrap();
    let before = bench.picture(3);
    for (from, sequence, place, bytes) in [
        (1, 8, Place::ROOTS, &roots),
        (2, 8, Place::ROOTS, &roots),
        (0, 4, Place::ROOTS, &roots),
        (0, u64::MAX, Place::ROOTS, &roots),
        (0, 8, Place::page(Part::State, 0), &page),
        (0, 8, Place { part: Part::State, level: 1, index: 0 }, &vec![7; 64]),
    ] {
        assert!(!bench.tell(3, from, piece(sequence, place, bytes)));
        assert_eq!(bench.hear(3, from, piece(sequence, place, bytes)), []);
    }
    assert!(before == bench.picture(3), "an unasked piece changed the state");
}

#[test]
fn p26_installed_state_is_vouched_for_after_it_is_kept() {
    let mut bench = without_3(8);
    bench.pass(1_000);
    let host = &bench.hosts[3];
    assert_eq!(host.installs, [8]);
    let records: Vec<Record<'_>> =
        host.records.iter().map(|bytes| wire::decode(bytes).unwrap()).collect();
    let place = |kind: &dyn Fn(&Record<'_>) -> bool| records.iter().position(kind).unwrap();
    let install = place(&|it| matches!(it, Record::Install { .. }));
    let kept = place(&|it| matches!(it, Record::Checkpoint { .. }));
    let stable = place(&|it| matches!(it, Record::Stable { .. }));
    assert!(install < kept && kept < stable, "{records:?}");
}

#[test]
fn p26_lying_and_stalling_servers_are_left_for_an_honest_one_and_told_apart() {
    for silent in [false, true] {
        let mut bench = without_3(40);
        for round in 0..100 {
            bench.pass_where(20, &[0, 1, 2, 3], |from, to, message| {
                !(to == 3 && from < 2 && is_piece(message))
            });
            if !silent {
                let asked: Vec<_> = bench.sent.iter().map(|it| it.bytes.clone()).collect();
                for bytes in asked {
                    let Ok(Message::FetchState { place, sequence }) = wire::decode(&bytes) else {
                        continue;
                    };
                    for from in 0..2 {
                        bench.tell(3, from, piece(sequence.0, place, &[round; 96]));
                    }
                }
            }
        }
        assert_eq!(bench.hosts[3].installs, [40], "silent: {silent}");
        assert_eq!(bench.hosts[3].state, bench.hosts[2].state);
        let accusations = &bench.hosts[3].accusations;
        let fault = if silent { Fault::Stalled } else { Fault::BadContent };
        assert!((0..2).all(|id| accusations.contains(&(id, fault))), "{accusations:?}");
        assert!(accusations.iter().all(|it| it.0 < 2 && it.1 == fault), "{accusations:?}");
    }
}

#[test]
fn p26_stalling_server_cannot_keep_a_replica_from_a_cluster_that_moves_on() {
    let mut bench = without_3(40);
    let stalls = |from: usize, to: usize, message: &Message<'_>| {
        !(from == 0 && to == 3 && is_piece(message))
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
fn p25_server_that_lowers_its_height_is_left() {
    let mut bench = asking();
    let status = |executed| {
        let executed = Sequence(executed);
        Message::Status(Status { active: true, executed, ..Status::default() })
    };
    assert_eq!(bench.hear(3, 0, status(8)), []);
    let wanted = bench.hear(3, 0, status(7));
    assert_eq!(wanted[0], Wanted::Accuse(0, Fault::Stalled));
    assert_eq!(fetches(&wanted), [(1, 8, Place::ROOTS)]);
    assert_eq!(bench.hear(3, 0, status(6)), [], "it is told once");
    // The others still vouch for it, and one of them is enough.
    let lowered = bench.hear(3, 1, status(0));
    assert_eq!(fetches(&lowered), [(2, 8, Place::ROOTS)]);
    // One who does not vouch for it has nothing to lower.
    let mut bench = without_3(8);
    let checkpoint = vouched(&bench, 8);
    let asked: Vec<_> = [0, 1].iter().flat_map(|from| bench.hear(3, *from, checkpoint)).collect();
    assert_eq!(fetches(&asked), []);
    for _ in 0..5 {
        bench.now += 50_000;
        bench.waken(3);
    }
    assert_eq!(bench.hear(3, 2, status(0)), []);
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
    let mut bench = asking();
    let roots = captured(&bench, 8).bytes(Place::ROOTS).unwrap();
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
    assert!(!bench.tell(3, 0, piece(8, Place::ROOTS, &roots)));
    assert_eq!(bench.hear(3, 0, piece(8, Place::ROOTS, &roots)), []);
    assert_eq!(bench.hosts[3].installs, []);
    assert_eq!(bench.hosts[3].replica.status().stable.0, 8);
}

#[test]
fn pieces_are_served_of_captured_checkpoints_only_and_so_many_an_interval_to_each() {
    let mut bench = without_3(14);
    bench.now += 1_000_000;
    let place = Place::page(Part::State, 3);
    let ask = |sequence| Message::FetchState { sequence: Sequence(sequence), place };
    for sequence in [0, 1, 13, 16, u64::MAX] {
        assert_eq!(bench.hear(0, 3, ask(sequence)), [], "checkpoint {sequence}");
    }
    for _ in 0..127 {
        assert_eq!(bench.hear(0, 3, ask(12)), [Wanted::Serve(3, 12, place)]);
    }
    let older = bench.hear(0, 3, ask(8));
    assert_eq!(older, [Wanted::Serve(3, 8, place)], "the host knows whether it holds it");
    for _ in 0..100 {
        assert_eq!(bench.hear(0, 3, ask(12)), []);
    }
    // Its greed costs the others nothing.
    assert_eq!(bench.hear(0, 2, ask(12)), [Wanted::Serve(2, 12, place)]);
    bench.waken(0);
    assert_eq!(bench.hear(0, 3, ask(12)), [Wanted::Serve(3, 12, place)]);
}

#[test]
fn initial_state_that_no_host_captured_is_not_served() {
    let mut bench = Bench::<4>::new();
    bench.now = 1_000_000;
    for sequence in [0, 4, 8] {
        let (sequence, place) = (Sequence(sequence), Place::ROOTS);
        assert_eq!(bench.hear(0, 3, Message::FetchState { sequence, place }), [], "{sequence:?}");
    }
}

#[test]
fn diverged_replica_serves_no_state() {
    let mut bench = Bench::<4>::new();
    bench.hosts[3].state = digest(b"flipped");
    for t in 1..=4 {
        bench.ask(0, 1, t, b"x");
        bench.run_where(|_, _, message| !is_piece(message));
    }
    assert!(bench.hosts[3].replica.is_diverged());
    let (sequence, place) = (Sequence(4), Place::ROOTS);
    assert_eq!(bench.hear(3, 1, Message::FetchState { sequence, place }), []);
}

#[test]
fn digest_that_the_roots_are_checked_against_covers_their_sequence() {
    let mut bench = asking();
    // The right roots of an older checkpoint under the number that was asked for.
    let old = captured(&bench, 4).bytes(Place::ROOTS).unwrap();
    let wanted = bench.hear(3, 0, piece(8, Place::ROOTS, &old));
    assert_eq!(wanted[0], Wanted::Accuse(0, Fault::BadContent));
    assert_eq!(bench.hosts[3].state, Digest::ZERO);
}

#[test]
fn client_table_of_several_pages_is_fetched_page_by_page_and_only_where_it_differs() {
    let mut bench = without_3(8);
    bench.pass(1_000);
    assert_eq!(bench.hosts[3].installs, [8]);
    // Then replica 3 misses requests of clients 0 and 2.
    let asked = bench.sent.len();
    for t in 9..=20 {
        bench.ask(0, if t % 2 == 0 { 0 } else { 2 }, t, b"y");
        bench.run_where(|from, to, _| from != 3 && to != 3);
    }
    bench.pass(1_000);
    assert_eq!(bench.hosts[3].installs, [8, 20]);
    let pages = |letters: &[Letter]| {
        let asked = letters.iter().filter_map(|letter| match wire::decode(&letter.bytes) {
            Ok(Message::FetchState {
                place: Place { part: Part::Clients, level, index }, ..
            }) => Some((level, index)),
            _ => None,
        });
        let mut asked: Vec<_> = asked.collect();
        asked.sort_unstable();
        asked.dedup();
        asked
    };
    // Of the first state all pages differ from nothing; of the second those of two clients do.
    assert_eq!(pages(&bench.sent[..asked]), [(0, 0), (0, 1), (0, 2), (0, 3), (1, 0)]);
    assert_eq!(pages(&bench.sent[asked..]), [(0, 0), (0, 2), (1, 0)]);
    for (client, t) in [(0, 20), (1, 8), (2, 19)] {
        bench.replies.clear();
        bench.ask(3, client, t, b"again");
        let [(3, of, at, Outcome::Executed, reply)] = &bench.replies[..] else {
            panic!("client {client}: {:?}", bench.replies)
        };
        assert_eq!((*of, *at, reply.len()), (client, t, 8), "its reply came with the table");
    }
    assert_eq!(bench.hosts[3].state, bench.hosts[0].state);
}

#[test]
fn page_of_the_client_table_in_the_place_of_another_is_not_believed() {
    let mut bench = without_3(8);
    let held = captured(&bench, 8);
    // Replica 0 swaps the rows of two clients.
    let swapped = |place: Place| match place {
        Place { part: Part::Clients, level: 0, index: index @ 0..2 } => {
            Place { index: 1 - index, ..place }
        }
        _ => place,
    };
    for _ in 0..100 {
        bench.pass_where(20, &[0, 1, 2, 3], |from, to, message| {
            !(from == 0 && to == 3 && is_piece(message))
        });
        let asked: Vec<_> = bench.sent.iter().map(|it| it.bytes.clone()).collect();
        for bytes in asked {
            if let Ok(Message::FetchState { place, sequence: Sequence(8) }) = wire::decode(&bytes) {
                let bytes = held.bytes(swapped(place)).unwrap();
                bench.tell(3, 0, piece(8, place, &bytes));
            }
        }
    }
    assert_eq!(bench.hosts[3].installs, [8]);
    assert_eq!(bench.hosts[3].captured[&8], bench.hosts[1].captured[&8]);
    let accusations = &bench.hosts[3].accusations;
    assert!(accusations.iter().all(|it| *it == (0, Fault::BadContent)), "{accusations:?}");
}
