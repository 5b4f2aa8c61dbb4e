//! What is to be done after a step, unfolded one output at a time.

use super::general::General;
use super::rules::{Blame, Rules};
use crate::fault::{Fault, Refusal};
use crate::node::{NodeId, NodeSet, Principal};
use crate::protocol::{Never, Output, Target};

/// What is still to be put out. Each output is taken out of it, so that what is not drained is
/// not lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Work {
    pub(super) undrained: bool,
    pub(super) refusal: Option<Refusal>,
    /// Who said nothing in the round that closed.
    pub(super) missing: NodeSet,
    /// The round that began, and who is still to be told.
    round: u8,
    audience: NodeSet,
    sender: Option<(NodeId, Fault)>,
    equivocators: NodeSet,
    pub(super) decide: bool,
}

impl Work {
    pub(super) const NONE: Self = Self {
        undrained: false,
        refusal: None,
        missing: NodeSet::EMPTY,
        round: 0,
        audience: NodeSet::EMPTY,
        sender: None,
        equivocators: NodeSet::EMPTY,
        decide: false,
    };

    pub(super) const fn refusing(refusal: Refusal) -> Self {
        Self { refusal: Some(refusal), ..Self::NONE }
    }

    pub(super) const fn speak(&mut self, round: u8, audience: NodeSet) {
        self.round = round;
        self.audience = audience;
    }

    pub(super) const fn speaks(&self) -> bool {
        self.round > 0
    }

    pub(super) const fn blame(&mut self, node: NodeId, fault: Fault) {
        self.sender = Some((node, fault));
    }

    pub(super) const fn blame_principal(&mut self, who: Principal, fault: Fault) {
        if let Principal::Node(node) = who {
            self.blame(node, fault);
        }
    }

    pub(super) const fn accuse(&mut self, from: NodeId, blame: Blame) {
        if let Some(fault) = blame.sender {
            self.blame(from, fault);
        }
        self.equivocators = blame.equivocators;
    }

    pub(super) const fn is_done(&self) -> bool {
        !self.undrained
            && self.refusal.is_none()
            && self.missing.is_empty()
            && self.audience.is_empty()
            && self.sender.is_none()
            && self.equivocators.is_empty()
            && !self.decide
    }
}

/// The outputs of one step of a [`General`], in the order in which the host performs them: who
/// was missing, what to say in the round that began, who did wrong, what was decided.
#[derive(Debug)]
#[must_use = "outputs do nothing unless the host performs them"]
pub struct Outputs<'a, R> {
    pub(super) general: &'a General<R>,
}

#[cfg(feature = "defmt")]
impl<R> defmt::Format for Outputs<'_, R> {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "Outputs(round {})", self.general.work.get().round);
    }
}

impl<'a, R: Rules> Iterator for Outputs<'a, R> {
    type Item = Output<R::Message<'a>, R::Decision<'a>, Never>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut work = self.general.work.get();
        let output = self.unfold(&mut work);
        self.general.work.set(work);
        output
    }
}

impl<'a, R: Rules> Outputs<'a, R> {
    /// Takes the next output out of the work.
    fn unfold(&self, work: &mut Work) -> Option<<Self as Iterator>::Item> {
        if core::mem::take(&mut work.undrained) {
            return Some(Output::Refuse(Refusal::Undrained));
        }
        if let Some(refusal) = work.refusal.take() {
            return Some(Output::Refuse(refusal));
        }
        if let Some(node) = pop(&mut work.missing) {
            return Some(Output::Accuse { node, fault: Fault::Missing });
        }
        if let Some(send) = self.speak(work) {
            return Some(send);
        }
        if let Some((node, fault)) = work.sender.take() {
            return Some(Output::Accuse { node, fault });
        }
        if let Some(node) = pop(&mut work.equivocators) {
            return Some(Output::Accuse { node, fault: Fault::Equivocation });
        }
        let rules = &self.general.rules;
        core::mem::take(&mut work.decide).then(|| Output::Decide(rules.decision()))
    }

    /// The next frame of the round, for all who are told the same.
    fn speak(&self, work: &mut Work) -> Option<<Self as Iterator>::Item> {
        let rules = &self.general.rules;
        let everybody = rules.nodes().saturating_sub(1);
        while let Some(first) = work.audience.iter().next() {
            let mut group = NodeSet::from_iter([first]);
            for node in rules.audience(work.round, first).iter() {
                if work.audience.contains(node) {
                    group.insert(node);
                }
            }
            for node in group.iter() {
                work.audience.remove(node);
            }
            if let Some(message) = rules.frame(work.round, first) {
                let to = match group.len() {
                    1 => Target::Node(first),
                    count if count == everybody => Target::All,
                    _ => Target::Nodes(group),
                };
                return Some(Output::Send { to, message });
            }
        }
        None
    }
}

fn pop(set: &mut NodeSet) -> Option<NodeId> {
    let first = set.iter().next()?;
    set.remove(first);
    Some(first)
}
