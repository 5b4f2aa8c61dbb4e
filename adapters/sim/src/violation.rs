//! A broken promise.

use crate::checker::is_checker;
use quorate::Instant;
use std::fmt;

/// What a checker found: the run broke a promise of the protocol.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Violation {
    /// The name of the checker: one of [`CHECKERS`](crate::checker::CHECKERS).
    pub checker: &'static str,
    /// Virtual time, in microseconds.
    pub micros: u64,
    /// Who did what, in one sentence.
    pub what: String,
}

impl Violation {
    /// A violation found by `checker` now.
    #[must_use]
    pub fn new(checker: &'static str, now: Instant, what: String) -> Self {
        debug_assert!(is_checker(checker), "`{checker}` stands in no list of checkers");
        Self { checker, micros: now.as_micros(), what }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { checker, micros, what } = self;
        write!(f, "{checker}, at {}.{:06} s: {what}", micros / 1_000_000, micros % 1_000_000)
    }
}

impl std::error::Error for Violation {}
