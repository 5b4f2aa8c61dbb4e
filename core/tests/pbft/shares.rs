//! What one server is asked for in a status interval, and what that costs who asks.

use crate::bench::*;
use crate::pieces::state_page;
use crate::transfer::*;
use crate::wanted::*;
use quorate::pbft::*;
use quorate::{Fault, Input};

/// A state without end at replica 3, whose server 0 answers at once and the others never: what
/// each is asked for until nothing more can be.
struct Endless {
    bench: Bench<4>,
    next: u32,
    asked: [usize; 3],
    /// What each was asked for, in order.
    asked_for: Vec<(usize, Place)>,
}

impl Endless {
    fn new() -> Self {
        let mut endless =
            Self { bench: asking(), next: 0, asked: [1, 0, 0], asked_for: Vec::new() };
        let roots = captured(&endless.bench, 8).bytes(Place::ROOTS).unwrap();
        let wanted = endless.bench.hear(3, 0, piece(8, Place::ROOTS, &roots));
        endless.exhaust(wanted);
        endless
    }

    /// The host names whatever there is room for, and server 0 answers.
    fn exhaust(&mut self, mut wanted: Vec<Wanted>) {
        while !wanted.is_empty() {
            let mut answers = Vec::new();
            for (to, _, place) in fetches(&wanted) {
                self.asked[to] += 1;
                self.asked_for.push((to, place));
                if to == 0 {
                    answers.push(place);
                }
            }
            let seek = wanted.iter().find_map(|it| match it {
                Wanted::Seek(_, room) => Some(*room),
                _ => None,
            });
            wanted.clear();
            if let Some(room) = seek {
                let sought = |index: u32| {
                    let digest = merkle::page_digest(Part::State, index, b"right");
                    Sought { place: state_page(index), digest }
                };
                let pieces: Vec<_> = (self.next..).take(room).map(sought).collect();
                self.next += room as u32;
                assert!(self.next < 4_000, "there is no end of asking");
                let command = Command::Seek { sequence: Sequence(8), pieces: &pieces };
                wanted.extend(self.bench.dry(3, Input::Command(command)));
            }
            for place in answers {
                wanted.extend(self.bench.hear(3, 0, piece(8, place, b"right")));
            }
        }
    }

    fn interval(&mut self) {
        self.asked = [0; 3];
        self.bench.now += 50_000;
        let wanted = self.bench.waken(3);
        self.exhaust(wanted);
    }
}

#[test]
fn fast_server_is_asked_for_no_more_than_its_own_share() {
    let mut endless = Endless::new();
    assert_eq!(endless.asked, [64, 3, 3], "the others owe what they were asked for");
    endless.interval();
    assert_eq!(endless.asked, [64, 0, 0], "a new share");
}

#[test]
fn piece_for_which_nobody_has_a_share_left_is_asked_for_in_the_next_interval() {
    let mut endless = Endless::new();
    for liar in [1, 2] {
        let owed = endless.asked_for.iter().rfind(|(to, _)| *to == liar);
        let (_, place) = *owed.unwrap();
        let wanted = endless.bench.hear(3, liar, piece(8, place, b"wrong"));
        assert!(wanted.contains(&Wanted::Accuse(liar, Fault::BadContent)), "{wanted:?}");
        endless.exhaust(wanted);
    }
    assert_eq!(endless.asked[0], 64, "not even for what the others owed");
    let owed = endless.asked_for.iter().filter(|(to, _)| *to != 0);
    let owed: Vec<_> = owed.map(|(_, place)| (0, *place)).collect();
    endless.interval();
    assert_eq!(endless.asked, [64, 0, 0]);
    assert!(owed.iter().all(|it| endless.asked_for.contains(it)), "for that too: {owed:?}");
}

#[test]
fn question_that_is_answered_is_no_flood_up_to_what_is_served() {
    let mut bench = without_3(8);
    bench.now += 1_000_000;
    let ask = Message::FetchState { sequence: Sequence(8), place: Place::ROOTS };
    let mut fruitless = |_| {
        bench.hear(0, 3, ask);
        bench.hosts[0].replica.was_fruitless()
    };
    assert!(!(0..128).any(&mut fruitless), "each is answered");
    assert!((0..128).all(fruitless), "none of these");
}
