//! What must hold of everything that correct replicas ever said and did.

use crate::bench::*;
use crate::forgery::message;
use quorate::pbft::*;
use quorate::{Digest, Principal};
use std::collections::{BTreeMap, BTreeSet};

/// One statement in a category in which a correct replica makes one at most: kind, author,
/// view, sequence.
type Question = (&'static str, u8, u64, u64);

/// All votes ever sent. A second answer to one question is a broken replica.
#[derive(Clone, Default)]
pub struct Ledger(BTreeMap<Question, Digest>);

impl Ledger {
    /// Enters what a replica sent; false if it contradicts what it said before.
    pub fn enter(&mut self, letter: &Letter) -> Result<(), String> {
        let Principal::Node(from) = letter.from else { return Ok(()) };
        let (question, answer) = match message(letter) {
            Message::PrePrepare { view, sequence, batch } => {
                (("PRE-PREPARE", from.0, view.0, sequence.0), batch.digest())
            }
            Message::Prepare(vote) => {
                (("PREPARE", from.0, vote.view.0, vote.sequence.0), vote.digest)
            }
            Message::Commit(vote) => {
                (("COMMIT", from.0, vote.view.0, vote.sequence.0), vote.digest)
            }
            Message::Checkpoint { sequence, digest } => {
                (("CHECKPOINT", from.0, 0, sequence.0), digest)
            }
            Message::ViewChange(change) if change.author == from => {
                (("VIEW-CHANGE", from.0, change.view.0, 0), change.digest(&scope()))
            }
            Message::NewView(new_view) if new_view.author == from => {
                (("NEW-VIEW", from.0, new_view.view.0, 0), new_view.digest(&scope()))
            }
            _ => return Ok(()),
        };
        let before = *self.0.entry(question).or_insert(answer);
        if before == answer {
            Ok(())
        } else {
            Err(format!("{question:?} was answered {before:?}, then {answer:?}"))
        }
    }

    /// Checks that a VIEW-CHANGE reports what its author voted for before, as far as it is above
    /// its stable checkpoint: a COMMIT in P, a PREPARE in Q unless two later ones stand there.
    pub fn check_report(&self, change: &ViewChange<'_>) -> Result<(), String> {
        for ((kind, node, view, sequence), digest) in &self.0 {
            let voted = *kind == "COMMIT" || *kind == "PREPARE";
            let of_it = *node == change.author.0 && *view < change.view.0;
            if !voted || !of_it || *sequence <= change.stable.0 {
                continue;
            }
            let history = change.histories.get(Sequence(*sequence)).unwrap_or_default();
            let later = |q: &PrePrepared| q.view.0 >= *view && (q.digest == *digest);
            let reported = match *kind {
                "COMMIT" => history.prepared().is_some_and(|p| {
                    p.view.0 > *view || (p.view.0 == *view && p.digest == *digest)
                }),
                _ => {
                    let mut q = history.pre_prepared.iter().flatten();
                    q.any(later) || history.pre_prepared.iter().all(Option::is_some)
                }
            };
            if !reported {
                return Err(format!("{kind} of view {view} at {sequence} is not in {change:?}"));
            }
        }
        Ok(())
    }
}

impl<const N: usize> Bench<N> {
    /// Checks that these correct replicas executed the same at each sequence, and no request
    /// twice.
    pub fn check_agreement(&self, correct: &[usize]) -> Result<(), String> {
        let mut agreed: BTreeMap<u64, (usize, Vec<_>)> = BTreeMap::new();
        for &id in correct {
            let mut mine: BTreeMap<u64, Vec<_>> = BTreeMap::new();
            let mut seen = BTreeSet::new();
            for (sequence, client, timestamp, operation) in &self.hosts[id].history {
                mine.entry(*sequence).or_default().push((*client, *timestamp, operation.clone()));
                if !seen.insert((*client, *timestamp)) {
                    return Err(format!("replica {id} executed {client}/{timestamp} twice"));
                }
            }
            for (sequence, here) in mine {
                let (other, there) = agreed.entry(sequence).or_insert((id, here.clone()));
                if *there != here {
                    return Err(format!("replicas {other} and {id} disagree at {sequence}"));
                }
            }
        }
        Ok(())
    }

    /// Checks that no replica of these said two things where a correct one says one.
    pub fn check_votes(&self, correct: &[usize]) -> Result<(), String> {
        let mut ledger = Ledger::default();
        let of_correct = |letter: &&Letter| match letter.from {
            Principal::Node(from) => correct.contains(&from.index()),
            Principal::Client(_) => false,
        };
        self.sent.iter().filter(of_correct).try_for_each(|letter| ledger.enter(letter))
    }
}
