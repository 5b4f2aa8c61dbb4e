//! The generals of a plan, as they stand before the first round.

use super::creed::Creed;
use super::field::FIRST;
use super::member::{Machine, Member};
use super::mouth::{Role, cast};
use super::plan::Plan;
use super::word::Word;
use crate::random::Random;
use crate::scheme::Key;
use quorate::rounds::{Config, General, Instance};
use quorate::value::Order;
use quorate::{Input, Instant, NodeId, NodeSet, Principal, Protocol};

/// The order that each general has in each agreement.
pub(super) fn orders<V: Word>(plan: &Plan, luck: &mut Random) -> Vec<Vec<V>> {
    let all = |luck: &mut Random| (0..plan.nodes).map(|_| V::draw(luck)).collect();
    plan.agreements.iter().map(|_| all(luck)).collect()
}

/// Of each agreement the orders that have to come out, entry by entry.
pub(super) fn visible<V: Word>(
    plan: &Plan,
    all_command: bool,
    orders: &[Vec<V>],
) -> Vec<Vec<Option<V>>> {
    let faulty = plan.faulty();
    let told = |node: NodeId, orders: &[V]| (!faulty.contains(node)).then(|| orders[node.index()]);
    let each = orders.iter().zip(&plan.agreements).map(|(orders, (_, commander))| {
        if !all_command {
            return vec![told(*commander, orders)];
        }
        (0..plan.nodes as u8).map(|id| told(NodeId(id), orders)).collect()
    });
    each.collect()
}

/// A general with its machines, which have their orders.
pub(super) fn member<C: Creed<Value: Word>>(
    plan: &Plan,
    me: NodeId,
    orders: &[Vec<C::Value>],
) -> Member<C> {
    let role = plan.traitors.iter().find(|(node, _)| *node == me).map(|(_, role)| *role);
    let all: NodeSet = (0..plan.nodes as u8).map(NodeId).collect();
    let twin = match role {
        Some(Role::Twin(victims)) => {
            let others = all.iter().filter(|node| !victims.contains(*node));
            Some([others.collect(), victims])
        }
        Some(Role::Double) => Some([all, all]),
        _ => None,
    };
    let clock = plan.clocks[me.index()];
    let mut machines = Vec::new();
    for copy in [false, true].into_iter().take(1 + usize::from(twin.is_some())) {
        for ((after, commander), (number, orders)) in
            plan.agreements.iter().zip((FIRST..).zip(orders))
        {
            let instance = Instance { number, commander: *commander };
            let config = Config { me, nodes: plan.nodes, traitors: plan.faults, instance };
            let schedule = plan.timing.schedule(plan.timing.start().after(*after));
            let mut general = General::with_rules(C::rules(config), schedule);
            if C::all_command() || config.commands() {
                let order = orders[me.index()];
                // The copy of a twin has another order.
                let order = Order(if copy { order.other() } else { order });
                general.step(Instant::ZERO, Input::Command(order)).for_each(drop);
            }
            machines.push(Machine::new(general));
        }
    }
    let mouth = role.and_then(cast);
    let key = Key::new(plan.seed, Principal::Node(me));
    let mishaps = plan.mishaps_of(me).collect();
    Member { me, key, clock, machines, mishaps, mouth, twin }
}
