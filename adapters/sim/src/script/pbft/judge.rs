//! Looks whether what a script expects holds now.

use super::super::witness::{NOBODY, Witness, same};
use super::claim::{Claim, Why};
use super::play::Director;
use crate::chronicle::What;
use crate::traitors::scripted::Selector;
use quorate::{ClientId, NodeId, Principal};
use std::collections::BTreeMap;

/// What replicas executed: for each sequence the operations of its batch.
type Histories = BTreeMap<NodeId, BTreeMap<u64, Vec<Vec<u8>>>>;

impl Director<'_> {
    /// Whether a claim holds; if not, what is instead.
    pub(super) fn judge(&self, claim: &Claim) -> Result<(), String> {
        match claim {
            Claim::Replies { client, count } => {
                let replies = self.cluster.replies(*client).len() as u64;
                same(replies, *count, |found| format!("client {} has {found}", client.0))
            }
            Claim::Places { client, places } => {
                same(self.places(*client), places.clone(), |found| format!("it gets {found:?}"))
            }
            Claim::History { operations, at } => self.history(operations, at),
            Claim::Executed { operation, sequence, at } => self.executed(operation, *sequence, at),
            Claim::View { view, at } => self.each(at, |status| {
                let what = if status.active { "is in" } else { "is on its way to" };
                let now = (status.view.0, status.active);
                same(now, (*view, true), |found| format!("{what} view {}", found.0))
            }),
            Claim::NoViewChange => {
                self.witness().never(|entry| matches!(entry.what, What::Turns { .. }))
            }
            Claim::Equal(of) => self.equal(of),
            Claim::Different(of) => self.different(of),
            Claim::Reached { sequence, at } => self.each(at, |status| {
                same(status.executed.0, *sequence, |found| format!("executed up to s{found}"))
            }),
            Claim::Stable { sequence, at } => self.each(at, |status| {
                same(status.stable.0, *sequence, |found| format!("has s{found} stable"))
            }),
            Claim::Accused { by, who, fault } => self.witness().accused(*by, *who, fault),
            Claim::NoAccusation { who } => self.witness().no_accusation(*who),
            Claim::Evidence(wanted) => {
                let found = self.cluster.statistics().proofs;
                same(found > 0, *wanted, |_| format!("{found} pieces of evidence were found"))
            }
            Claim::Messages { count, what, from, to } => {
                let named = |some: &Option<Vec<Principal>>, who| {
                    some.as_ref().is_none_or(|all| all.contains(&who))
                };
                self.witness().arrived(*count, |sender, receiver, kind, text| {
                    named(from, sender) && named(to, receiver) && fits(what, kind, text)
                })
            }
            Claim::Power { node, up } => {
                let is_up = self.cluster.status(*node).is_some();
                let word = if is_up { "up" } else { "down" };
                same(is_up, *up, |_| format!("r{} is {word}", node.0))
            }
            Claim::Told { who, text, ever } => self.witness().told(*who, text, *ever),
            Claim::Left { node, count, why } => self.left(*node, *count, *why),
            Claim::Violation(_) => Ok(()),
        }
    }

    fn witness(&self) -> Witness<'_> {
        let chronicle = self.cluster.transcript().chronicle();
        Witness { chronicle, liars: self.liars(), until: self.cluster.now() }
    }

    /// These replicas, or all that are correct and up: one at least.
    fn these(&self, named: &[NodeId]) -> Result<Vec<NodeId>, String> {
        if !named.is_empty() {
            return Ok(named.to_vec());
        }
        let all = (0..self.nodes() as u8).map(NodeId);
        let all = all.filter(|node| !self.liars().contains(*node));
        let these: Vec<NodeId> = all.filter(|node| self.cluster.status(*node).is_some()).collect();
        if these.is_empty() { Err(NOBODY.to_owned()) } else { Ok(these) }
    }

    fn each(
        &self,
        named: &[NodeId],
        holds: impl Fn(quorate::pbft::Status) -> Result<(), String>,
    ) -> Result<(), String> {
        for node in self.these(named)? {
            let Some(status) = self.cluster.status(node) else {
                return Err(format!("r{} is down", node.0));
            };
            holds(status).map_err(|what| format!("r{} {what}", node.0))?;
        }
        Ok(())
    }

    /// Which operations of all that were executed a client's own were, by its replies.
    fn places(&self, client: ClientId) -> Vec<u64> {
        let replies = self.cluster.replies(client).iter().flatten();
        let first = replies.filter_map(|reply| reply.first_chunk::<8>());
        first.map(|number| u64::from_le_bytes(*number)).collect()
    }

    fn histories(&self) -> Histories {
        let (mut all, mut agreed) = (Histories::new(), BTreeMap::<u64, Vec<Vec<u8>>>::new());
        for entry in self.witness().entries() {
            let Some(Principal::Node(node)) = entry.who else { continue };
            let own = all.entry(node).or_default();
            match &entry.what {
                What::Executes { sequence, operation, .. } => {
                    let batch = own.entry(*sequence).or_default();
                    batch.push(operation.clone());
                    let known = agreed.entry(*sequence).or_default();
                    if !self.liars().contains(node) && batch.len() > known.len() {
                        known.clone_from(batch);
                    }
                }
                What::Restarts { checkpoint, .. } => {
                    let _ = own.split_off(&(checkpoint + 1));
                }
                What::Installs { sequence } => {
                    *own = agreed.range(..=sequence).map(|(at, it)| (*at, it.clone())).collect();
                }
                _ => {}
            }
        }
        all
    }

    fn history(&self, operations: &[Vec<u8>], at: &[NodeId]) -> Result<(), String> {
        let histories = self.histories();
        for node in self.these(at)? {
            let own = histories.get(&node).into_iter().flatten();
            let own: Vec<&Vec<u8>> = own.flat_map(|(_, batch)| batch).collect();
            if !own.iter().copied().eq(operations) {
                return Err(format!("r{} has executed {}", node.0, shown(own)));
            }
        }
        Ok(())
    }

    fn executed(&self, operation: &[u8], sequence: u64, at: &[NodeId]) -> Result<(), String> {
        let histories = self.histories();
        for node in self.these(at)? {
            let batch = histories.get(&node).and_then(|own| own.get(&sequence));
            let batch = batch.map(Vec::as_slice).unwrap_or_default();
            if !batch.iter().any(|other| other == operation) {
                let batch = shown(batch);
                return Err(format!("r{} has executed {batch} at s{sequence}", node.0));
            }
        }
        Ok(())
    }

    fn equal(&self, of: &[NodeId]) -> Result<(), String> {
        let nodes = self.these(of)?;
        let Some((first, others)) = nodes.split_first() else { return Ok(()) };
        for other in others {
            if self.cluster.state(*first) != self.cluster.state(*other) {
                return Err(format!("r{} and r{} have different states", first.0, other.0));
            }
        }
        Ok(())
    }

    fn different(&self, of: &[NodeId]) -> Result<(), String> {
        for (at, one) in of.iter().enumerate() {
            for other in &of[at + 1..] {
                if self.cluster.state(*one) == self.cluster.state(*other) {
                    return Err(format!("r{} and r{} have the same state", one.0, other.0));
                }
            }
        }
        Ok(())
    }

    fn left(&self, node: NodeId, count: u64, why: Why) -> Result<(), String> {
        let Some(departures) = self.cluster.departures(node) else {
            return Err(format!("r{} is down", node.0));
        };
        let found = match why {
            Why::Timer => departures.timer,
            Why::Slow => departures.slow,
            Why::Unfair => departures.unfair,
            Why::Followed => departures.followed,
        };
        same(found, count, |_| format!("it left views as {departures:?}"))
    }
}

/// Whether a message of this kind, told like this, is meant.
fn fits(what: &Selector, kind: &str, text: &str) -> bool {
    let number = |letter: char| {
        let words = text.split_once(kind).map_or("", |(_, rest)| rest);
        let mut words = words.split(|c: char| !c.is_ascii_alphanumeric());
        words.find_map(|word| word.strip_prefix(letter)?.parse::<u64>().ok())
    };
    what.kind.is_none_or(|wanted| wanted == kind)
        && what.view.is_none_or(|view| number('v') == Some(view))
        && what.sequence.is_none_or(|sequence| number('s') == Some(sequence))
}

fn shown<'o>(operations: impl IntoIterator<Item = &'o Vec<u8>>) -> String {
    let each = operations.into_iter().map(|it| format!("\"{}\"", it.escape_ascii()));
    let all: Vec<String> = each.collect();
    if all.is_empty() { "nothing".to_owned() } else { all.join(" ") }
}
