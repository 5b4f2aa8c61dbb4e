//! State transfer, piece by piece: what is fetched, of whom, and what a crash leaves (PROTOCOLS,
//! point 8; P-26 and F-18 of the scenarios).

use crate::bench::*;
use crate::pages::{Captured, FAN_OUT, PAGES, checkpoint_digest, state_digest};
use crate::transfer::*;
use crate::wanted::*;
use quorate::pbft::*;
use quorate::{Fault, Input, Principal, Refusal, Target, wire};
use std::collections::BTreeSet;

/// The pieces that replica 3 asked for, in order: whom, and which.
fn asked_by_3(bench: &Bench<4>) -> Vec<(usize, Place)> {
    let mine = bench.sent.iter().filter(|it| it.from == Principal::Node(node(3)));
    let asked = mine.filter_map(|it| match (it.to, wire::decode(&it.bytes)) {
        (Target::Node(to), Ok(Message::FetchState { place, .. })) => Some((to.index(), place)),
        _ => None,
    });
    asked.collect()
}

pub fn state_page(index: u32) -> Place {
    Place::page(Part::State, index)
}

/// Pieces of the client table: a page for each client, and the node over them.
const TABLE: usize = CLIENTS + 1;

/// How many nodes there are over so many pages of the bench's application.
fn nodes_over(pages: u32) -> usize {
    let shape = Shape { pages, fan_out: FAN_OUT };
    (1..=shape.height()).map(|level| shape.width(level) as usize).sum()
}

#[test]
fn whole_state_is_fetched_by_a_replica_that_has_nothing_and_each_piece_once() {
    let mut bench = without_3(8);
    bench.pass(1_000);
    assert_eq!(bench.hosts[3].installs, [8]);
    let asked = asked_by_3(&bench);
    let places: BTreeSet<Place> = asked.iter().map(|(_, place)| *place).collect();
    assert_eq!(places.len(), asked.len(), "no piece twice");
    assert_eq!(asked.len(), 1 + TABLE + PAGES as usize + nodes_over(PAGES));
}

#[test]
fn only_pieces_that_differ_from_what_is_held_are_fetched() {
    let mut bench = Bench::<4>::new();
    for t in 1..=4 {
        bench.ask(0, 1, t, b"x");
        bench.run();
    }
    for t in 5..=16 {
        bench.ask(0, 1, t, b"x");
        bench.run_where(|from, to, _| from != 3 && to != 3);
    }
    bench.pass(1_000);
    assert_eq!(bench.hosts[3].installs, [16]);
    let asked = asked_by_3(&bench);
    let pages: Vec<u32> = asked
        .iter()
        .filter(|(_, place)| place.part == Part::State && place.level == 0)
        .map(|(_, place)| place.index)
        .collect();
    let differing = bench.hosts[0].state.0.chunks(4).zip(0..);
    let old = bench.hosts[0].captured[&4].1;
    let differing = differing.filter(|(page, at)| *page != &old.0[at * 4..at * 4 + 4]);
    let mut sorted = pages.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, differing.map(|(_, at)| at as u32).collect::<Vec<_>>());
    assert_eq!(sorted.len(), 8, "the twelve that stand still are not fetched");
    // Nor are the nodes that stand over nothing but those.
    let over_pages = |place: &Place| place.part == Part::State && place.level == 1;
    let nodes = asked.iter().filter(|(_, place)| over_pages(place)).count();
    assert_eq!(nodes, 3, "8 pages, 3 under each node");
}

