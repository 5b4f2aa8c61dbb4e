//! The phase king in time: one general and the field around it.

use super::*;
use crate::field::*;
use crate::scheme::TestVerifier;
use quorate::king::General;
use quorate::{Fault, Input, Instant, Never, Output, Principal, Protocol, Reason, Refusal, Target};

type Soldier = General<u8, Vec<Opinion<u8>>>;
type Said = Output<Message<u8>, Verdict<u8>, Never>;

fn general(me: u8) -> Soldier {
    General::new(FOUR.config(me), schedule(), vec![NOTHING; 8]).unwrap()
}

fn wake(general: &mut Soldier, at: u64) -> Vec<Said> {
    general.step(Instant::from_micros(at), Input::Wake).collect()
}

fn hear(general: &mut Soldier, at: u64, from: u8, message: Message<u8>) -> Vec<Said> {
    let from = Principal::Node(NodeId(from));
    let heard = roster(4).verify(&TestVerifier, from, message).unwrap();
    general.step(Instant::from_micros(at), Input::Message(heard)).collect()
}

fn begin(round: u8) -> u64 {
    START + ROUND * (u64::from(round) - 1)
}

#[test]
fn the_commander_says_one_frame_to_all_in_each_round_but_the_other_kings() {
    let mut commander = general(0);
    let ordered = commander.step(Instant::ZERO, Input::Command(Order(b'A'))).count();
    assert_eq!((ordered, commander.deadline()), (0, Some(Instant::from_micros(START))));
    for round in 1..=7 {
        let said = wake(&mut commander, begin(round));
        let message = FOUR.says(round, A);
        let send = Output::Send { to: Target::All, message };
        assert_eq!(said.contains(&send), round != 7, "round {round}: {said:?}");
        assert!(said.iter().filter(|it| matches!(it, Output::Send { .. })).count() < 2);
        for id in [1, 2, 3].into_iter().filter(|_| [2, 3, 5, 6].contains(&round)) {
            assert_eq!(hear(&mut commander, begin(round) + 1, id, FOUR.says(round, A)), []);
        }
        if round == 7 {
            assert_eq!(hear(&mut commander, begin(round) + 1, 1, FOUR.says(round, A)), []);
        }
    }
    let end = commander.deadline().unwrap();
    assert_eq!(end.as_micros(), begin(8));
    assert_eq!(wake(&mut commander, begin(8)), [Output::Decide(Verdict::Value(b'A'))]);
    assert_eq!((commander.deadline(), commander.is_over()), (None, true));
    let late = Output::Accuse { node: NodeId(1), fault: Fault::Late };
    assert_eq!(hear(&mut commander, begin(9), 1, FOUR.says(7, A)), [late]);
    let begun = commander.step(end, Input::Command(Order(b'B'))).next();
    assert_eq!(begun, Some(Output::Refuse(Refusal::Begun)));
}

#[test]
fn whoever_is_silent_is_accused_at_the_end_of_each_round() {
    let mut soldier = general(2);
    let mut accused = Vec::new();
    for round in 1..=8 {
        let said = wake(&mut soldier, begin(round));
        accused.push(said.iter().filter(|it| matches!(it, Output::Accuse { .. })).count());
        if round == 8 {
            assert_eq!(said.last(), Some(&Output::Decide(Verdict::Default(Reason::Missing))));
        }
    }
    assert_eq!(accused, [0, 1, 3, 3, 1, 3, 3, 1]);
}

#[test]
fn a_general_that_missed_its_deadline_says_so_and_no_more() {
    for late in 1..=8 {
        let mut soldier = general(2);
        for round in 1..late {
            wake(&mut soldier, begin(round));
        }
        let said = wake(&mut soldier, begin(late) + MARGIN + 1);
        assert_eq!(said, [Output::Refuse(Refusal::MissedDeadline { round: late })]);
        assert_eq!(soldier.deadline(), None);
        assert!(hear(&mut soldier, begin(late) + MARGIN + 2, 0, FOUR.says(late, A)).is_empty());
    }
}

