//! What a loop needs to know of a protocol beside its one shape.

use crate::member::Identity;
use quorate::auth::Signed;
use quorate::rounds::Rules;
use quorate::wire::{self, EncodeError};
use quorate::{Admission, Fault, Instant, Principal, Protocol, Verified};
use quorate::{lockstep, pbft, rounds};

/// Why a message is not stepped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Unheard {
    /// It is of no use.
    Known,
    /// Its sender did wrong.
    Fault(Fault),
    /// Its sender has used up its budget: nothing of it is looked at for so long.
    Later(core::time::Duration),
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

/// The two functions are the same for all protocols but for what admits a message.
macro_rules! agent {
    ([$($generics:tt)*] $node:ty [$($bounds:tt)*], $me:ident, $now:ident, $from:ident, $said:ident,
     $admit:expr) => {
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
    replica.admit(now, from, said));
agent!([B: AsRef<[u8]> + AsMut<[u8]>] pbft::Client<B> [], _client, _now, _from, _said,
    Admission::Verify);
agent!([B: AsRef<[u8]> + AsMut<[u8]>] lockstep::Client<B> [], _client, _now, _from, _said,
    Admission::Verify);
agent!([S: lockstep::Storage<B>, A: lockstep::Authority, const B: usize]
    lockstep::General<S, A, B> [for<'m> lockstep::Message<'m, S::Protocol>: Signed],
    general, now, from, said, general.admit(now, from, said));
