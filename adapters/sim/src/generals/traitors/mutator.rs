//! Changes a few bits.

use super::super::cabal::{Cabal, Occasion};
use super::super::creed::Creed;
use super::super::mouth::{Mouth, Speech};
use crate::engine::Payload;

/// A traitor whose frames are cut short, or have bits and bytes that are not what they were.
#[derive(Clone, Copy, Debug)]
pub struct Mutator;

impl<C: Creed> Mouth<C> for Mutator {
    fn name(&self) -> &'static str {
        "mutator"
    }

    fn speak(
        &mut self,
        cabal: &mut Cabal<C::Value>,
        _: Occasion,
        loyal: Option<&Payload>,
        out: &mut Vec<Speech>,
    ) {
        let Some(loyal) = loyal else { return };
        let mut bent = loyal.to_vec();
        for _ in 0..cabal.random.below(3) {
            let place = cabal.random.below(bent.len() as u64) as usize;
            match cabal.random.below(4) {
                0 => bent.truncate(place),
                1 => bent.insert(place, cabal.random.bits() as u8),
                _ => bent.iter_mut().skip(place).take(1).for_each(|byte| {
                    *byte ^= 1 << cabal.random.below(8);
                }),
            }
        }
        out.push(Speech::now(bent));
    }
}
