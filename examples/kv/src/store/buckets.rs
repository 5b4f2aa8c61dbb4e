//! The state in buckets: keys whose hashes begin alike. A bucket is a page of the replicated state,
//! so a replica that fell behind fetches the buckets that were written meanwhile and no others.

use super::snapshot::{append, parse};
use super::{Key, SnapshotError, Store};
use std::ops::RangeInclusive;

/// How many buckets there are: a constant of every cluster, since it decides what is compared.
/// A million keys of a hundred bytes make buckets of a hundred kilobytes.
pub const BUCKETS: u32 = 1024;

/// Bits of a hash below those that tell its bucket.
const BELOW: u32 = u64::BITS - BUCKETS.ilog2();

/// Which buckets were written.
#[derive(Clone, Debug)]
pub(super) struct Changed(Vec<bool>);

impl Changed {
    pub(super) fn all() -> Self {
        Self(vec![true; BUCKETS as usize])
    }

    /// The key of this hash was written.
    pub(super) fn mark(&mut self, hash: u64) {
        self.0[(hash >> BELOW) as usize] = true;
    }

    pub(super) fn mark_all(&mut self) {
        self.0.fill(true);
    }
}

impl Store {
    /// Appends a bucket: its keys and values, ascending, each with its length before it. Equal
    /// states have equal buckets.
    pub fn bucket(&self, index: u32, out: &mut Vec<u8>) {
        append(out, self.map.range(bounds(index)).filter(|(key, _)| bucket_of(key) == index));
    }

    /// Tells of the buckets that were written since this was asked last.
    pub fn take_changed(&mut self, tell: &mut dyn FnMut(u32)) {
        for (index, changed) in (0..).zip(&mut self.changed.0) {
            if std::mem::take(changed) {
                tell(index);
            }
        }
    }

    /// Replaces a bucket.
    ///
    /// # Errors
    /// The bytes are not those of such a bucket; the state is as it was.
    pub fn install_bucket(&mut self, index: u32, bytes: &[u8]) -> Result<(), SnapshotError> {
        let keys = parse(bytes)?;
        if index >= BUCKETS || keys.keys().any(|key| bucket_of(key) != index) {
            return Err(SnapshotError { left: bytes.len() });
        }
        let held = self.map.range(bounds(index)).map(|(key, _)| key);
        let held: Vec<Key> = held.filter(|key| bucket_of(key) == index).cloned().collect();
        for key in held {
            self.map.remove(&key);
        }
        self.map.extend(keys);
        self.changed.0[index as usize] = true;
        Ok(())
    }
}

fn bucket_of(key: &Key) -> u32 {
    (key.hash >> BELOW) as u32
}

/// From before the first key that a bucket can have to the first key after all of them.
fn bounds(index: u32) -> RangeInclusive<Key> {
    let least = |hash| Key { hash, bytes: Vec::new() };
    let first = u64::from(index.min(BUCKETS - 1)) << BELOW;
    let last = first | (u64::MAX >> BUCKETS.ilog2());
    let after = last.checked_add(1).map_or_else(greatest, least);
    least(first)..=after
}

/// A key that is not below any other.
fn greatest() -> Key {
    Key { hash: u64::MAX, bytes: vec![u8::MAX; super::MAX_KEY + 1] }
}
