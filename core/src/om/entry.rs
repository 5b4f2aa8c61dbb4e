//! One slot of a general's memory.

use crate::value::{Reason, Value, Verdict};

/// What one path brought: what the last general on it said, or what it resolved to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Entry<V> {
    /// Nothing arrived.
    #[default]
    Empty,
    /// The sender said that it had received nothing.
    Nothing,
    /// The sender's frame was no list of values.
    Invalid,
    /// Resolved: nothing prevails, neither a value nor that there is none.
    Conflict,
    /// A value.
    Value(V),
}

impl<V> Entry<V> {
    /// The state before anything arrived.
    pub const EMPTY: Self = Self::Empty;
}

impl<V: Value> Entry<V> {
    /// What a peer said.
    pub(super) fn told(order: Option<V>) -> Self {
        order.map_or(Self::Nothing, Self::Value)
    }

    /// What is relayed: the value, or that there was none.
    #[must_use]
    pub const fn value(&self) -> Option<V> {
        match self {
            Self::Value(value) => Some(*value),
            _ => None,
        }
    }

    /// Whether nothing arrived.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        matches!(self, Self::Empty)
    }

    /// Whether both are the same vote: the same value, or none.
    pub(super) fn agrees(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Value(one), Self::Value(two)) => one == two,
            (one, two) => !one.is_value() && !two.is_value(),
        }
    }

    /// Whether it is a vote for a value.
    pub(super) const fn is_value(&self) -> bool {
        matches!(self, Self::Value(_))
    }

    /// What a general decides whose commander's path resolved to this.
    pub(super) const fn verdict(&self) -> Verdict<V> {
        match self {
            Self::Empty | Self::Nothing => Verdict::Default(Reason::Missing),
            Self::Invalid => Verdict::Default(Reason::Invalid),
            Self::Conflict => Verdict::Default(Reason::Conflict),
            Self::Value(value) => Verdict::Value(*value),
        }
    }
}