#[test]
fn several_servers_are_asked_at_once_and_take_turns() {
    let mut bench = without_3(8);
    let asked = |bench: &Bench<4>| {
        let asked = asked_by_3(bench);
        let pages = asked.iter().filter(|(_, place)| place.level == 0);
        pages.map(|(to, _)| *to).collect::<Vec<_>>()
    };
    // Pages are lost: at some time eight are under way.
    let mut most = 0;
    let pages = |bench: &Bench<4>| {
        let asked = asked_by_3(bench).into_iter();
        asked.filter(|(_, it)| it.part == Part::State && it.level == 0).count()
    };
    for _ in 0..80 {
        let before = pages(&bench);
        bench.pass_where(10, &[0, 1, 2, 3], |_, to, message| {
            let page = |place: &Place| place.part == Part::State && place.level == 0;
            !(to == 3 && matches!(message, Message::State { place, .. } if page(place)))
        });
        most = most.max(pages(&bench) - before);
    }
    assert_eq!(most, 8, "at a time");
    let to: BTreeSet<usize> = asked(&bench).into_iter().collect();
    assert_eq!(to.into_iter().collect::<Vec<_>>(), [0, 1, 2]);
    bench.pass(3_000);
    assert_eq!(bench.hosts[3].installs, [8]);
    let shares = [0, 1, 2].map(|id| asked(&bench).iter().filter(|to| **to == id).count());
    assert!(shares.iter().all(|share| *share >= 4), "{shares:?}");
}

/// A replica 3 whose requests are answered by hand: those that are under way.
struct Fetching {
    bench: Bench<4>,
    right: Captured,
    under_way: Vec<(usize, u64, Place)>,
}

impl Fetching {
    fn new() -> Self {
        let bench = asking();
        let right = captured(&bench, 8);
        Self { bench, right, under_way: vec![(0, 8, Place::ROOTS)] }
    }

    /// Answers the request for a place, and lets the host play its part.
    fn answer(&mut self, place: Place, bytes: &[u8]) {
        let at = self.under_way.iter().position(|(_, _, asked)| *asked == place).unwrap();
        let (from, sequence, _) = self.under_way.remove(at);
        let before = self.bench.sent.len();
        self.bench.tell(3, from, piece(sequence, place, bytes));
        self.collect(before);
    }

    fn collect(&mut self, before: usize) {
        for letter in &self.bench.sent[before..] {
            let Target::Node(to) = letter.to else { continue };
            if let Ok(Message::FetchState { sequence, place }) = wire::decode(&letter.bytes) {
                self.under_way.retain(|(_, _, asked)| *asked != place);
                self.under_way.push((to.index(), sequence.0, place));
            }
        }
    }

    /// Answers truly until a page of the application is under way.
    fn until_pages(&mut self) {
        while !self.under_way.iter().any(|(_, _, it)| it.part == Part::State && it.level == 0) {
            self.answer_first();
        }
    }

    fn answer_first(&mut self) {
        let (_, _, place) = self.under_way[0];
        let bytes = self.right.bytes(place).unwrap();
        self.answer(place, &bytes);
    }
}

#[test]
fn p26_wrong_piece_ends_its_server_and_nothing_of_it_is_kept() {
    let mut start = Fetching::new();
    start.until_pages();
    let page = start.right.bytes(state_page(1)).unwrap();
    let other = start.right.bytes(state_page(2)).unwrap();
    let node = Place { part: Part::State, level: 1, index: 0 };
    let inner = start.right.bytes(node).unwrap();
    let mut flipped = page.clone();
    flipped[0] ^= 1;
    let lies: [(&str, Vec<u8>); 8] = [
        ("a flipped bit", flipped),
        ("the right page of another index", other),
        ("one byte more", [&page[..], &[0]].concat()),
        ("one byte less", page[..page.len() - 1].to_vec()),
        ("nothing", Vec::new()),
        ("a page without end", vec![0; 60_000]),
        ("a node for a page", inner),
        ("the roots for a page", start.right.bytes(Place::ROOTS).unwrap()),
    ];
    for (what, lie) in lies {
        let mut fetching = Fetching::new();
        fetching.until_pages();
        let place = fetching.under_way.iter().map(|it| it.2).find(|it| *it == state_page(1));
        let place = place.unwrap();
        let server = fetching.under_way.iter().find(|it| it.2 == place).unwrap().0;
        let (staged, requests) = (fetching.bench.hosts[3].staged.clone(), fetching.under_way.len());
        fetching.bench.hosts[3].accusations.clear();
        fetching.answer(place, &lie);
        let host = &fetching.bench.hosts[3];
        assert_eq!(host.accusations, [(server, Fault::BadContent)], "{what}");
        assert_eq!(host.staged, staged, "{what}");
        assert_eq!(fetching.under_way.len(), requests, "{what}: it is asked of another");
        assert!(fetching.under_way.iter().all(|it| it.0 != server), "{what}: not of the liar");
        // What the liar says now is not looked at, be it right.
        let right = fetching.right.bytes(place).unwrap();
        assert!(!fetching.bench.tell(3, server, piece(8, place, &right)), "{what}");
        while !fetching.under_way.is_empty() {
            fetching.answer_first();
        }
        assert_eq!(fetching.bench.hosts[3].installs, [8], "{what}");
        assert!(asked_by_3(&fetching.bench).len() < 45, "{what}");
    }
}

