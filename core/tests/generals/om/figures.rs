//! Known outcomes: of the paper, of its impossibility result, and of a reference model.

use super::*;
use quorate::{Fault, Reason};

/// What three lieutenants obey when their commander says this to them, in order.
fn commanded(orders: [Option<u8>; 3]) -> [u8; 3] {
    let army = Army::new(4, 1);
    let mut treason = liars(army, |_, NodeId(to), _| say(orders[usize::from(to) - 1]));
    let obeyed = obeyed(&fight(army, Some(A), &[0], &mut treason));
    [obeyed[1], obeyed[2], obeyed[3]]
}

#[test]
fn three_different_orders_are_none() {
    assert_eq!(commanded([Some(A), Some(B), Some(C)]), [R; 3]);
}

#[test]
fn two_equal_orders_of_three_prevail() {
    assert_eq!(commanded([Some(A), Some(A), Some(B)]), [A; 3]);
    assert_eq!(commanded([Some(A), Some(B), Some(B)]), [B; 3]);
    assert_eq!(commanded([Some(A), Some(A), None]), [A; 3]);
}

#[test]
fn one_order_and_two_silences_are_none() {
    assert_eq!(commanded([Some(A), None, None]), [R; 3]);
}

#[test]
fn whether_the_default_is_said_or_meant_makes_no_difference() {
    for rest in [[Some(A), Some(R)], [Some(A), Some(A)], [Some(R), Some(R)], [Some(B), Some(A)]] {
        let said = commanded([Some(R), rest[0], rest[1]]);
        assert_eq!(said, commanded([None, rest[0], rest[1]]), "{rest:?}");
    }
}

#[test]
fn a_lieutenant_that_lies_in_any_way_turns_nobody() {
    let army = Army::new(4, 1);
    for lies in [[Some(B), Some(B)], [Some(R), Some(R)], [None, None], [Some(B), Some(C)]] {
        let mut treason = liars(army, |_, NodeId(to), _| say(lies[usize::from(to) - 1]));
        let battle = fight(army, Some(A), &[3], &mut treason);
        assert_eq!(obeyed(&battle)[1..3], [A, A], "{lies:?}");
        let blamed: Vec<_> =
            battle.accusations.iter().map(|(_, who, fault)| (who.0, *fault)).collect();
        let silent = if lies == [None, None] { vec![(3, Fault::Missing); 2] } else { vec![] };
        assert_eq!(blamed, silent, "{lies:?}");
    }
}

#[test]
fn three_generals_cannot() {
    let army = Army::new(3, 1);
    for (order, ic2) in [(A, true), (R, false)] {
        let mut treason = liars(army, |_, _, _| Lie::Say(Some(B)));
        let obeyed = obeyed(&fight(army, Some(order), &[2], &mut treason));
        assert_eq!(obeyed[1], R);
        // Nobody sees it where the loyal order is the default.
        assert_eq!(judge(army, order, &[2], &obeyed), Broken { ic1: false, ic2 });
    }
}

#[test]
fn six_generals_cannot_withstand_two() {
    let army = Army::new(6, 2);
    let obeyed = obeyed(&fight(army, Some(A), &[4, 5], &mut liars(army, |_, _, _| say(Some(B)))));
    assert_eq!(obeyed[1..4], [R; 3]);
    assert!(judge(army, A, &[4, 5], &obeyed).ic2);
}

#[test]
fn one_round_of_relays_does_not_withstand_two() {
    let army = Army::new(5, 1);
    let obeyed = obeyed(&fight(army, Some(A), &[2, 3], &mut liars(army, |_, _, _| say(Some(B)))));
    assert_eq!([obeyed[1], obeyed[4]], [R; 2]);
    assert!(judge(army, A, &[2, 3], &obeyed).ic2);
}

/// What a traitor says along a path to a receiver.
type Strategy = fn(&[NodeId], NodeId) -> Lie;

/// The four strategies of two traitors that were traced by hand.
const STRATEGIES: [(&str, Strategy); 4] = [
    ("always B", |_, _| Lie::Say(Some(B))),
    ("by parity", |path, NodeId(to)| {
        say(Some(if (usize::from(to) + path.len()) % 2 == 0 { A } else { B }))
    }),
    ("silent", |_, _| Lie::Silence),
    ("by receiver", |_, NodeId(to)| say(Some(if to <= 3 { A } else { B }))),
];

