//! The store: what is replicated. Equal bundles in equal order make equal states, byte for byte,
//! and equal replies, on every machine.
//!
//! Keys are ordered by a fixed hash, then by their bytes. In that order the snapshot lists them,
//! of that order each bucket is a piece, which is what replicas compare and fetch as a page,
//! and SCAN walks through it with the hash as its cursor: no cursor is kept anywhere, and a key
//! that is there during a whole walk is met once.

mod buckets;
mod execute;
mod snapshot;

use crate::bundle::{Command, Commands, ReplyWriter};
use crate::command;
use crate::reply::{Overflow, Reply, Written};
use std::cell::RefCell;
use std::collections::BTreeMap;

pub use buckets::BUCKETS;
use buckets::Changed;
pub use snapshot::SnapshotError;

/// Bytes of the longest key, and of the longest pattern.
pub const MAX_KEY: usize = 1024;

/// Bytes of the longest value.
pub const MAX_VALUE: usize = 512 * 1024;

/// What every reply to a bundle must have room for: one value of full length, with its frame.
pub const MIN_REPLY_BYTES: usize = MAX_VALUE + 1024;

/// No command but those that return values, keys or lists has a longer reply.
const SMALL_REPLY: usize = 512;

/// A key, ordered by its hash first.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    hash: u64,
    bytes: Vec<u8>,
}

impl Key {
    fn set(&mut self, bytes: &[u8]) {
        self.hash = hash(bytes);
        self.bytes.clear();
        self.bytes.extend_from_slice(bytes);
    }
}

/// FNV-1a: fixed for ever, since it decides the order of snapshots.
fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// The keys and their values.
#[derive(Clone, Debug)]
pub struct Store {
    map: BTreeMap<Key, Vec<u8>>,
    /// The key that is looked for, so that looking allocates nothing.
    probe: RefCell<Key>,
    reply_bytes: usize,
    /// Buckets with a key that was written since this was asked last.
    changed: Changed,
}

impl Store {
    /// An empty store whose replies to bundles are at most `reply_bytes` long.
    ///
    /// Replicas must agree on `reply_bytes`, which decides what fits into a reply. It must be at
    /// least [`MIN_REPLY_BYTES`], else long values could be written and not read.
    #[must_use]
    pub fn new(reply_bytes: usize) -> Self {
        let changed = Changed::all();
        Self { map: BTreeMap::new(), probe: RefCell::default(), reply_bytes, changed }
    }

    /// How many keys there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.map.len()
    }

    /// Whether there is no key.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.map.is_empty()
    }

    /// Executes an operation, which should be a bundle, and writes the reply to it over what
    /// `reply` holds. Bytes that are no bundle change nothing and are answered as malformed.
    ///
    /// Commands are executed in order until the reply has no room for the next one's; that and
    /// the rest are left out, see [`bundle`](crate::bundle).
    pub fn execute(&mut self, operation: &[u8], reply: &mut Vec<u8>) {
        let reply_bytes = self.reply_bytes;
        answer(operation, reply_bytes, reply, |command, reply| self.command(command, reply));
    }

    /// Says what [`Store::execute`] would, without being changed: false if a command of the
    /// bundle could change something.
    pub fn read(&self, operation: &[u8], reply: &mut Vec<u8>) -> bool {
        let reads = Self::only_reads(operation);
        if reads {
            let reply_bytes = self.reply_bytes;
            answer(operation, reply_bytes, reply, |command, reply| self.look(command, reply));
        }
        reads
    }

    /// Whether an operation is a bundle of commands that change nothing.
    #[must_use]
    pub fn only_reads(operation: &[u8]) -> bool {
        let reads = |command: Command<'_>| {
            let name = command.arguments().next().unwrap_or_default();
            command::find(name).is_some_and(command::Spec::only_reads)
        };
        Commands::parse(operation).is_some_and(|mut commands| commands.all(reads))
    }

    fn get(&self, key: &[u8]) -> Option<&Vec<u8>> {
        let mut probe = self.probe.borrow_mut();
        probe.set(key);
        self.map.get(&*probe)
    }

    fn get_mut(&mut self, key: &[u8]) -> Option<&mut Vec<u8>> {
        let probe = self.probe.get_mut();
        probe.set(key);
        self.changed.mark(probe.hash);
        self.map.get_mut(probe)
    }

    fn put(&mut self, key: &[u8], value: &[u8]) {
        if let Some(held) = self.get_mut(key) {
            held.clear();
            held.extend_from_slice(value);
        } else {
            self.map.insert(self.probe.get_mut().clone(), value.to_vec());
        }
    }

    fn remove(&mut self, key: &[u8]) -> bool {
        let probe = self.probe.get_mut();
        probe.set(key);
        let removed = self.map.remove(probe).is_some();
        if removed {
            self.changed.mark(probe.hash);
        }
        removed
    }
}

/// Runs the commands of a bundle as long as the reply has room.
fn answer(
    operation: &[u8],
    reply_bytes: usize,
    reply: &mut Vec<u8>,
    mut run: impl FnMut(&Command<'_>, &mut Reply<'_>) -> Written,
) {
    let Some(commands) = Commands::parse(operation) else {
        ReplyWriter::malformed(reply);
        return;
    };
    let mut writer = ReplyWriter::new(reply);
    // Five bytes are for the length of the reply to the command itself.
    let limit = reply_bytes.saturating_sub(5);
    for command in commands {
        if writer.len() + SMALL_REPLY > limit {
            break;
        }
        if writer.command(|out| run(&command, &mut Reply::new(out, limit))).is_ok() {
            continue;
        }
        if !writer.is_empty() {
            break;
        }
        let refuse = |out: &mut Vec<u8>| {
            Reply::new(out, limit).error(b"ERR the reply is too long, ask for less at a time")
        };
        if writer.command(refuse) == Err(Overflow) {
            break;
        }
    }
    writer.finish();
}

#[cfg(test)]
mod tests;
