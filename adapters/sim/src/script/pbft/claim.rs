//! What a script expects.

use super::super::witness::{Count, read_checker, read_fault, read_told};
use super::super::words::{Words, Wrong};
use super::action::{read_parties, read_selector};
use crate::traitors::scripted::Selector;
use quorate::{ClientId, NodeId, Principal};

/// What is expected.
#[derive(Clone, Debug)]
pub(super) enum Claim {
    /// A client has so many replies.
    Replies { client: ClientId, count: u64 },
    /// Its replies say that its operations were these of all that were executed.
    Places { client: ClientId, places: Vec<u64> },
    /// Replicas have executed these operations and no others, in this order.
    History { operations: Vec<Vec<u8>>, at: Nodes },
    /// Replicas have executed this operation at this sequence.
    Executed { operation: Vec<u8>, sequence: u64, at: Nodes },
    /// Replicas are in this view.
    View { view: u64, at: Nodes },
    /// No correct replica left its view.
    NoViewChange,
    /// Replicas have the same application state.
    Equal(Nodes),
    /// No two of these replicas have the same application state.
    Different(Vec<NodeId>),
    /// Replicas have executed all up to this sequence.
    Reached { sequence: u64, at: Nodes },
    /// Their last stable checkpoint is this.
    Stable { sequence: u64, at: Nodes },
    /// Somebody accuses a replica or a client of this fault.
    Accused { by: Option<NodeId>, who: Principal, fault: String },
    /// Nobody accuses anybody; or not this one.
    NoAccusation { who: Option<Principal> },
    /// So many pieces of evidence were found, or more.
    Evidence(bool),
    /// So many messages arrived.
    Messages { count: Count, what: Selector, from: Parties, to: Parties },
    /// A replica has power, or not.
    Power { node: NodeId, up: bool },
    /// The transcript tells this of somebody, or never.
    Told { who: Principal, text: String, ever: bool },
    /// A replica left so many views for this reason.
    Left { node: NodeId, count: u64, why: Why },
    /// A checker objects.
    Violation(String),
}

/// Some replicas; none named: all that are correct and have power.
pub(super) type Nodes = Vec<NodeId>;

type Parties = Option<Vec<Principal>>;

/// Why a replica leaves a view, as [`quorate::pbft::Departures`] counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    Timer,
    Slow,
    Unfair,
    Followed,
}

const CLAIMS: &str = "one of: `client 0 has 1 reply`, `client 0 gets #1`, `history \"A\"`, \
    `\"A\" at s1`, `view 0`, `no view change`, `equal states`, `different states of r0 r1`, \
    `executed s8`, `stable s8`, `r1 accuses r0 of Equivocation`, `r0 accused of Equivocation`, \
    `no accusation`, `evidence`, `no evidence`, `9 PREPARE`, `at most 9 PREPARE`, \
    `some PREPARE`, `no PREPARE`, \
    `r0 up`, `r0 down`, `r0 \"installs\"`, `r0 never \"installs\"`, `r0 left 1 view as slow`, \
    `violation of agreement`";

impl Claim {
    /// Reads a claim.
    pub(super) fn read(words: &mut Words) -> Result<Self, Wrong> {
        if words.take("client") {
            return Self::of_client(words);
        }
        if words.is_node() {
            return Self::of_node(words);
        }
        if let Ok(operation) = words.text() {
            words.need("at")?;
            let sequence = words.number("s")?;
            return Ok(Self::Executed { operation, sequence, at: on(words)? });
        }
        if words.take("history") {
            return Ok(Self::History { operations: words.texts(), at: on(words)? });
        }
        if words.take("view") {
            return Ok(Self::View { view: words.number("")?, at: on(words)? });
        }
        if words.take("executed") {
            return Ok(Self::Reached { sequence: words.number("s")?, at: on(words)? });
        }
        if words.take("stable") {
            return Ok(Self::Stable { sequence: words.number("s")?, at: on(words)? });
        }
        if words.take("no view change") {
            return Ok(Self::NoViewChange);
        }
        if words.take("equal states") {
            let of = if words.take("of") { words.nodes()? } else { Vec::new() };
            return Ok(Self::Equal(of));
        }
        if words.take("different states of") {
            return Ok(Self::Different(words.nodes()?));
        }
        if words.take("no accusation") {
            let who = words.take("of").then(|| party(words)).transpose()?;
            return Ok(Self::NoAccusation { who });
        }
        if words.take("evidence") {
            return Ok(Self::Evidence(true));
        }
        if words.take("no evidence") {
            return Ok(Self::Evidence(false));
        }
        if words.take("violation of") {
            return Ok(Self::Violation(read_checker(words)?));
        }
        let count = Count::read(words, CLAIMS)?;
        Self::messages(words, count)
    }

