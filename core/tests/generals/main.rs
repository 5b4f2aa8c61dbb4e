//! The synchronous protocols, rule by rule, on a field where every frame is in the test's hands.
#![allow(missing_docs, missing_debug_implementations, unreachable_pub)]

mod field;
mod king;
mod longest;
mod om;
#[path = "../support/rng.rs"]
mod rng;
mod rounds;
#[path = "../support/scheme.rs"]
mod scheme;
mod sm;
mod vector;
