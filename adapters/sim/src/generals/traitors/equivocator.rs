//! Tells each receiver the story that all traitors tell it.

use super::super::cabal::{Cabal, Occasion};
use super::super::creed::{Creed, Twist};
use super::super::mouth::{Mouth, Speech};
use crate::engine::Payload;

/// A traitor that tells half of the generals one value and half another, as every member of the
/// cabal does: the lie that divides best. It keeps to what its machine would say in form, and
/// invents it where the machine has nothing to say.
#[derive(Clone, Copy, Debug)]
pub struct Equivocator;

impl<C: Creed> Mouth<C> for Equivocator {
    fn name(&self) -> &'static str {
        "equivocator"
    }

    fn speak(
        &mut self,
        cabal: &mut Cabal<C::Value>,
        at: Occasion,
        loyal: Option<&Payload>,
        out: &mut Vec<Speech>,
    ) {
        let told = match loyal {
            Some(loyal) => C::twist(loyal, cabal, at, Twist::Face),
            None if cabal.random.chance(300) => C::invent(cabal, at),
            None => None,
        };
        out.extend(told.map(Speech::now));
    }
}
