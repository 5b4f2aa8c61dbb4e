//! What one synchronous protocol is, apart from time.

use crate::auth::Verified;
use crate::fault::{Fault, Refusal};
use crate::node::{NodeId, NodeSet};
use crate::protocol::Admission;
use serde::{Deserialize, Serialize};

/// A protocol in rounds, as the rules that [`General`](crate::rounds::General) keeps.
///
/// Rounds are counted from 1. Round 0 is the time before the first: what is heard then comes from
/// clocks that are ahead. `close(r)` is called once for each round, in order, and nothing that
/// belongs to a closed round may be accepted after it.
pub trait Rules {
    /// Whether links must prove who sent a frame (A2 of the 1982 paper). If so, an adapter refuses
    /// to run these rules over links that do not. Only rules that take nobody's word without a
    /// signature can do without.
    const AUTHENTIC_LINKS: bool = true;

    /// What the host asks for.
    type Command<'a>;
    /// What travels between generals: a packed frame.
    type Message<'a>: Serialize + Deserialize<'a>;
    /// What was agreed.
    type Decision<'a>
    where
        Self: 'a;

    /// Which general this is.
    fn me(&self) -> NodeId;

    /// How many generals there are.
    fn nodes(&self) -> usize;

    /// How many rounds there are.
    fn rounds(&self) -> u8;

    /// The host asks for something; `round` is the one that is open, 0 before the first.
    ///
    /// # Errors
    /// Why it cannot be; nothing has changed.
    fn on_command(&mut self, round: u8, command: Self::Command<'_>) -> Result<(), Refusal>;

    /// A frame arrived while `round` was open (0: none yet), from a peer that is not `me` and is
    /// below `nodes`. A frame that is to blame has changed nothing.
    fn on_message(
        &mut self,
        round: u8,
        from: NodeId,
        message: &Verified<Self::Message<'_>>,
    ) -> Blame;

    /// Whether a decoded frame is worth its verification; parts of it that are not are struck
    /// from it. Spends nothing but the sender's own budget.
    fn admit(&mut self, _round: u8, _from: NodeId, _message: &mut Self::Message<'_>) -> Admission {
        Admission::Verify
    }

    /// The round ends. Returns who had to speak in it and was not heard.
    fn close(&mut self, round: u8) -> NodeSet;

    /// A peer was silent, late or wrong: it is no loyal one, if this general is.
    fn suspect(&mut self, _node: NodeId) {}

    /// Whether more peers than may be faulty were silent, late or wrong in this agreement, so that
    /// this general counts itself faulty and not them. Most rules leave that to their host.
    fn is_cut_off(&self) -> bool {
        false
    }

    /// What is said to `to` in this round, if anything. Called after `close(round - 1)`.
    fn frame(&self, round: u8, to: NodeId) -> Option<Self::Message<'_>>;

    /// Which peers are told exactly the same as `to` in this round: `to` itself at least. One
    /// frame is then made, and signed, for all of them.
    fn audience(&self, _round: u8, to: NodeId) -> NodeSet {
        NodeSet::from_iter([to])
    }

    /// What was agreed. Called after the last `close`.
    fn decision(&self) -> Self::Decision<'_>;
}

/// Who did wrong, as far as one frame tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Blame {
    /// What the sender of the frame did.
    pub sender: Option<Fault>,
    /// Commanders whose signature stands under two different orders. If this general's own id is
    /// among them, somebody else has its key.
    pub equivocators: NodeSet,
}

impl Blame {
    /// Nobody did wrong.
    pub const NONE: Self = Self { sender: None, equivocators: NodeSet::EMPTY };

    /// The sender did.
    #[must_use]
    pub const fn sender(fault: Fault) -> Self {
        Self { sender: Some(fault), equivocators: NodeSet::EMPTY }
    }
}

impl From<Result<(), Fault>> for Blame {
    fn from(outcome: Result<(), Fault>) -> Self {
        outcome.err().map_or(Self::NONE, Self::sender)
    }
}
