//! Beyond the bound the same eyes see what breaks: else they prove nothing within it.

use super::explorer::{Explorer, Saying};
use super::*;
use crate::field::*;

/// Every traitor says, in every round in which it speaks, what this picks for the receiver.
fn fight(army: Army, traitors: &[u8], pick: impl Fn(u8) -> Opinion<u8>) -> Broken {
    let mut field = Field::new(army.ids().map(|id| army.rules(id)), traitors);
    let mut treason = |round: u8, from: NodeId, to: NodeId, loyal: Option<Vec<u8>>| {
        let mut letters = nobody(round, from, to, loyal);
        for Letter { payload, .. } in &mut letters {
            *payload = seal(from, army.says(round, pick(to.0)));
        }
        letters
    };
    let battle = field.fight(&mut treason, |verdict| verdict);
    let loyal = army.ids().filter(|id| !traitors.contains(id));
    let verdicts: Vec<_> = loyal.map(|id| battle.decisions[usize::from(id)][0]).collect();
    let order = (!traitors.contains(&army.commander)).then_some(army.order);
    Broken::judge(&verdicts, order)
}

/// A to the even ones, B to the odd ones.
fn camps(to: u8) -> Opinion<u8> {
    if to.is_multiple_of(2) { A } else { B }
}

/// The first `count` generals, who are kings, too.
fn first(count: usize) -> Vec<u8> {
    (0..count as u8).collect()
}

/// In each camp t loyal generals and t traitors make `n - t` votes, in both exchanges.
#[test]
fn a_third_of_traitors_divides_the_loyal_for_good() {
    for t in 1..=5 {
        let army = Army { nodes: 3 * t, traitors: t, ..FOUR };
        let broken = fight(army, &first(t), camps);
        assert_eq!(broken, Broken { ic1: true, ic2: false }, "n = {}, t = {t}", 3 * t);
        let army = Army { nodes: 3 * t + 1, ..army };
        assert_eq!(fight(army, &first(t), camps), Broken::NONE, "with one general more");
    }
}

#[test]
fn one_traitor_too_many_divides_the_loyal_for_good() {
    for t in 1..=4 {
        let army = Army { nodes: 3 * t + 1, traitors: t, ..FOUR };
        let broken = fight(army, &first(t + 1), camps);
        assert_eq!(broken, Broken { ic1: true, ic2: false }, "n = {}, t = {t}", army.nodes);
    }
}

/// The loyal alone are no `n - t` any more, and the traitors alone are more than t.
#[test]
fn one_traitor_too_many_overrules_a_loyal_commander() {
    for t in 1..=4 {
        let army = Army { nodes: 3 * t + 1, traitors: t, commander: 3 * t as u8, ..FOUR };
        let broken = fight(army, &first(t + 1), |_| B);
        assert!(broken.ic2, "n = {}, t = {t}", army.nodes);
        assert_eq!(fight(army, &first(t), |_| B), Broken::NONE, "with one traitor fewer");
    }
}

/// The explorer, too. Three generals who obey a loyal commander stay with it, though: what all
/// loyal generals hold stays if `n > 2t`.
#[test]
fn the_explorer_sees_three_generals_and_two_traitors_among_four_fail() {
    let sayings: [Saying; 4] = [Some(A), Some(B), Some(NOTHING), None];
    for (id, loyal) in [(0, 1), (1, 2), (2, 0)] {
        let army = Army { nodes: 3, traitors: 1, commander: id, order: Some(b'A') };
        let explored = Explorer::new(army, &[id], &sayings).explore();
        assert!(explored.ic1 > 0 && explored.ic2 == 0, "{explored:?}");
        let explored = Explorer::new(army, &[loyal], &sayings).explore();
        assert_eq!((explored.ic1, explored.ic2), (0, 0), "{explored:?}");
    }
    let divided = Explorer::new(FOUR, &[0, 1], &sayings).explore();
    assert!(divided.ic1 > 0, "{divided:?}");
    let overruled = Explorer::new(FOUR, &[1, 2], &sayings).explore();
    assert!(overruled.ic1 > 0 && overruled.ic2 > 0, "{overruled:?}");
}
