//! Scripts of a service in lockstep.

mod claim;
mod play;

use super::Scene;
use super::played::Played;
use super::rounds::{Muster, check_slots, read_part, read_some};
use super::when::When;
use super::words::{Words, Wrong};
use crate::clock::Clock;
use crate::generals::{Errands, Lie, Mishap, OPERATION, Pace, Plan, Protocol, Role, Wish};
use crate::plain::nodes;
use claim::Claim;
use core::time::Duration;
use quorate::{Instant, NodeId};
use std::collections::BTreeMap;

/// Generals of a service and its clients, and what happens to them.
#[derive(Clone, Debug)]
pub(super) struct Service {
    plan: Plan,
    errands: Errands,
    claims: Vec<(usize, Claim)>,
    /// Each line as it stands there.
    texts: BTreeMap<usize, String>,
    /// When the last line happens.
    at: Instant,
    /// When nobody stands still any longer.
    until: Instant,
}

const VERBS: &str = "one of: client 0 asks \"A\", client 0 lies \"A\", host of r1 takes 60ms, \
    traitor r0 plays liar, freeze, lose, expect";
/// The longest that a host may take for a request: one that takes longer has crashed.
const SLOWEST: Duration = Duration::from_secs(60);

/// Those of generals but the twin: no second machine runs in a service.
const PARTS: &str = "one of: silent, silent to r1, equivocator, liar, inventor, replayer, spammer, \
                     delayer, mutator, whimsical";
const NO_TWINS: &str = "a service has no twins: write another part, as `equivocator` or \
                        `whimsical`";

impl Service {
    /// Reads the line that makes the generals, after its first word.
    pub(super) fn open(words: &mut Words) -> Result<Self, Wrong> {
        let Muster { mut plan, .. } = Muster::read(words, Some(Protocol::Lockstep))?;
        // By a right clock the first slot begins an interval after the beginning.
        let right = Clock::new(plan.timing.start().as_micros() - plan.interval, 0);
        plan.clocks = vec![right; plan.nodes];
        plan.agreements.push((Duration::ZERO, NodeId(0)));
        let (errands, claims, texts) = (Errands::default(), Vec::new(), BTreeMap::new());
        Ok(Self { plan, errands, claims, texts, at: Instant::ZERO, until: Instant::ZERO })
    }

    fn read_event(&mut self, at: Instant, words: &mut Words) -> Result<(), Wrong> {
        let verb = words.word(VERBS)?;
        match verb.as_str() {
            "client" => self.read_client(at, words)?,
            "host" => self.read_pace(at, words)?,
            "traitor" => {
                let node = words.node()?;
                words.need("plays")?;
                if self.plan.traitors.iter().any(|(other, _)| *other == node) {
                    return Err("it plays a part already".to_owned());
                }
                let role = read_part(words, PARTS)?;
                if matches!(role, Role::Twin(_) | Role::Double) {
                    return Err(NO_TWINS.to_owned());
                }
                self.plan.traitors.push((node, role));
            }
            "freeze" => {
                let some = words.nodes()?;
                words.need("for")?;
                let until = at.after(read_some(words)?);
                self.until = self.until.max(until);
                let mishap = Mishap::Frozen(at, until);
                self.plan.mishaps.extend(some.into_iter().map(|node| (node, mishap)));
            }
            "lose" => {
                words.need("everything")?;
                let from = words.take("from");
                if !from {
                    words.need("to")?;
                }
                let mishap = if from { Mishap::Mute(1000) } else { Mishap::Deaf(1000) };
                let some = words.nodes()?.into_iter();
                self.plan.mishaps.extend(some.map(|node| (node, mishap)));
            }
            _ => return Err(format!("`{verb}` is nothing that can happen: write {VERBS}")),
        }
        words.end()
    }

    /// Reads `0 asks "A"`, perhaps `of r1`, or `0 lies "A" time 2 to r0 r1`.
    fn read_client(&mut self, at: Instant, words: &mut Words) -> Result<(), Wrong> {
        let client = words.client()?;
        let lies = words.take("lies");
        if !lies && !words.take("asks") {
            return Err(words.instead("`asks` or `lies`"));
        }
        let operation = words.text()?;
        if operation.len() > OPERATION {
            return Err(format!("an operation of a service has {OPERATION} bytes at most"));
        }
        if lies {
            words.need("time")?;
            let timestamp = if words.take("last") { u64::MAX } else { words.number("")? };
            words.need("to")?;
            let to = words.nodes()?.into_iter().collect();
            self.errands.lies.push(Lie { client, at, timestamp, operation, to });
            return Ok(());
        }
        let all = (0..self.plan.nodes as u8).map(NodeId).collect();
        let to = if words.take("of") { words.nodes()?.into_iter().collect() } else { all };
        self.errands.wishes.push(Wish { client, at, operation, to });
        Ok(())
    }

    /// Reads `of r1 takes 60ms`. Who takes longer than a slot does not keep up, and is faulty.
    fn read_pace(&mut self, at: Instant, words: &mut Words) -> Result<(), Wrong> {
        words.need("of")?;
        let some = words.nodes()?;
        words.need("takes")?;
        let takes = words.time()?;
        if takes > SLOWEST {
            return Err(format!("a host takes {SLOWEST:?} at most: `freeze` it, or take less"));
        }
        self.errands.paces.extend(some.iter().map(|node| Pace { node: *node, at, takes }));
        if takes.as_micros() > u128::from(self.plan.interval) {
            let mishap = Mishap::Slow(at);
            self.plan.mishaps.extend(some.into_iter().map(|node| (node, mishap)));
        }
        Ok(())
    }
}

impl Scene for Service {
    fn read(&mut self, line: usize, text: &str, words: &mut Words) -> Result<(), Wrong> {
        self.texts.insert(line, text.to_owned());
        let when = When::read(words)?;
        let at = when.reach(self.at)?;
        self.at = at;
        if !words.take("expect") {
            return self.read_event(at, words);
        }
        when.demand_next()?;
        let claim = Claim::read(words)?;
        self.claims.push((line, claim));
        Ok(())
    }

    fn close(&mut self) -> Result<(), Wrong> {
        let (faulty, most) = (self.plan.faulty(), self.plan.faults);
        if faulty.len() > most {
            let faulty = nodes(faulty);
            return Err(format!("{faulty} are faulty, and {most} may be: take more generals"));
        }
        // Busy until the last line, until nobody stands still, and for as many slots more as it
        // takes to serve everybody.
        let (requests, work) = (self.errands.requests() as u64, self.errands.work(|_| true));
        let busy = self.at.max(self.until).as_micros() + work.as_micros() as u64;
        self.plan.slots = busy / self.plan.interval + requests + 2;
        check_slots(&self.plan)
    }

    fn expects(&self) -> bool {
        !self.claims.is_empty()
    }

    fn play(&self) -> Played {
        self.play_town()
    }
}
