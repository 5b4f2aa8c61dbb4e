//! Says again what was said before, here and elsewhere.

use super::super::cabal::{Cabal, Occasion};
use super::super::creed::{Creed, Twist};
use super::super::mouth::{Mouth, Speech};
use crate::engine::Payload;

/// A traitor that repeats what anybody said: as it was, as if it were of another agreement, or of
/// another round.
#[derive(Clone, Copy, Debug)]
pub struct Replayer;

impl<C: Creed> Mouth<C> for Replayer {
    fn name(&self) -> &'static str {
        "replayer"
    }

    fn speak(
        &mut self,
        cabal: &mut Cabal<C::Value>,
        at: Occasion,
        loyal: Option<&Payload>,
        out: &mut Vec<Speech>,
    ) {
        if cabal.random.chance(500) {
            out.extend(loyal.map(|loyal| Speech::now(Payload::clone(loyal))));
        }
        let Some(heard) = cabal.recall() else { return };
        let twist = match cabal.random.below(4) {
            0 => None,
            1 => Some(Twist::Instance(at.instance)),
            2 => Some(Twist::Instance(cabal.elsewhere(at.instance))),
            _ => Some(Twist::Round(cabal.random.below(u64::from(at.rounds) + 3) as u8)),
        };
        let said = twist.and_then(|twist| C::twist(&heard, cabal, at, twist));
        out.push(said.map_or_else(|| Speech::now(heard), Speech::now));
    }
}
