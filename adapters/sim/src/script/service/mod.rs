//! Scripts of a service in lockstep.

mod claim;
mod play;

use super::Scene;
use super::played::Played;
use super::rounds::{Muster, read_part};
use super::when::When;
use super::words::{Words, Wrong};
use crate::clock::Clock;
use crate::generals::{Mishap, OPERATION, Plan, Protocol, Wish};
use crate::plain::nodes;
use claim::Claim;
use quorate::{Instant, NodeId};
use std::collections::BTreeMap;

/// Generals of a service and its clients, and what happens to them.
#[derive(Clone, Debug)]
pub(super) struct Service {
    plan: Plan,
    wishes: Vec<Wish>,
    claims: Vec<(usize, Claim)>,
    /// Each line as it stands there.
    texts: BTreeMap<usize, String>,
    /// When the last line happens.
    at: Instant,
}

const VERBS: &str = "one of: client 0 asks \"A\", traitor r0 plays liar, freeze, lose, expect";

impl Service {
    /// Reads the line that makes the generals, after its first word.
    pub(super) fn open(words: &mut Words) -> Result<Self, Wrong> {
        let Muster { mut plan, .. } = Muster::read(words, Some(Protocol::Lockstep))?;
        // By a right clock the first slot begins an interval after the beginning.
        let right = Clock::new(plan.timing.start().as_micros() - plan.interval, 0);
        plan.clocks = vec![right; plan.nodes];
        plan.agreements.push((core::time::Duration::ZERO, NodeId(0)));
        let (wishes, claims, texts) = (Vec::new(), Vec::new(), BTreeMap::new());
        Ok(Self { plan, wishes, claims, texts, at: Instant::ZERO })
    }

    fn read_event(&mut self, at: Instant, words: &mut Words) -> Result<(), Wrong> {
        let verb = words.word(VERBS)?;
        match verb.as_str() {
            "client" => self.read_wish(at, words)?,
            "traitor" => {
                let node = words.node()?;
                words.need("plays")?;
                if self.plan.traitors.iter().any(|(other, _)| *other == node) {
                    return Err("it plays a part already".to_owned());
                }
                self.plan.traitors.push((node, read_part(words)?));
            }
            "freeze" => {
                let some = words.nodes()?;
                words.need("for")?;
                let until = at.after(words.time()?);
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

    /// Reads `0 asks "A"`, perhaps `of r1`.
    fn read_wish(&mut self, at: Instant, words: &mut Words) -> Result<(), Wrong> {
        let client = words.client()?;
        words.need("asks")?;
        let operation = words.text()?;
        if operation.len() > OPERATION {
            return Err(format!("an operation of a service has {OPERATION} bytes at most"));
        }
        let all = (0..self.plan.nodes as u8).map(NodeId).collect();
        let to = if words.take("of") { words.nodes()?.into_iter().collect() } else { all };
        self.wishes.push(Wish { client, at, operation, to });
        Ok(())
    }
}

impl Scene for Service {
    fn read(&mut self, line: usize, text: &str, words: &mut Words) -> Result<(), Wrong> {
        self.texts.insert(line, text.to_owned());
        let at = When::read(words)?.from(self.at);
        if at < self.at {
            let seconds = self.at.as_micros() as f64 / 1e6;
            return Err(format!("it is {seconds} s already: take a later time, or `after`"));
        }
        self.at = at;
        if !words.take("expect") {
            return self.read_event(at, words);
        }
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
        // Busy until the last line, and for as many slots more as it takes to serve everybody.
        let wishes = self.wishes.len() as u64;
        self.plan.slots = self.at.as_micros() / self.plan.interval + wishes + 2;
        Ok(())
    }

    fn expects(&self) -> bool {
        !self.claims.is_empty()
    }

    fn play(&self) -> Played {
        self.play_town()
    }
}
