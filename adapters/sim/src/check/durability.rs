//! What a replica says, its disk knows: no vote leaves before its record is durable.

use quorate::pbft::{Message, Record};
use quorate::{Digest, NodeId};
use std::collections::BTreeSet;

/// What is or was durable at each replica. It does not trust the order of outputs: it looks at
/// what the disk had taken when the message left.
#[derive(Clone, Debug, Default)]
pub struct Durability {
    known: BTreeSet<(NodeId, Fact)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fact {
    /// View, sequence, digest.
    PrePrepared(u64, u64, Digest),
    Prepared(u64, u64, Digest),
    /// Sequence, digest.
    Checkpoint(u64, Digest),
    /// View, P and Q.
    ViewChange(u64, Digest),
    /// View, X.
    NewView(u64, Digest),
}

impl Durability {
    /// A replica has lost its disk.
    pub fn wiped(&mut self, node: NodeId) {
        self.known.retain(|(who, _)| *who != node);
    }

    /// A record has become durable.
    pub fn durable(&mut self, node: NodeId, record: &Record<'_>) {
        let fact = match record {
            Record::PrePrepared { view, sequence, batch } => {
                Fact::PrePrepared(view.0, sequence.0, batch.digest())
            }
            Record::RePrePrepared { view, sequence, digest } => {
                Fact::PrePrepared(view.0, sequence.0, *digest)
            }
            Record::Prepared { view, sequence, digest } => {
                Fact::Prepared(view.0, sequence.0, *digest)
            }
            // What is stable is certified, and this replica holds it: it may say so as well. One
            // that recovers has no other record of it.
            Record::Checkpoint { sequence, digest } | Record::Stable { sequence, digest } => {
                Fact::Checkpoint(sequence.0, *digest)
            }
            Record::Committed { .. }
            | Record::Recovering { .. }
            | Record::Recovered { .. }
            | Record::Left { .. }
            | Record::Install { .. } => return,
            // Its own may come back to it after the loss of its log, signed, from a peer.
            Record::Named(change) if change.author != node => return,
            Record::ViewChange(change) | Record::Named(change) => {
                Fact::ViewChange(change.view.0, Digest::of(change.histories.bytes()))
            }
            Record::NewView(new_view) => {
                Fact::NewView(new_view.view.0, Digest::of(new_view.chosen.bytes()))
            }
        };
        self.known.insert((node, fact));
    }

    /// A message leaves a replica.
    ///
    /// # Errors
    /// No durable record stands behind it.
    pub fn sent(&self, node: NodeId, message: &Message<'_>) -> Result<(), String> {
        let fact = match message {
            Message::PrePrepare { view, sequence, batch } => {
                Fact::PrePrepared(view.0, sequence.0, batch.digest())
            }
            Message::Prepare(vote) => Fact::PrePrepared(vote.view.0, vote.sequence.0, vote.digest),
            Message::Commit(vote) => Fact::Prepared(vote.view.0, vote.sequence.0, vote.digest),
            Message::Checkpoint { sequence, digest } => Fact::Checkpoint(sequence.0, *digest),
            Message::ViewChange(change) if change.author == node => {
                Fact::ViewChange(change.view.0, Digest::of(change.histories.bytes()))
            }
            Message::NewView(new_view) if new_view.author == node => {
                Fact::NewView(new_view.view.0, Digest::of(new_view.chosen.bytes()))
            }
            _ => return Ok(()),
        };
        if self.known.contains(&(node, fact)) {
            return Ok(());
        }
        Err(format!("r{} sends what its disk does not know: {fact:?}", node.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate::pbft::{Batch, Sequence, View, Vote};

    const NODE: NodeId = NodeId(2);
    const VIEW: View = View(1);
    const PLACE: Sequence = Sequence(5);

    fn vote() -> Vote {
        Vote { view: VIEW, sequence: PLACE, digest: Batch::from_bytes(b"x").digest() }
    }

    #[test]
    fn a_vote_before_its_record_is_a_violation() {
        let mut durability = Durability::default();
        let batch = Batch::from_bytes(b"x");
        let proposal = Message::PrePrepare { view: VIEW, sequence: PLACE, batch };
        assert!(durability.sent(NODE, &proposal).is_err());
        assert!(durability.sent(NODE, &Message::Prepare(vote())).is_err());
        durability.durable(NODE, &Record::PrePrepared { view: VIEW, sequence: PLACE, batch });
        durability.sent(NODE, &proposal).unwrap();
        durability.sent(NODE, &Message::Prepare(vote())).unwrap();
        assert!(durability.sent(NodeId(0), &Message::Prepare(vote())).is_err());
        assert!(durability.sent(NODE, &Message::Commit(vote())).is_err());
        let Vote { view, sequence, digest } = vote();
        durability.durable(NODE, &Record::Prepared { view, sequence, digest });
        durability.sent(NODE, &Message::Commit(vote())).unwrap();
        durability.wiped(NODE);
        assert!(durability.sent(NODE, &Message::Commit(vote())).is_err());
    }

    #[test]
    fn a_checkpoint_before_its_record_is_a_violation() {
        let mut durability = Durability::default();
        let digest = Digest::of(b"state");
        let checkpoint = Message::Checkpoint { sequence: PLACE, digest };
        assert!(durability.sent(NODE, &checkpoint).is_err());
        durability.durable(NODE, &Record::Checkpoint { sequence: PLACE, digest });
        durability.sent(NODE, &checkpoint).unwrap();
        let checkpoint = Message::Checkpoint { sequence: Sequence(9), digest };
        assert!(durability.sent(NODE, &checkpoint).is_err());
        durability.durable(NODE, &Record::Stable { sequence: Sequence(9), digest });
        durability.sent(NODE, &checkpoint).unwrap();
    }
}
