//! Every strategy of one traitor among three and four generals, out of a bounded space: what it
//! says to whom in each round. SM(1): no strategy breaks IC1 or IC2.
//!
//! A frame that is late is one that is said in a later round, so no clock is needed here.

use super::reference::{Reference, Told, decided};
use super::scroll::{Scroll, frame_in};
use super::*;
use crate::field::{DELAY, ROUND, START, scope};
use quorate::Fault;
use std::collections::BTreeSet;

/// What a traitor may say to one general in one round: one frame, several, or none; as bytes, and
/// as the reference understands them.
type Speech = Vec<(Vec<u8>, Option<Vec<Scroll>>)>;

fn here(scrolls: &[&Scroll]) -> (Vec<u8>, Option<Vec<Scroll>>) {
    let understood = scrolls.iter().map(|scroll| (*scroll).clone()).collect();
    (frame_in(INSTANCE, scrolls), Some(understood))
}

fn there(scroll: &Scroll) -> (Vec<u8>, Option<Vec<Scroll>>) {
    (frame_in(ELSEWHERE, &[scroll]), None)
}

const ELSEWHERE: Instance = Instance { number: 6, ..INSTANCE };

/// What a commander may sign, replay and repeat.
fn of_a_commander(round: u8, orders: &[Value]) -> Vec<Speech> {
    let signed = |value| Scroll::signed(value, &[0]);
    let mut speeches = vec![vec![]];
    for one in orders {
        speeches.push(vec![here(&[&signed(*one)])]);
        for other in orders.iter().filter(|other| *other != one) {
            speeches.push(vec![here(&[&signed(*one), &signed(*other)])]);
        }
    }
    let (a, b) = (signed(A), signed(B));
    if round == 1 {
        let elsewhere = Scroll::signed_in(&scope(), ELSEWHERE, B, &[0]);
        speeches.push(vec![here(&[&a]), here(&[&a])]);
        speeches.push(vec![here(&[&a]), here(&[&b])]);
        speeches.push(vec![here(&[&a.clone().spoilt(0)])]);
        speeches.push(vec![here(&[&elsewhere])]);
        speeches.push(vec![there(&elsewhere)]);
        speeches.push(vec![here(&[&signed(C)]), here(&[&a, &b])]);
    } else {
        // A chain that is long enough, with one key.
        speeches.push(vec![here(&[&Scroll::signed(B, &[0, 0])])]);
    }
    speeches
}

/// What a lieutenant may make of the loyal commander's order A.
fn of_a_lieutenant(me: u8, to: u8) -> Vec<Speech> {
    let order = Scroll::signed(A, &[0]);
    let relay = order.clone().then(me);
    let elsewhere = Scroll::signed_in(&scope(), ELSEWHERE, B, &[0]);
    let mut renamed = order.clone();
    renamed.value = B;
    let alone = [
        order.clone(),
        relay.clone(),
        Scroll::signed(B, &[me]),
        Scroll::signed(B, &[me, me]),
        Scroll::signed(B, &[0]).spoilt(0).then(me),
        renamed.then(me),
        elsewhere.clone().then(me),
        relay.clone().then(me),
        relay.clone().spoilt(1),
    ];
    let mut speeches: Vec<Speech> = vec![vec![]];
    speeches.extend(alone.iter().map(|scroll| vec![here(&[scroll])]));
    let forged = Scroll::signed(C, &[0]).spoilt(0).then(me);
    speeches.push(vec![here(&[&relay]), here(&[&relay])]);
    speeches.push(vec![here(&[&relay, &forged])]);
    speeches.push(vec![here(&[&forged, &relay])]);
    speeches.push(vec![here(&[&forged]), here(&[&forged]), here(&[&relay])]);
    let theirs = Scroll::signed(A, &[0]).then(if to == 0 { 2 } else { to });
    speeches.push(vec![here(&[&theirs])]);
    speeches.push(vec![there(&elsewhere.then(me))]);
    speeches
}

/// Every combination of speeches: one for each receiver and round.
struct Space {
    traitor: u8,
    places: Vec<(u8, u8)>,
    speeches: Vec<Vec<Speech>>,
}

impl Space {
    fn size(&self) -> usize {
        self.speeches.iter().map(Vec::len).product()
    }

