//! Byzantine agreement for every size of machine: `no_std`, allocation-free, sans-IO.
//!
//! A cluster of replicas agrees on one history although some of them lie, forge, collude or
//! crash. This crate is the part that decides. It has no sockets, no threads, no clock, no heap
//! and no randomness: the host hands in what happened and carries out what comes back.
//!
//! ```text
//!             bytes                                            step(now, input)
//!  network ---------> Opener::open -> wire::decode -> admit -> Roster::verify -> Protocol
//!          <--------- Sealer::seal <- wire::seal <---------------- outputs, in order
//! ```
//!
//! Each protocol is one state machine of one shape, [`Protocol`]: one `step`, one `deadline`, one
//! borrowed iterator of outputs. All of them run in memory that is handed in, so the same code
//! serves a microcontroller and a server.
//!
//! | module | protocol | network | tolerates | for |
//! |---|---|---|---|---|
//! | [`om`] | oral messages OM(m) | rounds, authentic links | m of n > 3m | one general's order |
//! | [`sm`] | signed messages SM(m) | rounds | m of n >= m + 2 | the same, with signatures |
//! | [`king`] | the phase king | rounds, authentic links | t of n > 3t | the same, short messages |
//! | [`vector`] | interactive consistency | rounds | as its instances | everybody's value |
//! | [`lockstep`] | replication on vectors | rounds | and n >= 2m + 1 | a prompt service |
//! | [`pbft`] | Castro and Liskov 1999, 2002 | part. synchronous | f of n >= 3f + 1 | a service |
//!
//! The five that proceed in [`rounds`] share one clockwork; the two that replicate a service share
//! their [`service`]'s requests, replies and client table.
//!
//! # The laws of the host
//!
//! 1. One input at a time; `now` never goes back.
//! 2. Perform outputs in order. A [`Output::Send`] leaves only when every earlier
//!    [`Output::Persist`] is durable.
//! 3. Step with [`Input::Wake`] at `deadline()`; earlier is harmless.
//!
//! # What the core promises
//!
//! * `step` never fails, blocks, allocates or recurses, and never panics on anything that a peer,
//!   a client or a disk can say. Same inputs, same outputs, on every target.
//! * A peer's wrong is an [`Output::Accuse`] and changes nothing but what is known of that peer. A
//!   host's wrong is an [`Output::Refuse`]. A broken invariant of the core itself is an `assert!`:
//!   stopping is safer than equivocating.
//! * Nothing is believed before it is authenticated: handlers take only [`Verified`] messages,
//!   and only [`Roster`] makes them.
//! * Everything that a peer can make grow has a bound for each peer, and a flood from one never
//!   evicts what another sent.
//!
//! # A general
//!
//! ```
//! use quorate::rounds::{Config, Instance, Schedule};
//! use quorate::{Input, Instant, NodeId, Output, Protocol, Verdict, om};
//! use core::time::Duration;
//!
//! // Lieutenant 1 of four generals, one of whom may be a traitor; orders are bytes.
//! let instance = Instance { number: 1, commander: NodeId(0) };
//! let config = Config { me: NodeId(1), nodes: 4, traitors: 1, instance };
//! let (round, margin) = (Duration::from_millis(10), Duration::from_millis(1));
//! let schedule = Schedule::new(Instant::ZERO, round, margin).unwrap();
//! let memory = om::Fixed::<u8, 4, 1, { om::slots(4, 1) }>::new();
//! let mut general = om::General::new(config, schedule, memory).unwrap();
//!
//! while let Some(now) = general.deadline() {
//!     for output in general.step(now, Input::Wake) {
//!         match output {
//!             Output::Send { to: _, message: _ } => { /* seal, send */ }
//!             Output::Decide(verdict) => assert_eq!(verdict.order(b'R'), b'R', "nobody spoke"),
//!             Output::Accuse { .. } | Output::Refuse(_) => { /* count, report */ }
//!             Output::Persist(never) => match never {},
//!         }
//!     }
//! }
//! ```
//!
//! # A replica
//!
//! ```
//! use quorate::auth::Scope;
//! use quorate::pbft::{Config, Decision, Fixed, Replica};
//! use quorate::{Digest, Input, Instant, NodeId, Output, Protocol};
//!
//! // 4 replicas, a window of 8, batches of 256 bytes, 4 clients, replies of 64 bytes.
//! let memory = Fixed::<4, 8, 256, 4, 64>::new();
//! let scope = Scope { cluster: Digest::of(b"example"), epoch: 0, profile: "none" };
//! let mut replica = Replica::new(Config::new(NodeId(0), scope), memory).unwrap();
//!
//! for output in replica.step(Instant::ZERO, Input::Wake) {
//!     match output {
//!         Output::Persist(_record) => { /* append to the log */ }
//!         Output::Send { to: _, message: _ } => { /* sync the log, seal, send */ }
//!         Output::Decide(Decision::Execute(_batch)) => { /* run the application */ }
//!         Output::Decide(_) => { /* capture, serve or install a state */ }
//!         Output::Accuse { .. } | Output::Refuse(_) => { /* count, report */ }
//!     }
//! }
//! assert!(replica.deadline().is_some());
//! ```
#![no_std]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    warn(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::cast_possible_truncation
    )
)]

#[cfg(all(canary, not(debug_assertions)))]
compile_error!("canaries are bugs for the tests to find: no release build can have one");

/// Whether a known bug is switched on for a check to find: never, but in a build with
/// `--cfg canary` and `--cfg canary="name"`. A build with `--cfg canary` alone holds all bugs, and
/// the environment of a test chooses one; what is constant, `const "name"`, cannot be chosen then.
/// What each one breaks is listed in the simulator's `canaries`, which plants them one by one.
#[cfg(not(canary))]
macro_rules! canary {
    ($($name:tt)+) => {
        false
    };
}

#[cfg(canary)]
macro_rules! canary {
    (const $name:literal) => {
        cfg!(canary = $name)
    };
    ($name:literal) => {
        cfg!(canary = $name) || crate::canary::chosen($name)
    };
}

// It reads the environment, for which there is no place in the sources of the core.
#[cfg(canary)]
#[path = "../tests/support/canary.rs"]
mod canary;

pub mod auth;
pub mod cost;
#[cfg(feature = "ed25519")]
pub mod ed25519;
mod evidence;
pub mod fault;
pub mod hmac;
pub mod king;
pub mod link;
pub mod lockstep;
pub mod node;
pub mod om;
pub mod pbft;
pub mod protocol;
pub mod quorum;
pub mod rounds;
pub mod service;
pub mod sm;
mod statement;
pub mod time;
pub mod value;
pub mod vector;
pub mod wire;

pub use auth::{Checked, Digest, PublicKey, Roster, Signature, Signer, Verified, Verifier};
pub use fault::{ConfigError, Fault, Refusal};
pub use node::{ClientId, NodeId, NodeSet, Principal};
pub use protocol::{Admission, Input, InputOf, Never, Output, OutputOf, Protocol, Target};
pub use quorum::Quorum;
pub use time::Instant;
pub use value::{Order, Reason, Value, Verdict};
