//! Lists inside messages and stores, kept as the bytes that are signed.
//!
//! Each list is a byte string of fixed-width little-endian entries. It is read in place, from
//! the frame or from the store, and its bytes are what digests and signatures cover.

use super::message::{Sequence, View};
use crate::auth::Digest;
use crate::wire::Bytes;
use core::fmt;
use serde::{Deserialize, Serialize};

/// A list of (number, digest): checkpoints, chosen batches, or named VIEW-CHANGEs.
#[derive(Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Pairs<'a>(#[serde(borrow)] Bytes<'a>);

impl<'a> Pairs<'a> {
    /// Bytes of one entry.
    pub const ENTRY: usize = 8 + 32;

    /// A list from its bytes.
    #[must_use]
    pub const fn from_bytes(bytes: &'a [u8]) -> Self {
        Self(Bytes(bytes))
    }

    /// The bytes of the list.
    #[must_use]
    pub const fn bytes(&self) -> &'a [u8] {
        self.0.0
    }

    /// How many whole entries there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.0.0.len() / Self::ENTRY
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The entries.
    pub fn iter(&self) -> impl Iterator<Item = (Sequence, Digest)> + use<'a> {
        self.bytes().chunks_exact(Self::ENTRY).filter_map(|entry| {
            let (number, digest) = entry.split_first_chunk::<8>()?;
            let digest = digest.first_chunk::<32>()?;
            Some((Sequence(u64::from_le_bytes(*number)), Digest(*digest)))
        })
    }

    /// Whether it is whole entries whose numbers rise: sorted, and no number twice.
    #[must_use]
    pub fn ascending(&self) -> bool {
        self.bytes().len().is_multiple_of(Self::ENTRY)
            && self.iter().is_sorted_by(|(a, _), (b, _)| a < b)
    }

    /// The digest that stands beside a number, if the list is in ascending order.
    #[must_use]
    pub fn get(&self, number: Sequence) -> Option<Digest> {
        let entry = find::<{ Pairs::ENTRY }>(self.bytes(), number)?;
        entry.last_chunk::<32>().map(|digest| Digest(*digest))
    }

    /// Writes an entry at `index` of a list that is being built; `None` if there is no room.
    pub(super) fn put(
        buffer: &mut [u8],
        index: usize,
        number: Sequence,
        digest: &Digest,
    ) -> Option<()> {
        let entry = buffer.chunks_exact_mut(Self::ENTRY).nth(index)?;
        let (number_at, digest_at) = entry.split_first_chunk_mut::<8>()?;
        *number_at = number.0.to_le_bytes();
        digest_at.copy_from_slice(&digest.0);
        Some(())
    }
}

/// The entry of a number in a list of entries that begin with theirs, in ascending order.
fn find<const ENTRY: usize>(list: &[u8], number: Sequence) -> Option<&[u8; ENTRY]> {
    let (entries, _) = list.as_chunks::<ENTRY>();
    let number_of = |entry: &[u8; ENTRY]| {
        entry.first_chunk::<8>().map_or(0, |number| u64::from_le_bytes(*number))
    };
    entries.get(entries.binary_search_by_key(&number.0, number_of).ok()?)
}

impl fmt::Debug for Pairs<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// A digest and the last view in which it was pre-prepared here: one element of Q.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct PrePrepared {
    /// The last view in which it was pre-prepared.
    pub view: View,
    /// The digest of the batch.
    pub digest: Digest,
}

/// How many digests of one sequence are remembered in Q. The one that P names is never
/// forgotten for another, so the bound can cost progress but never safety (Castro-Liskov 2002,
/// section 3.2.4, on bounding the space of Q). How little of it, see "Deviations" in
/// [the chapter](crate::pbft).
pub const DIGESTS: usize = 2;

/// What happened here at one sequence: its elements of P and Q.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct History {
    /// The sequence.
    pub sequence: Sequence,
    /// Q: what was pre-prepared.
    pub pre_prepared: [Option<PrePrepared>; DIGESTS],
    /// P: which of those was prepared last, and in which view.
    pub prepared: Option<(usize, View)>,
}

impl History {
    /// Bytes of one entry: sequence, flags, two of (view, digest), view of P.
    pub const ENTRY: usize = 8 + 1 + DIGESTS * (8 + 32) + 8;

    /// P: the digest that was prepared here last, and in which view.
    #[must_use]
    pub fn prepared(&self) -> Option<PrePrepared> {
        let (which, view) = self.prepared?;
        let digest = (*self.pre_prepared.get(which)?)?.digest;
        Some(PrePrepared { view, digest })
    }

    /// Q: the last view in which this digest was pre-prepared here.
    #[must_use]
    pub fn pre_prepared(&self, digest: &Digest) -> Option<View> {
        let mut all = self.pre_prepared.iter().flatten();
        all.find(|entry| entry.digest == *digest).map(|entry| entry.view)
    }

