//! Lockstep replication, rule by rule: whole generals and clients in one process.
#![allow(missing_docs, missing_debug_implementations, unreachable_pub)]

mod bench;
mod client;
mod execution;
mod host;
mod lengths;
mod random;
mod rejoin;
#[path = "../support/rng.rs"]
mod rng;
#[path = "../support/scheme.rs"]
mod scheme;
mod slots;
mod stale;
mod verdict;
mod wall;