#[test]
fn p26_wrong_nodes_and_roots_are_refused_like_wrong_pages() {
    for level in 0..3 {
        let mut fetching = Fetching::new();
        let place = loop {
            let (_, _, place) = fetching.under_way[0];
            if place == Place::ROOTS && level == 0
                || place.part == Part::State && place.level == level && level > 0
            {
                break place;
            }
            fetching.answer_first();
        };
        let server = fetching.under_way[0].0;
        let right = fetching.right.bytes(place).unwrap();
        let end = right.len();
        let lies = [
            [&right[32..], &right[..32]].concat(),
            right[..end - 32].to_vec(),
            [&right[..], &[0; 32]].concat(),
            right[..end - 1].to_vec(),
            Vec::new(),
        ];
        let lie = &lies[usize::from(level) % lies.len()];
        fetching.bench.hosts[3].accusations.clear();
        let staged = fetching.bench.hosts[3].staged.clone();
        fetching.answer(place, lie);
        let host = &fetching.bench.hosts[3];
        assert_eq!(host.accusations, [(server, Fault::BadContent)], "{place:?}");
        assert_eq!(host.staged, staged);
        for lie in lies {
            let mut fresh = Fetching::new();
            let wanted = fresh.bench.hear(3, 0, piece(8, Place::ROOTS, &lie));
            assert_eq!(wanted[0], Wanted::Accuse(0, Fault::BadContent));
            assert!(!wanted.iter().any(|it| matches!(it, Wanted::Stage(..))));
        }
    }
}

#[test]
fn f18_sink_that_crashes_after_any_piece_resumes_with_the_pages_that_it_has() {
    let pieces = 1 + TABLE + PAGES as usize + nodes_over(PAGES);
    for crash_after in 0..pieces {
        let mut fetching = Fetching::new();
        for _ in 0..crash_after {
            fetching.answer_first();
        }
        let held = fetching.bench.hosts[3].staged.len();
        let mut bench = fetching.bench;
        assert_eq!(bench.hosts[3].replica.status().executed.0, 0, "no partial install");
        bench.mail.clear();
        bench.restart(3);
        let before = asked_by_3(&bench).len();
        bench.pass(2_000);
        assert_eq!(bench.hosts[3].installs, [8], "after {crash_after}");
        assert_eq!(bench.hosts[3].state, bench.hosts[0].state);
        let asked = asked_by_3(&bench).len() - before;
        assert_eq!(asked, pieces - held, "after {crash_after}: pages that are held stay");
    }
}

#[test]
fn f18_source_that_crashes_after_any_piece_is_replaced_by_another() {
    for crash_after in 0..12 {
        let mut bench = without_3(8);
        let served = std::cell::Cell::new(0);
        // Whoever serves so many pieces falls silent; there is always one more.
        bench.pass_where(4_000, &[0, 1, 2, 3], |from, to, message| {
            if from == 2 || to != 3 || !is_piece(message) {
                return true;
            }
            served.set(served.get() + 1);
            served.get() <= crash_after
        });
        assert_eq!(bench.hosts[3].installs, [8], "after {crash_after}");
        assert_eq!(bench.hosts[3].state, bench.hosts[0].state);
    }
}

