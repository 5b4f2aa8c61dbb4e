//! `generals`: Byzantine generals on the command line.
#![forbid(unsafe_code)]

use clap::Parser;
use quorate_generals::cli::Cli;
use std::process::ExitCode;

fn main() -> ExitCode {
    match Cli::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            anstream::eprintln!("generals: {problem}");
            problem.exit_code()
        }
    }
}