#[test]
fn what_a_clock_ahead_says_is_kept_and_what_a_clock_behind_says_is_late() {
    let mut soldier = general(3);
    assert_eq!(hear(&mut soldier, START - 1, 0, FOUR.says(1, A)), [], "before the first round");
    wake(&mut soldier, begin(1));
    assert_eq!(hear(&mut soldier, begin(1) + 1, 1, FOUR.says(2, A)), []);
    let message = FOUR.says(2, A);
    let said = wake(&mut soldier, begin(2));
    assert_eq!(said, [Output::Send { to: Target::All, message }], "the commander was heard");
    hear(&mut soldier, begin(2) + 1, 2, FOUR.says(2, A));
    let said = hear(&mut soldier, begin(3), 0, FOUR.says(2, A));
    let blame = |fault| Output::Accuse { node: NodeId(0), fault };
    let message = FOUR.says(3, A);
    let send = Output::Send { to: Target::All, message };
    assert_eq!(said, [blame(Fault::Missing), send, blame(Fault::Late)]);
}

#[test]
fn all_obey_a_loyal_commander_whatever_the_clocks_within_their_bounds() {
    for army in [FOUR, SEVEN] {
        for commander in army.ids() {
            let army = Army { commander, ..army };
            let mut field = Field::new(army.ids().map(|id| army.rules(id)), &[]);
            let skew = |id: u8| [0, SKEW as i64, -(SKEW as i64)][usize::from(id + commander) % 3];
            field.skews = army.ids().map(skew).collect();
            let battle = field.fight(&mut nobody, |verdict| verdict);
            assert_eq!(battle.decisions, vec![vec![Verdict::Value(b'A')]; army.nodes]);
            assert_eq!((battle.accusations, battle.refusals), (vec![], vec![]));
            assert_eq!(battle.crowded, 1);
        }
    }
}

#[test]
fn a_commander_without_an_order_leaves_all_with_the_default() {
    let army = Army { order: None, ..FOUR };
    let mut field = Field::new(army.ids().map(|id| army.rules(id)), &[]);
    let battle = field.fight(&mut nobody, |verdict| verdict);
    assert_eq!(battle.decisions, vec![vec![Verdict::Default(Reason::Missing)]; 4]);
    let missing = |by| (NodeId(by), NodeId(0), Fault::Missing);
    assert_eq!(battle.accusations, [missing(1), missing(2), missing(3)]);
}

/// A commander that tells everybody something else: all that are loyal agree that there is no
/// order, and each has seen why.
#[test]
fn three_orders_of_one_commander_are_a_conflict() {
    let mut field = Field::new(FOUR.ids().map(|id| FOUR.rules(id)), &[0]);
    let mut split = |round: u8, from: NodeId, to: NodeId, loyal: Option<Vec<u8>>| match round {
        1 => nobody(round, from, to, Some(seal(from, FOUR.says(1, Opinion::Order(to.0))))),
        2 => vec![],
        _ => nobody(round, from, to, loyal),
    };
    let battle = field.fight(&mut split, |verdict| verdict);
    assert_eq!(battle.decisions[1..], vec![vec![Verdict::Default(Reason::Conflict)]; 3]);
}

/// A traitor that has no turn speaks all the same, and as loudly as it can.
#[test]
fn speaking_out_of_turn_changes_nothing() {
    let mut field = Field::new(FOUR.ids().map(|id| FOUR.rules(id)), &[3]);
    let mut loud = |round: u8, from: NodeId, to: NodeId, loyal: Option<Vec<u8>>| {
        let mut letters = nobody(round, from, to, loyal);
        for opinion in [B, NOTHING, UNDECIDED] {
            letters.extend(nobody(round, from, to, Some(seal(from, FOUR.says(round, opinion)))));
        }
        letters
    };
    let battle = field.fight(&mut loud, |verdict| verdict);
    assert_eq!(battle.decisions[..3], vec![vec![Verdict::Value(b'A')]; 3]);
    assert!(battle.blamed(0, 3, Fault::NotAllowed) && battle.blamed(0, 3, Fault::Equivocation));
    assert!(battle.accusations.iter().all(|(by, whom, _)| by.0 == 3 || whom.0 == 3));
}
