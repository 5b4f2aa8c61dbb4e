//! What synchronous protocols agree on: an order, or the fact that there is none.

use core::fmt;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A value that generals can agree on: a `u8`, a `bool`, a `u32`, a 32-byte digest, an enum.
///
/// Everything that can be copied, compared and encoded is one; there is nothing to implement.
pub trait Value: Copy + Eq + fmt::Debug + Serialize + DeserializeOwned + 'static {}

impl<V: Copy + Eq + fmt::Debug + Serialize + DeserializeOwned + 'static> Value for V {}

/// The commander's order, as the host of the commander gives it before the first round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Order<V>(pub V);

/// What a general decides at the end of a synchronous protocol.
///
/// Loyal generals agree on whether there is a value and on which: [`Verdict::value`] is equal at
/// all of them. The reason why there is none is what this general saw, and may differ. No
/// protocol needs to know the order that stands for "none": a majority or a choice that counts
/// the absent as that order ends with the same order, so it is named where a verdict is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Verdict<V> {
    /// The commander's order, if the commander is loyal; else one that all loyal generals obey.
    Value(V),
    /// No order: all loyal generals fall back on the default.
    Default(Reason),
}

/// Why there is no order, as far as one general can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Reason {
    /// Nothing came from the commander, or too few say that something did.
    Missing,
    /// What came from the commander was no value, or broke the rules.
    Invalid,
    /// Several orders, and none of them prevails.
    Conflict,
}

impl<V: Copy> Verdict<V> {
    /// The order to obey: the agreed one, or `default`, which must be the same at all generals.
    #[must_use]
    pub fn order(self, default: V) -> V {
        self.value().unwrap_or(default)
    }

    /// The agreed value, or `None` where all loyal generals fall back on the default.
    #[must_use]
    pub const fn value(self) -> Option<V> {
        match self {
            Self::Value(value) => Some(value),
            Self::Default(_) => None,
        }
    }
}
