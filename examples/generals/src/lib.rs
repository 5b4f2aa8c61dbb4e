//! Byzantine generals on the command line: agreement among generals of whom some are traitors,
//! as tables and charts.
//!
//! A [scenario](scenario::Scenario) says who agrees by which protocol and who lies how. A
//! [battle](battle::fight) runs it: real generals of the `quorate` library under a virtual clock,
//! and a hand on every message of a traitor. A [judgement](judge::Judgement) says whether they
//! agreed.
#![forbid(unsafe_code)]

pub mod battle;
pub mod chart;
pub mod cli;
mod cost;
mod demo;
pub mod expectation;
pub mod json;
pub mod judge;
pub mod lie;
pub mod names;
mod output;
pub mod problem;
pub mod route;
pub mod scenario;
pub mod table;
mod text;
pub mod treason;
pub mod word;
