//! Builds the images, runs them under QEMU, wires boards to a cluster, and says what all of it
//! takes.
#![forbid(unsafe_code)]

mod bench;
mod board;
mod calls;
mod demo;
mod elf;
mod ending;
mod follow;
mod frame;
mod gateway;
mod generals;
mod guarantees;
mod image;
mod linux;
mod listed;
mod log;
#[cfg(test)]
mod readme;
mod table;
mod thumb;
mod tools;
mod wire;
#[cfg(test)]
mod words;

use anyhow::Result;
use clap::{Parser, Subcommand};
use demo::Cast;
use std::process::ExitCode;

/// Firmware of quorate: measured, and held to its word, under QEMU.
#[derive(Debug, Parser)]
#[command(name = env!("CARGO_BIN_NAME"), version)]
struct Arguments {
    #[command(subcommand)]
    command: Order,
}

#[derive(Debug, Subcommand)]
enum Order {
    /// Runs every protocol on boards under QEMU and prints what it takes as tables; every run must
    /// say word for word what the same one says on this machine.
    Bench(bench::Plan),
    /// Checks what firmware engineers ask for: no allocator, no panic, no recursion, memory in
    /// .bss, stack and flash within their bounds. Says what the images of `node` take, and holds
    /// README.md against it.
    Guarantees {
        /// The images of `node` only.
        #[arg(long)]
        nodes: bool,
        /// Write what they take into README.md.
        #[arg(long)]
        write: bool,
    },
    /// Four boards under QEMU form a cluster: clients have requests ordered over lines that lose
    /// frames, the primary loses its power and comes back, a board lies. Ends well only if no
    /// request failed and all honest boards are in the same state.
    Demo(demo::Plan),
    /// The same with three boards and one Linux process, a replica of quorate-std behind a gateway.
    /// In each round it is killed, too, and comes back with its log.
    Mixed(demo::Plan),
    /// Four boards under QEMU are generals who agree on an order, over their lines: with no
    /// traitor, with one among the lieutenants, and with one who commands. Ends well only if all
    /// loyal ones do the same, and what a loyal commander ordered.
    Generals(generals::Plan),
    /// What `mixed` runs as that process.
    #[command(hide = true)]
    Member(linux::Told),
}

fn main() -> ExitCode {
    let order = Arguments::parse().command;
    let outcome = ending::prepare().and_then(|()| run(order));
    ending::wait_for_signal();
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // What is wrong, and never where in this program it was found out.
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(order: Order) -> Result<()> {
    match order {
        Order::Bench(plan) => bench::run(&plan),
        Order::Guarantees { nodes, write } => guarantees::run(nodes, write),
        Order::Demo(plan) => demo::run(&plan, Cast::Boards),
        Order::Mixed(plan) => demo::run(&plan, Cast::Mixed),
        Order::Generals(plan) => generals::run(&plan),
        Order::Member(told) => linux::run(told),
    }
}
