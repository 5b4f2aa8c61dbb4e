//! The scenarios of signed messages, each with its exact outcome.

use super::post::{Outcome, Post};
use super::scroll::{Scroll, frame, scrolls};
use super::*;
use crate::field::{Field, Letter, SKEW, nobody};
use quorate::{Fault, Verdict};

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
    assert!((1..4).all(|by| battle.blamed(by, 0, Fault::Equivocation)));
    assert_eq!(battle.accusations.len(), 3);
    let both = frame(&[&Scroll::signed(A, &[0]), &Scroll::signed(B, &[0])]);
    let battle = fight(4, 1, None, &[0], &mut script(vec![(1, 0, 1, both)]));
    assert_eq!(battle.decisions[1..], vec![vec![CONFLICT]; 3]);
}

/// Counts the chains that loyal generals relay, while traitors keep to a script.
struct Counted<T> {
    script: T,
    relays: usize,
}

impl<T: Treason> Treason for Counted<T> {
    fn letters(&mut self, at: u8, from: NodeId, to: NodeId, loyal: Option<Vec<u8>>) -> Vec<Letter> {
        self.script.letters(at, from, to, loyal)
    }

    fn overhear(&mut self, _: u8, _: NodeId, _: NodeId, payload: &[u8]) {
        self.relays += scrolls(payload).len();
    }
}

#[test]
fn s_08_a_flood_of_orders_is_relayed_no_more_than_two_are() {
    for (nodes, relays) in [(4, 12), (7, 60), (10, 144)] {
        for orders in [10, 10_000] {
            let all: Vec<Scroll> = (0..orders).map(|value| Scroll::signed(value, &[0])).collect();
            let pairs = all.chunks(2).map(|pair| frame(&[&pair[0], &pair[1]]));
            let to_all = pairs.flat_map(|pair| (1..nodes).map(move |to| (1, 0, to, pair.clone())));
            let mut counted = Counted { script: script(to_all.collect()), relays: 0 };
            let n = usize::from(nodes);
            let battle = fight(n, 1, None, &[0], &mut counted);
            assert_eq!(battle.decisions[1..], vec![vec![CONFLICT]; n - 1]);
            assert_eq!(counted.relays, relays, "n = {nodes}, {orders} orders");
            assert_eq!(sm::relays(n, 1), relays as u64);
            assert!((1..nodes).all(|by| battle.blamed(by, 0, Fault::Equivocation)));
            assert!((1..nodes).all(|by| battle.blamed(by, 0, Fault::ThirdValue)));
            assert_eq!(battle.accusations.len(), 2 * (n - 1), "once each, however many orders");
        }
    }
}

#[test]
fn s_10_garbage_spends_the_share_of_its_sender_only() {
    let garbage = Scroll::signed(B, &[0, 1]).spoilt(0).frame();
    let needed = Scroll::signed(A, &[0, 1]).frame();
    let order = Scroll::signed(A, &[0]).frame();
    let lines = vec![
        (1, 0, 2, order),
        (2, 1, 3, garbage.clone()),
        (2, 1, 3, garbage.clone()),
        (2, 1, 3, garbage),
        (2, 1, 3, needed),
    ];
    let battle = fight(5, 2, None, &[0, 1], &mut script(lines));
    assert_eq!(battle.decisions[2..], vec![vec![Verdict::Value(A)]; 3]);
    let blamed = battle.accusations.iter().filter(|(_, node, _)| *node == NodeId(1));
    let faults: Vec<_> = blamed.map(|(_, _, fault)| *fault).collect();
    assert_eq!(faults, [Fault::Forged, Fault::Forged, Fault::OverBudget]);
}

#[test]
fn s_11_a_silent_commander_is_missed_and_all_fall_back_on_the_default() {
    for (nodes, traitors) in [(3, 1), (4, 1), (7, 2)] {
        for treason in [&[0][..], &[]] {
            // A commander without an order is as silent as one who is a traitor.
            let battle = fight(nodes, traitors, None, treason, &mut script(vec![]));
            assert_eq!(battle.decisions, vec![vec![NOTHING]; nodes]);
            let missed = |by| battle.blamed(by, 0, Fault::Missing);
            assert!((1..nodes as u8).all(missed));
            assert_eq!((battle.accusations.len(), battle.frames), (nodes - 1, 0));
        }
    }
}

