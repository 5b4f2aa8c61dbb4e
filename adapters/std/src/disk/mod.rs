//! What survives a crash: a log of records and a few captured checkpoints, in one directory.
//!
//! `log-<generation>` is the log: a header, then records, each with its length and CRC-32C. A new
//! generation is written from the replica's present state when a checkpoint has made most of the
//! old one useless; it gets its name only when it is whole and durable, and then the old one goes.
//! `checkpoint-<sequence>` is application state and client table at that sequence, page by page,
//! and `page-<digest>` a page of one that is being fetched from peers. `lock` is locked by the
//! process that owns the directory. `old-log` says that the log is older than what was said from
//! it, and `set-aside-log` is a log that was not trusted any more.
//!
//! What a crash can leave is repaired: a file without its final name is deleted, and a tail of
//! the log that was never synced, so that nothing was sent because of it, is cut off. What a
//! crash cannot leave is damage, and damage stops the replica: to go on without a vote that it
//! sent would be to lie.

mod checkpoint;
mod directory;
mod error;
mod log;
mod recovery;
mod staging;
#[cfg(test)]
mod tests;

pub(crate) use checkpoint::{Checkpoint, Checkpoints, Counts};
pub(crate) use directory::{Directory, Owner};
pub use error::DiskError;
pub(crate) use log::{Durable, Log};
pub(crate) use recovery::Recovered;
pub(crate) use staging::Staging;
