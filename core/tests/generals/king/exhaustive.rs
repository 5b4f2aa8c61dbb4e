//! Four generals and one traitor, whoever it is: no strategy breaks anything.

use super::explorer::{Explored, Explorer, Saying};
use super::*;

/// Orders of three kinds, their absence, the third symbol (also where it may not be said), and
/// silence.
const SAYINGS: [Saying; 6] = [Some(A), Some(B), Some(C), Some(NOTHING), Some(UNDECIDED), None];

fn every_place(orders: &[Option<u8>]) -> Explored {
    let mut explored = Explored::default();
    for commander in FOUR.ids() {
        for traitor in FOUR.ids() {
            for order in orders {
                let army = Army { commander, order: *order, ..FOUR };
                explored.add(Explorer::new(army, &[traitor], &SAYINGS).explore());
            }
        }
    }
    explored
}

#[test]
fn no_strategy_of_one_traitor_among_four_breaks_anything() {
    let explored = every_place(&[Some(b'A'), None]);
    println!("king of four: {} strategies, {} states", explored.strategies, explored.states);
    assert_eq!((explored.ic1, explored.ic2), (0, 0));
    // Six sayings to three receivers in seven rounds, by four traitors under four commanders with
    // and without an order.
    assert_eq!(explored.strategies, 4 * 4 * 2 * 6u128.pow(3 * 7));
    assert_eq!(explored.states, 24_146, "what there is to visit has changed");
}
