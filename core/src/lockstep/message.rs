//! What travels between generals, and between them and their clients.

use crate::auth::{Digest, PublicKey, Roster, Scope, Signed, Signer, Statement, Tag, Verifier};
use crate::fault::Fault;
use crate::node::{ClientId, Principal};
use crate::service::{Outcome, Request};
use crate::vector::{self, Broadcast};
use crate::wire::{self, Bytes, EncodeError};
use core::fmt;
use serde::{Deserialize, Serialize};

/// A general's answer to a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Reply<'a> {
    /// Who asked.
    pub client: ClientId,
    /// Which request.
    pub timestamp: u64,
    /// How it ended.
    pub outcome: Outcome,
    /// The application's reply.
    #[serde(borrow)]
    pub reply: Bytes<'a>,
}

/// Everything that travels. Numbers of variants are part of the wire format: append only.
#[derive(Serialize, Deserialize)]
#[serde(bound(serialize = "P: Broadcast", deserialize = ""))]
pub enum Message<'a, P> {
    /// A client's signed request, from the client itself.
    #[serde(borrow)]
    Request(Request<'a>),
    /// A general's answer to a client.
    Reply(Reply<'a>),
    /// The packed frame of one slot's vector.
    Slot(vector::Message<'a, P>),
    /// I missed something and need the state after this slot, which has not begun.
    Rejoin {
        /// The slot.
        after: u64,
    },
    /// The digest of the state after a slot.
    Vouch {
        /// The slot.
        slot: u64,
        /// What [`state_digest`] makes of it.
        digest: Digest,
    },
    /// Send me the state after this slot.
    FetchState {
        /// The slot.
        slot: u64,
    },
    /// The state after a slot, sent by the host.
    State {
        /// The slot.
        slot: u64,
        /// The client table, encoded.
        clients: Bytes<'a>,
        /// The application's state.
        state: Bytes<'a>,
    },
}

impl<P> Clone for Message<'_, P> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<P> Copy for Message<'_, P> {}

impl<P> fmt::Debug for Message<'_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Request(request) => request.fmt(f),
            Self::Reply(reply) => reply.fmt(f),
            Self::Slot(frame) => frame.fmt(f),
            Self::Rejoin { after } => write!(f, "rejoin after slot {after}"),
            Self::Vouch { slot, digest } => write!(f, "vouch for {digest:?} after slot {slot}"),
            Self::FetchState { slot } => write!(f, "fetch the state after slot {slot}"),
            Self::State { slot, state, .. } => write!(f, "state after slot {slot}: {state:?}"),
        }
    }
}

#[cfg(feature = "defmt")]
impl<P> defmt::Format for Message<'_, P> {
    fn format(&self, f: defmt::Formatter<'_>) {
        match self {
            Self::Request(request) => request.format(f),
            Self::Reply(reply) => reply.format(f),
            Self::Slot(frame) => frame.format(f),
            Self::Rejoin { after } => defmt::write!(f, "rejoin after slot {}", after),
            Self::Vouch { slot, digest } => {
                defmt::write!(f, "vouch for {} after slot {}", digest, slot);
            }
            Self::FetchState { slot } => defmt::write!(f, "fetch the state after slot {}", slot),
            Self::State { slot, state, .. } => {
                defmt::write!(f, "state after slot {}: {}", slot, state);
            }
        }
    }
}

/// The part of the messages that clients know: the first two variants of [`Message`], with the
/// same encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum ClientMessage<'a> {
    /// A client's signed request.
    #[serde(borrow)]
    Request(Request<'a>),
    /// A general's answer.
    Reply(Reply<'a>),
}

/// The digest that generals vouch for: of the state after a slot, application and client table.
#[must_use]
pub fn state_digest(slot: u64, clients: &Digest, state: &Digest) -> Digest {
    Statement::unscoped(Tag::LockstepState).u64(slot).digest(clients).digest(state).finish()
}

fn sign<S: Signer>(request: &mut Request<'_>, me: Principal, scope: &Scope, signer: &S) {
    if me == Principal::Client(request.client) {
        request.signature = signer.sign(&request.statement(Tag::LockstepRequest, scope));
    }
}

fn verify<K: AsRef<[PublicKey]>, V: Verifier>(
    request: &Request<'_>,
    from: Principal,
    roster: &Roster<K>,
    verifier: &V,
) -> Result<Digest, Fault> {
    let client = Principal::Client(request.client);
    if from != client {
        return Err(Fault::Impersonation);
    }
    let statement = request.statement(Tag::LockstepRequest, roster.scope());
    roster.check(verifier, client, &statement, &request.signature)?;
    Ok(statement)
}

fn from_general(from: Principal, digest: Digest) -> Result<Digest, Fault> {
    if matches!(from, Principal::Node(_)) { Ok(digest) } else { Err(Fault::NotAllowed) }
}

impl<P: Broadcast> Signed for Message<'_, P>
where
    for<'m> P::Message<'m>: Signed,
{
    fn sign<S: Signer>(&mut self, me: Principal, scope: &Scope, signer: &S) {
        if let Self::Request(request) = self {
            sign(request, me, scope, signer);
        }
    }

    fn verify<K: AsRef<[PublicKey]>, V: Verifier>(
        &self,
        from: Principal,
        roster: &Roster<K>,
        verifier: &V,
    ) -> Result<Digest, Fault> {
        match self {
            Self::Request(request) => verify(request, from, roster, verifier),
            Self::Slot(frame) => frame.verify(from, roster, verifier),
            Self::State { slot, clients, state } => {
                let (clients, state) = (Digest::of(clients.0), Digest::of(state.0));
                from_general(from, state_digest(*slot, &clients, &state))
            }
            Self::Reply(_) | Self::Rejoin { .. } | Self::Vouch { .. } | Self::FetchState { .. } => {
                from_general(from, Digest::ZERO)
            }
        }
    }

    fn seal<'b, S: Signer>(
        mut self,
        me: Principal,
        scope: &Scope,
        signer: &S,
        buffer: &'b mut [u8],
    ) -> Result<&'b [u8], EncodeError> {
        let Self::Slot(frame) = self else {
            self.sign(me, scope, signer);
            return wire::encode(&self, buffer);
        };
        // The number of the variant, then the frame, whose parts are signed as they are written.
        let (variant, rest) = buffer.split_first_mut().ok_or(EncodeError)?;
        *variant = SLOT;
        let length = 1 + frame.seal(me, scope, signer, rest)?.len();
        buffer.get(..length).ok_or(EncodeError)
    }
}

/// The number of [`Message::Slot`] on the wire.
const SLOT: u8 = 2;

impl Signed for ClientMessage<'_> {
    fn sign<S: Signer>(&mut self, me: Principal, scope: &Scope, signer: &S) {
        if let Self::Request(request) = self {
            sign(request, me, scope, signer);
        }
    }

    fn verify<K: AsRef<[PublicKey]>, V: Verifier>(
        &self,
        from: Principal,
        roster: &Roster<K>,
        verifier: &V,
    ) -> Result<Digest, Fault> {
        match self {
            Self::Request(request) => verify(request, from, roster, verifier),
            Self::Reply(_) => from_general(from, Digest::ZERO),
        }
    }
}
