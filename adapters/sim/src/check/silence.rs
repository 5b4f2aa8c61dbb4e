//! A replica that lost its log says nothing that it may have contradicted before the loss.

use quorate::pbft::{Message, Record};
use quorate::{NodeId, NodeSet};

/// Who is to be silent: from the loss of its log, or from the record that it recovers, until the
/// record that it has recovered is durable.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silence {
    silent: NodeSet,
}

impl Silence {
    /// A replica has lost its disk.
    pub const fn wiped(&mut self, node: NodeId) {
        self.silent.insert(node);
    }

    /// A record has become durable.
    pub const fn durable(&mut self, node: NodeId, record: &Record<'_>) {
        match record {
            Record::Recovering { .. } => self.wiped(node),
            Record::Recovered { .. } => self.silent.remove(node),
            _ => {}
        }
    }

    /// A message leaves a replica.
    ///
    /// # Errors
    /// It is a vote or its like, of one that has yet to recover.
    pub fn sent(&self, node: NodeId, message: &Message<'_>) -> Result<(), String> {
        let binds = match message {
            Message::PrePrepare { .. }
            | Message::Prepare(_)
            | Message::Commit(_)
            | Message::Checkpoint { .. } => true,
            // Those of others are passed on.
            Message::ViewChange(change) => change.author == node,
            Message::NewView(new_view) => new_view.author == node,
            _ => false,
        };
        if binds && self.silent.contains(node) {
            return Err(format!("r{} lost its log and says {message:?}", node.0));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate::Digest;
    use quorate::pbft::{Sequence, View, Vote};

    #[test]
    fn a_vote_between_the_loss_and_the_recovery_is_a_violation() {
        let (node, other) = (NodeId(2), NodeId(3));
        let (view, sequence, digest) = (View(0), Sequence(1), Digest::ZERO);
        let vote = Message::Commit(Vote { view, sequence, digest });
        let mut silence = Silence::default();
        silence.sent(node, &vote).unwrap();
        silence.wiped(node);
        assert!(silence.sent(node, &vote).is_err());
        silence.sent(other, &vote).unwrap();
        silence.sent(node, &Message::FetchBatch { sequence, digest }).unwrap();
        silence.durable(node, &Record::Recovered { signed: View(0) });
        silence.sent(node, &vote).unwrap();
        silence.durable(node, &Record::Recovering { nonce: 1, lost: false, signed: View(0) });
        assert!(silence.sent(node, &vote).is_err());
    }
}
