//! Four generals and one traitor: every strategy there is.

use super::{A, Army, B, Broken, R, judge, liars, obeyed, say};
use crate::field::{Battle, Treason};
use quorate::{NodeId, Verdict};
use std::collections::BTreeSet;

const SAYINGS: [Option<u8>; 4] = [Some(A), Some(B), Some(R), None];

/// Every state that the loyal generals were in when a round was over, over many battles.
#[derive(Default)]
struct Visited {
    battles: usize,
    states: BTreeSet<String>,
}

impl Visited {
    fn fight(
        &mut self,
        army: Army,
        order: u8,
        traitor: u8,
        treason: &mut impl Treason,
    ) -> Battle<Verdict<u8>> {
        let mut field = army.field(Some(order), &[traitor]);
        field.portrait = Some(|rules| format!("{rules:?}"));
        let battle = field.fight(treason, |verdict| verdict);
        self.battles += 1;
        self.states.append(&mut field.visited);
        battle
    }

    fn print(&self) {
        println!("OM(1) of four: {} strategies, {} states", self.battles, self.states.len());
    }
}

#[test]
fn no_commander_can_split_three_lieutenants() {
    let (army, mut visited) = (Army::new(4, 1), Visited::default());
    for strategy in 0..4usize.pow(3) {
        let mut treason = liars(army, |_, NodeId(to), _| {
            say(SAYINGS[strategy / 4usize.pow(u32::from(to) - 1) % 4])
        });
        let obeyed = obeyed(&visited.fight(army, A, 0, &mut treason));
        assert_eq!(judge(army, A, &[0], &obeyed), Broken::default(), "{strategy}: {obeyed:?}");
    }
    visited.print();
    assert_eq!((visited.battles, visited.states.len()), (64, 128));
}

#[test]
fn no_lieutenant_can_turn_the_others_from_a_loyal_commander() {
    let (army, mut visited) = (Army::new(4, 1), Visited::default());
    for (traitor, order) in (1..4).flat_map(|id| [A, B, R].map(|order| (id, order))) {
        for strategy in 0..4usize.pow(2) {
            let lowest = if traitor == 1 { 2 } else { 1 };
            let mut treason = liars(army, |_, NodeId(to), _| {
                say(SAYINGS[if to == lowest { strategy % 4 } else { strategy / 4 }])
            });
            let battle = visited.fight(army, order, traitor, &mut treason);
            let broken = judge(army, order, &[traitor], &obeyed(&battle));
            assert_eq!(broken, Broken::default(), "{traitor} lies {strategy} about {order}");
        }
    }
    visited.print();
    assert_eq!((visited.battles, visited.states.len()), (144, 162));
}
