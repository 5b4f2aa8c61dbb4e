//! What a loop needs to know of a protocol beside its one shape.

use crate::member::Identity;
use core::time::Duration;
use quorate::auth::Signed;
use quorate::rounds::Rules;
use quorate::wire::{self, EncodeError};
use quorate::{Admission, Fault, Instant, Principal, Protocol, Verified};
use quorate::{lockstep, pbft, rounds};

/// What the answer to a question to all may hold: what one replica says again at 128 sequences, and
/// more.
const ALL_AGAIN: u32 = 640;

/// Answers of one replica to a client that asks once more: it says each of them when it hears the
/// question and when it has executed what is asked for.
const TO_A_CLIENT: u32 = 4;

/// Why a message is not stepped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Unheard {
    /// It is of no use. A node that sends many of those has to wait.
    Known,
    /// Its sender did wrong. A node that does so often has to wait.
    Fault(Fault),
    /// Its sender has used up its budget: nothing of it is looked at for so long.
    Later(Duration),
}

/// A protocol that a [`Node`](crate::Node) can run: replicas, generals of any protocol in rounds,
/// generals in lockstep, and clients of both services.
pub trait Agent: Protocol {
    /// Decodes, admits and verifies what came from a principal over an authentic link.
    ///
    /// # Errors
    /// Why it is not to be stepped.
    fn hear<'f, I: Identity>(
        &mut self,
        now: Instant,
        from: Principal,
        payload: &'f [u8],
        identity: &I,
    ) -> Result<Verified<Self::Message<'f>>, Unheard>;

    /// Whether the message of the last step led to nothing. A peer that sends many of those has to
    /// wait.
    fn was_fruitless(&self) -> bool {
        false
    }

    /// How many batches were executed: a few late votes for each are nobody's wrong.
    fn executed(&self) -> u64 {
        0
    }

    /// With how many frames each peer may answer a message, beside those that lead to something.
    fn answers(_message: &Self::Message<'_>) -> u32 {
        0
    }

    /// What a sender is told whose budget is used up, if it said this.
    fn busy<'f>(
        _from: Principal,
        _payload: &'f [u8],
        _after: Duration,
    ) -> Option<Self::Message<'f>> {
        None
    }

    /// Signs what the member itself states in a message, and encodes it.
    ///
    /// # Errors
    /// The buffer is too short.
    fn seal<'b, I: Identity>(
        message: Self::Message<'_>,
        identity: &I,
        buffer: &'b mut [u8],
    ) -> Result<&'b [u8], EncodeError>;
}

/// The wall: `wire::decode`, admission, the roster.
fn check<'f, M, I>(
    from: Principal,
    payload: &'f [u8],
    identity: &I,
    admit: impl FnOnce(&mut M) -> Admission,
) -> Result<Verified<M>, Unheard>
where
    M: Signed + serde::Serialize + serde::Deserialize<'f>,
    I: Identity,
{
    let malformed = |_| Unheard::Fault(Fault::Malformed);
    let mut message: M = wire::decode(payload).map_err(malformed)?;
    match admit(&mut message) {
        Admission::Verify => {}
        Admission::Known => return Err(Unheard::Known),
        Admission::Refused(fault) => return Err(Unheard::Fault(fault)),
        Admission::Later { after } => return Err(Unheard::Later(after)),
    }
    let member = identity.member();
    member.roster.verify(&member.verifier, from, message).map_err(Unheard::Fault)
}

/// The two functions are the same for all protocols but for what admits a message; a replica has
/// more to say.
macro_rules! agent {
    ([$($generics:tt)*] $node:ty [$($bounds:tt)*], $me:ident, $now:ident, $from:ident, $said:ident,
     $admit:expr $(, { $($more:tt)* })?) => {
        impl<$($generics)*> Agent for $node
        where $($bounds)*
        {
            fn hear<'f, I: Identity>(
                &mut self,
                $now: Instant,
                $from: Principal,
                payload: &'f [u8],
                identity: &I,
            ) -> Result<Verified<Self::Message<'f>>, Unheard> {
                let $me = self;
                check($from, payload, identity, |$said: &mut Self::Message<'f>| $admit)
            }

            $($($more)*)?

            fn seal<'b, I: Identity>(
                message: Self::Message<'_>,
                identity: &I,
                buffer: &'b mut [u8],
            ) -> Result<&'b [u8], EncodeError> {
                let member = identity.member();
                let scope = member.roster.scope();
                wire::seal(message, member.me, scope, &member.signer, buffer)
            }
        }
    };
}

agent!([R: Rules] rounds::General<R> [for<'m> R::Message<'m>: Signed],
    general, _now, from, said, general.admit(from, said));
agent!([S: pbft::Storage] pbft::Replica<S> [], replica, now, from, said,
replica.admit(now, from, said), {
    fn was_fruitless(&self) -> bool {
        self.was_fruitless()
    }

    fn executed(&self) -> u64 {
        self.status().executed.0
    }

    fn answers(message: &Self::Message<'_>) -> u32 {
        let asks = matches!(message, pbft::Message::Status(status) if status.wanting);
        if asks { ALL_AGAIN } else { 0 }
    }

    fn busy<'f>(
        from: Principal,
        payload: &'f [u8],
        after: Duration,
    ) -> Option<Self::Message<'f>> {
        let Principal::Client(client) = from else { return None };
        match wire::decode(payload) {
            Ok(pbft::Message::Request(request)) => {
                Some(pbft::Message::busy(client, request.timestamp, after))
            }
            _ => None,
        }
    }
});
agent!([B: AsRef<[u8]> + AsMut<[u8]>] pbft::Client<B> [], _client, _now, _from, _said,
Admission::Verify, {
    // A question pays for its answers, of use or not.
    fn was_fruitless(&self) -> bool {
        true
    }

    fn answers(message: &Self::Message<'_>) -> u32 {
        let asks = matches!(message, pbft::Message::Request(_) | pbft::Message::Read(_));
        if asks { TO_A_CLIENT } else { 0 }
    }
});
agent!([B: AsRef<[u8]> + AsMut<[u8]>] lockstep::Client<B> [], _client, _now, _from, _said,
Admission::Verify, {
    fn was_fruitless(&self) -> bool {
        true
    }

    fn answers(_message: &Self::Message<'_>) -> u32 {
        TO_A_CLIENT
    }
});
agent!([S: lockstep::Storage<B>, A: lockstep::Authority, const B: usize]
    lockstep::General<S, A, B> [for<'m> lockstep::Message<'m, S::Protocol>: Signed],
    general, now, from, said, general.admit(now, from, said));
