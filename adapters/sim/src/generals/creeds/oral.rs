//! Oral messages.

use super::super::cabal::{Cabal, Occasion};
use super::super::creed::{Costs, Creed, Twist, encode};
use super::super::saying::{Form, Lack, Saying, Told};
use core::marker::PhantomData;
use quorate::om::{self, Entry, Message, Orders, Path, Wave};
use quorate::rounds::{Config, Instance};
use quorate::value::{Value, Verdict};
use quorate::{NodeId, wire};
use std::hash::Hasher;

/// OM(m) of values `V`.
#[derive(Clone, Copy, Debug)]
pub struct Oral<V>(PhantomData<V>);

fn order<V: Value>(cabal: &mut Cabal<V>, to: NodeId, twist: Twist, told: Option<V>) -> Option<V> {
    match twist {
        Twist::Face => Some(cabal.face(to)),
        Twist::Absent => None,
        Twist::Mixed => cabal.random.chance(800).then(|| cabal.lie(to)),
        Twist::Instance(_) | Twist::Round(_) => told,
    }
}

/// An order along any path, also one that cannot be: the bytes of [`Message::Oral`].
fn along<V: Value>(instance: Instance, path: &[NodeId], order: Option<V>) -> Vec<u8> {
    encode(&(1_u8, instance, path, order))
}

impl<V: Value> Creed for Oral<V> {
    type Value = V;
    type Rules = Orders<V, Vec<Entry<V>>>;

    const FRAME: &'static str = "ORAL";

    fn rules(config: Config) -> Self::Rules {
        let memory = vec![Entry::EMPTY; om::slots(config.nodes, config.traitors)];
        Orders::unchecked(config, memory).expect("a plan has generals enough")
    }

    fn costs(nodes: usize, traitors: usize, value_bytes: usize) -> Costs {
        let frames = om::frames(nodes, traitors);
        let frame_bytes = om::bytes(nodes, traitors, value_bytes);
        Costs { frames, exactly: Some(frames), frame_bytes, verifications: 0 }
    }

    fn entries(decision: Verdict<V>) -> Vec<Option<V>> {
        vec![decision.value()]
    }

    fn number(message: &Message<'_, V>) -> u64 {
        message.instance().number
    }

    fn opening(message: &Message<'_, V>) -> Option<Vec<u8>> {
        match message {
            Message::Wave { round: 1, orders, .. } => {
                Some(encode(&orders.orders().flatten().next().flatten()))
            }
            Message::Wave { .. } => None,
            Message::Oral { order, .. } => (message.round() == 1).then(|| encode(order)),
        }
    }

    fn remember(rules: &Self::Rules, hasher: &mut dyn Hasher) {
        for entry in rules.entries() {
            match entry {
                Entry::Empty => hasher.write_u8(0),
                Entry::Nothing => hasher.write_u8(1),
                Entry::Invalid => hasher.write_u8(2),
                Entry::Conflict => hasher.write_u8(3),
                Entry::Value(value) => hasher.write(&encode(value)),
            }
        }
    }

    fn is_second_word(rules: &Self::Rules, from: NodeId, message: &Message<'_, V>) -> bool {
        let other = |path: &Path, told: Option<V>| {
            let kept = rules.entry(path).filter(|kept| !kept.is_empty());
            kept.is_some_and(|kept| *kept != told.map_or(Entry::Nothing, Entry::Value))
        };
        let (me, nodes) = (rules.config().me, rules.config().nodes);
        match message {
            Message::Wave { instance, round, orders } => {
                let paths = om::paths(nodes, instance.commander, from, me, *round);
                paths.zip(orders.orders().flatten()).any(|(path, told)| other(&path, told))
            }
            Message::Oral { path, order, .. } => other(path, *order),
        }
    }

