//! One replica that runs twice.

use crate::engine::Payload;
use crate::traitor::{Rights, Traitor};
use quorate::{NodeSet, Principal};

/// One of two live copies of a replica with one name and one key, as when it is started twice by
/// mistake. Each copy is a correct machine with its own disk; together they equivocate without a
/// single lie ("Twins: BFT Systems Made Robust", Bano et al. 2020). The nodes of one side talk
/// with the copy, the others with the original, clients with both. If there is no other side,
/// everybody talks with both.
#[derive(Clone, Copy, Debug)]
pub struct Twin {
    side: NodeSet,
    copy: bool,
}

impl Twin {
    /// The one who talks with all but these.
    #[must_use]
    pub const fn original(side: NodeSet) -> Self {
        Self { side, copy: false }
    }

    /// The one who talks with these.
    #[must_use]
    pub const fn copy(side: NodeSet) -> Self {
        Self { side, copy: true }
    }

    /// The other one of the two.
    #[must_use]
    pub const fn other(self) -> Self {
        Self { copy: !self.copy, ..self }
    }

    /// Whether this one talks with somebody.
    #[must_use]
    pub const fn knows(&self, who: Principal) -> bool {
        match who {
            Principal::Node(node) if !self.side.is_empty() => self.side.contains(node) == self.copy,
            _ => true,
        }
    }
}

impl Traitor for Twin {
    fn name(&self) -> &'static str {
        "twin"
    }

    fn utter(
        &mut self,
        _: Rights<'_>,
        to: Principal,
        payload: &Payload,
        out: &mut Vec<(Principal, Payload)>,
    ) {
        if self.knows(to) {
            out.push((to, Payload::clone(payload)));
        }
    }
}
