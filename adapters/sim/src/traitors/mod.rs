//! The traitors, one file each.

mod cast;
mod counterfeiter;
mod delayer;
mod equivocator;
mod forger;
mod forgetful;
mod hoarder;
mod liar;
mod mutator;
mod poisoner;
mod replayer;
mod silent;
mod slow;
mod spammer;
mod stale;
mod twin;
mod unfair;
mod withholder;

pub use cast::cast;
pub use counterfeiter::Counterfeiter;
pub use delayer::Delayer;
pub use equivocator::{Equivocator, Plot};
pub use forger::Forger;
pub use forgetful::Forgetful;
pub use hoarder::Hoarder;
pub use liar::Liar;
pub use mutator::{Change, Mutation, Mutator};
pub use poisoner::Poisoner;
pub use replayer::Replayer;
pub use silent::Silent;
pub use slow::Slow;
pub use spammer::Spammer;
pub use stale::Stale;
pub use twin::Twin;
pub use unfair::Unfair;
pub use withholder::Withholder;
