//! A scenario: who agrees, by which protocol, who lies, and how.
//!
//! It is read from a file ([`Scenario::from_toml`]) or made from the command line; either way
//! it is checked before it is fought out.

mod check;
mod expect;
mod ids;
mod text;

pub use expect::{Accused, Decided, Expect};
pub use ids::Ids;

use crate::problem::Problem;
use crate::treason::Treason;
use crate::word::Word;
use quorate::{NodeId, NodeSet};
use std::fmt;

/// The order that absent messages count as, unless a scenario names another.
pub const DEFAULT: &str = "R";

/// Who agrees, by which protocol, who lies, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scenario {
    /// One line on what it shows.
    pub title: Option<String>,
    /// More on what it shows.
    pub about: Option<String>,
    /// The protocol.
    pub protocol: Protocol,
    /// How many generals there are.
    pub n: usize,
    /// How many traitors the protocol is run to withstand.
    pub m: usize,
    /// Who commands. With [`Protocol::Vector`] everybody does.
    pub commander: NodeId,
    /// What each general orders when it commands, by id.
    pub orders: Vec<Word>,
    /// What is obeyed when there is no order.
    pub default: Word,
    /// Who the traitors are.
    pub traitors: NodeSet,
    /// Whether the protocol may be run out of its bound.
    pub unchecked: bool,
    /// What the traitors do.
    pub treason: Treason,
    /// What is to come out.
    pub expect: Option<Expect>,
}

/// A protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// Oral messages.
    Om,
    /// Signed messages.
    Sm,
    /// The phase king.
    King,
    /// Interactive consistency: every general commands one instance of the same protocol.
    Vector(Over),
}

/// The protocol under interactive consistency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// Oral messages.
    Om,
    /// Signed messages.
    Sm,
    /// The phase king.
    King,
}

impl Scenario {
    /// Reads a scenario and checks it. `name` is where the text came from.
    ///
    /// # Errors
    /// What is wrong with it, where, and what to do.
    pub fn from_toml(name: &str, text: &str) -> Result<Self, Problem> {
        let read: text::ScenarioText = toml::from_str(text)
            .map_err(|why| Problem::configuration(why.to_string().trim_end()).at(name))?;
        read.checked().map_err(|problem| problem.at(name))
    }

    /// All generals.
    pub fn generals(&self) -> impl Iterator<Item = NodeId> + use<> {
        (0u8..).map(NodeId).take(self.n)
    }

    /// Whose orders are agreed on.
    pub fn commanders(&self) -> impl Iterator<Item = NodeId> {
        let everybody = matches!(self.protocol, Protocol::Vector(_));
        self.generals().filter(move |id| everybody || *id == self.commander)
    }

    /// Whether this general is a traitor.
    #[must_use]
    pub fn is_traitor(&self, general: NodeId) -> bool {
        self.traitors.contains(general)
    }

    /// The order of this general, when it commands.
    #[must_use]
    pub fn order_of(&self, commander: NodeId) -> Word {
        self.orders.get(commander.index()).copied().unwrap_or(self.default)
    }

    /// How many rounds there are.
    #[must_use]
    pub fn rounds(&self) -> usize {
        match self.protocol {
            Protocol::King | Protocol::Vector(Over::King) => 3 * (self.m + 1) + 1,
            _ => self.m + 1,
        }
    }

    /// Whether the protocol promises agreement here: `None`, or why it does not.
    #[must_use]
    pub fn why_nothing_is_promised(&self) -> Option<String> {
        let (n, m) = (self.n, self.m);
        if !self.protocol.withstands(n, m) {
            return Some(format!("{} with n = {n} and m = {m}", self.protocol.bound()));
        }
        let traitors = self.traitors.len();
        (traitors > m).then(|| format!("there are {traitors} traitors, and m = {m}"))
    }
}

impl Protocol {
    /// Whether agreement of `n` generals is within its bound for `m` traitors.
    #[must_use]
    pub const fn withstands(self, n: usize, m: usize) -> bool {
        match self {
            Self::Om | Self::King | Self::Vector(Over::Om | Over::King) => n > 3 * m,
            Self::Sm | Self::Vector(Over::Sm) => n >= m + 2,
        }
    }

    /// Its bound, as the beginning of a sentence.
    #[must_use]
    pub const fn bound(self) -> &'static str {
        match self {
            Self::Om | Self::King | Self::Vector(Over::Om | Over::King) => "n > 3m does not hold",
            Self::Sm | Self::Vector(Over::Sm) => "n >= m + 2 does not hold",
        }
    }

    /// Its name, as scenarios and JSON have it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Om => "om",
            Self::Sm => "sm",
            Self::King => "king",
            Self::Vector(_) => "vector",
        }
    }

    /// Whether its messages have paths that a lie can name.
    #[must_use]
    pub const fn is_oral(self) -> bool {
        matches!(self, Self::Om | Self::Vector(Over::Om))
    }

    /// Whether its messages are opinions that claim a round.
    #[must_use]
    pub const fn is_king(self) -> bool {
        matches!(self, Self::King | Self::Vector(Over::King))
    }

    /// Whether its messages are signed.
    #[must_use]
    pub const fn is_signed(self) -> bool {
        matches!(self, Self::Sm | Self::Vector(Over::Sm))
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Om => "Oral messages, OM",
            Self::Sm => "Signed messages, SM",
            Self::King => "Phase king, King",
            Self::Vector(Over::Om) => "Interactive consistency over OM",
            Self::Vector(Over::Sm) => "Interactive consistency over SM",
            Self::Vector(Over::King) => "Interactive consistency over phase kings",
        })
    }
}
