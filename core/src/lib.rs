//! Byzantine agreement for every size of machine: `no_std`, allocation-free, sans-IO.
#![no_std]
#![forbid(unsafe_code)]
#![warn(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

pub mod auth;
#[cfg(feature = "ed25519")]
pub mod ed25519;
pub mod fault;
pub mod hmac;
pub mod link;
pub mod node;
pub mod pbft;
pub mod protocol;
pub mod quorum;
pub mod time;
pub mod wire;

pub use auth::{Checked, Digest, PublicKey, Roster, Signature, Signer, Verified, Verifier};
pub use fault::{Fault, Refusal};
pub use node::{ClientId, NodeId, NodeSet, Principal};
pub use protocol::{Input, InputOf, Never, Output, OutputOf, Protocol, Target};
pub use quorum::Quorum;
pub use time::Instant;
