//! Protocols and hosts that lie elsewhere, in a static say.

use crate::agent::{Agent, Unheard};
use crate::host::Host;
use crate::ledger::Ledger;
use crate::member::Identity;
use core::ops::Deref;
use core::time::Duration;
use quorate::wire::EncodeError;
use quorate::{Fault, InputOf, Instant, NodeId, Principal, Protocol, Refusal, Target, Verified};

/// A protocol that lies elsewhere: a [`Node`](crate::Node) of it is as small as its sessions, and
/// nothing large is moved to make one. Its host is a reference too: `&mut` of any host of the
/// protocol is one of this.
#[derive(Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Elsewhere<'a, P>(pub &'a mut P);

impl<P> Deref for Elsewhere<'_, P> {
    type Target = P;

    fn deref(&self) -> &P {
        self.0
    }
}

impl<P: Protocol> Protocol for Elsewhere<'_, P> {
    type Command<'c> = P::Command<'c>;
    type Message<'m> = P::Message<'m>;
    type Decision<'d>
        = P::Decision<'d>
    where
        Self: 'd;
    type Record<'r>
        = P::Record<'r>
    where
        Self: 'r;
    type Outputs<'o>
        = P::Outputs<'o>
    where
        Self: 'o;

    fn step(&mut self, now: Instant, input: InputOf<'_, Self>) -> Self::Outputs<'_> {
        self.0.step(now, input)
    }

    fn deadline(&self) -> Option<Instant> {
        self.0.deadline()
    }
}

impl<P: Agent> Agent for Elsewhere<'_, P> {
    fn hear<'f, I: Identity>(
        &mut self,
        now: Instant,
        from: Principal,
        payload: &'f [u8],
        identity: &I,
    ) -> Result<Verified<Self::Message<'f>>, Unheard> {
        self.0.hear(now, from, payload, identity)
    }

    fn was_fruitless(&self) -> bool {
        self.0.was_fruitless()
    }

    fn executed(&self) -> u64 {
        self.0.executed()
    }

    fn answers(message: &Self::Message<'_>) -> u32 {
        P::answers(message)
    }

    fn busy<'f>(from: Principal, payload: &'f [u8], after: Duration) -> Option<Self::Message<'f>> {
        P::busy(from, payload, after)
    }

    fn seal<'b, I: Identity>(
        message: Self::Message<'_>,
        identity: &I,
        buffer: &'b mut [u8],
    ) -> Result<&'b [u8], EncodeError> {
        P::seal(message, identity, buffer)
    }
}

impl<'a, P: Agent, H: Host<P>> Host<Elsewhere<'a, P>> for &mut H {
    type Journal = H::Journal;
    type Error = H::Error;

    fn ledger(&mut self) -> &mut Ledger<H::Journal> {
        (**self).ledger()
    }

    fn message_bytes(&self) -> usize {
        (**self).message_bytes()
    }

    fn note(&mut self, record: &P::Record<'_>) {
        (**self).note(record);
    }

    async fn decide<'d>(&mut self, decision: P::Decision<'d>, said: &[u8]) -> Result<(), H::Error>
    where
        Elsewhere<'a, P>: 'd,
    {
        (**self).decide(decision, said).await
    }

    fn command(&mut self) -> Option<P::Command<'_>> {
        (**self).command()
    }

    fn message(&mut self) -> Option<(Target, P::Message<'_>)> {
        (**self).message()
    }

    fn accuse(&mut self, node: NodeId, fault: Fault) {
        (**self).accuse(node, fault);
    }

    fn refuse(&mut self, refusal: Refusal) -> Result<(), H::Error> {
        (**self).refuse(refusal)
    }

    async fn settle(&mut self, node: &Elsewhere<'a, P>) -> Result<(), H::Error> {
        (**self).settle(&*node.0).await
    }
}
