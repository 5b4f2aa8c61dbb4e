//! The line of a script that makes its generals.

use super::effort::{check_sizes, read_short};
use crate::clock::Clock;
use crate::generals::{CLIENTS, Plan, Protocol, Timing};
use crate::plain::counted;
use crate::script::pbft::Breeze;
use crate::script::words::{Cast, Words, Wrong};
use crate::tail::Tail;

/// Generals, and whether so few of them that nothing is promised, or more traitors, is meant.
#[derive(Clone, Debug)]
pub(in crate::script) struct Muster {
    pub(in crate::script) plan: Plan,
    pub(in crate::script) beyond: bool,
}

const PROTOCOLS: &str = "one of: oral messages, signed messages, phase king";
const PHRASES: &str = "one of: 1 traitor, round 100ms, network 1ms, network 1ms to 5ms, \
    duplicates 50%, skew 10ms, seed 7, beyond the bound";

/// Microseconds: as little as a host can be late by, so that none ever is.
const MARGIN: u64 = 2;

impl Muster {
    /// Reads what follows `generals`, `vector` or `service`: `of 4, oral messages, 1 traitor`,
    /// `of 4 over oral messages, 1 traitor`, `of 4 in lockstep over oral messages, slot 400ms`.
    pub(in crate::script) fn read(
        words: &mut Words,
        protocol: Option<Protocol>,
    ) -> Result<Self, Wrong> {
        words.need("of")?;
        let nodes = words.number("")? as usize;
        if !(3..=64).contains(&nodes) {
            return Err(format!("{nodes} generals are too few or too many: take 3 to 64"));
        }
        words.need(match protocol {
            None => ",",
            Some(Protocol::Lockstep) => "in lockstep over",
            Some(_) => "over",
        })?;
        let base = read_protocol(words)?;
        let mut muster = Self { plan: plan(nodes, protocol.unwrap_or(base), base), beyond: false };
        while words.take(",") {
            muster.read_phrase(words)?;
        }
        words.end()?;
        let Timing { skew, delay, margin, round, .. } = muster.plan.timing;
        let least = 2 * skew + delay.1 + margin;
        if round <= least {
            let skew = if skew > 0 { ", twice the skew" } else { "" };
            return Err(format!(
                "a round of {round} us is too short for the network{skew} and a host of \
                 {margin} us: take more than {least} us"
            ));
        }
        // By a right clock the first round begins at twice the skew, so that a wrong one that is
        // ahead has not missed it.
        let timing = &muster.plan.timing;
        let right = Clock::new(timing.start().as_micros() - 2 * skew, 0);
        muster.plan.clocks = vec![right; nodes];
        muster.check_traitors()?;
        check_sizes(&muster.plan)?;
        let service = muster.plan.protocol == Protocol::Lockstep;
        if service && muster.plan.interval < round {
            return Err("a slot is at least as long as a round".to_owned());
        }
        words.cast = Cast { nodes, clients: if service { CLIENTS } else { 0 }, fixed: true };
        Ok(muster)
    }

    fn read_phrase(&mut self, words: &mut Words) -> Result<(), Wrong> {
        let timing = &mut self.plan.timing;
        if words.is_number() {
            // What is too large is told first: nothing is reckoned with it.
            let faults = words.number("")?;
            if faults > self.plan.nodes as u64 - 2 {
                return Err(left_alone(self.plan.nodes, faults as usize));
            }
            self.plan.faults = faults as usize;
            return if words.take("traitors") { Ok(()) } else { words.need("traitor") };
        }
        if words.take("beyond the bound") {
            self.beyond = true;
            return Ok(());
        }
        let word = words.word(PHRASES)?;
        match word.as_str() {
            "round" => timing.round = words.time()?.as_micros() as u64,
            "skew" => timing.skew = read_short(words)?,
            "duplicates" => timing.duplicates = words.percent()?,
            "slot" if self.plan.protocol == Protocol::Lockstep => {
                self.plan.interval = read_short(words)?;
            }
            "seed" => self.plan.seed = words.number("")?,
            "network" => {
                let breeze = Breeze::read(words)?;
                if let Some((min, max)) = breeze.delay {
                    timing.delay = (min.as_micros() as u64, max.as_micros() as u64);
                }
                timing.duplicates = breeze.duplicates.unwrap_or(timing.duplicates);
                if breeze.loss.is_some_and(|loss| loss > 0) {
                    return Err("rounds forgive no loss: write whose fault it is, as \
                                `lose everything from r3`"
                        .to_owned());
                }
            }
            _ => return Err(format!("`{word}` is nothing that generals have: write {PHRASES}")),
        }
        Ok(())
    }

    /// Whether so many generals withstand so many traitors, or are meant not to.
    fn check_traitors(&self) -> Result<(), Wrong> {
        let Plan { nodes, faults, .. } = self.plan;
        if nodes < faults + 2 {
            return Err(left_alone(nodes, faults));
        }
        let service = self.plan.protocol == Protocol::Lockstep;
        if service && (self.beyond || nodes <= 2 * faults) {
            return Err(format!(
                "clients of a service believe more generals than may lie: take {} or more, and \
                 nothing beyond the bound",
                2 * faults + 1
            ));
        }
        if !self.beyond && !self.is_withstood() {
            return Err(format!(
                "{nodes} generals do not withstand {} so: take {}, or write `beyond the bound`",
                counted(faults, "traitor"),
                3 * faults + 1
            ));
        }
        Ok(())
    }

    /// Whether the protocol promises anything to so many generals.
    pub(super) fn is_withstood(&self) -> bool {
        let Plan { nodes, faults, base, .. } = self.plan;
        base == Protocol::Sm || nodes > 3 * faults
    }
}

fn left_alone(nodes: usize, faults: usize) -> Wrong {
    let traitors = counted(faults, "traitor");
    format!("{nodes} generals with {traitors} leave nobody to agree with")
}

fn read_protocol(words: &mut Words) -> Result<Protocol, Wrong> {
    if words.take("oral messages") {
        return Ok(Protocol::Om);
    }
    if words.take("signed messages") {
        return Ok(Protocol::Sm);
    }
    if words.take("phase king") || words.take("the phase king") {
        return Ok(Protocol::King);
    }
    Err(words.instead(PROTOCOLS))
}

fn plan(nodes: usize, protocol: Protocol, base: Protocol) -> Plan {
    let timing = Timing {
        skew: 0,
        delay: (1_000, 1_000),
        tail: Tail::Uniform,
        duplicates: 0,
        margin: MARGIN,
        round: 100_000,
    };
    Plan {
        seed: 7,
        protocol,
        base,
        nodes,
        faults: 1,
        traitors: Vec::new(),
        mishaps: Vec::new(),
        agreements: Vec::new(),
        timing,
        clocks: Vec::new(),
        slots: 0,
        interval: 400_000,
    }
}
