//! PBFT, rule by rule: each test is named after the rule that it turns red without.
#![allow(missing_docs, missing_debug_implementations, unreachable_pub)]

mod agreement;
mod alone;
mod amnesia;
mod batches;
mod bench;
mod blameless;
mod bounds;
mod budgets;
mod catching_up;
mod checkpoints;
mod choice;
mod client;
mod diskless;
mod entering;
mod estimates;
mod evidence;
mod followers;
mod forgery;
mod interleavings;
mod lateness;
mod ledger;
mod life;
mod limits;
mod new_view;
mod normal_case;
mod old_log;
mod pages;
mod pieces;
mod random_choice;
mod reader;
mod reads;
mod records;
mod recovery;
mod requests;
#[path = "../support/scheme.rs"]
mod scheme;
mod settled;
mod shares;
mod timers;
mod transfer;
mod twins;
mod view_change;
mod wanted;
mod watch;
mod well_signed;
