//! PBFT in the virtual world: replicas, clients, the application, and the checkers over them.
//!
//! A message takes the whole way that it takes in reality: it is sealed and encoded, waits until
//! the disk has what it depends on, is lost or delayed, is decoded, admitted and verified, and
//! then stepped. A crash takes the cache of the disk and the messages that waited for it; a
//! restart has the durable records and snapshots and nothing else.

mod application;
mod boundary;
mod caller;
mod checks;
mod cluster;
mod copies;
mod damage;
mod direct;
mod instances;
mod journal;
mod line;
mod memory;
mod outputs;
pub(crate) mod owed;
pub(crate) mod pages;
pub(crate) mod record;
mod replay;
mod schedule;
mod server;
mod site;
mod stage;
mod statistics;
mod telling;

pub use cluster::Cluster;
pub use direct::Lie;
pub use instances::Round;
pub use journal::{Journal, READ};
pub(crate) use line::words;
pub use memory::Memory;
pub use replay::{Divergence, Replayed, replay, replay_lines};
pub use statistics::Statistics;
pub(crate) use telling::{KINDS, kind};
