//! Canaries: known bugs that are planted on purpose, to see that something sings.
//!
//! Each is one condition in the core that an ordinary build does not contain. A build with
//! `--cfg canary --cfg canary="name"` has one of them; a build with `--cfg canary` alone has them
//! all, and `QUORATE_CANARY=name` in the environment of what runs switches one on. Without debug
//! assertions, as in every release build, neither compiles. [`Hunt`] makes such a build of every
//! check once, plants one canary after another, and runs our checks against each until one fails.
//! A canary that no check finds is a hole in the tests.
//!
//! The list holds what implementations of the field left out, as their reports and the papers
//! tell. It starts with no bug at all: a check that fails there finds nothing anywhere.

mod canary;
mod check;
mod hunt;
mod scripts;
mod seeds;

pub use canary::{CANARIES, Canary};
pub use check::Check;
pub use hunt::{Catch, Hunt};
pub use scripts::claims;
pub use seeds::{Draws, Found};
