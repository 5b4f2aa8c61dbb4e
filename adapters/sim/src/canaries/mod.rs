//! Canaries: known bugs that are planted on purpose, to see that something sings.
//!
//! Each is one condition in the core that an ordinary build does not contain. A build with
//! `--cfg canary --cfg canary="name"` has one of them; without debug assertions, as in every
//! release build, it does not compile. [`Hunt`] makes such builds, one canary at a time, and runs
//! our checks against each until one fails. A canary that no check finds is a hole in the tests.
//!
//! The list holds what implementations of the field left out, as their reports and the papers
//! tell. It starts with no bug at all: a check that fails there finds nothing anywhere.

mod canary;
mod check;
mod hunt;

pub use canary::{CANARIES, Canary};
pub use check::Check;
pub use hunt::{Catch, Hunt};
