//! Which paths there are, and that nothing is heard on any other.

use super::*;
use quorate::om::{MAX_ROUNDS, paths};

/// The bytes of one message along any path at all, also an impossible one.
fn raw(commander: u8, path: &[u8], value: u8) -> Vec<u8> {
    [&[1, 7, commander, path.len() as u8], path, &[1, value]].concat()
}

#[test]
fn the_test_writes_the_bytes_that_the_library_writes() {
    assert_eq!(raw(0, &[0, 3, 1], A), Army::new(7, 2).oral(&[0, 3, 1], Some(A)));
}

#[test]
fn every_abuse_of_a_path_is_blamed_and_changes_nothing() {
    let army = Army::new(7, 2);
    let (off, bounds, malformed) = (Fault::OffPath, Fault::OutOfBounds, Fault::Malformed);
    // The receiver is 2, the sender 5.
    let abuses: [(&str, &[u8], Fault); 12] = [
        ("an id twice", &[0, 5, 5], malformed),
        ("the commander twice", &[0, 0, 5], malformed),
        ("no id", &[], malformed),
        ("more ids than any path has", &[9; MAX_ROUNDS + 1], malformed),
        ("an id that no set can hold", &[0, 255, 5], malformed),
        ("the receiver in it", &[0, 2, 5], off),
        ("the receiver first", &[2, 0, 5], off),
        ("another commander", &[1, 0, 5], off),
        ("the commander missing", &[3, 4, 5], off),
        ("another sender", &[0, 5, 3], off),
        ("an id that is not below n", &[0, 7, 5], bounds),
        ("longer than there are rounds", &[0, 1, 3, 5], bounds),
    ];
    for (what, path, fault) in abuses {
        let mut general = Alone::new(army, 2);
        general.open(1);
        let before = general.state();
        assert_eq!(general.hear(5, &raw(0, path, B)), Some(fault), "{what}");
        assert_eq!(general.state(), before, "{what}");
        // The slot of the real path is still free.
        for real in [[0, 5].as_slice(), &[0, 1, 5], &[0, 3, 5]] {
            assert_eq!(general.entry(real), Entry::Empty, "{what}");
            assert_eq!(general.hear(5, &raw(0, real, A)), None, "{what}");
            assert_eq!(general.entry(real), Entry::Value(A), "{what}");
        }
    }
}

#[test]
fn an_id_that_is_no_general_s_is_on_no_path() {
    let army = Army::new(10, 3);
    let mut general = Alone::new(army, 2);
    general.open(1);
    let before = general.state();
    for (id, last) in (10..=255).flat_map(|id| [1, 5, 9].map(|last| (id, last))) {
        for path in [[0, id, last].as_slice(), &[0, id, 4, last], &[0, 4, id, last]] {
            let fault = if id < 64 { Fault::OutOfBounds } else { Fault::Malformed };
            assert_eq!(general.hear(last, &raw(0, path, B)), Some(fault), "{path:?}");
        }
    }
    assert_eq!(general.state(), before);
    let longest: Vec<NodeId> = [0].into_iter().chain((42..63).rev()).map(NodeId).collect();
    let (path, large) = (Path::new(&longest).unwrap(), Army::new(64, 1).orders(63));
    assert_eq!(large.entry(&path), None, "longer than any in two rounds");
    assert_eq!(large.entry(&Path::new(&longest[1..3]).unwrap()), None, "not from the commander");
}

#[test]
fn a_wave_is_heard_only_from_who_speaks_in_its_round() {
    let army = Army::new(7, 2);
    let cases = [
        ("a lieutenant in the first round", 5, 1, 1, Some(Fault::OffPath)),
        ("the commander in the second", 0, 2, 1, Some(Fault::OffPath)),
        ("the commander in the third", 0, 3, 4, Some(Fault::OffPath)),
        ("round 0", 5, 0, 1, Some(Fault::OutOfBounds)),
        ("a round after the last", 5, 4, 12, Some(Fault::OutOfBounds)),
        ("no such round at all", 5, 255, 1, Some(Fault::OutOfBounds)),
        ("one order too few", 5, 3, 3, Some(Fault::Malformed)),
        ("one order too many", 5, 3, 5, Some(Fault::Malformed)),
        ("the commander in the first", 0, 1, 1, None),
        ("a lieutenant in the second", 5, 2, 1, None),
        ("a lieutenant in the third", 5, 3, 4, None),
    ];
    for (what, from, round, orders, fault) in cases {
        let mut general = Alone::new(army, 2);
        let before = general.state();
        let payload = army.wave(NodeId(from), round, &vec![Some(B); orders]);
        assert_eq!(general.hear(from, &payload), fault, "{what}");
        assert_eq!(general.state() == before, fault.is_some(), "{what}");
    }
}

