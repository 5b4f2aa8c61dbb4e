//! The fingerprints of some runs of every protocol: one number for each, to be compared between
//! builds.
//!
//! A seed means one run, on every machine. A debug build, a release build, one for another word
//! size or byte order: each has to print the very same [`table`].

use crate::campaign::Campaign;
use crate::faults::Faults;
use crate::generals::{self, Protocol};
use crate::many::Sweep;
use crate::twins::{Enumeration, play};
use std::fmt::Write;

/// How many seeds of PBFT under each kind of weather, each of the generals' protocols, lockstep
/// under each, and how many scenarios of twins there are in the table.
const PBFT: u64 = 6;
const GENERALS: u64 = 16;
const LOCKSTEP: u64 = 2;
const TWINS: usize = 2;

/// Plays the runs, and tells of each in one line: protocol, what may go wrong, seed, number of
/// events, microseconds of virtual time, fingerprint.
#[must_use]
pub fn table() -> String {
    let mut table = String::new();
    for faults in [Faults::Swarm, Faults::Traitors] {
        for seed in 1..=PBFT {
            let run = Campaign { faults, ..Campaign::new(seed, 1) }.run_seed(seed, false);
            let figures = (run.transcript.events(), run.micros, run.transcript.fingerprint());
            enter(&mut table, "pbft", faults.name(), seed, figures);
        }
        for protocol in
            [Protocol::Om, Protocol::Sm, Protocol::King, Protocol::Vector, Protocol::Lockstep]
        {
            let seeds = if protocol == Protocol::Lockstep { LOCKSTEP } else { GENERALS };
            let campaign =
                generals::Campaign { faults, ..generals::Campaign::new(protocol, 1, seeds) };
            for seed in 1..=seeds {
                let run = campaign.run_seed(seed, false);
                let figures = (run.transcript.events(), run.micros, run.transcript.fingerprint());
                enter(&mut table, protocol.name(), faults.name(), seed, figures);
            }
        }
    }
    for scenario in Enumeration::new(1).iter(1).take(TWINS) {
        let run = play(&scenario, false);
        let figures = (run.events, run.micros, run.fingerprint);
        enter(&mut table, "pbft", "twins", scenario.number(), figures);
    }
    table
}

fn enter(
    table: &mut String,
    protocol: &str,
    faults: &str,
    seed: u64,
    (events, micros, fingerprint): (u64, u64, u64),
) {
    let line = format!("{protocol} {faults} {seed} {events} {micros} {fingerprint:016x}");
    writeln!(table, "{line}").expect("nothing to fail");
}
