//! The traitors, one file each.

mod equivocator;
mod forgetful;
mod hoarder;
mod liar;
mod silent;
mod slow;
mod stale;
mod unfair;

pub use equivocator::{Equivocator, Plot};
pub use forgetful::Forgetful;
pub use hoarder::Hoarder;
pub use liar::Liar;
pub use silent::Silent;
pub use slow::Slow;
pub use stale::Stale;
pub use unfair::Unfair;
