//! Signed messages, SM(m).

mod beyond;
mod budget;
mod costs;
mod exhaustive;
mod frames;
mod post;
mod random;
mod reference;
mod rules;
mod scenarios;
mod scroll;
mod statements;

use crate::field::{Battle, DELAY, Field, Letter, Treason};
use quorate::rounds::{Config, Instance, Rules};
use quorate::sm::{self, Row};
use quorate::{NodeId, Order, Reason, Verdict};

/// The orders of all tests.
pub type Value = u16;

pub const A: Value = b'A' as Value;
pub const B: Value = b'B' as Value;
pub const C: Value = b'C' as Value;

/// The agreement that all tests are about unless they say otherwise: general 0 commands.
pub const INSTANCE: Instance = Instance { number: 7, commander: NodeId(0) };

pub const NOTHING: Verdict<Value> = Verdict::Default(Reason::Missing);
pub const CONFLICT: Verdict<Value> = Verdict::Default(Reason::Conflict);

pub type Chains = sm::Chains<Value, Vec<Row>>;
pub type General = sm::General<Value, Vec<Row>>;

pub fn memory(nodes: usize, traitors: usize) -> Vec<Row> {
    vec![[0; 65]; sm::slots(nodes, traitors)]
}

pub fn config(me: u8, nodes: usize, traitors: usize) -> Config {
    Config { me: NodeId(me), nodes, traitors, instance: INSTANCE }
}

/// All generals of SM(m) among n; the commander has this order.
pub fn generals(nodes: usize, traitors: usize, order: Option<Value>) -> Vec<Chains> {
    let chains = |me| Chains::new(config(me, nodes, traitors), memory(nodes, traitors)).unwrap();
    let mut all: Vec<_> = (0..nodes as u8).map(chains).collect();
    if let Some(order) = order {
        all[0].on_command(0, Order(order)).unwrap();
    }
    all
}

/// What a traitor sends in time.
pub fn letter(payload: Vec<u8>) -> Letter {
    Letter { delay: DELAY / 2, payload }
}

/// Traitors who say nothing but this: in which round, from whom, to whom, which frame.
pub fn script(
    lines: Vec<(u8, u8, u8, Vec<u8>)>,
) -> impl FnMut(u8, NodeId, NodeId, Option<Vec<u8>>) -> Vec<Letter> {
    move |round, from, to, _| {
        let due =
            lines.iter().filter(move |line| (line.0, line.1, line.2) == (round, from.0, to.0));
        due.map(|(_, _, _, payload)| letter(payload.clone())).collect()
    }
}

/// Fights it out among n generals of SM(m) with these traitors.
pub fn fight(
    nodes: usize,
    traitors: usize,
    order: Option<Value>,
    traitor_ids: &[u8],
    treason: &mut impl Treason,
) -> Battle<Verdict<Value>> {
    let mut field = Field::new(generals(nodes, traitors, order), traitor_ids);
    field.fight(treason, |verdict| verdict)
}

/// Interactive consistency, section 1: `None` if it holds, else the condition that is violated.
/// IC1: all loyal lieutenants decide the same. IC2: if the commander is loyal, they decide its
/// order.
pub fn violated(
    battle: &Battle<Verdict<Value>>,
    traitors: &[u8],
    order: Option<Value>,
) -> Option<&'static str> {
    let loyal: Vec<Option<Value>> = (0u8..)
        .zip(&battle.decisions)
        .filter(|(id, _)| !traitors.contains(id))
        .map(|(id, decided)| {
            assert_eq!(decided.len(), 1, "general {id} decides once");
            decided[0].value()
        })
        .collect();
    if loyal.iter().any(|value| *value != loyal[0]) {
        return Some(if traitors.contains(&0) { "IC1" } else { "IC2" });
    }
    let obeyed = traitors.contains(&0) || loyal.iter().all(|value| *value == order);
    (!obeyed).then_some("IC2")
}

/// Nobody who is loyal blames anybody who is, and no loyal general misses a deadline.
pub fn assert_the_loyal_trust_each_other(battle: &Battle<Verdict<Value>>, traitors: &[u8]) {
    let loyal = |node: &NodeId| !traitors.contains(&node.0);
    for (by, node, fault) in &battle.accusations {
        assert!(!(loyal(by) && loyal(node)), "{by:?} accuses {node:?}: {fault:?}");
    }
    let refused = battle.refusals.iter().find(|(node, _)| loyal(node));
    assert_eq!(refused, None);
}
