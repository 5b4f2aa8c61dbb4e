//! Equal histories, equal states.

use quorate::{Digest, NodeId};
use std::collections::BTreeMap;

/// The digest of the application's state after each sequence, as its first owner had it.
#[derive(Clone, Debug, Default)]
pub struct States {
    known: BTreeMap<u64, (NodeId, Digest)>,
}

impl States {
    /// A correct replica's state includes everything up to this sequence and nothing else.
    ///
    /// # Errors
    /// Another correct replica had another state there.
    pub fn at(&mut self, node: NodeId, sequence: u64, state: Digest) -> Result<(), String> {
        let (first, known) = *self.known.entry(sequence).or_insert((node, state));
        if known == state {
            return Ok(());
        }
        let (one, other) = (first.0, node.0);
        Err(format!("after s{sequence} the state of r{one} is {known:?}, of r{other} {state:?}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_states_after_one_sequence_are_a_violation() {
        let mut states = States::default();
        states.at(NodeId(0), 4, Digest::of(b"x")).unwrap();
        states.at(NodeId(1), 4, Digest::of(b"x")).unwrap();
        states.at(NodeId(1), 5, Digest::of(b"y")).unwrap();
        assert!(states.at(NodeId(2), 4, Digest::of(b"y")).is_err());
    }
}
