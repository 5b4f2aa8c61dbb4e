//! Beyond the bound the same eyes see what breaks: else they prove nothing within it.

use super::explorer::{Explored, Explorer, Saying};
use super::*;

const SAYINGS: [Saying; 4] = [Some(A), Some(B), Some(NOTHING), None];

fn explore(nodes: usize, traitors: usize, commander: u8, liars: &[u8]) -> Explored {
    let army = Army { nodes, traitors, commander, order: Some(b'A') };
    Explorer::new(army, liars, &SAYINGS).explore()
}

#[test]
fn three_generals_do_not_withstand_one_traitor() {
    for c in 0..3 { for t in 0..3 {
    println!("{c} {t} {:?}", explore(3, 1, c, &[t]));
    }}
}

#[test]
fn six_generals_do_not_withstand_two_traitors() {
    for c in [0,2,5] { for t in [[0,1],[0,2],[1,2],[4,5]] {
    println!("{c} {t:?} {:?}", explore(6, 2, c, &t));
    }}
}
#[test]
fn four_generals_do_not_withstand_a_second_traitor() {
    for c in 0..4 { for t in [[0,1],[0,2],[1,2],[1, 3], [2,3]] {
    println!("{c} {t:?} {:?}", explore(4, 1, c, &t));
    }}
}
