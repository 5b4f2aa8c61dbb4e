//! Who did what wrong, how often.

use quorate::{Fault, NodeId};

/// A wrong that a peer did in an agreement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accusation {
    /// Who did it. Over plain links: whoever the connection claimed to be.
    pub node: NodeId,
    /// What was done.
    pub fault: Fault,
    /// How often.
    pub count: u64,
}

/// All wrongs of an agreement. There are few kinds of wrong and few generals, so that a flood
/// raises a count and nothing else.
#[derive(Debug, Default)]
pub(crate) struct Accusations(Vec<Accusation>);

impl Accusations {
    pub(crate) fn count(&mut self, node: NodeId, fault: Fault) {
        match self.0.iter_mut().find(|known| (known.node, known.fault) == (node, fault)) {
            Some(known) => known.count = known.count.saturating_add(1),
            None => self.0.push(Accusation { node, fault, count: 1 }),
        }
    }

    pub(crate) fn all(&self) -> &[Accusation] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_raises_a_count_and_nothing_else() {
        let mut accusations = Accusations::default();
        for _ in 0..1000 {
            accusations.count(NodeId(3), Fault::Malformed);
        }
        accusations.count(NodeId(3), Fault::Late);
        accusations.count(NodeId(1), Fault::Late);
        let accusation = |id, fault, count| Accusation { node: NodeId(id), fault, count };
        let expected = [
            accusation(3, Fault::Malformed, 1000),
            accusation(3, Fault::Late, 1),
            accusation(1, Fault::Late, 1),
        ];
        assert_eq!(accusations.all(), expected);
    }
}
