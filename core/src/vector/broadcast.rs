//! What a vector needs of the protocol that its instances run.

use crate::fault::Refusal;
use crate::rounds::{Instance, Rules};
use crate::value::{Value, Verdict};

/// A protocol in which one general, the commander, gives an order to all: the rules of OM, SM or
/// the phase king. A [vector](crate::vector) runs n of them at once.
pub trait Broadcast: Rules + 'static {
    /// What is agreed on.
    type Value: Value;

    /// Which agreement this is.
    fn instance(&self) -> Instance;

    /// How many traitors it withstands, m.
    fn traitors(&self) -> usize;

    /// Forgets everything and begins agreement `number` of the same commander.
    fn renew(&mut self, number: u64);

    /// The host of the commander gives its order.
    ///
    /// # Errors
    /// [`Refusal::NotCommander`], or [`Refusal::Begun`] after the first round began.
    fn order(&mut self, round: u8, value: Self::Value) -> Result<(), Refusal>;

    /// The value that was agreed, if any, where it is kept.
    fn agreed(&self) -> Option<&Self::Value>;

    /// What was agreed, after the last round.
    fn verdict(&self) -> Verdict<Self::Value>;

    /// Which agreement a message belongs to.
    fn instance_of(message: &Self::Message<'_>) -> Instance;

    /// Which parts of a message were struck by [`Rules::admit`]: one bit each, two at most.
    fn struck(_message: &Self::Message<'_>) -> u8 {
        0
    }

    /// Strikes those parts again, from the same message decoded anew.
    fn strike(_message: &mut Self::Message<'_>, _parts: u8) {}
}
