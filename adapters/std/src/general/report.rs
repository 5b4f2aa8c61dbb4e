//! What came of an agreement at one general.

use super::accusations::{Accusation, Accusations};
use quorate::rounds::{General, Rules};
use quorate::{NodeSet, Refusal};
use std::fmt;

/// What came of an agreement at one general.
pub struct Report<R> {
    pub(crate) general: General<R>,
    pub(crate) decided: bool,
    pub(crate) accusations: Accusations,
    pub(crate) refusals: Vec<Refusal>,
    pub(crate) absent: NodeSet,
}

impl<R: Rules> Report<R> {
    pub(crate) fn new(general: General<R>) -> Self {
        let (accusations, refusals) = (Accusations::default(), Vec::new());
        Self { general, decided: false, accusations, refusals, absent: NodeSet::EMPTY }
    }

    /// What was decided; `None` if this general missed a deadline of its own, and so counts itself
    /// faulty: then it has to ask the others, at least m + 1 of them.
    #[must_use]
    pub fn decision(&self) -> Option<R::Decision<'_>> {
        self.decided.then(|| self.general.rules().decision())
    }

    /// The round for whose beginning this general was woken too late, if there is one: counted
    /// from 1, and one more than there are if it was the end.
    #[must_use]
    pub fn missed(&self) -> Option<u8> {
        self.refusals.iter().find_map(|refusal| match refusal {
            Refusal::MissedDeadline { round } => Some(*round),
            _ => None,
        })
    }

    /// Who did what wrong, as far as this general can tell.
    #[must_use]
    pub fn accusations(&self) -> &[Accusation] {
        self.accusations.all()
    }

    /// Everything that the general refused to do.
    #[must_use]
    pub fn refusals(&self) -> &[Refusal] {
        &self.refusals
    }

    /// The generals to whom there was no connection when the first round began.
    #[must_use]
    pub const fn absent(&self) -> NodeSet {
        self.absent
    }

    /// The general, as it was left: with its rules comes the memory that it was given.
    #[must_use]
    pub fn into_general(self) -> General<R> {
        self.general
    }
}

impl<R> fmt::Debug for Report<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Report")
            .field("decided", &self.decided)
            .field("accusations", &self.accusations.all())
            .field("refusals", &self.refusals)
            .field("absent", &self.absent)
            .finish_non_exhaustive()
    }
}
