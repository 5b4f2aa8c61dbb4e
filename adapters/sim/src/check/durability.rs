//! What a replica says, its disk knows: no vote leaves before its record is durable, a VIEW-CHANGE
//! tells of nothing that has no record, and a fresh log says what the old one said.

use quorate::pbft::{Message, Record, Sequence, View, ViewChange};
use quorate::{Digest, NodeId};
use std::collections::BTreeSet;

/// What is or was durable at each replica. It does not trust the order of outputs: it looks at
/// what the disk had taken when the message left.
#[derive(Clone, Debug, Default)]
pub struct Durability {
    known: BTreeSet<(NodeId, Fact)>,
    /// The checkpoints that each replica has vouched for. One that recovers writes down others,
    /// which it keeps to itself, and forgets once it has recovered.
    vouched: BTreeSet<(NodeId, Fact)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fact {
    /// View, sequence, digest.
    PrePrepared(u64, u64, Digest),
    Prepared(u64, u64, Digest),
    /// Adopted from the COMMITs of others: view, sequence, digest.
    Committed(u64, u64, Digest),
    /// Sequence, digest.
    Checkpoint(u64, Digest),
    /// View, P and Q.
    ViewChange(u64, Digest),
    /// View, X.
    NewView(u64, Digest),
}

impl Fact {
    /// What a record of a replica says of what it may send; `None`: nothing.
    fn of(node: NodeId, record: &Record<'_>) -> Option<Self> {
        Some(match record {
            Record::PrePrepared { view, sequence, batch } => {
                Self::PrePrepared(view.0, sequence.0, batch.digest())
            }
            Record::RePrePrepared { view, sequence, digest } => {
                Self::PrePrepared(view.0, sequence.0, *digest)
            }
            Record::Prepared { view, sequence, digest } => {
                Self::Prepared(view.0, sequence.0, *digest)
            }
            Record::Committed { view, sequence, batch } => {
                Self::Committed(view.0, sequence.0, batch.digest())
            }
            // What is stable is certified, and this replica holds it: it may say so as well. One
            // that recovers has no other record of it.
            Record::Checkpoint { sequence, digest } | Record::Stable { sequence, digest } => {
                Self::Checkpoint(sequence.0, *digest)
            }
            Record::Recovering { .. }
            | Record::Recovered { .. }
            | Record::Left { .. }
            | Record::Install { .. } => return None,
            // Its own may come back to it after the loss of its log, signed, from a peer.
            Record::Named(change) if change.author != node => return None,
            Record::ViewChange(change) | Record::Named(change) => {
                Self::ViewChange(change.view.0, Digest::of(change.histories.bytes()))
            }
            Record::NewView(new_view) => {
                Self::NewView(new_view.view.0, Digest::of(new_view.chosen.bytes()))
            }
        })
    }

    /// The sequence that it is about, if it is about one.
    const fn place(&self) -> Option<Sequence> {
        match *self {
            Self::PrePrepared(_, at, _)
            | Self::Prepared(_, at, _)
            | Self::Committed(_, at, _)
            | Self::Checkpoint(at, _) => Some(Sequence(at)),
            Self::ViewChange(..) | Self::NewView(..) => None,
        }
    }
}

impl Durability {
    /// A replica has lost its disk.
    pub fn wiped(&mut self, node: NodeId) {
        self.known.retain(|(who, _)| *who != node);
        self.vouched.retain(|(who, _)| *who != node);
    }

    /// A record has become durable.
    ///
    /// # Errors
    /// It is a VIEW-CHANGE that tells of what no record stands behind.
    pub fn durable(&mut self, node: NodeId, record: &Record<'_>) -> Result<(), String> {
        let Some(fact) = Fact::of(node, record) else { return Ok(()) };
        self.known.insert((node, fact));
        match record {
            Record::ViewChange(change) => self.backs(node, change),
            _ => Ok(()),
        }
    }

    /// P and Q: each element has a record of its own.
    fn backs(&self, node: NodeId, change: &ViewChange<'_>) -> Result<(), String> {
        for history in change.histories.iter() {
            let sequence = history.sequence;
            let known = |fact: fn(u64, u64, Digest) -> Fact, view: View, digest: Digest| {
                self.known.contains(&(node, fact(view.0, sequence.0, digest)))
                    || self.known.contains(&(node, Fact::Committed(view.0, sequence.0, digest)))
            };
            let made_up = |list: &str, view: View, digest: Digest| {
                let (node, of, at) = (node.0, change.view.0, sequence.0);
                let what = format_args!("{digest:?} of v{} s{at}", view.0);
                Err(format!(
                    "r{node}'s VIEW-CHANGE for v{of} has {what} in {list} without a record"
                ))
            };
            for entry in history.pre_prepared.iter().flatten() {
                if !known(Fact::PrePrepared, entry.view, entry.digest) {
                    return made_up("Q", entry.view, entry.digest);
                }
            }
            if let Some(entry) = history.prepared()
                && !known(Fact::Prepared, entry.view, entry.digest)
            {
                return made_up("P", entry.view, entry.digest);
            }
        }
        Ok(())
    }

