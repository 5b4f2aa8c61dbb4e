//! Bodies of fuzz targets: bytes in, a panic out if a promise is broken.
//!
//! A fuzzer that is guided by coverage finds what no seed does, if its bytes mean something. Each
//! body here reads its input as choices, one after the other, and so turns any bytes into messages,
//! frames, records, or a whole run in which others lie, links lose and disks forget. The machines
//! are those of the core behind their true wall; what is checked is what is promised, by the same
//! [checkers](crate::check) as in a simulation. A body is a plain function of bytes: the targets in
//! `fuzz/` are two lines each, and the same bodies run as tests over the corpora that lie there.
//!
//! [`cluster`] is for whoever writes an application: it runs a whole cluster of theirs, with a
//! traitor in it, under their own fuzzer.

mod application;
mod battle;
mod caller;
mod client;
mod ground;
mod history;
mod host;
mod king;
mod link;
mod lockstep;
mod log;
mod om;
mod pbft_cluster;
mod pbft_replica;
mod phrases;
mod seeds;
mod service;
mod sm;
mod speeches;
mod transfer;
mod whim;
mod wire;
mod witness;

pub use application::Application;
pub use client::client;
pub use king::king;
pub use link::link;
pub use lockstep::lockstep;
pub use log::log;
pub use om::om;
pub use pbft_cluster::{cluster, pbft_cluster};
pub use pbft_replica::pbft_replica;
pub use phrases::SEED;
pub use seeds::{Seed, seeds, write_seeds};
pub use sm::sm;
pub use transfer::transfer;
pub use whim::Whim;
pub use wire::wire;
