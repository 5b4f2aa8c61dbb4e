//! PBFT, rule by rule: each test is named after the rule that it turns red without.
#![allow(missing_docs, missing_debug_implementations, unreachable_pub)]

mod bench;
mod normal_case;
mod agreement;
mod batches;
mod client;
mod interleavings;
mod requests;
mod wanted;
mod catching_up;
mod checkpoints;
mod transfer;
mod bounds;
mod limits;
