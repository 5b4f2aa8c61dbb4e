//! What a line of a script of rounds has happen.

use super::Generals;
use super::effort::{LONGEST, read_some};
use super::name::Name;
use super::treason::Treason;
use crate::clock::Clock;
use crate::generals::{Mishap, Protocol, Role};
use crate::script::words::{Words, Wrong};
use quorate::{Instant, NodeId};

const VERBS: &str = "one of: general r0 commands \"A\", traitor, crash, freeze, clock of, lose, \
                     expect";

impl Generals {
    /// Reads a line that has something happen at a time; `timed`: the line says at which.
    pub(super) fn read_event(
        &mut self,
        line: usize,
        at: Instant,
        timed: bool,
        words: &mut Words,
    ) -> Result<(), Wrong> {
        let verb = words.word(VERBS)?;
        match verb.as_str() {
            "general" => self.read_command(at, words)?,
            "traitor" if timed => {
                return Err("write no time here, but `in round 2` at the end of the line".into());
            }
            "traitor" => {
                let node = words.node()?;
                let treason = self.read_treason(node, words)?;
                self.betray(line, node, treason)?;
            }
            "crash" => {
                for node in words.nodes()? {
                    self.plan.mishaps.push((node, Mishap::Crashed(at)));
                }
                self.moments.push((line, at));
            }
            "freeze" => {
                let nodes = words.nodes()?;
                words.need("for")?;
                let until = at.after(read_some(words)?);
                for node in nodes {
                    self.plan.mishaps.push((node, Mishap::Frozen(at, until)));
                }
                self.moments.push((line, at));
            }
            "clock" => self.read_clock(words)?,
            "lose" => self.read_loss(words)?,
            _ => return Err(format!("`{verb}` is nothing that can happen: write {VERBS}")),
        }
        words.end()
    }

    /// Reads `r0 commands "A"`: another agreement, or another entry of
    /// the vector.
    fn read_command(&mut self, at: Instant, words: &mut Words) -> Result<(), Wrong> {
        let node = words.node()?;
        words.need("commands")?;
        let (order, nodes) = (Name::read(words)?, self.plan.nodes);
        let again = !self.commands.insert(node);
        if self.plan.protocol != Protocol::Vector {
            self.plan.agreements.push((at.since(Instant::ZERO), node));
            self.orders.push(vec![order; nodes]);
        } else if again {
            return Err(format!("r{} has an order already: one is enough", node.0));
        } else if at > Instant::ZERO {
            return Err("the agreements of a vector all begin at once: write no time".to_owned());
        }
        if let Some(orders) = self.orders.last_mut() {
            orders[node.index()] = order;
        }
        Ok(())
    }

    fn betray(&mut self, line: usize, node: NodeId, treason: Treason) -> Result<(), Wrong> {
        let known = self.plan.traitors.iter().find(|(other, _)| *other == node);
        let role = match (&treason, known) {
            (Treason::Plays(role), None) => *role,
            (Treason::Follows(_), None) => Role::Scripted,
            (Treason::Follows(_), Some((_, Role::Scripted))) => {
                return self.add_rule(line, node, treason);
            }
            _ => return Err("it plays a part already, and follows no other rules".to_owned()),
        };
        self.plan.traitors.push((node, role));
        self.add_rule(line, node, treason)
    }

    fn add_rule(&mut self, line: usize, node: NodeId, treason: Treason) -> Result<(), Wrong> {
        if let Treason::Follows(rule) = treason {
            self.rules.entry(node).or_default().push((line, *rule));
        }
        Ok(())
    }

    /// Reads `of r2 ahead by 5ms` or `of r2 behind by 5ms`: with what was said of it before, a
    /// fault if it is more than the skew.
    fn read_clock(&mut self, words: &mut Words) -> Result<(), Wrong> {
        words.need("of")?;
        let node = words.node()?;
        let ahead = words.take("ahead by");
        if !ahead {
            words.need("behind by")?;
        }
        let by = read_some(words)?.as_micros() as u64;
        let read = |clock: &Clock| clock.read(Instant::ZERO).as_micros();
        let (shown, right) = (read(&self.plan.clocks[node.index()]), read(&self.right));
        let shown = if ahead { shown.saturating_add(by) } else { shown.saturating_sub(by) };
        let off = shown.abs_diff(right);
        if off > LONGEST.as_micros() as u64 {
            return Err(format!("a clock may be wrong by {LONGEST:?} in all: take less"));
        }
        self.plan.clocks[node.index()] = Clock::new(shown, 0);
        self.plan.mishaps.retain(|known| *known != (node, Mishap::Clock));
        if off > self.plan.timing.skew {
            self.plan.mishaps.push((node, Mishap::Clock));
        }
        Ok(())
    }

    /// Reads `everything from r2`, `50% to r2`.
    fn read_loss(&mut self, words: &mut Words) -> Result<(), Wrong> {
        let often = if words.take("everything") { 1000 } else { words.percent()? };
        if often == 0 {
            return Err("to lose nothing tests nothing: take 0.1% or more".to_owned());
        }
        let from = words.take("from");
        if !from {
            words.need("to")?;
        }
        for node in words.nodes()? {
            let mishap = if from { Mishap::Mute(often) } else { Mishap::Deaf(often) };
            self.plan.mishaps.push((node, mishap));
        }
        Ok(())
    }
}
