//! The service that replicas of a trial run: it adds up the bytes of all operations.

use quorate::pbft::merkle::{page_digest, state_digest};
use quorate::pbft::{Command, Part, Sequence};
use quorate::{ClientId, Digest};

/// A sum, which is also the reply to every operation.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sum(u64);

impl Sum {
    pub(crate) fn add(&mut self, operation: &[u8]) -> [u8; 8] {
        let sum = operation.iter().fold(self.0, |sum, byte| sum.wrapping_add((*byte).into()));
        // Each operation counts, also an empty one.
        self.0 = sum.wrapping_mul(31).wrapping_add(1);
        self.0.to_le_bytes()
    }

    /// The digest of the state, which is one page.
    pub(crate) fn digest(&self) -> Digest {
        state_digest(1, &page_digest(Part::State, 0, &self.0.to_le_bytes()))
    }
}

/// What the host has to tell its replica after a step.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Answer {
    Executed { client: ClientId, reply: [u8; 8] },
    Captured { sequence: Sequence, state: Digest },
}

impl Answer {
    pub(crate) fn command(&self) -> Command<'_> {
        match self {
            Self::Executed { client, reply } => Command::Executed { client: *client, reply },
            Self::Captured { sequence, state } => {
                Command::Captured { sequence: *sequence, state: *state }
            }
        }
    }
}