#[test]
fn seven_withstand_a_traitor_commander_and_its_accomplice() {
    let army = Army::new(7, 2);
    for ((name, strategy), order) in STRATEGIES.into_iter().zip([B, R, R, B]) {
        let mut treason = liars(army, |path, to, _| strategy(path, to));
        let obeyed = obeyed(&fight(army, Some(C), &[0, 1], &mut treason));
        assert_eq!(obeyed[2..], [order; 5], "{name}");
    }
}

#[test]
fn seven_withstand_two_traitors_under_a_loyal_commander() {
    let army = Army::new(7, 2);
    for traitors in [[5, 6], [1, 2]] {
        for (name, strategy) in STRATEGIES {
            let mut treason = liars(army, |path, to, _| strategy(path, to));
            let obeyed = obeyed(&fight(army, Some(A), &traitors, &mut treason));
            assert_eq!(judge(army, A, &traitors, &obeyed), Broken::default(), "{name}");
        }
    }
}

#[test]
fn fewer_traitors_than_allowed_change_neither_the_result_nor_the_time() {
    let army = Army::new(7, 2);
    for traitors in [vec![], vec![6]] {
        let mut field = army.field(Some(A), &traitors);
        let battle = field.fight(&mut liars(army, |_, _, _| say(Some(B))), |verdict| verdict);
        assert_eq!(obeyed(&battle)[..6], [A; 6]);
        assert!(field.generals.iter().all(|general| general.round() == 4), "after three rounds");
    }
}

#[test]
fn a_crash_in_the_middle_is_one_of_the_faults_that_are_withstood() {
    let army = Army::new(7, 2);
    for round in 1..=3 {
        // General 3 stops in that round, when it has spoken to the first two; 6 lies throughout.
        let mut treason = liars(army, |path, NodeId(to), honest| match path.last() {
            Some(NodeId(3)) if path.len() > round || (path.len() == round && to > 2) => {
                Lie::Silence
            }
            Some(NodeId(3)) => Lie::Say(honest),
            _ => Lie::Say(Some(if to % 2 == 0 { B } else { C })),
        });
        let obeyed = obeyed(&fight(army, Some(A), &[3, 6], &mut treason));
        assert_eq!(judge(army, A, &[3, 6], &obeyed), Broken::default(), "stopped in {round}");
    }
}

#[test]
fn a_silent_commander_is_missing_to_everybody_and_decides_so_itself() {
    let battle = fight(Army::new(4, 1), None, &[], &mut nobody);
    assert_eq!(battle.decisions, vec![vec![Verdict::Default(Reason::Missing)]; 4]);
    let missing = [1, 2, 3].map(|by| (NodeId(by), NodeId(0), Fault::Missing));
    assert_eq!(battle.accusations, missing);
}

#[test]
fn the_reason_for_the_default_is_what_was_seen() {
    let army = Army::new(4, 1);
    let mut split = [A, B, C].into_iter();
    let battle = fight(army, Some(A), &[0], &mut liars(army, |_, _, _| say(split.next())));
    assert_eq!(battle.decisions[1..], vec![vec![Verdict::Default(Reason::Conflict)]; 3]);
    let mut one = |_, _, NodeId(to), _| match to {
        1 => vec![Letter { delay: DELAY, payload: army.wave(NodeId(0), 1, &[Some(A)]) }],
        2 => vec![Letter { delay: DELAY, payload: army.wave(NodeId(0), 1, &[]) }],
        _ => vec![],
    };
    let battle = fight(army, Some(A), &[0], &mut one);
    let reasons = [Reason::Missing, Reason::Invalid, Reason::Missing];
    assert_eq!(battle.decisions[1..], reasons.map(|reason| vec![Verdict::Default(reason)]));
    assert!(battle.blamed(2, 0, Fault::Malformed) && battle.blamed(3, 0, Fault::Missing));
    assert!(!battle.blamed(2, 0, Fault::Missing), "one wrong is one accusation");
}

#[test]
fn a_garbled_order_is_the_reason_also_where_half_have_heard_one() {
    let army = Army::new(5, 1);
    let mut general = Alone::new(army, 1);
    general.open(1);
    assert_eq!(general.hear(0, &army.wave(NodeId(0), 1, &[])), Some(Fault::Malformed));
    general.open(2);
    for (from, order) in [(2, Some(A)), (3, Some(A)), (4, None)] {
        assert_eq!(general.hear(from, &army.wave(NodeId(from), 2, &[order])), None);
    }
    assert_eq!(general.decide(), Verdict::Default(Reason::Invalid));
}
