//! What a scenario has a traitor say.

use crate::route::Route;
use crate::scenario::{Ids, Protocol, Scenario};
use crate::word::Word;
use quorate::NodeId;

/// One `[[lie]]` of a scenario, checked.
///
/// Without a round it takes the place of what the traitor would have said loyally wherever it
/// [matches](Lie::replaces); with a round it is sent in that round in addition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lie {
    /// Its place in the scenario, counted from 1.
    pub number: usize,
    /// The traitor who tells it.
    pub from: NodeId,
    /// Who is told.
    pub to: Ids,
    /// What is said; `None`: nothing.
    pub value: Option<Word>,
    /// Oral messages: the path of the message; `None`: every path.
    pub path: Option<Route>,
    /// The round in which it is sent in addition.
    pub round: Option<u8>,
    /// Signed messages: the chain to present.
    pub signers: Option<Route>,
    /// Signed messages: present the chain of this order from another instance.
    pub replay_of: Option<Word>,
    /// Interactive consistency: the instance that is lied about; `None`: all of them.
    pub commander: Option<NodeId>,
    /// Phase king: the round that the message says it belongs to.
    pub claims: Option<u8>,
}

impl Lie {
    /// Whether it takes the place of what `from` would have said loyally to `to` along this route
    /// in the instance of this commander.
    #[must_use]
    pub fn replaces(&self, from: NodeId, to: NodeId, commander: NodeId, route: &Route) -> bool {
        self.round.is_none()
            && self.from == from
            && self.to.includes(to)
            && self.commander.is_none_or(|only| only == commander)
            && self.path.as_ref().is_none_or(|path| path == route)
    }

    /// Whether an addition is about the order of this commander: by its `commander`, else where
    /// all command by the first on its path or chain, else in any case.
    #[must_use]
    pub fn is_about(&self, commander: NodeId, scenario: &Scenario) -> bool {
        let route = self.path.as_ref().or(self.signers.as_ref());
        let first = match scenario.protocol {
            Protocol::Vector(_) => route.and_then(Route::first),
            _ => None,
        };
        self.commander.or(first).is_none_or(|only| only == commander)
    }
}
