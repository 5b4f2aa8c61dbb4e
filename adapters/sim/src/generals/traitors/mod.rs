//! Traitors of the protocols in rounds, one file each. The twin has none: it is a second machine.

mod delayer;
mod equivocator;
mod inventor;
mod liar;
mod mutator;
mod replayer;
mod scripted;
mod silent;
mod spammer;
mod whimsical;

pub use delayer::Delayer;
pub use equivocator::Equivocator;
pub use inventor::Inventor;
pub use liar::Liar;
pub use mutator::Mutator;
pub use replayer::Replayer;
pub use scripted::{Beside, Deed, Rule, Rules, Scripted};
pub use silent::Silent;
pub use spammer::Spammer;
pub use whimsical::Whimsical;
