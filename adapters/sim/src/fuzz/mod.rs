//! Bodies of fuzz targets: bytes in, a panic out if a promise is broken.
//!
//! A fuzzer that is guided by coverage finds what no seed does, if its bytes mean something. Each
//! body here reads its input as choices, one after the other, and so turns any bytes into messages,
//! frames, records, or a whole run in which others lie, links lose and disks forget. The machines
//! are those of the core behind their true wall; what is checked is what is promised, by the same
//! [checkers](crate::check) as in a simulation. A body is a plain function of bytes: the targets in
//! `fuzz/` are two lines each, and the same bodies run as tests over the corpora that lie there.
//!
//! # An application of your own
//!
//! [`cluster`] runs a whole cluster of an application, with a traitor in it, under its author's
//! own fuzzer. This is all of a target; `fuzz/README.md` has it too, with what stands around it.
//!
//! ```no_run
//! #![no_main]
//!
//! # mod my_app {
//! #     pub struct MyApp(u64);
//! #     impl MyApp {
//! #         pub fn new() -> Self { Self(0) }
//! #         pub fn apply(&mut self, client: u16, operation: &[u8]) -> Vec<u8> {
//! #             self.0 += u64::from(client) + operation.len() as u64;
//! #             self.to_bytes()
//! #         }
//! #         pub fn to_bytes(&self) -> Vec<u8> { self.0.to_le_bytes().to_vec() }
//! #         pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
//! #             Some(Self(u64::from_le_bytes(bytes.try_into().ok()?)))
//! #         }
//! #     }
//! # }
//! # mod libfuzzer_sys {
//! #     macro_rules! fuzz_target {
//! #         (|$data:ident: &[u8]| $body:expr) => { pub fn target($data: &[u8]) { $body } };
//! #     }
//! #     pub(crate) use fuzz_target;
//! # }
//! use libfuzzer_sys::fuzz_target;
//! use my_app::MyApp;
//! use quorate::ClientId;
//! use quorate_sim::fuzz::{self, Application};
//!
//! /// `Application` and `MyApp` come from other crates: a type of this one joins them.
//! struct Fuzzed(MyApp);
//!
//! impl Application for Fuzzed {
//!     fn execute(&mut self, client: ClientId, operation: &[u8]) -> Vec<u8> {
//!         self.0.apply(client.0, operation)
//!     }
//!
//!     fn snapshot(&self) -> Vec<u8> {
//!         self.0.to_bytes()
//!     }
//!
//!     fn restore(&mut self, snapshot: &[u8]) {
//!         self.0 = MyApp::from_bytes(snapshot).expect("a snapshot of this application");
//!     }
//! }
//!
//! fuzz_target!(|data: &[u8]| fuzz::cluster(data, || Fuzzed(MyApp::new())));
//! ```
//!
//! Where operations have a shape, [`cluster_with`] makes them of the fuzzer's bytes.

mod application;
mod battle;
mod caller;
mod client;
mod drafts;
mod ground;
mod history;
mod host;
mod king;
mod link;
mod lockstep;
mod log;
mod om;
mod operations;
mod pbft_cluster;
mod pbft_replica;
mod pen;
mod phrases;
mod seeds;
mod service;
mod sm;
mod speeches;
mod story;
mod transfer;
mod whim;
mod wire;
mod witness;

pub use application::Application;
pub use arbitrary;
pub use client::client;
pub use king::king;
pub use link::link;
pub use lockstep::lockstep;
pub use log::log;
pub use om::om;
pub use operations::OPERATION_BYTES;
pub use pbft_cluster::{cluster, cluster_with, pbft_cluster};
pub use pbft_replica::pbft_replica;
pub use phrases::SEED;
pub use seeds::{Seed, seeds, write_seeds};
pub use sm::sm;
pub use transfer::transfer;
pub use whim::Whim;
pub use wire::wire;
