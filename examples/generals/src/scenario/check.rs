//! From what is written to a scenario that can be fought out, or a sentence that says why not.

use super::expect::Decided;
use super::ids::Ids;
use super::text::{LieText, OverText, ProtocolText, ScenarioText};
use super::{DEFAULT, Over, Protocol, Scenario};
use crate::lie::Lie;
use crate::problem::Problem;
use crate::route::Route;
use crate::treason::Treason;
use crate::word::{Word, WordError};
use quorate::{NodeId, om};

/// The most messages that one run may send by the protocol's own count.
const MOST_MESSAGES: u64 = 10_000_000;
/// The most generals on a path of oral messages.
const LONGEST_PATH: usize = 22;

type Checked<T> = Result<T, Problem>;

fn wrong<T>(sentence: impl std::fmt::Display) -> Checked<T> {
    Err(Problem::configuration(sentence))
}

impl ScenarioText {
    pub(super) fn checked(self) -> Checked<Scenario> {
        let protocol = self.protocol()?;
        let orders = self.orders(protocol)?;
        let Self { title, about, n, m, unchecked, expect, .. } = self;
        let default = self.default.map_or_else(|| fixed(DEFAULT), Ok)?;
        let mut scenario = Scenario {
            title,
            about,
            protocol,
            n,
            m,
            commander: NodeId(self.commander.unwrap_or(0)),
            orders,
            default,
            traitors: self.traitors.iter().copied().map(NodeId).collect(),
            unchecked,
            treason: Treason::Lies(vec![]),
            expect,
        };
        scenario.check()?;
        if let Some(id) = self.traitors.iter().find(|id| usize::from(**id) >= n) {
            return wrong(format!("`traitors` names general {id}, and {}", ids_of(n)));
        }
        let lies = self.lie.into_iter().enumerate().map(|(at, lie)| {
            let number = at + 1;
            lie.checked(number, &scenario).map_err(|why| why.at(format!("lie {number}")))
        });
        let lies = lies.collect::<Checked<_>>()?;
        scenario.treason = Treason::Lies(lies);
        Ok(scenario)
    }

    fn protocol(&self) -> Checked<Protocol> {
        let protocol = match self.protocol {
            ProtocolText::Om => Protocol::Om,
            ProtocolText::Sm => Protocol::Sm,
            ProtocolText::King => Protocol::King,
            ProtocolText::Vector => match self.over {
                None | Some(OverText::Om) => return Ok(Protocol::Vector(Over::Om)),
                Some(OverText::Sm) => return Ok(Protocol::Vector(Over::Sm)),
                Some(OverText::King) => return Ok(Protocol::Vector(Over::King)),
            },
        };
        match self.over {
            None => Ok(protocol),
            Some(_) => wrong("`over` goes with protocol = \"vector\" only: leave it out"),
        }
    }

    fn orders(&self, protocol: Protocol) -> Checked<Vec<Word>> {
        let several = matches!(protocol, Protocol::Vector(_));
        match (&self.order, &self.orders) {
            (None, None) if several => {
                wrong("there are no orders: write `orders`, a list with the value of each general")
            }
            (None, None) => wrong("there is no order: write `order`, the word to agree on"),
            (Some(_), Some(_)) => {
                wrong("`order` and `orders` exclude each other: keep `orders` with \"vector\" only")
            }
            (None, Some(_)) if !several => {
                wrong("`orders` goes with protocol = \"vector\" only: write `order`")
            }
            (None, Some(orders)) if orders.len() != self.n => {
                let (count, n) = (orders.len(), self.n);
                wrong(format!("`orders` has {count} words, and n = {n}: one word for each general"))
            }
            (None, Some(orders)) => Ok(orders.clone()),
            (Some(order), None) => Ok(vec![*order; self.n]),
        }
    }
}

/// A word that this program itself wrote.
fn fixed(text: &str) -> Checked<Word> {
    text.parse().map_err(|why: WordError| Problem::configuration(why))
}

fn ids_of(n: usize) -> String {
    format!("with n = {n} the ids are 0 to {}", n.saturating_sub(1))
}