#[test]
fn pages_of_an_interrupted_transfer_serve_one_of_a_later_checkpoint() {
    let mut bench = without_3(8);
    // Everything but one page of checkpoint 8 comes; then there is checkpoint 16.
    let missing = |place: &Place| *place == state_page(0);
    bench.pass_where(900, &[0, 1, 2, 3], |_, to, message| {
        !(to == 3 && matches!(message, Message::State { place, .. } if missing(place)))
    });
    assert_eq!(bench.hosts[3].installs, []);
    let before = asked_by_3(&bench).len();
    for t in 9..=16 {
        bench.ask(0, 1, t, b"x");
        bench.run_where(|from, to, _| from != 3 && to != 3);
    }
    bench.hosts.iter_mut().take(3).for_each(|host| host.captured.retain(|at, _| *at > 8));
    bench.pass(3_000);
    assert_eq!(bench.hosts[3].installs, [16]);
    let later = &asked_by_3(&bench)[before..];
    let still = later.iter().filter(|(_, it)| it.part == Part::State && it.level == 0);
    assert!(still.clone().all(|(_, it)| it.index < 8), "{later:?}");
}

#[test]
fn target_that_all_have_dropped_is_left_also_when_one_of_them_never_says_a_word() {
    let mut bench = without_3(8);
    let silent = |from: usize, to: usize| from == 0 && to == 3;
    // The roots of checkpoint 8 never come; by the time they are asked for again, nobody has it.
    bench.pass_where(500, &[0, 1, 2, 3], |from, to, message| {
        !(silent(from, to) || to == 3 && is_piece(message))
    });
    assert!(!asked_by_3(&bench).is_empty());
    bench.hosts.iter_mut().take(3).for_each(|host| host.captured.retain(|at, _| *at > 8));
    for t in 9..=40 {
        bench.ask(0, 1, t, b"x");
        bench.run_where(|from, to, _| from != 3 && to != 3);
    }
    bench.pass_where(10_000, &[0, 1, 2, 3], |from, to, _| !silent(from, to));
    assert_eq!(bench.hosts[3].installs, [40], "two vouch for it, and a strong quorum is three");
    assert_eq!(bench.hosts[3].state, bench.hosts[0].state);
}

#[test]
fn slow_server_owes_its_share_and_the_others_do_the_rest() {
    let mut fetching = Fetching::new();
    // Replica 0 sent the roots, and says nothing more.
    fetching.answer_first();
    let mut answered = 0;
    while let Some(at) = fetching.under_way.iter().position(|it| it.0 != 0) {
        let place = fetching.under_way[at].2;
        let bytes = fetching.right.bytes(place).unwrap();
        fetching.answer(place, &bytes);
        answered += 1;
        let owed = fetching.under_way.iter().filter(|it| it.0 == 0).count();
        assert!(owed <= 3, "{owed} of eight");
    }
    let all = 1 + PAGES as usize + nodes_over(PAGES);
    assert!(answered + 3 * FAN_OUT as usize * 2 >= all, "{answered} of {all} without it");
}

