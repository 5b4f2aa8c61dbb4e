//! All that one general has to say to another in one round.

use super::entry::Entry;
use super::path::Paths;
use super::tree::Tree;
use crate::fault::Fault;
use crate::value::Value;
use crate::wire::{self, Bytes};
use core::fmt;
use postcard::ser_flavors::Flavor;
use serde::ser::SerializeSeq;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Orders without their paths, in the order of their [`paths`](crate::om::paths): for each a value,
/// or that the sender received none.
///
/// On the wire it is one byte string. The receiver's borrows it from the frame and is decoded
/// as it is read; the sender's borrows the sender's memory and is encoded as it is written, so
/// neither side has a buffer.
#[derive(Clone, Copy)]
pub struct Wave<'a, V> {
    source: Source<'a, V>,
}

#[derive(Clone, Copy)]
enum Source<'a, V> {
    /// As it came over the wire.
    Bytes(&'a [u8]),
    /// As a list.
    Orders(&'a [Option<V>]),
    /// As the sender received them, along these paths of its own.
    Memory { entries: &'a [Entry<V>], tree: Tree, paths: Paths },
}

impl<'a, V: Value> Wave<'a, V> {
    /// A wave of any bytes; whether they are orders shows when it is read.
    #[must_use]
    pub const fn from_bytes(bytes: &'a [u8]) -> Self {
        Self { source: Source::Bytes(bytes) }
    }

    /// A wave of these orders.
    #[must_use]
    pub const fn from_orders(orders: &'a [Option<V>]) -> Self {
        Self { source: Source::Orders(orders) }
    }

    /// What the owner of this memory relays along these paths, of which it is the last.
    pub(super) const fn relay(entries: &'a [Entry<V>], tree: Tree, paths: Paths) -> Self {
        Self { source: Source::Memory { entries, tree, paths } }
    }

    /// The orders, one after the other. Nothing follows an error.
    ///
    /// # Errors
    /// Each item may be [`Fault::Malformed`]: the bytes are no order, or are not encoded as
    /// everybody does it.
    pub fn orders(&self) -> impl Iterator<Item = Result<Option<V>, Fault>> + use<'a, V> {
        let mut source = self.source;
        core::iter::from_fn(move || source.pop())
    }
}

impl<V: Value> Source<'_, V> {
    /// Takes the first order out.
    fn pop(&mut self) -> Option<Result<Option<V>, Fault>> {
        match self {
            Self::Bytes([]) => None,
            Self::Bytes(bytes) => {
                let order = decode(bytes);
                *bytes = order.as_ref().map_or(&[], |(_, rest)| rest);
                Some(order.map(|(order, _)| order))
            }
            Self::Orders(orders) => {
                let (first, rest) = orders.split_first()?;
                *orders = rest;
                Some(Ok(*first))
            }
            Self::Memory { entries, tree, paths } => {
                let slot = tree.relayed(&paths.next()?)?;
                Some(Ok(entries.get(slot)?.value()))
            }
        }
    }
}

/// The order at the front, and the rest. Its encoding must be the shortest.
fn decode<V: Value>(bytes: &[u8]) -> Result<(Option<V>, &[u8]), Fault> {
    let decoded = postcard::take_from_bytes::<Option<V>>(bytes);
    let (order, rest) = decoded.map_err(|_| Fault::Malformed)?;
    if wire::encoded_len(&order) == bytes.len() - rest.len() {
        Ok((order, rest))
    } else {
        Err(Fault::Malformed)
    }
}

impl<V: Value> PartialEq for Wave<'_, V> {
    fn eq(&self, other: &Self) -> bool {
        self.orders().eq(other.orders())
    }
}

impl<V: Value> Eq for Wave<'_, V> {}

impl<V: Value> fmt::Debug for Wave<'_, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.orders()).finish()
    }
}

#[cfg(feature = "defmt")]
impl<V: Value> defmt::Format for Wave<'_, V> {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "{} orders", self.orders().count());
    }
}

impl<V: Value> Serialize for Wave<'_, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if let Source::Bytes(bytes) = self.source {
            return serializer.serialize_bytes(bytes);
        }
        // A list of bytes is encoded as a byte string is, and need not be in one place.
        let length = |order: Result<Option<V>, Fault>| order.map_or(0, |it| wire::encoded_len(&it));
        let mut bytes = serializer.serialize_seq(Some(self.orders().map(length).sum()))?;
        for order in self.orders().flatten() {
            let mut failure = None;
            let stream = Stream { bytes: &mut bytes, failure: &mut failure };
            let written = postcard::serialize_with_flavor(&order, stream);
            if let Some(failure) = failure {
                return Err(failure);
            }
            written.map_err(serde::ser::Error::custom)?;
        }
        bytes.end()
    }
}

/// Writes encoded bytes into a list of bytes.
struct Stream<'s, Q: SerializeSeq> {
    bytes: &'s mut Q,
    failure: &'s mut Option<Q::Error>,
}

impl<Q: SerializeSeq> Flavor for Stream<'_, Q> {
    type Output = ();

    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.bytes.serialize_element(&byte).map_err(|failure| {
            *self.failure = Some(failure);
            postcard::Error::SerializeBufferFull
        })
    }

    fn finalize(self) -> postcard::Result<()> {
        Ok(())
    }
}

impl<'de: 'a, 'a, V: Value> Deserialize<'de> for Wave<'a, V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Bytes::deserialize(deserializer).map(|Bytes(bytes)| Self::from_bytes(bytes))
    }
}
