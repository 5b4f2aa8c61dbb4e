//! The state as bytes: one encoding of each state.

use super::{Key, MAX_KEY, MAX_VALUE, Store};
use crate::bundle::{append_number, split_number};
use std::collections::BTreeMap;
use std::fmt;

/// The first bytes of a snapshot.
const MAGIC: &[u8; 8] = b"qkv-sn/1";

/// Bytes that are no snapshot of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotError {
    /// How many bytes from the end the snapshot stops making sense.
    pub left: usize,
}

impl fmt::Display for SnapshotError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not a snapshot of this store: wrong at {} bytes before its end", self.left)
    }
}

impl std::error::Error for SnapshotError {}

impl Store {
    /// The state: a magic of 8 bytes, then each key and its value, ascending, each with its
    /// length before it. Equal states have equal bytes.
    #[must_use]
    pub fn snapshot(&self) -> Vec<u8> {
        let size = |(key, value): (&Key, &Vec<u8>)| key.bytes.len() + value.len() + 6;
        let mut out = Vec::with_capacity(MAGIC.len() + self.map.iter().map(size).sum::<usize>());
        out.extend_from_slice(MAGIC);
        append(&mut out, self.map.iter());
        out
    }

    /// Replaces the state by that of a snapshot.
    ///
    /// # Errors
    /// The bytes are no snapshot; the state is as it was.
    pub fn restore(&mut self, snapshot: &[u8]) -> Result<(), SnapshotError> {
        let entries = snapshot.strip_prefix(MAGIC);
        self.map = parse(entries.ok_or(SnapshotError { left: snapshot.len() })?)?;
        self.changed.mark_all();
        Ok(())
    }
}

/// Writes keys and values, each with its length before it.
pub(super) fn append<'m>(out: &mut Vec<u8>, entries: impl Iterator<Item = (&'m Key, &'m Vec<u8>)>) {
    for (key, value) in entries {
        for part in [&key.bytes, value] {
            append_number(out, part.len());
            out.extend_from_slice(part);
        }
    }
}

/// Reads what [`append`] has written; keys ascend.
pub(super) fn parse(entries: &[u8]) -> Result<BTreeMap<Key, Vec<u8>>, SnapshotError> {
    let (mut rest, mut map) = (entries, BTreeMap::<Key, Vec<u8>>::new());
    while !rest.is_empty() {
        let wrong = SnapshotError { left: rest.len() };
        let (bytes, after) = split_bytes(rest, MAX_KEY).ok_or(wrong)?;
        let (value, after) = split_bytes(after, MAX_VALUE).ok_or(wrong)?;
        let mut key = Key::default();
        key.set(bytes);
        if map.last_key_value().is_some_and(|(last, _)| *last >= key) {
            return Err(wrong);
        }
        map.insert(key, value.to_vec());
        rest = after;
    }
    Ok(map)
}

fn split_bytes(bytes: &[u8], limit: usize) -> Option<(&[u8], &[u8])> {
    let (len, rest) = split_number(bytes)?;
    if len > limit { None } else { rest.split_at_checked(len) }
}
