//! Who watches what machines do while they run, and only then: tests that count allocations.

use std::cell::Cell;

/// Is told `true` before a machine of its thread runs, and `false` after it.
pub type Probe = fn(bool);

thread_local! {
    static PROBE: Cell<Option<Probe>> = const { Cell::new(None) };
}

/// Has every step of a machine in this thread watched from now on, or none.
pub fn watch(probe: Option<Probe>) {
    PROBE.set(probe);
}

/// The machine runs from here on.
pub(crate) fn enter() {
    tell(true);
}

fn tell(runs: bool) {
    if let Some(probe) = PROBE.get() {
        probe(runs);
    }
}

/// Outputs of a step: the machine runs while it makes each.
#[derive(Debug)]
pub(crate) struct Watched<I>(I);

impl<I> Watched<I> {
    /// The outputs of a step before which [`enter`] was called.
    pub(crate) fn of(outputs: I) -> Self {
        tell(false);
        Self(outputs)
    }
}

impl<I: Iterator> Iterator for Watched<I> {
    type Item = I::Item;

    fn next(&mut self) -> Option<I::Item> {
        tell(true);
        let next = self.0.next();
        tell(false);
        next
    }
}
