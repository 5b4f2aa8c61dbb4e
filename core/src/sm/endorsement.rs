//! One general's signature under an order, and the signatures before it.

use crate::auth::Signature;
use crate::node::NodeId;
use core::fmt;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// An endorsement as it is kept and sent: the signer's id, then the 64 bytes of its signature.
pub type Row = [u8; 65];

/// A general's signature under an order and under who signed it before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Endorsement {
    /// Who signed.
    pub signer: NodeId,
    /// Its signature of [`statement`](super::statement).
    pub signature: Signature,
}

impl Endorsement {
    /// The endorsement of a general that has still to sign.
    #[must_use]
    pub const fn unsigned(signer: NodeId) -> Self {
        Self { signer, signature: Signature::ZERO }
    }

    /// The endorsement that a row holds. Any row holds one; its id may be out of bounds.
    #[must_use]
    pub const fn from_row(row: &Row) -> Self {
        let [signer, signature @ ..] = *row;
        Self { signer: NodeId(signer), signature: Signature::from_bytes(signature) }
    }

    /// The row that holds this endorsement.
    #[must_use]
    pub fn to_row(self) -> Row {
        let mut row = [0; 65];
        let [signer, signature @ ..] = &mut row;
        (*signer, *signature) = (self.signer.0, self.signature.to_bytes());
        row
    }
}

/// Endorsements in the order in which they were made, borrowed from the frame they came in or
/// from the memory that keeps them. On the wire they are a byte string of whole rows.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Endorsements<'a>(&'a [Row]);

impl<'a> Endorsements<'a> {
    /// Nobody's.
    pub const NONE: Self = Self(&[]);

    /// The endorsements that these rows hold.
    #[must_use]
    pub const fn new(rows: &'a [Row]) -> Self {
        Self(rows)
    }

    /// The rows that hold them.
    #[must_use]
    pub const fn rows(self) -> &'a [Row] {
        self.0
    }

    /// How many there are.
    #[must_use]
    pub const fn len(self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// The endorsements, the first signer's first.
    pub fn iter(self) -> impl ExactSizeIterator<Item = Endorsement> + Clone + use<'a> {
        self.0.iter().map(Endorsement::from_row)
    }

    /// Who made them, the first signer first.
    pub fn signers(self) -> impl ExactSizeIterator<Item = NodeId> + Clone + use<'a> {
        self.0.iter().map(|[signer, ..]| NodeId(*signer))
    }
}

impl fmt::Debug for Endorsements<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

#[cfg(feature = "defmt")]
impl defmt::Format for Endorsements<'_> {
    fn format(&self, f: defmt::Formatter<'_>) {
        for signer in self.signers() {
            defmt::write!(f, ":{}", signer.0);
        }
    }
}

impl Serialize for Endorsements<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0.as_flattened())
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Endorsements<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Borrowed;
        impl<'de> de::Visitor<'de> for Borrowed {
            type Value = Endorsements<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("whole rows of endorsements")
            }

            fn visit_borrowed_bytes<E: de::Error>(
                self,
                bytes: &'de [u8],
            ) -> Result<Endorsements<'de>, E> {
                match bytes.as_chunks() {
                    (rows, []) => Ok(Endorsements(rows)),
                    _ => Err(E::invalid_length(bytes.len(), &self)),
                }
            }
        }
        deserializer.deserialize_bytes(Borrowed)
    }
}
