//! Who is correct, what was broken first, and what happened in numbers.

use super::plan::Plan;
use super::statistics::Statistics;
use crate::violation::Violation;
use quorate::{Fault, Instant, NodeId, NodeSet, Refusal};

/// Before it the checkers of agreements and those of a service bring what they find.
#[derive(Clone, Debug)]
pub(super) struct Court {
    pub(super) correct: NodeSet,
    pub(super) statistics: Statistics,
    violation: Option<Violation>,
}

impl Court {
    pub(super) fn new(plan: &Plan) -> Self {
        let faulty = plan.faulty();
        let all = (0..plan.nodes as u8).map(NodeId);
        Self {
            correct: all.filter(|node| !faulty.contains(*node)).collect(),
            statistics: Statistics::default(),
            violation: None,
        }
    }

    pub(super) const fn is_correct(&self, node: NodeId) -> bool {
        self.correct.contains(node)
    }

    pub(super) const fn violation(&self) -> Option<&Violation> {
        self.violation.as_ref()
    }

    /// How a run ends.
    ///
    /// # Errors
    /// The first violation.
    pub(super) fn verdict(&self) -> Result<(), Violation> {
        self.violation.clone().map_or(Ok(()), Err)
    }

    /// Notes a violation, unless there was one before.
    pub(super) fn fail(&mut self, checker: &'static str, now: Instant, what: String) {
        if self.violation.is_none() {
            self.violation = Some(Violation::new(checker, now, what));
        }
    }

    /// A correct general accuses somebody, who must be faulty.
    pub(super) fn accused(&mut self, now: Instant, by: NodeId, who: NodeId, fault: Fault) {
        if !self.is_correct(by) {
            return;
        }
        self.statistics.accusations += 1;
        if self.is_correct(who) {
            let what = format!("r{} accuses the correct r{} of {fault:?}", by.0, who.0);
            self.fail("accusation", now, what);
        }
    }

    /// A general refuses: one that is correct has no reason to.
    pub(super) fn refused(&mut self, now: Instant, node: NodeId, refusal: Refusal) {
        let missed = matches!(refusal, Refusal::MissedDeadline { .. } | Refusal::CutOff { .. });
        self.statistics.missed += u64::from(missed);
        if self.is_correct(node) {
            let what = format!("the correct r{} refuses: {refusal}", node.0);
            self.fail("refusal", now, what);
        }
    }
}
