//! What a fault-free agreement costs, counted on the field, against the formulas and the tables.

use super::{A, Army, orders_of};
use crate::field::{DELAY, Letter};
use quorate::om::{bytes, frames, messages, rounds, slots};
use quorate::{NodeId, Verdict};

/// Messages, frames and bytes that all generals send.
fn counted(army: Army) -> (u64, u64, u64) {
    let (mut orders, mut frames, mut bytes) = (0, 0, 0);
    let everybody: Vec<u8> = (0..army.nodes as u8).collect();
    // A "traitor" that sends what it should lets the test see what that is.
    let mut watch = |round: u8, from: NodeId, _: NodeId, loyal: Option<Vec<u8>>| {
        assert_eq!(loyal.is_some() && round == 1, from == NodeId(army.commander) && round == 1);
        let carry = |payload: Vec<u8>| {
            orders += orders_of(&payload).len() as u64;
            frames += 1;
            bytes += payload.len() as u64;
            Letter { delay: DELAY, payload }
        };
        loyal.map(carry).into_iter().collect()
    };
    let mut field = army.field(Some(A), &everybody);
    let battle = field.fight(&mut watch, |verdict| verdict);
    assert_eq!(battle.decisions, vec![vec![Verdict::Value(A)]; army.nodes]);
    assert_eq!((battle.accusations, battle.refusals), (vec![], vec![]));
    for general in &field.generals {
        assert_eq!(general.round(), army.rounds() + 1, "after the last round, not before");
        let heard = general.rules().entries().iter().filter(|entry| !entry.is_empty()).count();
        let commands = general.rules().config().commands();
        assert_eq!(heard, if commands { 0 } else { slots(army.nodes, army.traitors) });
    }
    (orders, frames, bytes)
}

#[test]
fn every_size_up_to_four_hundred_thousand_messages_costs_what_the_formulas_say() {
    let mut sizes = 0;
    for (nodes, traitors) in (2..=16).flat_map(|n| (0..=5).map(move |m| (n, m))) {
        let in_bounds = nodes > 3 * traitors;
        if !in_bounds || messages(nodes, traitors) > 400_000 {
            continue;
        }
        // The number that takes most bytes: the bound on bytes is then reached.
        let army = Army { number: u64::MAX, ..Army::new(nodes, traitors) };
        let expected = [messages, frames].map(|formula| formula(nodes, traitors));
        let (orders, frames, sent) = counted(army);
        assert_eq!([orders, frames], expected, "n = {nodes}, m = {traitors}");
        assert_eq!(sent, bytes(nodes, traitors, 1), "n = {nodes}, m = {traitors}");
        sizes += 1;
    }
    assert_eq!(sizes, 15 + 13 + 10 + 7 + 4, "16 with 5 is the only one left out");
}

#[test]
fn the_formulas_make_the_published_table() {
    let table = [
        ((4, 1), 9, 9, 3),
        ((7, 2), 156, 66, 26),
        ((10, 3), 3_609, 225, 401),
        ((13, 4), 108_384, 540, 9_032),
        ((16, 5), 3_999_675, 1_065, 266_645),
    ];
    for ((nodes, traitors), orders, packed, memory) in table {
        assert_eq!(messages(nodes, traitors), orders);
        assert_eq!(frames(nodes, traitors), packed);
        assert_eq!(slots(nodes, traitors), memory);
        assert_eq!(usize::from(rounds(traitors)), traitors + 1);
    }
}

#[test]
fn arguments_beyond_all_bounds_saturate() {
    for (nodes, traitors) in [(0, 0), (1, 0), (0, 9), (1, usize::MAX)] {
        let counts = (messages(nodes, traitors), frames(nodes, traitors), slots(nodes, traitors));
        assert_eq!(counts, (0, 0, 0), "there is nobody to tell");
        assert_eq!(bytes(nodes, traitors, 9), 0);
    }
    assert_eq!(messages(64, 62), u64::MAX);
    assert_eq!(slots(64, 62), usize::MAX);
    assert_eq!(frames(usize::MAX, usize::MAX), u64::MAX);
    assert_eq!(bytes(64, 62, usize::MAX), u64::MAX);
    assert_eq!(rounds(usize::MAX), u8::MAX);
    assert_eq!((rounds(253), rounds(254), rounds(255)), (254, 255, 255));
}