#[test]
fn s_12_a_silent_lieutenant_changes_nothing_and_is_not_missed() {
    let battle = fight(4, 1, Some(A), &[3], &mut script(vec![]));
    assert_eq!(battle.decisions[..3], vec![vec![Verdict::Value(A)]; 3]);
    assert_eq!((battle.accusations, battle.frames), (vec![], 3 + 2 * 2));
}

/// The other half of S-13, two loyal generals among four, is among the random adversaries.
#[test]
fn s_13_fewer_than_two_lieutenants_have_nobody_to_agree_with() {
    for (nodes, traitors) in [(3, 2), (0, 0), (1, 0), (4, 3), (4, 4), (65, 1), (4, usize::MAX)] {
        let rows = memory(nodes, traitors.min(64));
        assert!(Chains::new(config(0, nodes, traitors), rows.clone()).is_err());
        assert!(Chains::unchecked(config(0, nodes, traitors), rows).is_err());
    }
    assert!(Chains::new(config(0, 64, 62), memory(64, 62)).is_ok());
    assert!(Chains::new(config(0, 4, 1), memory(4, 2)).is_err(), "memory of another length");
    assert!(Chains::new(config(4, 4, 1), memory(4, 1)).is_err(), "no such general");
}

#[test]
fn s_19_a_longer_chain_from_a_clock_that_is_ahead_is_not_lost() {
    for round in [0, 1] {
        let mut post = Post::in_round(3, 5, 2, round);
        let early = Scroll::signed(A, &[0, 1]);
        assert_eq!(post.hear(1, &early.frame()), Outcome::FINE);
        (round + 1..=1).for_each(|round| post.begin(round));
        assert!(post.said().is_empty(), "lieutenants say nothing in the first round");
        post.begin(2);
        let said = post.said();
        assert_eq!(said.len(), 1, "relayed in the round after");
        assert_eq!(scrolls(&said[0].1), [early.then(3)]);
        assert_eq!(post.decide(), Verdict::Value(A));
    }
}

/// The same over the field: clocks that differ as much as they may change nothing.
#[test]
fn s_19_skewed_clocks_within_the_inequality_change_nothing() {
    for sign in [1, -1] {
        let mut field = Field::new(generals(5, 2, Some(A)), &[]);
        let skew = SKEW as i64 * sign;
        field.skews = vec![skew, -skew, 0, skew, -skew];
        let battle = field.fight(&mut nobody, |verdict| verdict);
        assert_eq!(battle.decisions, vec![vec![Verdict::Value(A)]; 5]);
        assert_eq!((battle.accusations, battle.refusals), (vec![], vec![]));
    }
}

/// Loyal lieutenants may hold different pairs: only a constant choice agrees.
#[test]
fn lieutenants_with_different_pairs_of_orders_choose_the_same() {
    let pair = |a, b| frame(&[&Scroll::signed(a, &[0]), &Scroll::signed(b, &[0])]);
    let lines = vec![(1, 0, 1, pair(A, B)), (1, 0, 2, pair(B, C)), (1, 0, 3, pair(C, A))];
    let mut field = Field::new(generals(4, 1, None), &[0]);
    let battle = field.fight(&mut script(lines), |verdict| verdict);
    assert_eq!(battle.decisions[1..], vec![vec![CONFLICT]; 3]);
    let held = field.generals[1..].iter().map(|general| general.rules().orders().collect());
    assert_eq!(held.collect::<Vec<Vec<Value>>>(), [[A, B], [B, C], [C, A]]);
    let default = 7;
    assert!(battle.decisions[1..].iter().all(|verdict| verdict[0].order(default) == default));
}

/// A chain that a traitor padded to its length with one key is worth no more than that key.
#[test]
fn a_last_minute_chain_of_repeated_signers_convinces_nobody() {
    for signers in [&[0, 0, 1][..], &[0, 1, 1], &[0, 1, 0, 1]] {
        let lines = vec![(3, 1, 2, Scroll::signed(A, signers).frame())];
        let battle = fight(4, 2, None, &[0, 1], &mut script(lines));
        assert_eq!(battle.decisions[2..], vec![vec![NOTHING]; 2], "{signers:?}");
    }
}

/// What a lieutenant signs as if it commanded is no order of the commander.
#[test]
fn a_lieutenant_cannot_begin_a_chain() {
    let lines = vec![(1, 1, 2, Scroll::signed(B, &[1]).frame())];
    let battle = fight(3, 1, Some(A), &[1], &mut script(lines));
    assert_eq!(violated(&battle, &[1], Some(A)), None);
    assert!(battle.blamed(2, 1, Fault::BadChain));
}
