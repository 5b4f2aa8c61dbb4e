//! Signed messages, SM(m).

mod post;
mod scenarios;
mod scroll;

use crate::field::{Battle, Field, Treason};
use quorate::rounds::{Config, Instance, Rules};
use quorate::sm::{self, Row};
use quorate::{NodeId, Order, Reason, Verdict};

/// The orders of all tests are letters; the default order is none of them.
pub const A: u8 = b'A';
pub const B: u8 = b'B';
pub const C: u8 = b'C';

/// The agreement that all tests are about unless they say otherwise: general 0 commands.
pub const INSTANCE: Instance = Instance { number: 7, commander: NodeId(0) };

pub const NOTHING: Verdict<u8> = Verdict::Default(Reason::Missing);
pub const CONFLICT: Verdict<u8> = Verdict::Default(Reason::Conflict);

pub type Chains = sm::Chains<u8, Vec<Row>>;
pub type General = sm::General<u8, Vec<Row>>;

pub fn memory(nodes: usize, traitors: usize) -> Vec<Row> {
    vec![[0; 65]; sm::slots(nodes, traitors)]
}

pub fn config(me: u8, nodes: usize, traitors: usize) -> Config {
    Config { me: NodeId(me), nodes, traitors, instance: INSTANCE }
}

/// All generals of SM(m) among n; the commander has this order.
pub fn generals(nodes: usize, traitors: usize, order: Option<u8>) -> Vec<Chains> {
    let chains = |me| Chains::new(config(me, nodes, traitors), memory(nodes, traitors)).unwrap();
    let mut all: Vec<_> = (0..nodes as u8).map(chains).collect();
    if let Some(order) = order {
        all[0].on_command(0, Order(order)).unwrap();
    }
    all
}

/// Fights it out among n generals of SM(m) with these traitors.
pub fn fight(
    nodes: usize,
    traitors: usize,
    order: Option<u8>,
    traitor_ids: &[u8],
    treason: &mut impl Treason,
) -> Battle<Verdict<u8>> {
    let mut field = Field::new(generals(nodes, traitors, order), traitor_ids);
    field.fight(treason, |verdict| verdict)
}

/// Interactive consistency, section 1: `None` if it holds, else the condition that is violated.
/// IC1: all loyal lieutenants decide the same. IC2: if the commander is loyal, they decide its
/// order.
pub fn violated(
    battle: &Battle<Verdict<u8>>,
    traitors: &[u8],
    order: Option<u8>,
) -> Option<&'static str> {
    let loyal: Vec<Option<u8>> = (0u8..)
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
pub fn assert_the_loyal_trust_each_other(battle: &Battle<Verdict<u8>>, traitors: &[u8]) {
    let loyal = |node: &NodeId| !traitors.contains(&node.0);
    for (by, node, fault) in &battle.accusations {
        assert!(!(loyal(by) && loyal(node)), "{by:?} accuses {node:?}: {fault:?}");
    }
    let refused = battle.refusals.iter().find(|(node, _)| loyal(node));
    assert_eq!(refused, None);
}
