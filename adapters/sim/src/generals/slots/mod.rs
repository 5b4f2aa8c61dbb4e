//! A replicated service in lockstep: generals, their hosts, clients, and the checkers over them.

mod annals;
mod bounds;
mod creed;
mod duty;
mod errands;
mod host;
mod ledger;
mod patron;
mod room;
mod town;

pub use creed::Serving;
pub use errands::{Errands, Lie, Pace, Wish};
pub(crate) use patron::OPERATION;
pub(crate) use room::CLIENTS;
pub use room::{Parcel, Slots};
pub use town::Town;