#[test]
fn nobody_has_anything_to_say_to_the_commander() {
    let army = Army::new(4, 1);
    let mut commander = Alone::new(army, 0);
    let before = commander.state();
    for round in [1, 2] {
        let payload = army.wave(NodeId(3), round, &[Some(B)]);
        assert_eq!(commander.hear(3, &payload), Some(Fault::OffPath));
    }
    assert_eq!(commander.hear(3, &raw(0, &[0, 3], B)), Some(Fault::OffPath));
    assert_eq!(commander.state(), before);
}

#[test]
fn a_message_in_the_name_of_another_fills_nobody_s_slot() {
    let army = Army::new(4, 1);
    let mut general = Alone::new(army, 1);
    general.open(1);
    assert_eq!(general.hear(3, &raw(0, &[0], B)), Some(Fault::OffPath), "as the commander");
    assert_eq!(general.hear(3, &raw(0, &[0, 2], B)), Some(Fault::OffPath), "as another lieutenant");
    assert_eq!(general.hear(3, &army.wave(NodeId(0), 1, &[Some(B)])), Some(Fault::OffPath));
    assert!(general.general.rules().entries().iter().all(Entry::is_empty));
}

#[test]
fn the_paths_of_a_wave_are_in_ascending_order_and_each_has_a_slot_of_its_own() {
    for (nodes, traitors, commander) in [(4, 1, 2), (7, 2, 0), (9, 2, 8), (10, 3, 4)] {
        let army = Army { commander, ..Army::new(nodes, traitors) };
        let everybody = || (0..nodes as u8).map(NodeId);
        for me in everybody().filter(|me| me.0 != commander) {
            let mut general = Alone::new(army, me.0);
            let mut heard = 0;
            for (round, from) in (1..=army.rounds()).flat_map(|r| everybody().map(move |f| (r, f)))
            {
                let paths = army.paths(from, me, round);
                assert!(paths.is_sorted_by(|one, two| one.ids() < two.ids()));
                for path in &paths {
                    assert_eq!(path.ids().len(), usize::from(round));
                    assert_eq!(path.ids().last(), Some(&from));
                    assert!(path.ids()[0].0 == commander && !path.ids().contains(&me));
                    let ids: Vec<u8> = path.ids().iter().map(|id| id.0).collect();
                    assert_eq!(general.entry(&ids), Entry::Empty, "a slot of its own: {path:?}");
                    assert_eq!(general.hear(from.0, &army.oral(&ids, Some(A))), None);
                }
                heard += paths.len();
            }
            assert_eq!(heard, slots(nodes, traitors), "and no slot is without a path");
        }
    }
}

#[test]
fn there_are_no_paths_where_nobody_speaks() {
    let count = |commander, sender, receiver, round| {
        paths(5, NodeId(commander), NodeId(sender), NodeId(receiver), round).count()
    };
    assert_eq!(count(0, 0, 1, 1), 1);
    assert_eq!([count(0, 2, 1, 2), count(0, 2, 1, 3), count(0, 2, 1, 4)], [1, 2, 2]);
    assert_eq!(count(0, 2, 1, 5), 0, "nobody is left to be on it");
    assert_eq!(
        [count(0, 2, 1, 0), count(0, 0, 1, 0), count(0, 2, 1, 255)],
        [0; 3],
        "no such round"
    );
    assert_eq!([count(0, 0, 1, 2), count(0, 2, 1, 1)], [0; 2], "not its round");
    assert_eq!([count(0, 2, 2, 2), count(0, 0, 0, 1), count(0, 2, 0, 2)], [0; 3], "not to it");
    assert_eq!([count(0, 5, 1, 2), count(9, 2, 1, 2), count(0, 2, 7, 2)], [0; 3], "not of five");
}

#[test]
fn a_path_names_one_to_twenty_two_generals_once_each() {
    let ids = |count: u8| (0..count).map(NodeId).collect::<Vec<_>>();
    assert_eq!(Path::new(&ids(0)), None);
    assert_eq!(Path::new(&ids(23)), None);
    assert_eq!(Path::new(&[NodeId(3), NodeId(1), NodeId(3)]), None);
    assert_eq!(Path::new(&[NodeId(64)]), None);
    let longest = Path::new(&ids(22)).unwrap();
    assert_eq!((longest.ids(), longest.round()), (&ids(22)[..], 22));
    assert_eq!(format!("{:?}", Path::new(&[NodeId(0), NodeId(63)]).unwrap()), "0:63");
}
