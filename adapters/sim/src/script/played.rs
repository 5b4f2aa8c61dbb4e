//! What became of a script.

use super::words::Wrong;
use crate::transcript::Transcript;
use crate::violation::Violation;
use quorate::{Instant, NodeId};
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What became of one line that expects something, or of one that could not happen.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Outcome {
    /// The line, counted from 1; 0: what is expected of every script.
    pub line: usize,
    /// What it says.
    pub text: String,
    /// What is instead, if it does not hold.
    pub broken: Option<String>,
}

impl Outcome {
    pub(super) fn new(line: usize, text: &str, result: Result<(), String>) -> Self {
        Self { line, text: text.to_owned(), broken: result.err() }
    }

    /// That no checker objects, unless a line wants this one to.
    pub(super) fn of_checkers(
        wanted: Option<(usize, &str, &str)>,
        found: Option<&Violation>,
    ) -> Self {
        let Some((line, text, wanted)) = wanted else {
            let result = found.map_or(Ok(()), |found| Err(found.to_string()));
            return Self::new(0, "no checker objects", result);
        };
        let result = match found {
            Some(found) if found.checker == wanted => Ok(()),
            Some(found) => Err(found.to_string()),
            None => Err("no checker objects".to_owned()),
        };
        Self::new(line, text, result)
    }

    /// That no machine panics: `None` if none did in this.
    pub(super) fn of_panic(plays: impl FnOnce()) -> Option<Self> {
        let panic = catch_unwind(AssertUnwindSafe(plays)).err()?;
        Some(Self::new(0, "no machine panics", Err(said(&*panic))))
    }
}

fn said(panic: &(dyn Any + Send)) -> Wrong {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default()
}

/// A script that was played to its end.
#[derive(Clone, Debug)]
pub struct Played {
    /// What became of its expectations, in order.
    pub outcomes: Vec<Outcome>,
    /// What was decided before it began, in lines.
    pub plan: String,
    /// Who is faulty, and what they are in a word or two.
    pub faulty: Vec<(NodeId, String)>,
    /// What happened.
    pub transcript: Transcript,
    /// When it ended.
    pub end: Instant,
    /// What a checker objected to first.
    pub violation: Option<Violation>,
}

impl Played {
    /// A script whose world could not be built.
    pub(super) fn unbuilt(
        plan: String,
        faulty: Vec<(NodeId, String)>,
        panic: Option<Outcome>,
    ) -> Self {
        let (transcript, end) = (Transcript::new(true), Instant::ZERO);
        let outcomes = panic.into_iter().collect();
        Self { outcomes, plan, faulty, transcript, end, violation: None }
    }

    /// Whether everything was as expected.
    #[must_use]
    pub fn kept(&self) -> bool {
        self.outcomes.iter().all(|outcome| outcome.broken.is_none())
    }
}
