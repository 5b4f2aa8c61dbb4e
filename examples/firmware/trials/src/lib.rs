//! Whole clusters in one program, over links in memory: the same on a board and on its host.
//!
//! A trial runs one protocol with all its nodes, through the real wall (link, decode, admit,
//! verify, step, seal), and tells what it cost. Where there is no instruction to count, on a host,
//! it still tells sizes, bytes on the wire, and the digest of all that was said and agreed:
//! whether a board of 32 bits does what a host of 64 bits does.
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

mod boundaries;
mod cases;
mod cluster;
mod figures;
mod gauge;
mod generals;
mod links;
mod lockstep;
mod net;
mod replica;
mod service;
mod ticks;
mod work;

pub use cases::{NAMES, SMALL, run, run_small};
pub use figures::Figures;
pub use gauge::{Gauge, Host};
pub use ticks::Ticks;