    fn twist(frame: &[u8], cabal: &mut Cabal<V>, at: Occasion, twist: Twist) -> Option<Vec<u8>> {
        let message = wire::decode::<Message<'_, V>>(frame).ok()?;
        let elsewhere = |instance| match twist {
            Twist::Instance(other) => other,
            _ => instance,
        };
        Some(match message {
            Message::Wave { instance, round, orders } => {
                let told = orders.orders().flatten();
                let orders: Vec<_> = told.map(|told| order(cabal, at.to, twist, told)).collect();
                let round = if let Twist::Round(other) = twist { other } else { round };
                let (instance, orders) = (elsewhere(instance), Wave::from_orders(&orders));
                encode(&Message::Wave { instance, round, orders })
            }
            Message::Oral { instance, path, order: told } => {
                let order = order(cabal, at.to, twist, told);
                encode(&Message::Oral { instance: elsewhere(instance), path, order })
            }
        })
    }

    /// A message along a path of anybody, or a whole wave of the right length.
    fn invent(cabal: &mut Cabal<V>, at: Occasion) -> Option<Vec<u8>> {
        let Occasion { instance, round, from, to, .. } = at;
        if cabal.random.chance(300) {
            let mut ids = vec![instance.commander];
            ids.extend((2..round).map(|_| cabal.anyone()));
            let last = if cabal.random.chance(800) { from } else { cabal.anyone() };
            ids.extend((round > 1).then_some(last));
            let path = Path::new(&ids).or_else(|| Path::new(&[from]))?;
            let order = order(cabal, to, Twist::Mixed, None);
            return Some(encode(&Message::Oral { instance, path, order }));
        }
        let paths = om::paths(cabal.nodes, instance.commander, from, to, round).count();
        let count = if cabal.random.chance(900) { paths.max(1) } else { paths + 1 };
        let twist = if cabal.random.chance(500) { Twist::Face } else { Twist::Mixed };
        let orders: Vec<_> = (0..count).map(|_| order(cabal, to, twist, None)).collect();
        Some(encode(&Message::Wave { instance, round, orders: Wave::from_orders(&orders) }))
    }

    fn utter(
        cabal: &Cabal<V>,
        at: Occasion,
        loyal: Option<&[u8]>,
        saying: &Saying<V>,
    ) -> Result<Vec<u8>, Lack> {
        let Occasion { instance, from, to, .. } = at;
        let order = match saying.told {
            Told::Order(order) => Some(order),
            _ => None,
        };
        let round = saying.round.unwrap_or(at.round);
        let paths = || om::paths(cabal.nodes, instance.commander, from, to, at.round);
        let mut orders: Vec<Option<V>> = paths().map(|_| order).collect();
        if let Form::Along(path) = &saying.form {
            let Some(Ok(Message::Wave { orders: told, .. })) = loyal.map(wire::decode) else {
                return Ok(along(instance, path, order));
            };
            orders = told.orders().flatten().collect();
            let place = paths().position(|it| it.ids() == path);
            let place = place.and_then(|place| orders.get_mut(place));
            *place.ok_or("no order of it takes that path to that general")? = order;
        }
        if orders.is_empty() {
            return Err(format!("r{} has nothing to say in that round", from.0));
        }
        Ok(encode(&Message::Wave { instance, round, orders: Wave::from_orders(&orders) }))
    }

    fn words(frame: &[u8]) -> String {
        let Ok(message) = wire::decode::<Message<'_, V>>(frame) else { return String::new() };
        let shown = |order: &Option<V>| order.map_or("nothing".into(), |it| format!("{it:?}"));
        match message {
            Message::Wave { instance: Instance { number, commander }, round, orders } => {
                let orders: Vec<String> = orders.orders().flatten().map(|it| shown(&it)).collect();
                let orders = orders.join(", ");
                format!("ORAL #{number} of r{}, round {round}: {orders}", commander.0)
            }
            Message::Oral { instance, path, order } => {
                format!("ORAL #{} along {path:?}: {}", instance.number, shown(&order))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_along_a_path_is_written_as_the_library_writes_it() {
        let instance = Instance { number: 300, commander: NodeId(2) };
        let ids = [2, 0, 1].map(NodeId);
        for order in [None, Some(70_000_u32)] {
            let path = Path::new(&ids).unwrap();
            let message = Message::Oral { instance, path, order };
            assert_eq!(along(instance, &ids, order), encode(&message));
        }
    }
}
