//! `quorate-kv`: a replicated key-value store that speaks the Redis protocol.
#![forbid(unsafe_code)]

use clap::Parser;
use quorate_kv::cli::Cli;
use std::process::ExitCode;

fn main() -> ExitCode {
    match Cli::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("quorate-kv: {problem}");
            problem.exit_code()
        }
    }
}
