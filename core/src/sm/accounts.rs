//! What each peer has told and cost: a few bits for each, so that none spends another's share.

use crate::fault::Fault;
use crate::node::{NodeId, NodeSet};
use crate::protocol::Admission;

/// How many orders are kept, relayed, and looked at from one peer in one round.
pub(super) const ORDERS: usize = 2;

/// The bits of all peers.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Accounts {
    /// Who told the order that is held at this place.
    held: [NodeSet; ORDERS],
    /// Who told an order that is not held, when two others were.
    other: NodeSet,
    /// Who had this many chains and one more looked at in the round that is open.
    spent: [NodeSet; ORDERS],
    /// Who was blamed for more of them in the round that is open.
    overspent: NodeSet,
}

impl Accounts {
    /// The peer tells the order that is held at `place`, or one that is not (`None`).
    ///
    /// # Errors
    /// [`Fault::ThirdValue`] if that makes three, the first time.
    pub(super) fn tell(&mut self, peer: NodeId, place: Option<usize>) -> Result<(), Fault> {
        let orders = place.and_then(|place| self.held.get_mut(place)).unwrap_or(&mut self.other);
        if orders.insert(peer) && self.told(peer) > ORDERS {
            return Err(Fault::ThirdValue);
        }
        Ok(())
    }

    /// How many different orders the peer has told, as far as these bits can tell.
    pub(super) fn told(&self, peer: NodeId) -> usize {
        self.held.iter().chain([&self.other]).filter(|orders| orders.contains(peer)).count()
    }

    /// Takes one chain from the peer's share of this round: two chains. The first one beyond it
    /// is a fault, the rest is nothing at all.
    pub(super) fn spend(&mut self, peer: NodeId) -> Admission {
        if self.spent.iter_mut().any(|spent| spent.insert(peer)) || canary!("chains_unlimited") {
            Admission::Verify
        } else if self.overspent.insert(peer) {
            Admission::Refused(Fault::OverBudget)
        } else {
            Admission::Known
        }
    }

    /// A round ends: everybody gets a new share.
    pub(super) const fn close(&mut self) {
        self.spent = [NodeSet::EMPTY; ORDERS];
        self.overspent = NodeSet::EMPTY;
    }
}
