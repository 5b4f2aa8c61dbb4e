//! Says nothing to some, or to anyone.

use super::super::cabal::{Cabal, Occasion};
use super::super::creed::Creed;
use super::super::mouth::{Mouth, Speech};
use crate::engine::Payload;
use quorate::NodeSet;

/// A traitor that says nothing to a set of generals, and the truth to the others.
#[derive(Clone, Copy, Debug)]
pub struct Silent {
    victims: NodeSet,
}

impl Silent {
    /// Silent towards these.
    #[must_use]
    pub const fn towards(victims: NodeSet) -> Self {
        Self { victims }
    }
}

impl<C: Creed> Mouth<C> for Silent {
    fn name(&self) -> &'static str {
        "silent"
    }

    fn speak(
        &mut self,
        cabal: &mut Cabal<C::Value>,
        at: Occasion,
        loyal: Option<&Payload>,
        out: &mut Vec<Speech>,
    ) {
        let _ = cabal;
        if !self.victims.contains(at.to) {
            out.extend(loyal.map(|loyal| Speech::now(Payload::clone(loyal))));
        }
    }
}
