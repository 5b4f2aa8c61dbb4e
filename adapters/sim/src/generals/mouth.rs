//! The mouth of a traitor: it is asked what to say to each receiver as a round begins.

use super::cabal::{Cabal, Occasion};
use super::creed::Creed;
use crate::engine::Payload;
use crate::kinds::Kinds;
use crate::plain::nodes;
use core::time::Duration;
use quorate::NodeSet;
use std::fmt::{self, Debug};

/// Something that a traitor says.
#[derive(Clone, Debug)]
pub struct Speech {
    /// How long it is kept back.
    pub after: Duration,
    /// The frame.
    pub payload: Payload,
}

impl Speech {
    /// Says this at once.
    #[must_use]
    pub fn now(payload: impl Into<Payload>) -> Self {
        Self { after: Duration::ZERO, payload: payload.into() }
    }
}

/// A mouth that lies. Behind it runs a true machine of protocol `C`.
pub trait Mouth<C: Creed>: Debug {
    /// A word or two for the transcript.
    fn name(&self) -> &'static str;

    /// A round begins: puts into `out` what is said to one receiver. `loyal`: what the machine
    /// would say, if anything.
    fn speak(
        &mut self,
        cabal: &mut Cabal<C::Value>,
        at: Occasion,
        loyal: Option<&Payload>,
        out: &mut Vec<Speech>,
    );
}

/// The kinds of traitors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Says nothing to these.
    Silent(NodeSet),
    /// Tells each receiver the story that the cabal agreed on for it.
    Equivocator,
    /// Tells each receiver something else each time.
    Liar,
    /// Says things in the name of others, or of itself, that no machine made.
    Inventor,
    /// Says again what anybody said: in this agreement or as if in another, in this round or as
    /// if in another.
    Replayer,
    /// Says much more than anybody can use.
    Spammer,
    /// Says half of it late.
    Delayer,
    /// Changes a few bits.
    Mutator,
    /// Runs twice; these hear the copy.
    Twin(NodeSet),
    /// Runs twice; all hear both. No seed draws it.
    Double,
    /// Each time another of them.
    Whimsical,
    /// Says what somebody has it say, and the truth otherwise: none of those by chance.
    Scripted,
}

impl Role {
    /// All kinds of traitors, by the names that [`Role::name`] gives them.
    pub const ALL: Kinds = Kinds::all(&[
        "silent",
        "equivocator",
        "liar",
        "inventor",
        "replayer",
        "spammer",
        "delayer",
        "mutator",
        "twin",
        "whimsical",
    ]);

    /// Its name on the command line.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Silent(_) => "silent",
            Self::Equivocator => "equivocator",
            Self::Liar => "liar",
            Self::Inventor => "inventor",
            Self::Replayer => "replayer",
            Self::Spammer => "spammer",
            Self::Delayer => "delayer",
            Self::Mutator => "mutator",
            Self::Twin(_) | Self::Double => "twin",
            Self::Whimsical => "whimsical",
            Self::Scripted => "scripted",
        }
    }
}

impl fmt::Display for Role {
    /// Its name, and to whom.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        match *self {
            Self::Silent(victims) => write!(f, " to {}", nodes(victims)),
            Self::Twin(victims) => write!(f, "; {} hear the copy", nodes(victims)),
            Self::Double => f.write_str("; all hear both"),
            _ => Ok(()),
        }
    }
}

/// The mouth of a role; `None` for a twin, whose two machines both speak the truth.
#[must_use]
pub fn cast<C: Creed>(role: Role) -> Option<Box<dyn Mouth<C>>> {
    use super::traitors as these;
    Some(match role {
        Role::Silent(victims) => Box::new(these::Silent::towards(victims)),
        Role::Equivocator => Box::new(these::Equivocator),
        Role::Liar => Box::new(these::Liar),
        Role::Inventor => Box::new(these::Inventor),
        Role::Replayer => Box::new(these::Replayer),
        Role::Spammer => Box::new(these::Spammer),
        Role::Delayer => Box::new(these::Delayer),
        Role::Mutator => Box::new(these::Mutator),
        Role::Whimsical => Box::new(these::Whimsical),
        Role::Scripted => Box::new(these::Scripted::default()),
        Role::Twin(_) | Role::Double => return None,
    })
}
