//! What the generals of a field agree on.

use crate::random::Random;
use quorate::value::Value;

/// An order in a field: what commanders draw, and what traitors tell.
pub trait Word: Value {
    /// The most bytes of it in a frame.
    const BYTES: usize;

    /// An order, of a few that are drawn often, so that traitors may say the same.
    fn draw(luck: &mut Random) -> Self;

    /// What traitors tell.
    fn pool(luck: &mut Random) -> Vec<Self>;

    /// Another one: the copy of a twin has another order.
    #[must_use]
    fn other(self) -> Self;
}

impl Word for u32 {
    const BYTES: usize = 5;

    fn draw(luck: &mut Random) -> Self {
        (if luck.chance(900) { luck.between(1, 2) } else { luck.bits() }) as Self
    }

    fn pool(luck: &mut Random) -> Vec<Self> {
        vec![1, 2, luck.bits() as Self]
    }

    fn other(self) -> Self {
        self ^ 3
    }
}
