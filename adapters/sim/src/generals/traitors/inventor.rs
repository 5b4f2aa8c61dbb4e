//! Says what no machine made.

use super::super::cabal::{Cabal, Occasion};
use super::super::creed::Creed;
use super::super::mouth::{Mouth, Speech};
use crate::engine::Payload;
use core::time::Duration;

/// A traitor that makes its frames itself: orders along paths of others, chains of signatures that
/// members sign or nobody does, votes as it likes, beside or instead of what its machine says.
#[derive(Clone, Copy, Debug)]
pub struct Inventor;

impl<C: Creed> Mouth<C> for Inventor {
    fn name(&self) -> &'static str {
        "inventor"
    }

    fn speak(
        &mut self,
        cabal: &mut Cabal<C::Value>,
        at: Occasion,
        loyal: Option<&Payload>,
        out: &mut Vec<Speech>,
    ) {
        if cabal.random.chance(300) {
            out.extend(loyal.map(|loyal| Speech::now(Payload::clone(loyal))));
        }
        for _ in 0..cabal.random.below(3) {
            let invented = C::invent(cabal, at);
            // In good time, so that it may come first, or at any time of the round.
            let after = cabal.random.below(1 + at.length.as_micros() as u64);
            let after = if cabal.random.chance(800) { 0 } else { after };
            let after = Duration::from_micros(after);
            let speech = |payload: Vec<u8>| Speech { after, payload: payload.into() };
            out.extend(invented.map(speech));
        }
    }
}