impl Scenario {
    /// Whether it can be fought out: known ids, the protocol's bound, a size that fits, and an
    /// expectation that can be met.
    ///
    /// # Errors
    /// The first thing that is wrong, and what to do about it.
    pub fn check(&self) -> Result<(), Problem> {
        let Self { n, m, protocol, .. } = *self;
        if !(2..=quorate::node::MAX_NODES).contains(&n) {
            return wrong(format!("n = {n}: there are 2 to {} generals", quorate::node::MAX_NODES));
        }
        if m.saturating_add(2) > n {
            let most = n - 2;
            return wrong(format!(
                "m = {m} of n = {n}: agreement needs two loyal generals, so m is {most} at most"
            ));
        }
        if !protocol.withstands(n, m) && !self.unchecked {
            let least = 3 * m + 1;
            return wrong(format!(
                "{} with n = {n} and m = {m}: take n = {least} or more, or say `unchecked` \
                 to see it fail",
                protocol.bound()
            ));
        }
        if self.commander.index() >= n {
            let id = self.commander.0;
            return wrong(format!("`commander` is general {id}, and {}", ids_of(n)));
        }
        if protocol.is_oral() {
            let all = om::messages(n, m).saturating_mul(self.commanders().count() as u64);
            if all > MOST_MESSAGES {
                return wrong(format!(
                    "that is {all} oral messages, and one run takes {MOST_MESSAGES} at most: \
                     take a smaller m, or see `generals cost`"
                ));
            }
        }
        self.check_expectation()
    }

    fn check_expectation(&self) -> Checked<()> {
        let Some(expect) = &self.expect else { return Ok(()) };
        let decisions = match expect.by_id() {
            Ok(decisions) => decisions,
            Err(key) => return wrong(format!("`expect.decisions` has the key {key:?}: no id")),
        };
        for (id, decided) in decisions {
            if id.index() >= self.n {
                let sentence = ids_of(self.n);
                return wrong(format!("`expect.decisions` names general {}, and {sentence}", id.0));
            }
            if self.is_traitor(id) {
                let id = id.0;
                return wrong(format!(
                    "`expect.decisions` names general {id}, a traitor: whatever a traitor decides \
                     means nothing"
                ));
            }
            let fits = match (self.protocol, decided) {
                (Protocol::Vector(_), Decided::Vector(list)) => list.len() == self.n,
                (Protocol::Vector(_), Decided::One(_)) | (_, Decided::Vector(_)) => false,
                (_, Decided::One(_)) => true,
            };
            if !fits {
                let shape = "a word, or with protocol = \"vector\" a list of n words";
                return wrong(format!("`expect.decisions` of general {}: {shape}", id.0));
            }
        }
        Ok(())
    }
}

impl LieText {
    fn checked(self, number: usize, scenario: &Scenario) -> Checked<Lie> {
        let from = NodeId(self.from);
        self.check_people(scenario)?;
        self.check_keys(scenario)?;
        self.check_time(scenario)?;
        let value = self.value()?;
        let path = match self.path.clone() {
            None | Some(Ids::All) => None,
            Some(Ids::These(ids)) => Some(self.check_path(ids, scenario)?),
        };
        let signers = self.signers.map(|ids| ids.into_iter().map(NodeId).collect::<Route>());
        Ok(Lie {
            number,
            from,
            to: self.to,
            value,
            path,
            round: self.round,
            signers,
            replay_of: self.replay_of,
            commander: self.commander.map(NodeId),
            claims: self.claims,
        })
    }

    fn check_people(&self, scenario: &Scenario) -> Checked<()> {
        let Self { from, .. } = *self;
        if usize::from(from) >= scenario.n {
            return wrong(format!("`from` is general {from}, and {}", ids_of(scenario.n)));
        }
        if !scenario.is_traitor(NodeId(from)) {
            return wrong(format!(
                "general {from} is loyal and does not lie: add {from} to `traitors`, or change \
                 `from`"
            ));
        }
        let Ids::These(to) = &self.to else { return Ok(()) };
        if to.is_empty() {
            return wrong("`to` is empty: name who is told, or \"*\" for all");
        }
        if to.contains(&NodeId(from)) {
            return wrong(format!("`to` names general {from} itself: leave it out"));
        }
        if let Some(id) = to.iter().find(|id| id.index() >= scenario.n) {
            return wrong(format!("`to` names general {}, and {}", id.0, ids_of(scenario.n)));
        }
        Ok(())
    }

