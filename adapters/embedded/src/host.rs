//! What a host does with what its node decides.

use crate::agent::Agent;
use crate::ledger::{Broken, Journal, Ledger};
use core::fmt;
use quorate::{Fault, NodeId, Refusal, Target};

/// The host's side of a node: where decisions go and commands come from.
///
/// [`Service`](crate::Service) is that of a PBFT replica, [`Assembly`](crate::Assembly) that of a
/// general; a closure that takes decisions is enough for a client.
#[allow(async_fn_in_trait, reason = "boards run one executor: nobody asks for Send")]
pub trait Host<P: Agent> {
    /// Where records go: [`Forgetful`](crate::Forgetful) for protocols that make none.
    type Journal: Journal;
    /// Why it cannot go on.
    type Error: fmt::Debug + From<Broken<<Self::Journal as Journal>::Error>>;

    /// The ledger of the records. What the node sends waits for its proof.
    fn ledger(&mut self) -> &mut Ledger<Self::Journal>;

    /// Bytes of the longest message that its node says or hears, if it can tell: a node whose
    /// buffer or link is too short for it is refused.
    fn message_bytes(&self) -> usize {
        0
    }

    /// Looks at a record that is about to be written.
    fn note(&mut self, _record: &P::Record<'_>) {}

    /// Carries out a decision. `said` is the encoded message that was the input of this very
    /// step, empty if there was none.
    ///
    /// # Errors
    /// It cannot go on: the node stops.
    async fn decide<'d>(
        &mut self,
        decision: P::Decision<'d>,
        said: &[u8],
    ) -> Result<(), Self::Error>
    where
        P: 'd;

    /// What is to be told to the node next, after all outputs of a step; `None`: nothing.
    fn command(&mut self) -> Option<P::Command<'_>> {
        None
    }

    /// What the host itself has to say to others next, after all outputs of a step.
    fn message(&mut self) -> Option<(Target, P::Message<'_>)> {
        None
    }

    /// A peer did wrong.
    fn accuse(&mut self, _node: NodeId, _fault: Fault) {}

    /// The node refused a command, or cannot go on.
    ///
    /// # Errors
    /// It cannot go on: the node stops.
    fn refuse(&mut self, _refusal: Refusal) -> Result<(), Self::Error> {
        Ok(())
    }

    /// Everything that followed from an input is done: the time to tidy up.
    ///
    /// # Errors
    /// It cannot go on: the node stops.
    async fn settle(&mut self, _node: &P) -> Result<(), Self::Error> {
        Ok(())
    }
}
