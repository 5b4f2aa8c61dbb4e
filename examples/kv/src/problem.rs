//! What went wrong, for the person at the terminal.

use std::fmt;
use std::process::ExitCode;

/// Why the program ends early: one sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// What the program was given cannot work: exit code 2.
    Configuration(String),
    /// It was given something that works, and failed: exit code 1.
    Failed(String),
    /// It was told to stop: exit code 130.
    Interrupted,
}

impl Problem {
    /// A problem with what the program was given.
    pub fn configuration(sentence: impl fmt::Display) -> Self {
        Self::Configuration(sentence.to_string())
    }

    /// A failure.
    pub fn failed(sentence: impl fmt::Display) -> Self {
        Self::Failed(sentence.to_string())
    }

    /// The exit code of the program.
    #[must_use]
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Configuration(_) => 2,
            Self::Failed(_) => 1,
            Self::Interrupted => 130,
        })
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Configuration(sentence) | Self::Failed(sentence) => f.write_str(sentence),
            Self::Interrupted => f.write_str("interrupted"),
        }
    }
}

impl std::error::Error for Problem {}
