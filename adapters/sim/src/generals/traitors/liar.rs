//! Tells each receiver something else.

use super::super::cabal::{Cabal, Occasion};
use super::super::creed::{Creed, Twist};
use super::super::mouth::{Mouth, Speech};
use crate::engine::Payload;

/// A traitor whose orders are wrong half of the time, for each receiver and each order apart.
#[derive(Clone, Copy, Debug)]
pub struct Liar;

impl<C: Creed> Mouth<C> for Liar {
    fn name(&self) -> &'static str {
        "liar"
    }

    fn speak(
        &mut self,
        cabal: &mut Cabal<C::Value>,
        at: Occasion,
        loyal: Option<&Payload>,
        out: &mut Vec<Speech>,
    ) {
        let Some(loyal) = loyal else { return };
        let twist = *cabal.random.pick(&[Twist::Mixed, Twist::Mixed, Twist::Face, Twist::Absent]);
        let lie = if cabal.random.chance(500) { None } else { C::twist(loyal, cabal, at, twist) };
        out.push(lie.map_or_else(|| Speech::now(Payload::clone(loyal)), Speech::now));
    }
}
