//! Hosts for those who only want to know what was decided.

use crate::agent::Agent;
use crate::host::Host;
use crate::ledger::{Broken, Forgetful, Ledger, NoLog};
use core::fmt;
use quorate::service::ClientDecision;
use quorate::{Fault, NodeId, Refusal, lockstep, pbft};

/// The host of a general in rounds: it counts who did wrong. What was decided stands in
/// the general's [rules](quorate::rounds::General::rules) once it
/// [is over](quorate::rounds::General::is_over).
#[derive(Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Assembly {
    ledger: Ledger<Forgetful>,
    decided: bool,
    faults: u32,
    last_fault: Option<(NodeId, Fault)>,
    refusal: Option<Refusal>,
}

impl Assembly {
    /// Nobody has done wrong yet.
    #[must_use]
    pub const fn new() -> Self {
        let ledger = Ledger::new(Forgetful);
        Self { ledger, decided: false, faults: 0, last_fault: None, refusal: None }
    }

    /// Whether something was decided.
    #[must_use]
    pub const fn has_decided(&self) -> bool {
        self.decided
    }

    /// How many wrongs peers did.
    #[must_use]
    pub const fn faults(&self) -> u32 {
        self.faults
    }

    /// The last wrong that a peer did.
    #[must_use]
    pub const fn last_fault(&self) -> Option<(NodeId, Fault)> {
        self.last_fault
    }

    /// The last thing that was refused: an order that came too late, or a missed deadline.
    #[must_use]
    pub const fn refusal(&self) -> Option<Refusal> {
        self.refusal
    }
}

impl Default for Assembly {
    fn default() -> Self {
        Self::new()
    }
}

impl<P: Agent> Host<P> for Assembly {
    type Journal = Forgetful;
    type Error = Broken<NoLog>;

    fn ledger(&mut self) -> &mut Ledger<Forgetful> {
        &mut self.ledger
    }

    async fn decide<'d>(
        &mut self,
        _decision: P::Decision<'d>,
        _said: &[u8],
    ) -> Result<(), Self::Error>
    where
        P: 'd,
    {
        self.decided = true;
        Ok(())
    }

    fn accuse(&mut self, node: NodeId, fault: Fault) {
        self.faults = self.faults.saturating_add(1);
        self.last_fault = Some((node, fault));
    }

    fn refuse(&mut self, refusal: Refusal) -> Result<(), Self::Error> {
        self.refusal = Some(refusal);
        Ok(())
    }
}

/// The host of a client: a closure that takes the end of each operation.
///
/// A client's requests are told apart by their timestamps, which rise over all its life. A board
/// with a clock that outlives a loss of power passes its time as `wall_micros` with each command.
/// One without must keep a floor on its flash: at a start it reads it, writes one that is higher by
/// as many requests as it likes, and only then passes the one it read as `wall_micros`; before it
/// has made so many it writes a higher one again. With zero after a restart its timestamps begin
/// anew: its first request may be taken for an old one, and answered with what that was told.
pub struct Caller<F> {
    ledger: Ledger<Forgetful>,
    on_end: F,
}

impl<F: FnMut(ClientDecision<'_>)> Caller<F> {
    /// Calls `on_end` whenever an operation has ended.
    pub const fn new(on_end: F) -> Self {
        Self { ledger: Ledger::new(Forgetful), on_end }
    }
}

impl<F> fmt::Debug for Caller<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Caller(..)")
    }
}

#[cfg(feature = "defmt")]
impl<F> defmt::Format for Caller<F> {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "Caller(..)");
    }
}

macro_rules! caller {
    ($client:ty) => {
        impl<B, F> Host<$client> for Caller<F>
        where
            B: AsRef<[u8]> + AsMut<[u8]>,
            F: FnMut(ClientDecision<'_>),
        {
            type Journal = Forgetful;
            type Error = Broken<NoLog>;

            fn ledger(&mut self) -> &mut Ledger<Forgetful> {
                &mut self.ledger
            }

            async fn decide<'d>(
                &mut self,
                decision: ClientDecision<'d>,
                _said: &[u8],
            ) -> Result<(), Self::Error>
            where
                $client: 'd,
            {
                (self.on_end)(decision);
                Ok(())
            }
        }
    };
}

caller!(pbft::Client<B>);
caller!(lockstep::Client<B>);
