//! Rounds of a network that tells the copies of a replica from each other.
//!
//! Elsewhere a principal has one place in the network. Here each *instance* has one: replica i is
//! instance i, and the copies that the plan's twins run are numbered after the last replica. The
//! wall still sees one name: which instance spoke is known to the network alone.

use super::cluster::Cluster;
use crate::engine::Payload;
use quorate::pbft::{Message, Status, View};
use quorate::{NodeId, Principal, wire};

/// Who hears whom for a while, and who may lead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Round {
    /// On which of two sides each instance stands. Clients with even numbers stand on the side of
    /// instance 0, the others on the other one, or with everybody if nobody stands there.
    pub sides: Vec<bool>,
    /// PRE-PREPAREs and NEW-VIEWs of all other views are lost; `None`: of no view.
    pub leading: Option<View>,
}

impl Round {
    /// Whether an instance hears what another one, or a client, sends.
    fn carries(&self, from: Principal, to: usize) -> bool {
        let Some(here) = self.sides.get(to) else { return false };
        match from {
            Principal::Node(from) => self.sides.get(from.index()) == Some(here),
            Principal::Client(client) => {
                let first = self.sides.first() == Some(here);
                let divided = self.sides.contains(&true) && self.sides.contains(&false);
                !divided || first == client.0.is_multiple_of(2)
            }
        }
    }

    /// Whether a message is lost, whoever sends it.
    fn mutes(&self, message: &Message<'_>) -> bool {
        let view = match message {
            Message::PrePrepare { view, .. } => *view,
            Message::NewView(new_view) => new_view.view,
            _ => return false,
        };
        self.leading.is_some_and(|leading| leading != view)
    }
}

/// Whether a replica signed a message itself. One that hears of a VIEW-CHANGE which its log does
/// not know stops; its twin signed it, and the two of them are a traitor, who does not.
fn is_signed_by(message: &Message<'_>, node: NodeId) -> bool {
    match message {
        Message::ViewChange(change) => change.author == node,
        Message::NewView(new_view) => new_view.author == node,
        _ => false,
    }
}

impl Cluster {
    /// Begins a round. From the first one on instances are told from each other.
    pub fn begin_round(&mut self, round: Round) {
        for (at, copy) in self.copies.iter_mut().enumerate() {
            copy.server.site.address = NodeId((self.plan.nodes + at) as u8);
        }
        self.round = Some(round);
    }

    /// Ends all rounds: from now on everybody hears everybody, and no fault begins any more.
    pub fn end_rounds(&mut self) {
        let sides = vec![true; self.plan.nodes + self.copies.len()];
        self.begin_round(Round { sides, leading: None });
        self.healed = self.engine.now();
    }

    /// Where each instance stands: replicas, then copies; `None` while it is down.
    pub fn instances(&self) -> impl Iterator<Item = (NodeId, Option<Status>)> + '_ {
        let copies = self.copies.iter().map(|copy| &copy.server);
        self.servers.iter().chain(copies).map(|server| (server.site.me, server.status()))
    }

    /// A message arrives at a replica, and at its copy if it has one: at either, or both.
    pub(super) fn arrive(&mut self, node: NodeId, from: Principal, payload: &Payload) {
        let (from, original, copy) = match &self.round {
            None => {
                let (original, copy) = self.who_hears(node, from);
                (from, original, copy)
            }
            Some(round) => {
                let nodes = self.plan.nodes;
                let twin = self.copies.iter().position(|copy| copy.server.site.me == node);
                let copy = twin.is_some_and(|at| round.carries(from, nodes + at));
                let original = round.carries(from, node.index());
                let sound = (original || copy)
                    && wire::decode::<Message<'_>>(payload).map_or(true, |message| {
                        let own = twin.is_some() && is_signed_by(&message, node);
                        !own && !round.mutes(&message)
                    });
                (self.name_of(from), sound && original, sound && copy)
            }
        };
        if original {
            self.with_server(node, |server, stage| server.receive(stage, from, payload));
        }
        if copy {
            self.with_copy(node, |copy, stage| copy.receive(stage, from, payload));
        }
    }

    /// The name under which an instance speaks.
    pub(super) fn name_of(&self, address: Principal) -> Principal {
        let Principal::Node(NodeId(instance)) = address else { return address };
        let copy = usize::from(instance).checked_sub(self.plan.nodes);
        let copy = copy.and_then(|at| self.copies.get(at));
        copy.map_or(address, |copy| Principal::Node(copy.server.site.me))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate::ClientId;

    #[test]
    fn a_round_carries_within_its_sides_and_clients_stand_on_both() {
        let sides = vec![true, true, false, true, false];
        let round = Round { sides, leading: None };
        let node = |id| Principal::Node(NodeId(id));
        assert!(round.carries(node(0), 3) && round.carries(node(4), 2));
        assert!(!round.carries(node(0), 2) && !round.carries(node(4), 3));
        let [one, other] = [0, 1].map(|id| Principal::Client(ClientId(id)));
        assert!(round.carries(one, 0) && !round.carries(one, 4));
        assert!(round.carries(other, 4) && !round.carries(other, 0));
        let whole = Round { sides: vec![false; 5], leading: None };
        assert!(whole.carries(one, 2) && whole.carries(other, 2) && whole.carries(node(4), 1));
        assert!(!whole.carries(node(0), 5), "there is no such instance");
    }
}
