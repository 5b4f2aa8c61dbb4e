//! The packed frame of a vector: everything that one general says to one peer in one round.

use super::broadcast::Broadcast;
use crate::auth::{Digest, PublicKey, Roster, Scope, Signed, Signer, Verifier};
use crate::fault::Fault;
use crate::node::{NodeId, Principal};
use crate::wire::{self, Bytes, EncodeError, Packed};
use core::fmt;
use serde::ser::SerializeTuple;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The parts of n instances in one frame: their own messages, one after the other, in ascending
/// order of commanders, at most one for each.
pub struct Message<'a, P> {
    /// The number of the vector, which is that of its instances.
    pub number: u64,
    parts: Parts<'a, P>,
}

enum Parts<'a, P> {
    /// As they arrived; two bits for each part tell what of it was struck.
    Heard { bytes: &'a [u8], struck: u128 },
    /// As they are about to leave.
    Said { instances: &'a [P], round: u8, to: NodeId },
}

/// How many parts of a part can be struck.
const STRIKES: u8 = 2;

impl<'a, P> Message<'a, P> {
    /// A frame of parts that are encoded already, one after the other.
    #[must_use]
    pub const fn from_parts(number: u64, bytes: &'a [u8]) -> Self {
        Self { number, parts: Parts::Heard { bytes, struck: 0 } }
    }

    pub(super) const fn said(number: u64, instances: &'a [P], round: u8, to: NodeId) -> Self {
        Self { number, parts: Parts::Said { instances, round, to } }
    }
}

impl<'a, P: Broadcast> Message<'a, P> {
    /// The parts of a frame that arrived, each with its commander.
    ///
    /// # Errors
    /// [`Fault::Malformed`] where the bytes are no part of this vector, padded, or out of order;
    /// nothing follows it.
    pub fn parts(
        &self,
    ) -> impl Iterator<Item = Result<(NodeId, P::Message<'a>), Fault>> + use<'a, P> {
        let (mut rest, struck) = match self.parts {
            Parts::Heard { bytes, struck } => (bytes, struck),
            Parts::Said { .. } => (&[][..], 0),
        };
        let number = self.number;
        let (mut least, mut at) = (0, 0u32);
        core::iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            let before = core::mem::take(&mut rest);
            let Some((mut part, after)) = split::<P>(before) else {
                return Some(Err(Fault::Malformed));
            };
            let instance = P::instance_of(&part);
            if instance.number != number || instance.commander.index() < least {
                return Some(Err(Fault::Malformed));
            }
            P::strike(&mut part, strikes(struck, at));
            (rest, least, at) = (after, instance.commander.index() + 1, at + 1);
            Some(Ok((instance.commander, part)))
        })
    }

    /// Strikes what is not worth a verification from the part at this place.
    pub(super) fn strike(&mut self, at: u32, parts: u8) {
        if let Parts::Heard { struck, .. } = &mut self.parts {
            let shift = at.saturating_mul(STRIKES.into());
            *struck |= u128::from(parts & 0b11).checked_shl(shift).unwrap_or(0);
        }
    }

    /// The parts that are about to leave.
    fn leaving(&self) -> impl Iterator<Item = P::Message<'a>> + Clone + use<'a, P> {
        let (instances, round, to) = match self.parts {
            Parts::Heard { .. } => (&[][..], 0, NodeId(0)),
            Parts::Said { instances, round, to } => (instances, round, to),
        };
        instances.iter().filter_map(move |instance| instance.frame(round, to))
    }
}

/// What was struck of the part at this place.
#[allow(clippy::cast_possible_truncation, reason = "masked")]
fn strikes(struck: u128, at: u32) -> u8 {
    let shift = at.saturating_mul(STRIKES.into());
    (struck.checked_shr(shift).unwrap_or(0) & 0b11) as u8
}

/// Splits the first part off, if it is one and is encoded as everybody encodes it.
fn split<P: Broadcast>(bytes: &[u8]) -> Option<(P::Message<'_>, &[u8])> {
    let (part, rest) = postcard::take_from_bytes::<P::Message<'_>>(bytes).ok()?;
    let used = bytes.len().checked_sub(rest.len())?;
    (used > 0 && wire::encoded_len(&part) == used).then_some((part, rest))
}

impl<P> Clone for Message<'_, P> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<P> Copy for Message<'_, P> {}

impl<P> Clone for Parts<'_, P> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<P> Copy for Parts<'_, P> {}

impl<P> fmt::Debug for Message<'_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.parts {
            Parts::Heard { bytes, .. } => {
                write!(f, "vector {}: {} bytes of parts", self.number, bytes.len())
            }
            Parts::Said { round, to, .. } => {
                write!(f, "vector {}: round {round} to {}", self.number, to.0)
            }
        }
    }
}

#[cfg(feature = "defmt")]
impl<P> defmt::Format for Message<'_, P> {
    fn format(&self, f: defmt::Formatter<'_>) {
        match self.parts {
            Parts::Heard { bytes, .. } => {
                defmt::write!(f, "vector {}: {} bytes of parts", self.number, bytes.len());
            }
            Parts::Said { round, to, .. } => {
                defmt::write!(f, "vector {}: round {} to {}", self.number, round, to);
            }
        }
    }
}

impl<P: Broadcast> Serialize for Message<'_, P> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_tuple(2)?;
        fields.serialize_element(&self.number)?;
        match self.parts {
            Parts::Heard { bytes, .. } => fields.serialize_element(&Bytes(bytes))?,
            Parts::Said { .. } => fields.serialize_element(&Packed(self.leaving()))?,
        }
        fields.end()
    }
}

impl<'de: 'a, 'a, P> Deserialize<'de> for Message<'a, P> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (number, bytes) = <(u64, Bytes<'a>)>::deserialize(deserializer)?;
        Ok(Self::from_parts(number, bytes.0))
    }
}

impl<P: Broadcast> Signed for Message<'_, P>
where
    for<'m> P::Message<'m>: Signed,
{
    /// Nothing: the signatures of the parts are made as they are written, by [`Signed::seal`].
    fn sign<S: Signer>(&mut self, _: Principal, _: &Scope, _: &S) {}

    fn verify<K: AsRef<[PublicKey]>, V: Verifier>(
        &self,
        from: Principal,
        roster: &Roster<K>,
        verifier: &V,
    ) -> Result<Digest, Fault> {
        if !matches!(from, Principal::Node(_)) {
            return Err(Fault::NotAllowed);
        }
        // All parts are looked at before the first signature is.
        for part in self.parts() {
            part?;
        }
        for part in self.parts() {
            part?.1.verify(from, roster, verifier)?;
        }
        Ok(Digest::ZERO)
    }

    fn seal<'b, S: Signer>(
        self,
        me: Principal,
        scope: &Scope,
        signer: &S,
        buffer: &'b mut [u8],
    ) -> Result<&'b [u8], EncodeError> {
        if let Parts::Heard { .. } = self.parts {
            return wire::encode(&self, buffer);
        }
        let length: usize = self.leaving().map(|part| wire::encoded_len(&part)).sum();
        // The length of a byte string is encoded like any other number.
        let mut end = wire::encode(&(self.number, length), buffer)?.len();
        for part in self.leaving() {
            let room = buffer.get_mut(end..).ok_or(EncodeError)?;
            end += part.seal(me, scope, signer, room)?.len();
        }
        buffer.get(..end).ok_or(EncodeError)
    }
}
