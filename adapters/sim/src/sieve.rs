//! What becomes of single messages, whatever the weather: the hand of who directs a run.

use core::time::Duration;
use quorate::Principal;
use std::fmt;
use std::rc::Rc;

/// What becomes of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The network carries it as it carries everything.
    Carried,
    /// It is lost.
    Lost,
    /// The network has it later.
    Held(Duration),
}

/// Decides the fate of each message from its sender, its receiver and its bytes.
#[derive(Clone)]
pub struct Sieve(Rc<Decide>);

type Decide = dyn Fn(Principal, Principal, &[u8]) -> Fate;

impl Sieve {
    /// A sieve that asks `decide` about each message, once for each receiver.
    #[must_use]
    pub fn new(decide: impl Fn(Principal, Principal, &[u8]) -> Fate + 'static) -> Self {
        Self(Rc::new(decide))
    }

    /// The fate of a message.
    #[must_use]
    pub fn fate(&self, from: Principal, to: Principal, payload: &[u8]) -> Fate {
        (self.0)(from, to, payload)
    }
}

impl fmt::Debug for Sieve {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sieve")
    }
}
