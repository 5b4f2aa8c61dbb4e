//! Does each time something else.

use super::super::cabal::{Cabal, Occasion};
use super::super::creed::Creed;
use super::super::mouth::{Mouth, Speech};
use super::{Delayer, Equivocator, Inventor, Liar, Mutator, Replayer};
use crate::engine::Payload;

/// A traitor that plays another part each time that it speaks.
#[derive(Clone, Copy, Debug)]
pub struct Whimsical;

impl<C: Creed> Mouth<C> for Whimsical {
    fn name(&self) -> &'static str {
        "whimsical"
    }

    fn speak(
        &mut self,
        cabal: &mut Cabal<C::Value>,
        at: Occasion,
        loyal: Option<&Payload>,
        out: &mut Vec<Speech>,
    ) {
        match cabal.random.below(8) {
            0 => {}
            1 => out.extend(loyal.map(|loyal| Speech::now(Payload::clone(loyal)))),
            2 => Mouth::<C>::speak(&mut Equivocator, cabal, at, loyal, out),
            3 => Mouth::<C>::speak(&mut Liar, cabal, at, loyal, out),
            4 => Mouth::<C>::speak(&mut Inventor, cabal, at, loyal, out),
            5 => Mouth::<C>::speak(&mut Replayer, cabal, at, loyal, out),
            6 => Mouth::<C>::speak(&mut Delayer, cabal, at, loyal, out),
            _ => Mouth::<C>::speak(&mut Mutator, cabal, at, loyal, out),
        }
    }
}