    fn messages(words: &mut Words, count: Count) -> Result<Self, Wrong> {
        let what = read_selector(words)?;
        let from = words.take("from").then(|| read_parties(words)).transpose()?;
        let to = words.take("to").then(|| read_parties(words)).transpose()?;
        Ok(Self::Messages { count, what, from, to })
    }

    fn of_client(words: &mut Words) -> Result<Self, Wrong> {
        let client = words.client()?;
        if words.take("gets") {
            let mut places = vec![words.number("#")?];
            while let Ok(place) = words.number("#") {
                places.push(place);
            }
            return Ok(Self::Places { client, places });
        }
        if words.take("accused of") {
            let who = Principal::Client(client);
            return Ok(Self::Accused { by: None, who, fault: read_fault(words, &FAULTS)? });
        }
        if words.peek().is_none() {
            let (who, text) = (Principal::Client(client), read_told(words)?);
            return Ok(Self::Told { who, text, ever: true });
        }
        if !words.take("has") {
            return Err(words.instead("`has 1 reply`, `gets #1`, or a text of the transcript"));
        }
        let count = if words.take("no") { 0 } else { words.number("")? };
        if !words.take("replies") {
            words.need("reply")?;
        }
        Ok(Self::Replies { client, count })
    }

    fn of_node(words: &mut Words) -> Result<Self, Wrong> {
        let node = words.node()?;
        let who = Principal::Node(node);
        if words.take("up") {
            return Ok(Self::Power { node, up: true });
        }
        if words.take("down") {
            return Ok(Self::Power { node, up: false });
        }
        if words.take("accused of") {
            return Ok(Self::Accused { by: None, who, fault: read_fault(words, &FAULTS)? });
        }
        if words.take("accuses") {
            let who = party(words)?;
            words.need("of")?;
            let fault = read_fault(words, &FAULTS)?;
            return Ok(Self::Accused { by: Some(node), who, fault });
        }
        if words.take("left") {
            let count = words.number("")?;
            if !words.take("views") {
                words.need("view")?;
            }
            words.need("as")?;
            let wanted = "one of: timer, slow, unfair, followed";
            let why = match words.word(wanted)?.as_str() {
                "timer" => Why::Timer,
                "slow" => Why::Slow,
                "unfair" => Why::Unfair,
                "followed" => Why::Followed,
                other => return Err(format!("`{other}` is no reason: write {wanted}")),
            };
            return Ok(Self::Left { node, count, why });
        }
        let ever = !words.take("never");
        let text = read_told(words).map_err(|_| words.instead(CLAIMS))?;
        Ok(Self::Told { who, text, ever })
    }
}

/// Reads `on r0 r1`; nothing: everybody.
fn on(words: &mut Words) -> Result<Vec<NodeId>, Wrong> {
    if words.take("on") { words.nodes() } else { Ok(Vec::new()) }
}

fn party(words: &mut Words) -> Result<Principal, Wrong> {
    if words.take("client") {
        return Ok(Principal::Client(words.client()?));
    }
    Ok(Principal::Node(words.node()?))
}

/// The faults of replicas and of those who speak to them.
const FAULTS: [&str; 13] = [
    "Malformed",
    "OutOfBounds",
    "Forged",
    "Impersonation",
    "NotAllowed",
    "Equivocation",
    "NotPrimary",
    "BadBatch",
    "BadViewChange",
    "BadNewView",
    "BadContent",
    "WrongDigest",
    "Stalled",
];
