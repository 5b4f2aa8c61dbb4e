//! How much a script of rounds may ask for: with more it would never end, or find no memory.

use crate::generals::{Plan, Protocol};
use crate::plain::counted;
use crate::script::words::{Words, Wrong};
use core::time::Duration;
use quorate::om;

/// The most orders that the generals keep, or say to each other, in one agreement or vector.
const AGREEMENT: u64 = 1 << 20;
/// The same of all agreements, or of all slots.
const RUN: u64 = 1 << 21;
/// The longest that a clock may be wrong, or a slot last: clocks begin at 1000 s.
pub(super) const LONGEST: Duration = Duration::from_secs(100);

/// How many orders all generals keep or say in one agreement, or in all that begin together.
fn orders(plan: &Plan) -> u64 {
    let nodes = plan.nodes as u64;
    let each = match plan.base {
        Protocol::Sm | Protocol::King => nodes * u64::from(plan.rounds()),
        _ => om::slots(plan.nodes, plan.faults) as u64,
    };
    let all_command = matches!(plan.protocol, Protocol::Vector | Protocol::Lockstep);
    let commanders = if all_command { nodes } else { 1 };
    each.saturating_mul(nodes * commanders)
}

/// Whether the generals of the first line can agree at all.
pub(super) fn check_sizes(plan: &Plan) -> Result<(), Wrong> {
    if orders(plan) <= AGREEMENT {
        return Ok(());
    }
    Err(format!(
        "{} generals that withstand {} keep too many orders: take fewer of them, or another \
         protocol",
        plan.nodes,
        counted(plan.faults, "traitor")
    ))
}

/// Whether a script of so many agreements is played to its end in good time.
pub(super) fn check_agreements(plan: &Plan) -> Result<(), Wrong> {
    let agreements = plan.agreements.len() as u64;
    let most = RUN / orders(plan).max(1);
    if agreements <= most {
        return Ok(());
    }
    Err(format!(
        "{agreements} agreements of {} generals are too many: take {most} at most, or fewer \
         generals",
        plan.nodes
    ))
}

/// Whether a service is played to its end in good time.
pub(in crate::script) fn check_slots(plan: &Plan) -> Result<(), Wrong> {
    let slots = plan.length() / plan.interval.max(1);
    let most = RUN / (orders(plan) + CONSTANT * plan.nodes as u64);
    if slots <= most {
        return Ok(());
    }
    Err(format!(
        "until everything here is over there are {slots} slots, and {most} are the most for {} \
         generals that withstand {}: take longer or fewer slots, or fewer generals",
        plan.nodes,
        counted(plan.faults, "traitor")
    ))
}

/// A slot in which nothing happens takes a general as long as so many orders.
const CONSTANT: u64 = 16;

/// Reads a time, but none longer than [`LONGEST`], in microseconds.
pub(super) fn read_short(words: &mut Words) -> Result<u64, Wrong> {
    let time = words.time()?;
    if time > LONGEST {
        return Err(format!("{time:?} are too long: take {LONGEST:?} at most"));
    }
    Ok(time.as_micros() as u64)
}

/// Reads a time, but not none.
pub(in crate::script) fn read_some(words: &mut Words) -> Result<Duration, Wrong> {
    match words.time()? {
        Duration::ZERO => Err("no time at all tests nothing: write 1ms or more".to_owned()),
        time => Ok(time),
    }
}
