//! Plays a script of a service, and looks whether what it expects holds.

use super::super::played::{Outcome, Played};
use super::super::when::When;
use super::super::witness::{Witness, same};
use super::Service;
use super::claim::{Claim, Nodes, What};
use crate::chronicle;
use crate::generals::{Ballot, Creed, Oral, Parcel, Protocol, Scrolls, Town};
use crate::transcript::Transcript;
use quorate::vector::Broadcast;
use quorate::{Instant, NodeId, Principal};
use std::collections::BTreeMap;

/// What a general has executed: the slot of each operation.
type History = Vec<(u64, Vec<u8>)>;

/// How it ended.
#[derive(Debug)]
struct Ending<'s> {
    service: &'s Service,
    histories: Vec<History>,
    /// Whether there were requests in the proposals that are asked for.
    proposals: BTreeMap<(NodeId, u64), bool>,
    transcript: &'s Transcript,
    end: Instant,
}

impl Service {
    /// Plays it from its beginning.
    pub(super) fn play_town(&self) -> Played {
        match self.plan.base {
            Protocol::Sm => self.town::<Scrolls<Parcel>>(),
            Protocol::King => self.town::<Ballot<Parcel>>(),
            _ => self.town::<Oral<Parcel>>(),
        }
    }

    fn town<C>(&self) -> Played
    where
        C: Creed<Value = Parcel>,
        C::Rules: Broadcast<Value = Parcel>,
    {
        let mut town = None;
        let panic = Outcome::of_panic(|| {
            let town = town.insert(Town::<C>::told(self.plan.clone(), &self.errands, true));
            let _ = town.run();
        });
        let Some(town) = town else {
            return Played::unbuilt(self.plan.to_string(), self.plan.marks(), panic);
        };
        let (end, violation) = (town.now(), town.violation().cloned());
        let owned = |(slot, operation): (u64, &[u8])| (slot, operation.to_vec());
        let nodes = (0..self.plan.nodes as u8).map(NodeId);
        let histories = nodes.map(|node| town.history(node).map(owned).collect()).collect();
        let proposals = self.claims.iter().filter_map(|(_, claim)| match claim.what {
            What::Proposes { node, slot, .. } => Some(((node, slot), town.proposes(node, slot)?)),
            _ => None,
        });
        let proposals = proposals.collect();
        let transcript = town.into_transcript();
        let ending = Ending { service: self, histories, proposals, transcript: &transcript, end };
        let mut outcomes = ending.judge();
        let wanted = self.claims.iter().find_map(|(line, claim)| match &claim.what {
            What::Violation(checker) => Some((*line, self.text(*line), checker.as_str())),
            _ => None,
        });
        outcomes.push(Outcome::of_checkers(wanted, violation.as_ref()));
        outcomes.extend(panic);
        Played {
            outcomes,
            plan: self.plan.to_string(),
            faulty: self.plan.marks(),
            transcript,
            end,
            violation,
        }
    }

    /// A line as it stands in the script.
    fn text(&self, line: usize) -> &str {
        self.texts.get(&line).map_or("", String::as_str)
    }
}

impl Ending<'_> {
    fn judge(&self) -> Vec<Outcome> {
        let claims = self.service.claims.iter();
        let claims = claims.filter(|(_, claim)| !matches!(claim.what, What::Violation(_)));
        let judged = claims.map(|(line, claim)| {
            Outcome::new(*line, self.service.text(*line), self.judge_claim(claim))
        });
        judged.collect()
    }

    fn judge_claim(&self, claim: &Claim) -> Result<(), String> {
        let until = match claim.until {
            When::Next => self.end,
            until => until.from(Instant::ZERO),
        };
        let liars = self.service.plan.faulty();
        let witness = Witness { chronicle: self.transcript.chronicle(), liars, until };
        match &claim.what {
            What::Replies { client, count } => {
                let mine = Some(Principal::Client(*client));
                let own = witness.entries().filter(|entry| entry.who == mine);
                let done = own.filter(|entry| entry.what == chronicle::What::Completes).count();
                same(done as u64, *count, |found| format!("client {} has {found}", client.0))
            }
            What::History { operations, at } => self.each(at, |own| {
                let found: Vec<&Vec<u8>> = own.iter().map(|(_, operation)| operation).collect();
                found.iter().copied().eq(operations)
            }),
            What::Executed { operation, slot, at } => {
                self.each(at, |own| {
                    own.iter().any(|(at, other)| at == slot && other == operation)
                })?;
                self.each_by(witness, at, *slot)
            }
            What::Proposes { node, slot, something } => {
                let found = self.proposals.get(&(*node, *slot)).copied();
                same(found, Some(*something), |found| match found {
                    Some(true) => format!("r{} proposes something in s{slot}", node.0),
                    Some(false) => format!("r{} proposes nothing in s{slot}", node.0),
                    None => format!("r{} makes no proposal in s{slot} that counts", node.0),
                })
            }
            What::Accused { by, who, fault } => witness.accused(*by, *who, fault),
            What::NoAccusation { who } => witness.no_accusation(*who),
            What::Told { who, text, ever } => witness.told(*who, text, *ever),
            What::Violation(_) => Ok(()),
        }
    }

    /// Whether these have executed a slot up to the witness's time, or have installed a state that
    /// includes it.
    fn each_by(&self, witness: Witness<'_>, named: &Nodes, slot: u64) -> Result<(), String> {
        for node in self.these(named) {
            let mut own = witness.entries().filter(|it| it.who == Some(Principal::Node(node)));
            let has = own.any(|entry| match entry.what {
                chronicle::What::Executes { sequence, .. } => sequence == slot,
                chronicle::What::Installs { sequence } => sequence >= slot,
                _ => false,
            });
            if !has {
                let seconds = witness.until.as_micros() as f64 / 1e6;
                return Err(format!("r{} has not executed s{slot} at {seconds} s", node.0));
            }
        }
        Ok(())
    }

    /// These generals, or all that are correct.
    fn these(&self, named: &Nodes) -> Vec<NodeId> {
        let faulty = self.service.plan.faulty();
        let all = (0..self.histories.len() as u8).map(NodeId);
        let meant = |node: &NodeId| {
            named.as_ref().map_or(!faulty.contains(*node), |named| named.contains(node))
        };
        all.filter(meant).collect()
    }

    /// Whether this holds of the histories of these generals, or of all that are correct.
    fn each(&self, named: &Nodes, holds: impl Fn(&History) -> bool) -> Result<(), String> {
        for node in self.these(named) {
            let history = &self.histories[node.index()];
            if !holds(history) {
                let each = history.iter().map(|(slot, operation)| {
                    format!("\"{}\" at s{slot}", operation.escape_ascii())
                });
                let all = each.collect::<Vec<String>>().join(", ");
                return Err(format!("r{} has executed {all}", node.0));
            }
        }
        Ok(())
    }
}
