//! Whole clusters of boards in memory: real frames, seeded noise, virtual time.
#![allow(missing_docs, missing_debug_implementations, unreachable_pub)]

#[path = "../../../../core/tests/support/rng.rs"]
mod rng;
#[path = "../../../../core/tests/support/scheme.rs"]
mod scheme;

mod air;
mod chip;
mod endless;
mod floods;
mod fragments;
mod frames;
mod generals;
mod greetings;
mod keys;
mod lasting;
mod line;
mod lockstep;
mod log;
mod replicas;
mod secrets;
mod sessions;
mod stumbles;
mod waiting;
