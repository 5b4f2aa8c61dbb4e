//! The orders that a lieutenant holds: two at most, ever.

use super::accounts::ORDERS;
use crate::node::NodeSet;
use crate::value::Value;

/// An order that was accepted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Held<V> {
    pub(super) value: V,
    /// Who signed the chain that brought it.
    pub(super) signers: NodeSet,
    /// When: it is relayed in the round after.
    pub(super) round: u8,
}

/// The orders that are held, in the order of their arrival.
#[derive(Clone, Copy, Debug)]
pub(super) struct Orders<V>([Option<Held<V>>; ORDERS]);

/// Where an order belongs.
#[derive(Clone, Copy, Debug)]
pub(super) enum Place {
    /// It is held here already.
    Held(usize),
    /// It would be held here.
    Free(usize),
    /// Two others are held: it changes nothing any more.
    Nowhere,
}

impl<V: Value> Orders<V> {
    /// No order.
    pub(super) const NONE: Self = Self([None; ORDERS]);

    pub(super) fn iter(&self) -> impl Iterator<Item = &Held<V>> + Clone {
        self.0.iter().flatten()
    }

    pub(super) fn len(&self) -> usize {
        self.iter().count()
    }

    /// Two are all that it takes to know that the commander is a traitor, and to convince
    /// everybody else.
    pub(super) fn is_full(&self) -> bool {
        self.len() == ORDERS
    }

    /// Where this order belongs.
    pub(super) fn place(&self, value: &V) -> Place {
        let count = self.len();
        match self.iter().position(|held| held.value == *value) {
            Some(place) => Place::Held(place),
            None if count < ORDERS && !(canary!("one_order_kept") && count == 1) => {
                Place::Free(count)
            }
            None => Place::Nowhere,
        }
    }

    /// Holds an order at a place that is free.
    pub(super) fn hold(&mut self, place: usize, new: Held<V>) {
        if let Some(free) = self.0.get_mut(place) {
            *free = Some(new);
        }
    }
}
