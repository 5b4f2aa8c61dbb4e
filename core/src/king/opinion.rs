//! What a general holds to be the commander's order.

use serde::{Deserialize, Serialize};

/// A general's opinion of the commander's order, as it is held and as it is sent.
///
/// The paper has two values and a third symbol for "undecided". Here any number of orders are
/// values, and so is "there is no order": a general that was told nothing holds that as firmly as
/// another holds what it was told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Opinion<V> {
    /// There is no order.
    #[default]
    Nothing,
    /// Neither an order nor its absence has votes enough. Said in a second exchange only.
    Undecided,
    /// The commander's order is this one.
    Order(V),
}

impl<V> Opinion<V> {
    /// Whether it is neither an order nor the absence of one.
    #[must_use]
    pub const fn is_undecided(&self) -> bool {
        matches!(self, Self::Undecided)
    }
}
