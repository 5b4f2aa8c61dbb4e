//! No correct replica accuses a correct one.

use quorate::{ClientId, Fault, NodeId, NodeSet, Principal};
use std::collections::BTreeSet;

/// Who is known to be a traitor.
#[derive(Clone, Debug, Default)]
pub struct Accusation {
    traitors: NodeSet,
    clients: BTreeSet<ClientId>,
}

impl Accusation {
    /// These nodes may be accused; nobody else.
    #[must_use]
    pub const fn new(traitors: NodeSet) -> Self {
        Self { traitors, clients: BTreeSet::new() }
    }

    /// This client lies too.
    pub fn suspect(&mut self, client: ClientId) {
        self.clients.insert(client);
    }

    /// A correct node accuses somebody.
    ///
    /// # Errors
    /// The accused is correct.
    pub fn accused(&self, by: NodeId, who: Principal, fault: Fault) -> Result<(), String> {
        match who {
            Principal::Node(node) if self.traitors.contains(node) => Ok(()),
            Principal::Client(client) if self.clients.contains(&client) => Ok(()),
            // Nobody is to blame for a link that loses what he sends.
            Principal::Node(_) if fault == Fault::Stalled => Ok(()),
            _ => Err(format!("r{} accuses the correct {who:?} of {fault:?}", by.0)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate::ClientId;

    #[test]
    fn accusing_the_innocent_is_a_violation() {
        let mut checker = Accusation::new([NodeId(3)].into_iter().collect());
        let node = |id| Principal::Node(NodeId(id));
        checker.accused(NodeId(0), node(3), Fault::Equivocation).unwrap();
        assert!(checker.accused(NodeId(0), node(1), Fault::Equivocation).is_err());
        checker.accused(NodeId(0), node(1), Fault::Stalled).unwrap();
        let client = Principal::Client(ClientId(3));
        assert!(checker.accused(NodeId(0), client, Fault::Forged).is_err());
        checker.suspect(ClientId(3));
        checker.accused(NodeId(0), client, Fault::Forged).unwrap();
    }
}
