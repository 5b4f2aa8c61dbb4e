//! Byzantine agreement on boards: links, a log on flash, and ready loops, without an operating
//! system and without an allocator.
//!
//! The [core](quorate) decides; this crate carries its bytes. It is bound to traits, not to one
//! runtime:
//!
//! * [`Stream`] is a link over anything with the traits of `embedded-io` or `embedded-io-async`;
//!   [`Link`] and [`AsyncLink`] are what one's own link implements.
//! * [`Clock`] and [`Timer`] tell the time; [`Ticks`] makes a clock of a counter that wraps.
//! * [`Node`] runs a protocol: [`Node::poll`] in a loop that polls, [`Node::turn`] in one that
//!   waits. Any [`Agent`] will do: PBFT replicas, generals, generals in lockstep, and clients.
//! * [`Service`] replicates an [`Application`].
//! * Frames prove their sender, by [`PairKeys`] or one's own [`Proofs`]. What is sent waits until
//!   what it depends on is durable, and [`Durable`] proves that it is.
#![no_std]
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

mod agent;
mod clock;
mod drive;
mod fragments;
mod host;
mod hosts;
mod ledger;
mod link;
mod member;
mod node;
mod peer;
mod proof;
mod seats;
mod service;
mod sessions;
mod stream;
#[cfg(feature = "edge-nal")]
mod udp;
mod voice;

pub use agent::{Agent, Unheard};
#[cfg(feature = "embassy-time")]
pub use clock::Embassy;
pub use clock::{Clock, Ticks, Timer};
pub use drive::Event;
pub use fragments::{FragmentError, Fragmented};
pub use host::Host;
pub use hosts::{Assembly, Caller};
pub use ledger::{Broken, Durable, Forgetful, Journal, Kept, Ledger, NoLog};
pub use link::{Arrival, AsyncLink, Link, Polled, Polling, wait};
pub use member::{Identity, Member};
pub use node::{Node, NodeError, Settings, Stopped};
#[cfg(feature = "ed25519")]
pub use proof::Signatures;
pub use proof::{PairKeys, Proofs};
pub use seats::Seats;
pub use service::{Application, Layout, Refused, Reply, Service, ServiceError};
pub use stream::{Stream, StreamError};
#[cfg(feature = "edge-nal")]
pub use udp::{Udp, UdpError};
pub use voice::{Traffic, overhead};
