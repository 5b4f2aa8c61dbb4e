//! No two correct replicas execute different requests at one sequence.

use quorate::{Digest, NodeId};
use std::collections::BTreeMap;

/// What correct replicas executed at each sequence, and how far each of them is.
///
/// A sequence that a replica passes without executing anything holds the batch that does
/// nothing; its content is [`Digest::ZERO`].
#[derive(Clone, Debug, Default)]
pub struct Agreement {
    decided: BTreeMap<u64, (NodeId, Digest)>,
    reached: BTreeMap<NodeId, u64>,
}

impl Agreement {
    /// A replica executed this content at this sequence.
    ///
    /// # Errors
    /// Another replica executed something else there, or this one is past it already.
    pub fn executed(&mut self, node: NodeId, sequence: u64, content: Digest) -> Result<(), String> {
        self.passed(node, sequence.saturating_sub(1))?;
        let reached = self.reached.entry(node).or_default();
        if sequence <= *reached {
            let reached = *reached;
            return Err(format!("r{} executes s{sequence} after s{reached}", node.0));
        }
        *reached = sequence;
        self.settle(node, sequence, content)
    }

    /// A replica is past this sequence: what it did not execute up to there does nothing.
    ///
    /// # Errors
    /// Another replica executed something there.
    pub fn passed(&mut self, node: NodeId, sequence: u64) -> Result<(), String> {
        let reached = self.reached.get(&node).copied().unwrap_or_default();
        if sequence <= reached {
            return Ok(());
        }
        for empty in reached + 1..=sequence {
            self.settle(node, empty, Digest::ZERO)?;
        }
        self.reached.insert(node, sequence);
        Ok(())
    }

    /// A replica took over a state that includes everything up to this sequence, from its disk
    /// or from a peer.
    pub fn resumed(&mut self, node: NodeId, sequence: u64) {
        self.reached.insert(node, sequence);
    }

    /// The last sequence that a replica executed or passed.
    #[must_use]
    pub fn reached(&self, node: NodeId) -> u64 {
        self.reached.get(&node).copied().unwrap_or_default()
    }

    fn settle(&mut self, node: NodeId, sequence: u64, content: Digest) -> Result<(), String> {
        let (first, decided) = *self.decided.entry(sequence).or_insert((node, content));
        if decided == content {
            return Ok(());
        }
        let (one, other) = (first.0, node.0);
        Err(format!("at s{sequence} r{one} executed {decided:?} and r{other} {content:?}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: NodeId = NodeId(0);
    const B: NodeId = NodeId(1);

    #[test]
    fn two_contents_at_one_sequence_are_a_violation() {
        let mut agreement = Agreement::default();
        agreement.executed(A, 1, Digest::of(b"x")).unwrap();
        agreement.executed(B, 1, Digest::of(b"x")).unwrap();
        agreement.executed(A, 2, Digest::of(b"y")).unwrap();
        let error = agreement.executed(B, 2, Digest::of(b"z")).unwrap_err();
        assert!(error.starts_with("at s2 r0 executed "), "{error}");
    }

    #[test]
    fn passing_over_what_another_executed_is_a_violation() {
        let mut agreement = Agreement::default();
        agreement.executed(A, 1, Digest::of(b"x")).unwrap();
        assert!(agreement.executed(B, 2, Digest::of(b"y")).is_err());
    }

    #[test]
    fn the_same_sequence_twice_is_a_violation_but_not_after_a_restart() {
        let mut agreement = Agreement::default();
        agreement.executed(A, 1, Digest::of(b"x")).unwrap();
        assert!(agreement.clone().executed(A, 1, Digest::of(b"x")).is_err());
        agreement.resumed(A, 0);
        agreement.executed(A, 1, Digest::of(b"x")).unwrap();
        agreement.resumed(A, 0);
        assert!(agreement.executed(A, 1, Digest::of(b"y")).is_err(), "memory survives restarts");
    }
}
