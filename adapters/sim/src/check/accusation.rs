//! No correct replica accuses a correct one.

use quorate::{Fault, NodeId, NodeSet, Principal};

/// Who is known to be a traitor.
#[derive(Clone, Copy, Debug, Default)]
pub struct Accusation {
    traitors: NodeSet,
}

impl Accusation {
    /// These nodes may be accused; nobody else.
    #[must_use]
    pub const fn new(traitors: NodeSet) -> Self {
        Self { traitors }
    }

    /// A correct node accuses somebody.
    ///
    /// # Errors
    /// The accused is correct.
    pub fn accused(&self, by: NodeId, who: Principal, fault: Fault) -> Result<(), String> {
        match who {
            Principal::Node(node) if self.traitors.contains(node) => Ok(()),
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
        let checker = Accusation::new([NodeId(3)].into_iter().collect());
        let node = |id| Principal::Node(NodeId(id));
        checker.accused(NodeId(0), node(3), Fault::Equivocation).unwrap();
        assert!(checker.accused(NodeId(0), node(1), Fault::Equivocation).is_err());
        checker.accused(NodeId(0), node(1), Fault::Stalled).unwrap();
        let client = Principal::Client(ClientId(3));
        assert!(checker.accused(NodeId(0), client, Fault::Forged).is_err());
    }
}
