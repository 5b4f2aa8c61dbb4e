//! What a general proposes in a slot.

use crate::service::Batch;
use crate::wire::Bytes;
use core::fmt;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A batch of requests of at most `B` bytes, or NULL: nothing to propose.
///
/// NULL, a batch of no bytes, and a proposal that did not arrive are three different things on
/// the wire; all of them execute as nothing.
#[derive(Clone, Copy)]
pub struct Proposal<const B: usize> {
    length: Option<usize>,
    bytes: [u8; B],
}

impl<const B: usize> Proposal<B> {
    /// Nothing to propose.
    pub const NULL: Self = Self { length: None, bytes: [0; B] };

    /// A batch from its bytes; `None` if they are more than `B`.
    #[must_use]
    pub fn from_bytes(batch: &[u8]) -> Option<Self> {
        let mut bytes = [0; B];
        bytes.get_mut(..batch.len())?.copy_from_slice(batch);
        Some(Self { length: Some(batch.len()), bytes })
    }

    /// The batch; `None` for NULL.
    #[must_use]
    pub fn batch(&self) -> Option<Batch<'_>> {
        self.bytes.get(..self.length?).map(Batch::from_bytes)
    }
}

impl<const B: usize> PartialEq for Proposal<B> {
    fn eq(&self, other: &Self) -> bool {
        self.batch() == other.batch()
    }
}

impl<const B: usize> Eq for Proposal<B> {}

impl<const B: usize> fmt::Debug for Proposal<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.batch() {
            None => f.write_str("NULL"),
            Some(batch) => batch.fmt(f),
        }
    }
}

#[cfg(feature = "defmt")]
impl<const B: usize> defmt::Format for Proposal<B> {
    fn format(&self, f: defmt::Formatter<'_>) {
        match self.batch() {
            None => defmt::write!(f, "NULL"),
            Some(batch) => batch.format(f),
        }
    }
}

impl<const B: usize> Serialize for Proposal<B> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.batch().map(|batch| Bytes(batch.bytes())).serialize(serializer)
    }
}

impl<'de, const B: usize> Deserialize<'de> for Proposal<B> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Some(batch) = <Option<Bytes<'de>>>::deserialize(deserializer)? else {
            return Ok(Self::NULL);
        };
        let too_long = || de::Error::custom("a proposal longer than the cluster's constant");
        Self::from_bytes(batch.0).ok_or_else(too_long)
    }
}