#[test]
fn server_is_asked_for_half_of_what_it_serves_in_an_interval() {
    // A state without end: whatever comes, the host lacks another page.
    let mut bench = asking();
    let roots = captured(&bench, 8).bytes(Place::ROOTS).unwrap();
    let mut wanted = bench.hear(3, 0, piece(8, Place::ROOTS, &roots));
    let (mut asked, mut next) = ([0; 3], 0u32);
    for interval in 1..=4 {
        while let Some(at) = wanted.iter().position(|it| matches!(it, Wanted::Seek(..))) {
            let Wanted::Seek(_, room) = wanted.remove(at) else { unreachable!() };
            assert!(next < 4_000, "there is no end of asking");
            let sought = |index: u32| {
                let digest = merkle::page_digest(Part::State, index, b"right");
                Sought { place: state_page(index), digest }
            };
            let pieces: Vec<_> = (next..).take(room).map(sought).collect();
            next += room as u32;
            let command = Command::Seek { sequence: Sequence(8), pieces: &pieces };
            let then = bench.dry(3, Input::Command(command));
            let fetching = fetches(&then);
            assert_eq!(fetching.len(), room);
            wanted.extend(then);
            for (to, _, place) in fetching {
                asked[to] += 1;
                wanted.extend(bench.hear(3, to, piece(8, place, b"right")));
            }
        }
        assert!(asked.iter().all(|asked| *asked <= 64 * interval), "{asked:?}");
        assert_eq!(1 + asked.iter().sum::<usize>(), 3 * 64 * interval, "the roots count too");
        bench.now += 50_000;
        wanted = bench.waken(3);
    }
}

#[test]
fn host_that_answers_what_was_not_asked_is_refused_and_changes_nothing() {
    let mut bench = asking();
    let (clients, _) = bench.hosts[0].captured[&8].clone();
    let sequence = Sequence(8);
    let refused = [Wanted::Refuse(Refusal::NotFetching { sequence: 8 })];
    let before = bench.picture(3);
    let seek = |pieces| Input::Command(Command::Seek { sequence, pieces });
    assert_eq!(bench.dry(3, seek(&[])), [], "an answer that is too late is nobody's wrong");
    let installed = Input::Command(Command::Installed { sequence, clients: &clients });
    assert_eq!(bench.dry(3, installed), refused);
    assert!(before == bench.picture(3), "a refused command changed the state");

    // More pieces than there is room for.
    let roots = captured(&bench, 8).bytes(Place::ROOTS).unwrap();
    let wanted = bench.hear(3, 0, piece(8, Place::ROOTS, &roots));
    assert_eq!(wanted, [Wanted::Stage(8, Place::ROOTS), Wanted::Seek(8, 8)]);
    let digest = digest(b"any");
    let many: Vec<_> = (0..9).map(|at| Sought { place: state_page(at), digest }).collect();
    let before = bench.picture(3);
    assert_eq!(bench.dry(3, seek(&many)), refused);
    assert!(before == bench.picture(3), "a refused command changed the state");
    assert_eq!(fetches(&bench.dry(3, seek(&many[..8]))).len(), 8);
}

#[test]
fn client_table_that_is_not_that_of_the_checkpoint_is_refused() {
    let mut bench = asking();
    let (clients, _) = bench.hosts[0].captured[&8].clone();
    let roots = captured(&bench, 8).bytes(Place::ROOTS).unwrap();
    bench.hear(3, 0, piece(8, Place::ROOTS, &roots));
    let sequence = Sequence(8);
    let wanted = bench.dry(3, Input::Command(Command::Seek { sequence, pieces: &[] }));
    assert!(matches!(wanted[0].record(), Some(Record::Install { .. })), "{wanted:?}");
    assert_eq!(wanted[1..], [Wanted::Install(8)]);
    let mut forged = clients.clone();
    forged[13] ^= 1;
    let refused = [Wanted::Refuse(Refusal::NotFetching { sequence: 8 })];
    let longer = [&clients[..], &[0]].concat();
    for wrong in [&forged[..], &longer, &clients[1..], &[]] {
        let installed = Input::Command(Command::Installed { sequence, clients: wrong });
        assert_eq!(bench.dry(3, installed), refused);
        assert_eq!(bench.hosts[3].replica.status().executed.0, 0);
    }
    let installed = Input::Command(Command::Installed { sequence, clients: &clients });
    assert!(bench.dry(3, installed).len() > 2);
    assert_eq!(bench.hosts[3].replica.status().executed.0, 8);
}

