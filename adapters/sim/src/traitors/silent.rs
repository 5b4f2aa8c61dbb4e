//! Says nothing to some, or to anyone.

use crate::engine::Payload;
use crate::traitor::{Rights, Traitor};
use quorate::{NodeSet, Principal};

/// A traitor that sends nothing to a set of nodes, nor to any client.
#[derive(Clone, Copy, Debug)]
pub struct Silent {
    victims: NodeSet,
}

impl Silent {
    /// Silent towards these nodes.
    #[must_use]
    pub const fn towards(victims: NodeSet) -> Self {
        Self { victims }
    }
}

impl Traitor for Silent {
    fn name(&self) -> &'static str {
        "silent"
    }

    fn utter(
        &mut self,
        _: Rights<'_>,
        to: Principal,
        payload: &Payload,
        out: &mut Vec<(Principal, Payload)>,
    ) {
        match to {
            Principal::Node(node) if !self.victims.contains(node) => {
                out.push((to, Payload::clone(payload)));
            }
            _ => {}
        }
    }
}
