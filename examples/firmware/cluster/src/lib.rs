//! One cluster of boards: what its members, its clients and those who watch it have in common.
//!
//! Four boards, each with one PBFT replica, replicate a handful of [`Registers`] for four clients.
//! Frames are proved by HMAC under keys that each pair agrees on, requests are signed by Ed25519.
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

mod arguments;
pub mod generals;
mod keys;
mod liar;
mod registers;
mod report;
mod settings;
mod wrong;

pub use arguments::Arguments;
pub use keys::{Board, NAME, keys, member, nonce, secret};
pub use liar::{Mouth, Tongue, twist};
pub use registers::{Registers, operation};
pub use report::{FAULTS, Report};
pub use settings::{
    CLIENTS, DIMENSIONS, FLASH, FRAME, GREETING, LAYOUT, MEMBERS, Memory, NODES, PAGE, RECORD,
    REPLY, SEATS, WORD, client, replica,
};
