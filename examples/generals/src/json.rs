//! A run as one JSON object.

use crate::battle::{Accusation, Battle};
use crate::judge::{Judgement, orders};
use crate::scenario::{Protocol, Scenario};
use serde_json::{Map, Value, json};

/// The run as one object: `decisions` (of loyal generals, by id), `ic1`, `ic2`, `messages`,
/// `frames`, `rounds`, `accusations`; and, to tell runs apart, `title`, `protocol`, `n`, `m`,
/// `traitors`, `bytes`, `promised` and `unused_lies`.
#[must_use]
pub fn object(scenario: &Scenario, battle: &Battle, judgement: &Judgement) -> Value {
    let several = matches!(scenario.protocol, Protocol::Vector(_));
    let mut decisions = Map::new();
    for id in scenario.generals().filter(|id| !scenario.is_traitor(*id)) {
        let obeyed = orders(scenario, battle, id);
        let mut words = obeyed.iter().map(|word| Value::from(word.as_str()));
        let decided = if several {
            Value::Array(words.collect())
        } else {
            words.next().unwrap_or(Value::Null)
        };
        decisions.insert(id.0.to_string(), decided);
    }
    let traitors: Vec<u8> = scenario.traitors.iter().map(|id| id.0).collect();
    json!({
        "title": scenario.title,
        "protocol": scenario.protocol.name(),
        "n": scenario.n,
        "m": scenario.m,
        "traitors": traitors,
        "promised": judgement.excuse.is_none(),
        "decisions": decisions,
        "ic1": judgement.ic1,
        "ic2": judgement.ic2,
        "messages": battle.messages(),
        "frames": battle.frames.len(),
        "bytes": battle.bytes(),
        "rounds": battle.rounds,
        "accusations": battle.accusations.iter().map(accusation).collect::<Vec<_>>(),
        "unused_lies": battle.idle,
    })
}

fn accusation(accusation: &Accusation) -> Value {
    let Accusation { round, by, node, fault } = accusation;
    json!({ "by": by.0, "node": node.0, "fault": format!("{fault:?}"), "round": round })
}
