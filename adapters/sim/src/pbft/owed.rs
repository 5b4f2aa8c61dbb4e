//! A command that a host owes its machine: what came of a decision.

use quorate::pbft::{Command, Sequence, Sought};
use quorate::{ClientId, Digest};

/// A command that the host owes its machine.
#[derive(Clone, Debug)]
pub(crate) enum Owed {
    Executed { client: ClientId, reply: Vec<u8> },
    Captured { sequence: u64, state: Digest },
    Answered { client: ClientId, answer: Option<Vec<u8>> },
    Seek { sequence: u64, room: usize },
    Installed { sequence: u64, clients: Vec<u8> },
}

impl Owed {
    /// Of which checkpoint, and how many pieces the machine wants named: the host seeks them before
    /// it gives the command.
    pub(crate) const fn room(&self) -> Option<(u64, usize)> {
        match self {
            Self::Seek { sequence, room } => Some((*sequence, *room)),
            _ => None,
        }
    }

    /// The command itself; `pieces` are what the host sought.
    pub(crate) fn command<'a>(&'a self, pieces: &'a [Sought]) -> Command<'a> {
        match self {
            Self::Executed { client, reply } => Command::Executed { client: *client, reply },
            Self::Captured { sequence, state } => {
                Command::Captured { sequence: Sequence(*sequence), state: *state }
            }
            Self::Answered { client, answer } => {
                Command::Answered { client: *client, answer: answer.as_deref() }
            }
            Self::Seek { sequence, .. } => Command::Seek { sequence: Sequence(*sequence), pieces },
            Self::Installed { sequence, clients } => {
                Command::Installed { sequence: Sequence(*sequence), clients }
            }
        }
    }
}
