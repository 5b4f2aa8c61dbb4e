//! What a script of a service expects.

use super::super::rounds::FAULTS;
use super::super::when::When;
use super::super::witness::{read_checker, read_fault, read_told};
use super::super::words::{Words, Wrong};
use quorate::{ClientId, NodeId, Principal};

/// What is expected, and up to when it must have happened; [`When::Next`]: in the end.
#[derive(Clone, Debug)]
pub(super) struct Claim {
    pub(super) what: What,
    pub(super) until: When,
}

/// What is expected.
#[derive(Clone, Debug)]
pub(super) enum What {
    /// A client has so many replies.
    Replies { client: ClientId, count: u64 },
    /// Generals have executed these operations in the end and no others, in this order.
    History { operations: Vec<Vec<u8>>, at: Nodes },
    /// They have executed this one in this slot.
    Executed { operation: Vec<u8>, slot: u64, at: Nodes },
    /// A general that does not lie has requests to propose in this slot, or none.
    Proposes { node: NodeId, slot: u64, something: bool },
    /// Somebody accuses a general of this fault.
    Accused { by: Option<NodeId>, who: Principal, fault: String },
    /// Nobody accuses anybody; or not this one.
    NoAccusation { who: Option<Principal> },
    /// The transcript tells this of somebody, or never.
    Told { who: Principal, text: String, ever: bool },
    /// A checker objects.
    Violation(String),
}

/// Some generals; `None`: all that are correct.
pub(super) type Nodes = Option<Vec<NodeId>>;

const CLAIMS: &str = "one of: `client 0 has 1 reply`, `history \"A\"`, `\"A\" at s0`, `r1 \
    proposes nothing in s0`, `r1 accuses r0 of Missing`, `r0 accused of Late`, `no accusation`, \
    `r1 \"installs\"`, `r1 never \"installs\"`, `violation of agreement`";

impl Claim {
    /// Reads what follows `expect`.
    pub(super) fn read(words: &mut Words) -> Result<Self, Wrong> {
        let what = What::read(words)?;
        let whole =
            matches!(what, What::Violation(_) | What::History { .. } | What::Proposes { .. });
        let until = if whole { When::Next } else { When::read_by(words)? };
        words.end()?;
        Ok(Self { what, until })
    }
}

impl What {
    fn read(words: &mut Words) -> Result<Self, Wrong> {
        if words.take("client") {
            let client = words.client()?;
            words.need("has")?;
            let count = if words.take("no") { 0 } else { words.number("")? };
            if !words.take("replies") {
                words.need("reply")?;
            }
            return Ok(Self::Replies { client, count });
        }
        if words.take("history") {
            return Ok(Self::History { operations: words.texts(), at: on(words)? });
        }
        if words.is_text() {
            let operation = words.text()?;
            words.need("at")?;
            return Ok(Self::Executed { operation, slot: words.number("s")?, at: on(words)? });
        }
        if words.take("no accusation") {
            let who = if words.take("of") { Some(Principal::Node(words.node()?)) } else { None };
            return Ok(Self::NoAccusation { who });
        }
        if words.take("violation of") {
            return Ok(Self::Violation(read_checker(words)?));
        }
        if !words.is_node() {
            return Err(words.instead(CLAIMS));
        }
        let node = words.node()?;
        let who = Principal::Node(node);
        if words.take("accused of") {
            return Ok(Self::Accused { by: None, who, fault: read_fault(words, &FAULTS)? });
        }
        if words.take("accuses") {
            let who = Principal::Node(words.node()?);
            words.need("of")?;
            return Ok(Self::Accused { by: Some(node), who, fault: read_fault(words, &FAULTS)? });
        }
        if words.take("proposes") {
            let something = words.take("something");
            if !something && !words.take("nothing") {
                return Err(words.instead("`nothing` or `something`"));
            }
            words.need("in")?;
            return Ok(Self::Proposes { node, slot: words.number("s")?, something });
        }
        let ever = !words.take("never");
        let text = read_told(words).map_err(|_| words.instead(CLAIMS))?;
        Ok(Self::Told { who, text, ever })
    }
}

/// Reads `on r0 r1`; nothing: all that are correct.
fn on(words: &mut Words) -> Result<Nodes, Wrong> {
    words.take("on").then(|| words.nodes()).transpose()
}