#[test]
fn crash_between_install_and_checkpoint_of_a_replica_that_vouched_for_a_wrong_digest() {
    // Replica 3 vouches for a wrong state at 4, learns better, and is cut off while it installs.
    for has_it in [false, true] {
        let mut bench = Bench::<4>::new();
        bench.hosts[3].state.0[0] ^= 1;
        for t in 1..=4 {
            bench.ask(0, 1, t, b"x");
            bench.run_where(|_, _, message| !is_piece(message));
        }
        assert!(bench.hosts[3].replica.is_diverged());
        let (clients, state) = bench.hosts[0].captured[&4].clone();
        let (wrong_clients, wrong) = bench.hosts[3].captured[&4].clone();
        let digest = checkpoint_digest(4, &clients, &state);
        let record = Record::Install { sequence: Sequence(4), digest };
        let mut buffer = [0; 64];
        let record = wire::encode(&record, &mut buffer).unwrap().to_vec();
        bench.hosts[3].records.push(record);
        if has_it {
            bench.hosts[3].captured.insert(4, (clients, state));
        }
        bench.restart(3);
        assert_eq!(bench.hosts[3].replica.is_diverged(), !has_it);
        if !has_it {
            let snapshot = (wrong_clients, state_digest(&wrong));
            assert_eq!(bench.hosts[3].captured[&4].0, snapshot.0);
            let vouches = |it: &Wanted| matches!(it.message(), Some(Message::Checkpoint { .. }));
            assert!(!bench.waken(3).iter().any(vouches), "it does not vouch for it again");
        }
        bench.mail.clear();
        bench.pass(2_000);
        assert_eq!(bench.hosts[3].installs.len(), usize::from(!has_it));
        assert_eq!(bench.hosts[3].state, bench.hosts[0].state);
        assert!(!bench.hosts[3].replica.is_diverged());
        assert_eq!(bench.hosts[3].replica.status().stable.0, 4);
        // Once more, from what is on the disk now.
        bench.restart(3);
        assert_eq!(bench.hosts[3].state, bench.hosts[0].state);
        for t in 5..=12 {
            bench.ask(0, 1, t, b"x");
            bench.run();
        }
        bench.pass(500);
        assert_eq!(bench.hosts[3].state, bench.hosts[0].state);
        // The old record is still in the log: what came after it tells that it is of the past.
        bench.restart(3);
        assert!(!bench.hosts[3].replica.is_diverged());
        bench.pass(500);
        assert_eq!(bench.hosts[3].state, bench.hosts[0].state);
    }
}

#[test]
fn nothing_is_executed_or_served_while_a_state_is_being_installed() {
    let mut fetching = Fetching::new();
    let bench = &mut fetching.bench;
    let roots = fetching.right.bytes(Place::ROOTS).unwrap();
    bench.hear(3, 0, piece(8, Place::ROOTS, &roots));
    let sequence = Sequence(8);
    bench.dry(3, Input::Command(Command::Seek { sequence, pieces: &[] }));
    for at in 1..=8 {
        let (batch, vote) = bench.one((0, at), 1, at, b"x");
        bench.hear(3, 0, bench.proposal(0, at, &batch));
        bench.hear(3, 1, Message::Prepare(vote));
        bench.hear(3, 0, Message::Commit(vote));
        let wanted = bench.hear(3, 1, Message::Commit(vote));
        assert!(!wanted.iter().any(Wanted::is_execute), "{wanted:?}");
    }
    let held = bench.hosts[3].replica.records().last();
    assert!(matches!(held, Some(Record::Install { sequence: Sequence(8), .. })), "{held:?}");
    let (clients, _) = bench.hosts[0].captured[&8].clone();
    bench.dry(3, Input::Command(Command::Installed { sequence, clients: &clients }));
    let held: Vec<_> = bench.hosts[3].replica.records().collect();
    assert!(!held.iter().any(|it| matches!(it, Record::Install { .. })), "{held:?}");
}