    /// That each key goes with the protocol.
    fn check_keys(&self, scenario: &Scenario) -> Checked<()> {
        let protocol = scenario.protocol;
        if self.path.is_some() && !protocol.is_oral() {
            return wrong("`path` goes with oral messages only: leave it out");
        }
        for (there, key) in
            [(self.signers.is_some(), "signers"), (self.replay_of.is_some(), "replay_of")]
        {
            if there && !protocol.is_signed() {
                return wrong(format!("`{key}` goes with signed messages only: leave it out"));
            }
        }
        if self.claims.is_some() && !protocol.is_king() {
            return wrong("`claims` goes with the phase king only: leave it out");
        }
        if let Some(commander) = self.commander.map(NodeId)
            && !scenario.commanders().any(|id| id == commander)
        {
            let id = commander.0;
            return wrong(format!("`commander` is general {id}, who does not command here"));
        }
        match &self.signers {
            Some(signers) if signers.is_empty() => {
                wrong("`signers` is empty: a chain has at least the commander")
            }
            Some(signers) => match signers.iter().find(|id| usize::from(**id) >= scenario.n) {
                Some(id) => {
                    wrong(format!("`signers` names general {id}, and {}", ids_of(scenario.n)))
                }
                None => Ok(()),
            },
            None => Ok(()),
        }
    }

    fn check_time(&self, scenario: &Scenario) -> Checked<()> {
        let last = scenario.rounds() + 1;
        match (self.round, self.claims) {
            (Some(round), _) if usize::from(round) > last => wrong(format!(
                "`round` is {round}: there are {} rounds; 0 is before the first, {last} after the \
                 last",
                last - 1
            )),
            (None, Some(_)) => {
                wrong("`claims` goes with `round` only: say in which round the message is sent")
            }
            (_, Some(claims)) if claims == 0 || usize::from(claims) >= last => {
                wrong(format!("`claims` is {claims}: rounds are 1 to {}", last - 1))
            }
            _ => Ok(()),
        }
    }

    fn value(&self) -> Checked<Option<Word>> {
        let value = match (&self.value, self.replay_of) {
            (None, None) => return wrong("there is no `value`: write a word, or \"\" for nothing"),
            (None, Some(order)) => Some(order),
            (Some(text), None) if text.is_empty() => None,
            (Some(text), Some(_)) if text.is_empty() => {
                return wrong("`replay_of` and a `value` of \"\" contradict each other");
            }
            (Some(text), _) => match text.parse() {
                Ok(word) => Some(word),
                Err(why) => return wrong(format!("`value` is no order: {why}")),
            },
        };
        if let (None, Some(round)) = (value, self.round) {
            return wrong(format!(
                "nothing (`value` = \"\") said in addition (`round` = {round}) is nothing: leave \
                 out `round` to keep a traitor silent"
            ));
        }
        Ok(value)
    }

    /// A path that a lie without a round names must be one that the traitor's loyal self uses.
    fn check_path(&self, ids: Vec<NodeId>, scenario: &Scenario) -> Checked<Route> {
        let path: Route = ids.into_iter().collect();
        if path.is_empty() || path.len() > LONGEST_PATH || !path.is_distinct() {
            return wrong(format!(
                "`path` is a list of 1 to {LONGEST_PATH} generals, each at most once"
            ));
        }
        if self.round.is_some() {
            return Ok(path);
        }
        let (first, last) = (path.first(), path.last());
        if last != Some(NodeId(self.from)) {
            return wrong(format!("`path` = {path} does not end in {}, who speaks", self.from));
        }
        let commands = scenario.commanders().any(|id| Some(id) == first);
        let known = path.ids().iter().all(|id| id.index() < scenario.n);
        if !commands || !known || path.len() > scenario.m + 1 {
            return wrong(format!(
                "no loyal message takes `path` = {path}: it begins with the commander and names \
                 {} generals at most; to send it all the same, give a `round`",
                scenario.m + 1
            ));
        }
        Ok(path)
    }
}
