//! The scenarios of signed messages, each with its exact outcome.

use super::scroll::{Scroll, frame};
use super::*;
use crate::field::{DELAY, Letter, nobody};
use quorate::{Fault, Verdict};

/// What a traitor sends on time.
fn letter(payload: Vec<u8>) -> Letter {
    Letter { delay: DELAY / 2, payload }
}

/// Traitors who say nothing but this: in which round, from whom, to whom, which frame.
fn script(
    lines: Vec<(u8, u8, u8, Vec<u8>)>,
) -> impl FnMut(u8, NodeId, NodeId, Option<Vec<u8>>) -> Vec<Letter> {
    move |round, from, to, _| {
        let due = lines.iter().filter(move |line| (line.0, line.1, line.2) == (round, from.0, to.0));
        due.map(|(_, _, _, payload)| letter(payload.clone())).collect()
    }
}

#[test]
fn s_01_all_obey_a_loyal_commander_with_the_messages_of_the_paper() {
    for (nodes, traitors, messages) in [(3, 1, 4), (4, 2, 9), (7, 5, 36), (16, 5, 225)] {
        let battle = fight(nodes, traitors, Some(A), &[], &mut nobody);
        assert_eq!(battle.decisions, vec![vec![Verdict::Value(A)]; nodes]);
        assert_eq!((battle.accusations, battle.refusals), (vec![], vec![]));
        assert_eq!((battle.frames, battle.crowded), (messages, 1), "n = {nodes}, m = {traitors}");
        assert_eq!(sm::messages(nodes, traitors), messages as u64);
    }
}

/// In the second round one signature is too few: else a single traitor breaks IC1.
#[test]
fn s_02_a_fresh_signature_in_a_later_round_is_late() {
    let (a, b) = (Scroll::signed(A, &[0]).frame(), Scroll::signed(B, &[0]).frame());
    let lines = vec![(1, 0, 1, a.clone()), (1, 0, 2, a), (2, 0, 1, b)];
    let battle = fight(3, 1, None, &[0], &mut script(lines));
    assert_eq!(battle.decisions[1..], vec![vec![Verdict::Value(A)]; 2]);
    assert_eq!(battle.accusations, [(NodeId(1), NodeId(0), Fault::Late)]);
}

#[test]
fn s_03_two_signatures_in_the_third_round_are_late() {
    let lines = vec![(3, 1, 2, Scroll::signed(A, &[0, 1]).frame())];
    let battle = fight(4, 2, None, &[0, 1], &mut script(lines));
    assert_eq!(battle.decisions[2..], vec![vec![NOTHING]; 2]);
    assert!(battle.blamed(2, 1, Fault::Late));
}

#[test]
fn s_04_a_staged_reveal_in_time_is_relayed() {
    let lines = vec![(2, 1, 2, Scroll::signed(A, &[0, 1]).frame())];
    let battle = fight(4, 2, None, &[0, 1], &mut script(lines));
    assert_eq!(battle.decisions[2..], vec![vec![Verdict::Value(A)]; 2]);
    assert_eq!(battle.frames, 1, "general 2 tells general 3, who need tell nobody");
}

/// With one order kept instead of two, the lieutenants would obey A, B and B.
#[test]
fn s_06_a_commander_that_equivocates_is_found_out_by_all() {
    let (a, b) = (Scroll::signed(A, &[0]).frame(), Scroll::signed(B, &[0]).frame());
    let lines = vec![(1, 0, 1, a), (1, 0, 2, b.clone()), (1, 0, 3, b)];
    let battle = fight(4, 1, None, &[0], &mut script(lines));
    assert_eq!(battle.decisions[1..], vec![vec![CONFLICT]; 3]);
    let all: Vec<_> = (1..4).map(|by| (NodeId(by), NodeId(0), Fault::Equivocation)).collect();
    assert_eq!(battle.accusations, all);
    let both = frame(&[&Scroll::signed(A, &[0]), &Scroll::signed(B, &[0])]);
    let battle = fight(4, 1, None, &[0], &mut script(vec![(1, 0, 1, both)]));
    assert_eq!(battle.decisions[1..], vec![vec![CONFLICT]; 3]);
}
