//! Speaks late.

use super::super::cabal::{Cabal, Occasion};
use super::super::creed::Creed;
use super::super::mouth::{Mouth, Speech};
use crate::engine::Payload;
use core::time::Duration;

/// A traitor that keeps half of what it says back, up to two rounds, for each receiver apart.
#[derive(Clone, Copy, Debug)]
pub struct Delayer;

impl<C: Creed> Mouth<C> for Delayer {
    fn name(&self) -> &'static str {
        "delayer"
    }

    fn speak(
        &mut self,
        cabal: &mut Cabal<C::Value>,
        at: Occasion,
        loyal: Option<&Payload>,
        out: &mut Vec<Speech>,
    ) {
        let Some(loyal) = loyal else { return };
        let longest = 2 * at.length.as_micros() as u64;
        let late = if cabal.random.chance(500) { cabal.random.below(longest) } else { 0 };
        out.push(Speech { after: Duration::from_micros(late), payload: Payload::clone(loyal) });
    }
}
