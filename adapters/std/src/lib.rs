//! Sockets, threads and a write-ahead log for [`quorate`], on std: a replica of a PBFT cluster
//! in a few lines, and a client that any thread can use; and, in [`general`], the protocols that
//! go in rounds.
//!
//! ```no_run
//! use quorate::{ClientId, NodeId, ed25519::SecretKey};
//! use quorate_std::{Cluster, Replica, ReplicaConfig, RestoreError, SinglePage, Snapshot};
//!
//! struct Sum(u64);
//!
//! impl Snapshot for Sum {
//!     fn execute(&mut self, _client: ClientId, operation: &[u8], reply: &mut Vec<u8>) {
//!         self.0 += operation.len() as u64;
//!         reply.extend(self.0.to_le_bytes());
//!     }
//!     fn snapshot(&self) -> Vec<u8> {
//!         self.0.to_le_bytes().to_vec()
//!     }
//!     fn restore(&mut self, snapshot: &[u8]) -> Result<(), RestoreError> {
//!         let bytes = snapshot.try_into().map_err(|_| RestoreError::new("no eight bytes"))?;
//!         self.0 = u64::from_le_bytes(bytes);
//!         Ok(())
//!     }
//! }
//!
//! fn run(cluster: Cluster, me: NodeId, key: SecretKey) -> Result<(), Box<dyn std::error::Error>> {
//!     let config = ReplicaConfig::new(cluster, me, key, "data");
//!     Ok(Replica::spawn(config, SinglePage(Sum(0)))?.wait()?)
//! }
//! ```
//!
//! # What a replica is made of
//!
//! * One *network thread* has all sockets, without blocking on any. Each pair of principals has one
//!   connection: the replica with the higher id dials, clients dial replicas, and who loses a peer
//!   dials again after a pause that doubles from 50 ms to 2 s, with jitter. A connection counts
//!   only when its peer has proved itself; until then it costs one of a bounded number of places
//!   for a bounded time. Frames are capped before they are read.
//! * The *step thread* owns the protocol and the application. It drains what has arrived, appends
//!   what must survive to the log, syncs once, and only then lets messages leave.
//! * *Verifying threads* check signatures, after the step thread has said that a message is worth
//!   it.
//! * The *disk thread* writes captured checkpoints, serves pieces of them to replicas that lag,
//!   and keeps those that this replica fetches.
//!
//! # What is bounded
//!
//! For each peer: what it has under way (4,096 messages from a replica, 16 from a client, and two
//! windows of the largest message, 1 to 64 MiB, or two messages of a client; a peer at its bound
//! is not read, and nobody else waits), what waits to be sent to it (as much; what comes on top is
//! dropped, and the protocol tells a replica again what it lacks), and its largest frame: a page of
//! the application's state may have up to [`ReplicaConfig::page_bytes`].
//!
//! A state is never in memory a second time. Captured checkpoints lie on disk, of each page a
//! digest in memory; a checkpoint takes a copy of the pages that have changed until they are
//! written. A replica that fetches a state has up to eight pages of it under way, keeps what comes
//! on disk, where it outlives a restart, and hands four at a time to the application.
//!
//! # What is trusted
//!
//! The disk keeps what it has synced; the key is not used by two processes at once (the data
//! directory is locked, but a copy of it elsewhere is not). A replica whose log is lost or
//! damaged starts only when told so ([`ReplicaConfig::recover`]), and is silent until it cannot
//! contradict what it has sent.
#![forbid(unsafe_code)]

mod application;
mod client;
mod cluster;
mod config;
mod disk;
pub mod general;
mod heap;
mod image;
mod net;
mod recording;
mod replica;
mod status;

pub use application::{Application, RestoreError, SinglePage, Snapshot};
pub use client::{Client, ClientError, ClientOptions, Failure, StatusError};
pub use cluster::{Cluster, ClusterError, Links};
pub use config::{ReplicaConfig, Tamper};
pub use disk::DiskError;
pub use heap::{Heap, HeapError};
pub use replica::{Replica, ReplicaHandle, SpawnError, Stopped};
pub use status::{PeerStatus, ProofStatus, StatusReport};
