//! Looks whether what a script of rounds expects holds in the end.

use super::Generals;
use super::claim::{Claim, Nodes, Place, What};
use super::name::Name;
use crate::generals::FIRST;
use crate::script::played::Outcome;
use crate::script::when::When;
use crate::script::witness::{NOBODY, Witness};
use crate::transcript::Transcript;
use quorate::{Instant, NodeId, Principal};

/// What a general decides in one agreement, entry by entry.
type Entries = Vec<Option<Name>>;

/// How it ended.
#[derive(Debug)]
pub(super) struct Ending<'s> {
    pub(super) scene: &'s Generals,
    /// Of each agreement what each general decided.
    pub(super) decisions: Vec<Vec<Option<Entries>>>,
    pub(super) transcript: &'s Transcript,
    pub(super) end: Instant,
}

impl Generals {
    /// A line as it stands in the script.
    pub(super) fn text(&self, line: usize) -> &str {
        self.texts.get(&line).map_or("", String::as_str)
    }

    /// The checker that should object, and the line that says so.
    pub(super) fn wanted_violation(&self) -> Option<(usize, &str, &str)> {
        self.claims.iter().find_map(|(line, claim)| match &claim.what {
            What::Violation(checker) => Some((*line, self.text(*line), checker.as_str())),
            _ => None,
        })
    }
}

impl Ending<'_> {
    /// What became of every line that expects something.
    pub(super) fn judge(&self) -> Vec<Outcome> {
        let claims = self.scene.claims.iter();
        let claims = claims.filter(|(_, claim)| !matches!(claim.what, What::Violation(_)));
        let judged = claims.map(|(line, claim)| {
            Outcome::new(*line, self.scene.text(*line), self.judge_claim(claim))
        });
        judged.collect()
    }

    fn judge_claim(&self, claim: &Claim) -> Result<(), String> {
        let until = match claim.until {
            When::Next => self.end,
            until => until.from(Instant::ZERO),
        };
        let liars = self.scene.plan.faulty();
        let witness = Witness { chronicle: self.transcript.chronicle(), liars, until };
        match &claim.what {
            What::Decide { nodes, about, entries } => self.decide(witness, nodes, *about, entries),
            What::Alike { nodes } => self.alike(witness, nodes),
            What::Undecided { nodes } => self.undecided(witness, nodes),
            What::Accused { by, who, fault } => witness.accused(*by, *who, fault),
            What::NoAccusation { who } => witness.no_accusation(*who),
            What::Frames { count, from, to } => {
                let named = |some: &Option<Vec<Principal>>, who| {
                    some.as_ref().is_none_or(|all| all.contains(&who))
                };
                witness.arrived(*count, |sender, receiver, _, _| {
                    named(from, sender) && named(to, receiver)
                })
            }
            What::Told { who, text, ever } => witness.told(*who, text, *ever),
            What::Violation(_) => Ok(()),
        }
    }

    /// These generals, or all that are correct: one at least.
    fn these(&self, named: &Nodes) -> Result<Vec<NodeId>, String> {
        let faulty = self.scene.plan.faulty();
        let all = || (0..self.scene.plan.nodes as u8).map(NodeId);
        let correct = || all().filter(|node| !faulty.contains(*node)).collect();
        let these = named.clone().unwrap_or_else(correct);
        if these.is_empty() { Err(NOBODY.to_owned()) } else { Ok(these) }
    }

    /// What a general has decided up to the witness's time.
    fn decision(&self, witness: Witness<'_>, agreement: usize, node: NodeId) -> Option<&Entries> {
        let (who, told) = (Principal::Node(node), format!(" #{}: ", FIRST + agreement as u64));
        let mut own = witness.entries().filter(|entry| entry.who == Some(who));
        own.find(|entry| entry.text.contains("DECIDES") && entry.text.contains(&told))?;
        self.decisions.get(agreement)?.get(node.index())?.as_ref()
    }

    fn decide(
        &self,
        witness: Witness<'_>,
        nodes: &Nodes,
        about: Option<Place>,
        wanted: &[Option<Name>],
    ) -> Result<(), String> {
        for node in self.these(nodes)? {
            let agreement = about.map_or(0, |place| place.agreement);
            let Some(entries) = self.decision(witness, agreement, node) else {
                return Err(format!("r{} does not decide", node.0));
            };
            let found = match about {
                Some(Place { entry, .. }) => entries.get(entry..=entry).unwrap_or_default(),
                None => entries,
            };
            if found != wanted {
                return Err(format!("r{} decides {}", node.0, shown(found)));
            }
        }
        Ok(())
    }

    fn alike(&self, witness: Witness<'_>, nodes: &Nodes) -> Result<(), String> {
        let these = self.these(nodes)?;
        for agreement in 0..self.decisions.len() {
            let mut first = None;
            for node in these.iter().copied() {
                let Some(entries) = self.decision(witness, agreement, node) else {
                    return Err(format!("r{} does not decide", node.0));
                };
                let (other, told) = *first.get_or_insert((node, entries));
                if told != entries {
                    let (one, two) = (shown(told), shown(entries));
                    return Err(format!("r{} decides {one}, and r{} {two}", other.0, node.0));
                }
            }
        }
        Ok(())
    }

    fn undecided(&self, witness: Witness<'_>, nodes: &Nodes) -> Result<(), String> {
        let these = self.these(nodes)?;
        for agreement in 0..self.decisions.len() {
            for node in these.iter().copied() {
                if let Some(entries) = self.decision(witness, agreement, node) {
                    return Err(format!("r{} decides {}", node.0, shown(entries)));
                }
            }
        }
        Ok(())
    }
}

fn shown(entries: &[Option<Name>]) -> String {
    let each = entries.iter().map(|it| it.map_or("the default".into(), |it| format!("\"{it}\"")));
    each.collect::<Vec<String>>().join(" ")
}
