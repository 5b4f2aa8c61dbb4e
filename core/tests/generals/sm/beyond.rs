//! Beyond the bound: what these generals promise among m traitors they do not promise among
//! m + 1, and the checks of these tests see it.

use super::scroll::Scroll;
use super::*;

/// Two traitors in SM(1): nobody relays a chain of two any more, so it may be shown to one alone.
#[test]
fn s_17_two_traitors_break_sm_1_and_it_shows() {
    let lines = vec![(2, 1, 2, Scroll::signed(A, &[0, 1]).frame())];
    let battle = fight(4, 1, None, &[0, 1], &mut script(lines.clone()));
    assert_eq!(battle.decisions[2..], [vec![Verdict::Value(A)], vec![NOTHING]]);
    assert_eq!(violated(&battle, &[0, 1], None), Some("IC1"));
    // The same traitors in SM(2): it is relayed in the third round.
    let battle = fight(4, 2, None, &[0, 1], &mut script(lines));
    assert_eq!(battle.decisions[2..], vec![vec![Verdict::Value(A)]; 2]);
    assert_eq!(violated(&battle, &[0, 1], None), None);
}

/// Whoever holds the commander's key is the commander, as far as anybody can tell.
#[test]
fn a_stolen_key_breaks_ic2_and_the_commander_sees_it() {
    let stolen = Scroll::signed(B, &[0, 1]).frame();
    let lines = vec![(2, 1, 0, stolen.clone()), (2, 1, 2, stolen.clone()), (2, 1, 3, stolen)];
    let battle = fight(4, 1, Some(A), &[1], &mut script(lines));
    assert_eq!(battle.decisions[0], [Verdict::Value(A)]);
    assert_eq!(battle.decisions[2..], vec![vec![CONFLICT]; 2]);
    assert_eq!(violated(&battle, &[1], Some(A)), Some("IC2"));
    assert!(battle.blamed(0, 0, quorate::Fault::Equivocation));
}

/// A clock beyond the skew is a fault like any other: with it and a traitor there are two.
#[test]
fn a_general_whose_clock_is_out_of_bounds_counts_among_the_traitors() {
    let mut field = Field::new(generals(4, 1, Some(A)), &[]);
    field.skews[3] = crate::field::ROUND as i64 * 3 / 2;
    let battle = field.fight(&mut crate::field::nobody, |verdict| verdict);
    assert_eq!(battle.decisions[..3], vec![vec![Verdict::Value(A)]; 3], "F-11");
    assert_eq!(battle.decisions[3], [NOTHING]);
    assert!(
        battle.blamed(3, 0, quorate::Fault::Late) && battle.blamed(3, 0, quorate::Fault::Missing)
    );
}
