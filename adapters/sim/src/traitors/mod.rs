//! The traitors, one file each.

mod equivocator;
mod forgetful;
mod liar;
mod silent;

pub use equivocator::{Equivocator, Plot};
pub use forgetful::Forgetful;
pub use liar::Liar;
pub use silent::Silent;
