//! What each round is for: who speaks in it, and what may be said.

use super::opinion::Opinion;
use crate::node::NodeId;

/// The part that a round plays: the first is the commander's; then each three are a phase.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Part {
    /// The commander gives its order.
    Command,
    /// Universal exchange 1: everybody says its opinion.
    First,
    /// Universal exchange 2: everybody says what the first exchange made of it.
    Second,
    /// The king of the phase says its opinion.
    King(NodeId),
}

impl Part {
    /// The part of a round, counted from 1. The king of the first phase is general 0, of the
    /// second general 1, and so on.
    #[must_use]
    pub const fn of(round: u8) -> Self {
        let Some(past) = round.checked_sub(2) else { return Self::Command };
        match past % 3 {
            0 => Self::First,
            1 => Self::Second,
            _ => Self::King(NodeId(past / 3)),
        }
    }

    /// Whether this general speaks in it.
    #[must_use]
    pub fn is_for(self, speaker: NodeId, commander: NodeId) -> bool {
        match self {
            Self::Command => speaker == commander,
            Self::First | Self::Second => true,
            Self::King(king) => speaker == king,
        }
    }

    /// Whether a loyal general may say this in it. A commander without an order is silent; a
    /// general is undecided only between the two exchanges and the end of its phase, and a king
    /// that is undecided says [`Opinion::Nothing`].
    #[must_use]
    pub const fn allows<V>(self, opinion: &Opinion<V>) -> bool {
        match self {
            Self::Command => matches!(opinion, Opinion::Order(_)),
            Self::First | Self::King(_) => !opinion.is_undecided(),
            Self::Second => true,
        }
    }
}