    /// The strategy of this number: what is said in which round to whom.
    fn strategy(&self, mut number: usize) -> Vec<(u8, u8, &Speech)> {
        let mut strategy = Vec::new();
        for ((round, to), speeches) in self.places.iter().zip(&self.speeches) {
            strategy.push((*round, *to, &speeches[number % speeches.len()]));
            number /= speeches.len();
        }
        strategy
    }

    /// Fights with every strategy. Returns how many there were, and of how many of them the
    /// lieutenants obeyed an order; prints how many states the loyal generals were in.
    fn search(&self, nodes: usize, order: Option<Value>) -> (usize, usize) {
        let ids = [self.traitor];
        let (mut obeyed, mut visited) = (0, BTreeSet::new());
        for number in 0..self.size() {
            let strategy = self.strategy(number);
            let mut lines = Vec::new();
            let mut told = Vec::new();
            for (round, to, speech) in &strategy {
                for (payload, frame) in *speech {
                    lines.push((*round, self.traitor, *to, payload.clone()));
                    let at = START + ROUND * (u64::from(*round) - 1) + DELAY / 2;
                    let frame = frame.clone();
                    told.push(Told { at, from: self.traitor, to: *to, frame });
                }
            }
            let mut field = Field::new(generals(nodes, 1, order), &ids);
            field.portrait = Some(|chains| format!("{chains:?}"));
            let battle = field.fight(&mut script(lines), |verdict| verdict);
            visited.append(&mut field.visited);
            assert_eq!(violated(&battle, &ids, order), None, "{strategy:?}");
            assert_the_loyal_trust_each_other(&battle, &ids);
            let skews = vec![0; nodes];
            let reference = Reference { nodes, traitors: 1, ids: ids.to_vec(), order, skews, told };
            let decisions = decided(&battle.decisions, &ids);
            assert_eq!(decisions, reference.decide(), "{strategy:?}");
            obeyed += usize::from(decisions.values().all(Option::is_some));
            let framed = |fault| battle.accusations.iter().any(|it| it.2 == fault);
            assert!(!framed(Fault::Missing) || self.traitor == 0);
        }
        let (traitor, states) = (self.traitor, visited.len());
        println!(
            "SM(1) of {nodes}, traitor {traitor}: {} strategies, {states} states",
            self.size()
        );
        (self.size(), obeyed)
    }
}

fn commanding(nodes: u8, orders: &[Value], late: &[Value]) -> Space {
    let places: Vec<_> =
        [1, 2].into_iter().flat_map(|r| (1..nodes).map(move |to| (r, to))).collect();
    let speeches = places.iter().map(|(round, _)| match round {
        1 => of_a_commander(1, orders),
        _ => of_a_commander(2, late),
    });
    Space { traitor: 0, speeches: speeches.collect(), places }
}

/// The first few speeches where there is less to gain: before the order was heard, and to the
/// commander.
fn relaying(nodes: u8, few: usize) -> Space {
    let others = || (0..nodes).filter(|to| *to != 1 && (nodes == 3 || *to != 0));
    let places: Vec<_> = [1, 2].into_iter().flat_map(|r| others().map(move |to| (r, to))).collect();
    let speeches = places.iter().map(|(round, to)| {
        let mut speeches = of_a_lieutenant(1, *to);
        speeches.truncate(if *round == 1 || *to == 0 { few } else { speeches.len() });
        speeches
    });
    Space { traitor: 1, speeches: speeches.collect(), places }
}

#[test]
fn no_strategy_of_a_commander_of_three_breaks_anything() {
    let (runs, obeyed) = commanding(3, &[A, B], &[A, B]).search(3, None);
    assert!(runs > 4_000 && obeyed > 1_000, "{runs} runs, {obeyed} obeyed");
}

#[test]
fn no_strategy_of_a_commander_of_four_breaks_anything() {
    let (runs, obeyed) = commanding(4, &[A, B], &[B]).search(4, None);
    assert!(runs > 30_000 && obeyed > 500, "{runs} runs, {obeyed} obeyed");
}

#[test]
fn no_strategy_of_a_lieutenant_of_three_breaks_anything() {
    let (runs, obeyed) = relaying(3, 9).search(3, Some(A));
    assert_eq!(runs, obeyed, "IC2");
    assert!(runs > 10_000);
}

#[test]
fn no_strategy_of_a_lieutenant_of_four_breaks_anything() {
    let (runs, obeyed) = relaying(4, 8).search(4, Some(A));
    assert_eq!(runs, obeyed, "IC2");
    assert!(runs > 10_000);
}
