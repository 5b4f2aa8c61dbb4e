//! A new view goes on with what a correct replica has accepted, and with nothing made up.

use quorate::pbft::{Batch, Message, NewView, Record, Sequence};
use quorate::{Digest, NodeId};
use std::collections::BTreeSet;

/// The batches that correct replicas have accepted, at which place: they voted for them, or kept
/// them on disk to do so.
#[derive(Clone, Debug, Default)]
pub struct Choices {
    accepted: BTreeSet<(Sequence, Digest)>,
}

impl Choices {
    /// A record of a correct replica has become durable.
    ///
    /// # Errors
    /// It entered by a NEW-VIEW, of whomever, that chooses what no correct replica has accepted.
    pub fn durable(&mut self, record: &Record<'_>) -> Result<(), String> {
        match record {
            Record::PrePrepared { sequence, batch, .. }
            | Record::Committed { sequence, batch, .. } => {
                self.accepted.insert((*sequence, batch.digest()));
            }
            Record::RePrePrepared { sequence, digest, .. } => {
                self.accepted.insert((*sequence, *digest));
            }
            Record::NewView(new_view) => return self.judge(new_view),
            _ => {}
        }
        Ok(())
    }

    /// A message leaves a correct replica.
    ///
    /// # Errors
    /// It is a NEW-VIEW of its own that chooses what no correct replica has accepted there.
    pub fn sent(&mut self, node: NodeId, message: &Message<'_>) -> Result<(), String> {
        match message {
            Message::PrePrepare { sequence, batch, .. } => {
                self.accepted.insert((*sequence, batch.digest()));
            }
            Message::Prepare(vote) | Message::Commit(vote) => {
                self.accepted.insert((vote.sequence, vote.digest));
            }
            Message::NewView(new_view) if new_view.author == node => return self.judge(new_view),
            _ => {}
        }
        Ok(())
    }

    fn judge(&self, new_view: &NewView<'_>) -> Result<(), String> {
        // The batch that does nothing may stand anywhere.
        let null = Batch::null_digest();
        let made_up = new_view.chosen.iter().find(|(sequence, digest)| {
            *digest != null && !self.accepted.contains(&(*sequence, *digest))
        });
        made_up.map_or(Ok(()), |(sequence, digest)| {
            let (view, sequence) = (new_view.view.0, sequence.0);
            let what = "which no correct replica has accepted there";
            Err(format!("v{view} begins with {digest:?} at s{sequence}, {what}"))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate::Signature;
    use quorate::pbft::{Pairs, View, Vote};

    #[test]
    fn a_new_view_with_a_batch_that_nobody_correct_accepted_there_is_a_violation() {
        let (null, batch) = (Batch::null_digest(), Digest::of(b"some"));
        let (node, view) = (NodeId(1), View(1));
        let entry =
            |sequence: u64, digest: Digest| [&sequence.to_le_bytes()[..], &digest.0].concat();
        let begins = |choices: &mut Choices, chosen: &[u8]| {
            let (view_changes, chosen) = (Pairs::default(), Pairs::from_bytes(chosen));
            let signature = Signature::ZERO;
            let new_view = NewView { author: node, view, view_changes, chosen, signature };
            let sent = choices.sent(node, &Message::NewView(new_view));
            assert_eq!(choices.durable(&Record::NewView(new_view)), sent, "who follows it");
            sent
        };
        let mut choices = Choices::default();
        begins(&mut choices, &entry(1, null)).unwrap();
        assert!(begins(&mut choices, &entry(2, batch)).is_err());
        let vote = Vote { view: View(0), sequence: Sequence(2), digest: batch };
        choices.sent(NodeId(2), &Message::Prepare(vote)).unwrap();
        begins(&mut choices, &entry(2, batch)).unwrap();
        assert!(begins(&mut choices, &entry(3, batch)).is_err(), "at another place");
        let Vote { view, digest, .. } = vote;
        choices.durable(&Record::RePrePrepared { view, sequence: Sequence(3), digest }).unwrap();
        begins(&mut choices, &entry(3, batch)).unwrap();
    }
}
