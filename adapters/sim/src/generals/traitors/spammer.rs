//! Says more than anybody can use.

use super::super::cabal::{Cabal, Occasion};
use super::super::creed::{Creed, Twist};
use super::super::mouth::{Mouth, Speech};
use crate::engine::Payload;

/// A traitor that floods: the truth, lies, inventions and noise, all at once and in any order.
#[derive(Clone, Copy, Debug)]
pub struct Spammer;

impl<C: Creed> Mouth<C> for Spammer {
    fn name(&self) -> &'static str {
        "spammer"
    }

    fn speak(
        &mut self,
        cabal: &mut Cabal<C::Value>,
        at: Occasion,
        loyal: Option<&Payload>,
        out: &mut Vec<Speech>,
    ) {
        for _ in 0..cabal.random.between(2, 8) {
            let noise = cabal.random.bits().to_le_bytes();
            let said = match (cabal.random.below(5), loyal) {
                (0, Some(loyal)) => Some(loyal.to_vec()),
                (1, Some(loyal)) => C::twist(loyal, cabal, at, Twist::Mixed),
                (2, _) => Some(noise[..usize::from(noise[0] % 8)].to_vec()),
                _ => C::invent(cabal, at),
            };
            out.extend(said.map(Speech::now));
        }
    }
}
