//! Checkers: each watches one promise, and all of them see every step of every correct node.
//!
//! A checker is told what happened, remembers what it needs, and says in one sentence what is
//! wrong. It knows nothing of how the protocol works inside, and it never asks a node.

mod accusation;
mod agreement;
mod bounds;
mod choices;
mod durability;
mod following;
mod ledger;
mod linearizable;
mod once;
mod replies;
mod silence;
mod states;
mod unmoved;

pub use accusation::Accusation;
pub use agreement::Agreement;
pub use bounds::Bounds;
pub use choices::Choices;
pub use durability::Durability;
pub use following::Following;
pub use ledger::Ledger;
pub use linearizable::{Linearizable, Service};
pub use once::Once;
pub use replies::Replies;
pub use silence::Silence;
pub use states::States;
pub use unmoved::Unmoved;
