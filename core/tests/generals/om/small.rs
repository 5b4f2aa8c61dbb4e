//! Four generals and one traitor: every strategy there is.

use super::{A, Army, B, Broken, R, fight, judge, liars, obeyed, say};
use quorate::NodeId;

const SAYINGS: [Option<u8>; 4] = [Some(A), Some(B), Some(R), None];

#[test]
fn no_commander_can_split_three_lieutenants() {
    let army = Army::new(4, 1);
    for strategy in 0..4usize.pow(3) {
        let mut treason = liars(army, |_, NodeId(to), _| {
            say(SAYINGS[strategy / 4usize.pow(u32::from(to) - 1) % 4])
        });
        let obeyed = obeyed(&fight(army, Some(A), &[0], &mut treason));
        assert_eq!(judge(army, A, &[0], &obeyed), Broken::default(), "{strategy}: {obeyed:?}");
    }
}

#[test]
fn no_lieutenant_can_turn_the_others_from_a_loyal_commander() {
    let army = Army::new(4, 1);
    for (traitor, order) in (1..4).flat_map(|id| [A, B, R].map(|order| (id, order))) {
        for strategy in 0..4usize.pow(2) {
            let lowest = if traitor == 1 { 2 } else { 1 };
            let mut treason = liars(army, |_, NodeId(to), _| {
                say(SAYINGS[if to == lowest { strategy % 4 } else { strategy / 4 }])
            });
            let battle = fight(army, Some(order), &[traitor], &mut treason);
            let broken = judge(army, order, &[traitor], &obeyed(&battle));
            assert_eq!(broken, Broken::default(), "{traitor} lies {strategy} about {order}");
        }
    }
}
