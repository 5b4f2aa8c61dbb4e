#![doc = include_str!("../README.md")]
//!
//! # How it hangs together
//!
//! * A [`Link`] or an [`AsyncLink`] carries frames: [`Stream`], `Udp`, [`Fragmented`], one's own.
//! * A [`Member`] has the keys; [`PairKeys`] or one's own [`Proofs`] make sessions with them, each
//!   of which begins with a hello of either side, survives lost frames, and is begun anew by a
//!   member that was started again.
//! * A [`Node`] runs any [`Agent`]: it opens frames, has messages decoded, admitted and verified,
//!   steps the protocol, and performs its outputs in order.
//! * A [`Host`] is told what was decided: [`Service`] replicates an [`Application`], [`Assembly`]
//!   and [`Caller`] are those of generals and clients.
//! * A [`Ledger`] keeps records in a [`Journal`]. What is sent must show its [`Durable`], the proof
//!   that everything before is there.
//!
//! # What is bounded
//!
//! Nothing allocates. Each peer has a session, a room for the fragments of one frame, a hello to
//! answer eight times a greeting interval, and its budget in the protocol; a flood of one spends
//! nothing of another's but the time of the link that they share. A call of a link takes a bounded
//! number of packets, and who sends too much for nothing is not looked at for a while. Of a
//! node 1,024 frames for nothing are borne at once, and one each millisecond; of a client as many
//! of any kind are heard as [`Settings`] say. What takes no work fills none of the places of a call
//! of [`Node::poll`]. A loop of [`Node::turn`] over a link that is always ready leaves other tasks
//! their turn after each eight frames.
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

mod agent;
mod clock;
mod drive;
mod elsewhere;
pub mod flash;
mod fragments;
mod host;
mod hosts;
mod ledger;
mod link;
mod member;
mod node;
mod pace;
mod peer;
mod proof;
mod recall;
mod seats;
mod service;
mod sessions;
mod steps;
mod stream;
#[cfg(feature = "edge-nal")]
mod udp;
mod voice;

pub use agent::{Agent, Unheard};
#[cfg(feature = "embassy-time")]
pub use clock::Embassy;
pub use clock::{Clock, Ticks, Timer};
pub use drive::Event;
pub use elsewhere::Elsewhere;
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
pub use recall::{Recall, Visit};
pub use seats::Seats;
pub use service::{
    Application, Layout, Origin, Refused, Reply, Room, Service, ServiceError, StartError,
};
pub use sessions::claimed;
pub use stream::{Stream, StreamError};
#[cfg(feature = "edge-nal")]
pub use udp::{Udp, UdpError};
pub use voice::{Traffic, overhead};