    /// Whether all views in it are below `view`.
    #[must_use]
    pub fn before(&self, view: View) -> bool {
        self.pre_prepared.iter().flatten().all(|entry| entry.view < view)
    }

    /// Whether a correct replica could have it: something in Q, no digest twice, and P not of a
    /// later view than the same digest in Q.
    fn well_formed(&self) -> bool {
        let [first, second] = &self.pre_prepared;
        let twice = matches!((first, second), (Some(a), Some(b)) if a.digest == b.digest);
        let (Some(_), false) = (first, twice) else { return false };
        match self.prepared {
            None => true,
            Some((which, view)) => {
                self.pre_prepared.get(which).copied().flatten().is_some_and(|q| view <= q.view)
            }
        }
    }

    /// The same with its elements of Q in the first places, as the encoding wants them.
    #[must_use]
    pub(super) fn compact(&self) -> Self {
        match self.pre_prepared {
            [None, second] => Self {
                pre_prepared: [second, None],
                prepared: self.prepared.map(|(_, view)| (0, view)),
                ..*self
            },
            _ => *self,
        }
    }

    /// The entry as bytes.
    #[must_use]
    #[allow(clippy::cast_possible_truncation, reason = "both are at most DIGESTS")]
    pub fn encode(&self) -> [u8; Self::ENTRY] {
        let mut bytes = [0; Self::ENTRY];
        let count = self.pre_prepared.iter().flatten().count() as u8;
        let which = self.prepared.map_or(0, |(which, _)| which as u8 + 1);
        let mut rest = &mut bytes[..];
        let mut put = |field: &[u8]| {
            if let Some((here, there)) =
                core::mem::take(&mut rest).split_at_mut_checked(field.len())
            {
                here.copy_from_slice(field);
                rest = there;
            }
        };
        put(&self.sequence.0.to_le_bytes());
        put(&[count | which << 2]);
        for entry in self.pre_prepared {
            let entry = entry.unwrap_or_default();
            put(&entry.view.0.to_le_bytes());
            put(&entry.digest.0);
        }
        put(&self.prepared.map_or(0, |(_, view)| view.0).to_le_bytes());
        bytes
    }

    /// The inverse of [`History::encode`]; `None` for bytes that it never makes.
    #[must_use]
    pub fn decode(bytes: &[u8; Self::ENTRY]) -> Option<Self> {
        let (sequence, rest) = bytes.split_first_chunk::<8>()?;
        let (&flags, mut rest) = rest.split_first()?;
        let (count, which) = (usize::from(flags & 3), usize::from(flags >> 2));
        let mut pre_prepared = [None; DIGESTS];
        for (at, entry) in pre_prepared.iter_mut().enumerate() {
            let (view, more) = rest.split_first_chunk::<8>()?;
            let (digest, more) = more.split_first_chunk::<32>()?;
            rest = more;
            if at < count {
                let view = View(u64::from_le_bytes(*view));
                *entry = Some(PrePrepared { view, digest: Digest(*digest) });
            }
        }
        let view = View(u64::from_le_bytes(*rest.first_chunk::<8>()?));
        let prepared = which.checked_sub(1).map(|which| (which, view));
        let history =
            Self { sequence: Sequence(u64::from_le_bytes(*sequence)), pre_prepared, prepared };
        (history.encode() == *bytes).then_some(history)
    }
}

/// P and Q of a VIEW-CHANGE: a list of [`History`] entries.
#[derive(Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Histories<'a>(#[serde(borrow)] Bytes<'a>);

impl<'a> Histories<'a> {
    /// A list from its bytes.
    #[must_use]
    pub const fn from_bytes(bytes: &'a [u8]) -> Self {
        Self(Bytes(bytes))
    }

    /// The bytes of the list.
    #[must_use]
    pub const fn bytes(&self) -> &'a [u8] {
        self.0.0
    }

    /// How many whole entries there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.0.0.len() / History::ENTRY
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The entries.
    pub fn iter(&self) -> impl Iterator<Item = History> + use<'a> {
        let (entries, _) = self.bytes().as_chunks::<{ History::ENTRY }>();
        entries.iter().filter_map(History::decode)
    }

    /// The entry of a sequence, if the list is in ascending order.
    #[must_use]
    pub fn get(&self, sequence: Sequence) -> Option<History> {
        find(self.bytes(), sequence).and_then(History::decode)
    }

    /// Whether it is whole, well-formed entries in ascending order, no sequence twice.
    pub(super) fn well_formed(&self) -> bool {
        let (entries, rest) = self.bytes().as_chunks::<{ History::ENTRY }>();
        rest.is_empty()
            && entries.iter().all(|e| History::decode(e).is_some_and(|h| h.well_formed()))
            && self.iter().is_sorted_by(|a, b| a.sequence < b.sequence)
    }
}

impl fmt::Debug for Histories<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}
