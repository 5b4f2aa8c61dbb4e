//! Signed messages, SM(m): Lamport, Shostak and Pease, "The Byzantine Generals Problem", 1982,
//! section 4; with the two orders that are enough, Dolev and Strong 1983.
mod accounts;
mod chain;
mod chains;
mod cost;
mod endorsement;
mod fixed;
mod message;
mod orders;
mod statement;

pub use chain::Chain;
pub use chains::{Chains, General};
pub use cost::{bytes, frame_bytes, frames, messages, relays, rounds, slots, verifications};
pub use endorsement::{Endorsement, Endorsements, Row};
pub use fixed::Fixed;
pub use message::Message;
pub use statement::statement;
