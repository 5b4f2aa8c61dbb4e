//! Oral messages under attack.

use super::battle::{Camp, Occasion, Value, fight};
use super::whim::Whim;
use quorate::om::{Entry, Message, Orders, Path, Wave, slots};
use quorate::{NodeId, wire};
use std::rc::Rc;

/// A whole agreement by oral messages: four generals and one traitor, or seven and two. Traitors
/// say any order along any path, at any time, to each what they like, and bytes that are nothing.
///
/// All loyal generals decide alike, and what a loyal commander ordered; nobody loyal is accused.
pub fn om(data: &[u8]) {
    let mut whim = Whim::new(data);
    let camp = Camp::pitch(&mut whim, &[(4, 1), (4, 1), (5, 1), (7, 2)]);
    let rules = camp.configs().map(|config| {
        let memory = vec![Entry::EMPTY; slots(config.nodes, config.traitors)];
        Orders::<Value, _>::new(config, memory).expect("within the bound")
    });
    let rules: Vec<_> = rules.collect();
    fight(camp, &mut whim, rules, lie);
}

fn order(camp: &Camp, whim: &mut Whim<'_>, to: NodeId) -> Option<Value> {
    (whim.below(6) != 0).then(|| camp.value(whim, to))
}

fn lie(camp: &Camp, whim: &mut Whim<'_>, at: Occasion, loyal: Option<&[u8]>) -> Rc<[u8]> {
    let (instance, round) = camp.bend(whim, at);
    match whim.below(8) {
        0 => whim.bytes(64).into(),
        1 => {
            let ids: Vec<NodeId> = (0..whim.below(4)).map(|_| NodeId(whim.byte() % 8)).collect();
            let path = Path::new(&ids).or_else(|| Path::new(&[at.from]));
            let path = path.expect("a path of one");
            Camp::encode(&Message::Oral { instance, path, order: order(camp, whim, at.to) })
        }
        2 => whim.pick(&camp.seen).cloned().unwrap_or_default(),
        3 if loyal.is_some() => loyal.unwrap_or_default().into(),
        _ => {
            let known = loyal.and_then(|payload| wire::decode::<Message<'_, Value>>(payload).ok());
            let count = match known {
                Some(Message::Wave { orders, .. }) => orders.orders().count(),
                _ => whim.below(8),
            };
            let orders: Vec<Option<Value>> = (0..count).map(|_| order(camp, whim, at.to)).collect();
            let orders = Wave::from_orders(&orders);
            Camp::encode(&Message::Wave { instance, round, orders })
        }
    }
}
