//! A virtual world for quorate clusters: network, clock, disks, crashes, traitors, checkers.
//!
//! Everything in a run is decided by its seed: who hears whom and when, what is lost, who
//! crashes before which write is durable, who lies and how. The machines are the real ones of
//! the core, behind the real wall: every message is sealed, encoded, decoded, admitted and
//! verified. Virtual time jumps from event to event, so that an hour of timeouts takes a
//! moment. After every step [checkers](check) compare what happened with what is promised; the
//! seed of a run that breaks a promise plays the same run again, as often as one likes.
//!
//! ```
//! use quorate_sim::{Plan, campaign};
//!
//! let plan = Plan::draw(42, Some(4), false);
//! let report = campaign::run(plan, true);
//! assert_eq!(report.violation, None, "{}", report.transcript.lines().join("\n"));
//! ```
//!
//! The ground floor, [`engine`], [`network`], [`disk`], [`transcript`], knows no protocol: it
//! moves bytes and steps anything of the one shape. The house of one protocol, [`pbft`], stands
//! on it with its own hosts and observations. A [`script`] says in plain words who does what and
//! what is expected; [`explain`] tells any run as text, chart or trace, from its [`chronicle`].

#![forbid(unsafe_code)]

mod abroad;
mod again;
pub mod campaign;
pub mod canaries;
pub mod check;
pub mod checker;
pub mod chronicle;
pub mod clock;
pub mod costs;
pub mod cuts;
pub mod disk;
pub mod engine;
pub mod explain;
pub mod faults;
pub mod fingerprints;
mod foretold;
pub mod frames;
pub mod fuzz;
pub mod generals;
pub mod harm;
pub mod kinds;
pub mod many;
pub mod matrix;
mod mishaps;
pub mod network;
pub mod pbft;
mod plain;
pub mod plan;
pub mod probe;
pub mod queue;
pub mod random;
pub mod recording;
mod role;
pub mod scheme;
pub mod script;
pub mod sieve;
mod swarm;
pub mod tail;
pub mod terrain;
pub mod traitor;
pub mod traitors;
pub mod transcript;
pub mod twins;
mod violation;
pub mod wan;
pub mod worlds;

pub use again::Again;
pub use campaign::{Campaign, Map, Report, Summary};
pub use cuts::Cuts;
pub use faults::Faults;
pub use kinds::Kinds;
pub use many::Sweep;
pub use plan::Plan;
pub use violation::Violation;