    /// A fresh log has become durable in place of the old one.
    ///
    /// # Errors
    /// It says what the old one did not, or not all that still counts: above the stable checkpoint
    /// the last vote of each kind, each checkpoint that the replica vouched for, and the last view
    /// that it asked for or entered.
    pub fn rewritten(&mut self, node: NodeId, records: &[Record<'_>]) -> Result<(), String> {
        let stable = records.iter().filter_map(|record| match record {
            Record::Stable { sequence, .. } => Some(*sequence),
            _ => None,
        });
        let stable = stable.max().unwrap_or_default();
        let fresh: BTreeSet<Fact> =
            records.iter().filter_map(|record| Fact::of(node, record)).collect();
        let mute = records.iter().any(|record| matches!(record, Record::Recovering { .. }));
        let knows = |fact: &Fact| self.known.contains(&(node, *fact));
        let old = |fact: &&Fact| match **fact {
            Fact::Committed(view, at, digest) => {
                knows(fact) || knows(&Fact::Prepared(view, at, digest))
            }
            // One that has yet to recover keeps to itself what it vouches for.
            Fact::Checkpoint(..) => mute || knows(fact),
            _ => knows(fact),
        };
        if let Some(made_up) = fresh.iter().find(|fact| !old(fact)) {
            return Err(format!("r{}'s fresh log says {made_up:?}, its old one did not", node.0));
        }
        let facts = self.known.iter().filter(|(who, _)| *who == node).map(|(_, fact)| *fact);
        let left = facts.clone().filter_map(|fact| match fact {
            Fact::ViewChange(view, _) | Fact::NewView(view, _) => Some(view),
            _ => None,
        });
        let reached = records.iter().filter_map(|record| match record {
            Record::ViewChange(change) => Some(change.view.0),
            Record::NewView(new_view) => Some(new_view.view.0),
            Record::Left { view } => Some(view.0),
            _ => None,
        });
        if let (Some(left), reached) = (left.max(), reached.max())
            && reached < Some(left)
        {
            return Err(format!("r{}'s fresh log forgets that it was in v{left}", node.0));
        }
        for fact in facts.filter(|fact| fact.place().is_some_and(|at| at > stable)) {
            let told = match fact {
                Fact::PrePrepared(view, at, _) => fresh.iter().any(|fact| match *fact {
                    Fact::PrePrepared(v, s, _) | Fact::Committed(v, s, _) => s == at && v >= view,
                    _ => false,
                }),
                Fact::Prepared(view, at, _) | Fact::Committed(view, at, _) => {
                    fresh.iter().any(|fact| match *fact {
                        Fact::Prepared(v, s, _) | Fact::Committed(v, s, _) => s == at && v >= view,
                        _ => false,
                    })
                }
                _ => fresh.contains(&fact) || !self.vouched.contains(&(node, fact)),
            };
            if !told {
                return Err(format!("r{}'s fresh log is silent about {fact:?}", node.0));
            }
        }
        Ok(())
    }

    /// A message leaves a replica.
    ///
    /// # Errors
    /// No durable record stands behind it.
    pub fn sent(&mut self, node: NodeId, message: &Message<'_>) -> Result<(), String> {
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
        if matches!(fact, Fact::Checkpoint(..)) {
            self.vouched.insert((node, fact));
        }
        if self.known.contains(&(node, fact)) {
            return Ok(());
        }
        Err(format!("r{} sends what its disk does not know: {fact:?}", node.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate::Signature;
    use quorate::pbft::{Batch, Histories, History, NewView, Pairs, PrePrepared, Vote};

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
        let record = Record::PrePrepared { view: VIEW, sequence: PLACE, batch };
        durability.durable(NODE, &record).unwrap();
        durability.sent(NODE, &proposal).unwrap();
        durability.sent(NODE, &Message::Prepare(vote())).unwrap();
        assert!(durability.sent(NodeId(0), &Message::Prepare(vote())).is_err());
        assert!(durability.sent(NODE, &Message::Commit(vote())).is_err());
        let Vote { view, sequence, digest } = vote();
        durability.durable(NODE, &Record::Prepared { view, sequence, digest }).unwrap();
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
        durability.durable(NODE, &Record::Checkpoint { sequence: PLACE, digest }).unwrap();
        durability.sent(NODE, &checkpoint).unwrap();
        let checkpoint = Message::Checkpoint { sequence: Sequence(9), digest };
        assert!(durability.sent(NODE, &checkpoint).is_err());
        durability.durable(NODE, &Record::Stable { sequence: Sequence(9), digest }).unwrap();
        durability.sent(NODE, &checkpoint).unwrap();
    }

    /// A disk that knows these records.
    fn knowing(records: &[Record<'_>]) -> Durability {
        let mut durability = Durability::default();
        records.iter().for_each(|record| durability.durable(NODE, record).unwrap());
        durability
    }

    #[test]
    fn a_view_change_that_tells_of_what_has_no_record_is_a_violation() {
        let batch = Batch::from_bytes(b"x");
        let digest = batch.digest();
        let pre_prepared = Record::PrePrepared { view: VIEW, sequence: PLACE, batch };
        let prepared = Record::Prepared { view: VIEW, sequence: PLACE, digest };
        let committed = Record::Committed { view: VIEW, sequence: PLACE, batch };
        let tells = |records: &[Record<'_>], in_p: bool| {
            let history = History {
                sequence: PLACE,
                pre_prepared: [Some(PrePrepared { view: VIEW, digest }), None],
                prepared: in_p.then_some((0, VIEW)),
            }
            .encode();
            let change = ViewChange {
                author: NODE,
                view: View(2),
                stable: Sequence(0),
                checkpoints: Pairs::from_bytes(&[]),
                histories: Histories::from_bytes(&history),
                signature: Signature::ZERO,
            };
            knowing(records).durable(NODE, &Record::ViewChange(change))
        };
        assert!(tells(&[], false).is_err(), "Q has what was not pre-prepared");
        tells(&[pre_prepared], false).unwrap();
        assert!(tells(&[pre_prepared], true).is_err(), "P has what was not prepared");
        tells(&[pre_prepared, prepared], true).unwrap();
        tells(&[committed], true).unwrap();
    }

    #[test]
    fn a_fresh_log_that_makes_up_or_forgets_is_a_violation() {
        let batch = Batch::from_bytes(b"x");
        let digest = batch.digest();
        let pre_prepared = Record::PrePrepared { view: VIEW, sequence: PLACE, batch };
        let later = Record::RePrePrepared { view: View(2), sequence: PLACE, digest };
        let prepared = Record::Prepared { view: VIEW, sequence: PLACE, digest };
        let committed = Record::Committed { view: VIEW, sequence: PLACE, batch };
        let checkpoint = Record::Checkpoint { sequence: PLACE, digest };
        let stable = Record::Stable { sequence: PLACE, digest };
        let mute = Record::Recovering { nonce: 1, lost: true, signed: View(0) };
        let fresh = |old: &[Record<'_>], new: &[Record<'_>]| knowing(old).rewritten(NODE, new);
        let all = [pre_prepared, prepared];
        fresh(&all, &all).unwrap();
        fresh(&all, &[pre_prepared, committed]).unwrap();
        assert!(fresh(&all, &[pre_prepared]).is_err(), "the COMMIT is forgotten");
        assert!(fresh(&[pre_prepared, later], &[pre_prepared]).is_err(), "the last PREPARE is");
        fresh(&[checkpoint], &[]).unwrap();
        let mut vouched = knowing(&[checkpoint]);
        vouched.sent(NODE, &Message::Checkpoint { sequence: PLACE, digest }).unwrap();
        assert!(vouched.rewritten(NODE, &[]).is_err(), "what it vouched for is");
        vouched.rewritten(NODE, &[checkpoint]).unwrap();
        fresh(&[pre_prepared, prepared, stable], &[stable]).unwrap();
        assert!(fresh(&[pre_prepared], &all).is_err(), "a COMMIT is made up");
        assert!(fresh(&[committed], &[committed, pre_prepared]).is_err(), "a PREPARE is");
        assert!(fresh(&[], &[checkpoint]).is_err(), "a checkpoint is");
        fresh(&[], &[mute, checkpoint]).unwrap();
        let new_view = |view| {
            let (view_changes, chosen) = (Pairs::from_bytes(&[]), Pairs::from_bytes(&[]));
            let signature = Signature::ZERO;
            Record::NewView(NewView {
                author: NODE,
                view: View(view),
                view_changes,
                chosen,
                signature,
            })
        };
        let left = Record::Left { view: View(5) };
        assert!(fresh(&[new_view(4)], &[]).is_err(), "its view is forgotten");
        fresh(&[new_view(4)], &[new_view(4)]).unwrap();
        fresh(&[new_view(4)], &[left]).unwrap();
    }
}
