//! The phase king under attack.

use super::battle::{Camp, Occasion, Value, fight};
use super::whim::Whim;
use quorate::king::{Ballots, Message, Opinion, slots};
use std::rc::Rc;

/// A whole agreement by phase king: four generals and one traitor, or seven and two. Traitors say
/// any opinion in any round, to each what they like, also as kings, and bytes that are nothing.
///
/// All loyal generals decide alike, and what a loyal commander ordered; nobody loyal is accused.
pub fn king(data: &[u8]) {
    let mut whim = Whim::new(data);
    let camp = Camp::pitch(&mut whim, &[(4, 1), (4, 1), (5, 1), (7, 2)]);
    let rules = camp.configs().map(|config| {
        let memory = vec![Opinion::Nothing; slots(config.nodes, config.traitors)];
        Ballots::<Value, _>::new(config, memory).expect("within the bound")
    });
    let rules: Vec<_> = rules.collect();
    fight(camp, &mut whim, rules, lie);
}

fn lie(camp: &Camp, whim: &mut Whim<'_>, at: Occasion, loyal: Option<&[u8]>) -> Rc<[u8]> {
    let (instance, round) = camp.bend(whim, at);
    let opinion = match whim.below(8) {
        0 => return whim.bytes(16).into(),
        1 => return whim.pick(&camp.seen).cloned().unwrap_or_default(),
        2 if loyal.is_some() => return loyal.unwrap_or_default().into(),
        2 | 3 => Opinion::Nothing,
        4 => Opinion::Undecided,
        _ => Opinion::Order(camp.value(whim, at.to)),
    };
    Camp::encode(&Message { instance, round, opinion })
}
