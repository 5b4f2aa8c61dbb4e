//! What went wrong, for the person at the terminal.

use std::fmt;
use std::process::ExitCode;

/// Why the program ends early: what is wrong, where, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// What the program was given cannot work: exit code 2.
    Configuration(String),
    /// It was given something that works, and what came out is not what was promised: exit
    /// code 1.
    Failed(String),
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

    /// The same problem, with the place where it was found before it.
    #[must_use]
    pub fn at(self, place: impl fmt::Display) -> Self {
        match self {
            Self::Configuration(sentence) => Self::Configuration(format!("{place}: {sentence}")),
            Self::Failed(sentence) => Self::Failed(format!("{place}: {sentence}")),
        }
    }

    /// The exit code of the program.
    #[must_use]
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Configuration(_) => 2,
            Self::Failed(_) => 1,
        })
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Configuration(sentence) | Self::Failed(sentence) => f.write_str(sentence),
        }
    }
}

impl std::error::Error for Problem {}
