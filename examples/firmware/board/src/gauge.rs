//! The board as the measure of trials.

use crate::{machine, stack};
use core::cell::Cell;
use trials::Gauge;

/// A board that counts its instructions and the depth of its stack.
#[derive(Debug)]
pub struct Board {
    painted: Cell<usize>,
}

impl Board {
    /// Starts the count.
    #[must_use]
    pub fn start() -> Self {
        machine::start_counting();
        Self { painted: Cell::new(0) }
    }
}

impl Gauge for Board {
    fn instructions(&self) -> u64 {
        machine::instructions()
    }

    #[inline(never)]
    fn paint(&self) {
        self.painted.set(stack::paint());
    }

    fn stack(&self) -> usize {
        stack::used(self.painted.get())
    }
}
