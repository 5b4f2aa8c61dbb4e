//! What a script of rounds expects.

use super::name::Name;
use super::{Generals, so_many};
use crate::generals::Protocol;
use crate::script::pbft::read_parties;
use crate::script::when::When;
use crate::script::witness::{Count, read_checker, read_fault, read_told};
use crate::script::words::{Words, Wrong};
use quorate::{NodeId, Principal};

/// What is expected, and up to when it must have happened; [`When::Next`]: in the end.
#[derive(Clone, Debug)]
pub(super) struct Claim {
    pub(super) what: What,
    pub(super) until: When,
}

/// What is expected.
#[derive(Clone, Debug)]
pub(super) enum What {
    /// Generals decide this, there or in the only agreement, entry by entry; `None`: the default.
    Decide { nodes: Nodes, about: Option<Place>, entries: Vec<Option<Name>> },
    /// They decide the same in it, or in all.
    Alike { nodes: Nodes },
    /// They decide nothing, nowhere.
    Undecided { nodes: Nodes },
    /// Somebody accuses a general of this fault.
    Accused { by: Option<NodeId>, who: Principal, fault: String },
    /// Nobody accuses anybody; or not this one.
    NoAccusation { who: Option<Principal> },
    /// So many frames arrived.
    Frames { count: Count, from: Parties, to: Parties },
    /// The transcript tells this of somebody, or never.
    Told { who: Principal, text: String, ever: bool },
    /// A checker objects.
    Violation(String),
}

/// Some generals; `None`: all that are correct.
pub(super) type Nodes = Option<Vec<NodeId>>;

type Parties = Option<Vec<Principal>>;

/// Where an order is decided: in which agreement, and at which place of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) agreement: usize,
    pub(super) entry: usize,
    pub(super) commander: NodeId,
}

const CLAIMS: &str = "one of: `r1 decides \"A\"`, `all decide \"A\"`, `all decide the default`, \
    `all decide alike`, `r1 does not decide`, `r1 accuses r0 of Equivocation`, `r0 accused of \
    Late`, `no accusation`, `no accusation of r0`, `9 frames`, `no frames from r0`, \
    `r1 \"REFUSES\"`, `r1 never \"REFUSES\"`, `violation of agreement`";

/// The faults of generals.
pub(in crate::script) const FAULTS: [&str; 13] = [
    "Malformed",
    "OutOfBounds",
    "Forged",
    "Impersonation",
    "NotAllowed",
    "Equivocation",
    "Late",
    "Missing",
    "WrongInstance",
    "OffPath",
    "BadChain",
    "ThirdValue",
    "OverBudget",
];

impl Generals {
    /// Reads what follows `expect`.
    pub(super) fn read_claim(&self, words: &mut Words) -> Result<Claim, Wrong> {
        let what = self.read_what(words)?;
        let until =
            if matches!(what, What::Violation(_)) { When::Next } else { When::read_by(words)? };
        words.end()?;
        Ok(Claim { what, until })
    }

    fn read_what(&self, words: &mut Words) -> Result<What, Wrong> {
        if words.take("all") {
            return self.read_decision(words, None);
        }
        if words.is_node() {
            return self.of_nodes(words);
        }
        if words.take("no accusation") {
            let who = if words.take("of") { Some(Principal::Node(words.node()?)) } else { None };
            return Ok(What::NoAccusation { who });
        }
        if words.take("violation of") {
            return Ok(What::Violation(read_checker(words)?));
        }
        let count = Count::read(words, CLAIMS)?;
        if !words.take("frame") {
            words.need("frames")?;
        }
        let from = words.take("from").then(|| read_parties(words)).transpose()?;
        let to = words.take("to").then(|| read_parties(words)).transpose()?;
        Ok(What::Frames { count, from, to })
    }

    fn of_nodes(&self, words: &mut Words) -> Result<What, Wrong> {
        let nodes = words.nodes()?;
        let [node] = nodes[..] else { return self.read_decision(words, Some(nodes)) };
        let who = Principal::Node(node);
        if words.take("accused of") {
            return Ok(What::Accused { by: None, who, fault: read_fault(words, &FAULTS)? });
        }
        if words.take("accuses") {
            let who = Principal::Node(words.node()?);
            words.need("of")?;
            return Ok(What::Accused { by: Some(node), who, fault: read_fault(words, &FAULTS)? });
        }
        if words.is_text() || words.peek() == Some("never") {
            let ever = !words.take("never");
            return Ok(What::Told { who, text: read_told(words)?, ever });
        }
        self.read_decision(words, Some(nodes))
    }

    /// Reads `decides "A"`, `decide alike`, `does not decide`.
    fn read_decision(&self, words: &mut Words, nodes: Nodes) -> Result<What, Wrong> {
        if words.take("does not decide") || words.take("do not decide") {
            return Ok(What::Undecided { nodes });
        }
        if !words.take("decides") && !words.take("decide") {
            return Err(words.instead(CLAIMS));
        }
        if words.take("alike") {
            return Ok(What::Alike { nodes });
        }
        let mut entries = Vec::new();
        while words.is_text() || matches!(words.peek(), Some("the" | "default")) {
            let none = words.take("the default") || words.take("default");
            entries.push(if none { None } else { Some(Name::read(words)?) });
        }
        if entries.is_empty() {
            return Err(words.instead("an order, as \"A\", `the default` or `alike`"));
        }
        let about = words.take("about").then(|| self.read_place(words)).transpose()?;
        if about.is_none() && self.plan.agreements.len() > 1 {
            return Err(words.instead("`about r0`: there are several agreements"));
        }
        let wanted = match (self.plan.protocol, about) {
            (Protocol::Vector, None) => self.plan.nodes,
            _ => 1,
        };
        if entries.len() != wanted {
            return Err(format!("{} decided there: write as many", so_many(wanted, "order")));
        }
        Ok(What::Decide { nodes, about, entries })
    }
}
