//! PBFT, rule by rule: each test is named after the rule that it turns red without.
#![allow(missing_docs, missing_debug_implementations, unreachable_pub)]

mod bench;
mod normal_case;
