//! Scripts of the protocols in rounds.

mod claim;
mod effort;
mod event;
mod judge;
mod muster;
mod name;
mod play;
mod treason;

use super::Scene;
use super::played::Played;
use super::when::When;
use super::words::{Words, Wrong};
use crate::clock::Clock;
use crate::generals::{Deed, FIRST, Plan, Protocol, Rule, Timing};
use crate::plain::{counted, moment, nodes};
pub(super) use claim::FAULTS;
use claim::{Claim, Place};
use core::time::Duration;
pub(super) use effort::{check_slots, read_some};
pub(super) use muster::Muster;
use name::Name;
use quorate::rounds::Instance;
use quorate::{Instant, NodeId, NodeSet};
use std::collections::BTreeMap;
pub(super) use treason::read_part;

/// Generals, and what happens to them.
#[derive(Clone, Debug)]
pub(super) struct Generals {
    plan: Plan,
    beyond: bool,
    /// Who has had a line about its order.
    commands: NodeSet,
    /// Of each agreement each general's order.
    orders: Vec<Vec<Name>>,
    /// What scripted traitors do, with the lines that say so.
    rules: BTreeMap<NodeId, Vec<(usize, Rule<Name>)>>,
    claims: Vec<(usize, Claim)>,
    /// Each line as it stands there.
    texts: BTreeMap<usize, String>,
    /// When the last line happens.
    at: Instant,
    /// When generals meet with something, and the lines that say so.
    moments: Vec<(usize, Instant)>,
    /// A clock that is not wrong.
    right: Clock,
}

const NOBODY: &str = "nobody commands: write `general r0 commands \"A\"`";
const NEEDLESS: &str = "nothing here is beyond the bound: leave that out of the first line";

impl Generals {
    /// Reads the line that makes the generals, after its first word.
    pub(super) fn open(words: &mut Words, protocol: Option<Protocol>) -> Result<Self, Wrong> {
        let Muster { mut plan, beyond } = Muster::read(words, protocol)?;
        let mut orders = Vec::new();
        if plan.protocol == Protocol::Vector {
            plan.agreements.push((Duration::ZERO, NodeId(0)));
            orders.push(vec![Name::default(); plan.nodes]);
        }
        let right = plan.clocks[0];
        Ok(Self {
            plan,
            beyond,
            commands: NodeSet::EMPTY,
            orders,
            rules: BTreeMap::new(),
            claims: Vec::new(),
            texts: BTreeMap::new(),
            at: Instant::ZERO,
            moments: Vec::new(),
            right,
        })
    }

    /// Reads whose order is meant, as `r0`, or if r0 commands more than once, `agreement 2`: where
    /// it is decided.
    fn read_place(&self, words: &mut Words) -> Result<Place, Wrong> {
        let (agreements, many) = (&self.plan.agreements, words.take("agreement"));
        if many {
            let (number, count) = (words.number("")?, agreements.len());
            let agreement = number.checked_sub(1).map(|it| it as usize).filter(|it| *it < count);
            let agreement = agreement
                .ok_or_else(|| format!("there is no agreement {number}: they are 1 to {count}"))?;
            return Ok(Place { agreement, entry: 0, commander: agreements[agreement].1 });
        }
        let commander = words.node()?;
        if self.plan.protocol == Protocol::Vector {
            return Ok(Place { agreement: 0, entry: commander.index(), commander });
        }
        let agreement = agreements.iter().position(|(_, other)| *other == commander);
        let agreement = agreement.ok_or_else(|| {
            format!("r{} commands nothing: write the line of its order before", commander.0)
        })?;
        Ok(Place { agreement, entry: 0, commander })
    }

    /// Whether everything happens before all have decided, by the clock that is farthest behind.
    fn check_moments(&self) -> Result<(), Wrong> {
        let Timing { skew, margin, round, .. } = self.plan.timing;
        let last = self.plan.agreements.iter().map(|(after, _)| *after).max().unwrap_or_default();
        let rounds = u64::from(self.plan.rounds()) * round;
        let over = Duration::from_micros(rounds + 3 * skew + margin + 20);
        let over = Instant::ZERO.after(last).after(over);
        for (line, at) in &self.moments {
            if *at > over {
                return Err(self.never(*line, over));
            }
        }
        let rules = self.rules.values().flatten();
        let sendings = rules.filter_map(|(line, rule)| match rule.deed {
            Deed::Send { after, .. } => Some((line, after)),
            _ => None,
        });
        for (line, after) in sendings {
            if Instant::ZERO.after(after) > over {
                return Err(self.never(*line, over));
            }
        }
        Ok(())
    }

    fn never(&self, line: usize, over: Instant) -> Wrong {
        let (text, over) = (self.texts.get(&line).map_or("", String::as_str), moment(over));
        format!(
            "line {line}, `{text}`, never happens: all have decided by {over}. It tests nothing: \
             take an earlier time"
        )
    }

    /// The same as frames name it.
    fn read_instance(&self, words: &mut Words) -> Result<Instance, Wrong> {
        let Place { agreement, commander, .. } = self.read_place(words)?;
        Ok(Instance { number: FIRST + agreement as u64, commander })
    }
}

impl Scene for Generals {
    fn read(&mut self, line: usize, text: &str, words: &mut Words) -> Result<(), Wrong> {
        self.texts.insert(line, text.to_owned());
        let when = When::read(words)?;
        let at = when.reach(self.at)?;
        self.at = at;
        if !words.take("expect") {
            return self.read_event(line, at, when != When::Next, words);
        }
        when.demand_next()?;
        let claim = self.read_claim(words)?;
        self.claims.push((line, claim));
        Ok(())
    }

    fn close(&mut self) -> Result<(), Wrong> {
        let all = (0..self.plan.nodes as u8).map(NodeId);
        let idle = all.filter(|node| !self.commands.contains(*node)).collect::<NodeSet>();
        if self.plan.protocol == Protocol::Vector && !idle.is_empty() {
            let idle = nodes(idle);
            return Err(format!(
                "{idle} have no order: write `general r0 commands \"A\"` for each"
            ));
        }
        if self.plan.agreements.is_empty() {
            return Err(NOBODY.to_owned());
        }
        effort::check_agreements(&self.plan)?;
        self.check_moments()?;
        let (faulty, most) = (self.plan.faulty(), self.plan.faults);
        let many = faulty.len() > most;
        if many && !self.beyond {
            return Err(format!(
                "{} are faulty, and {} withstood: write `beyond the bound` in the first line if \
                 that is meant",
                nodes(faulty),
                so_many(most, "traitor")
            ));
        }
        let short = self.plan.base != Protocol::Sm && self.plan.nodes <= 3 * most;
        if self.beyond && !many && !short {
            return Err(NEEDLESS.to_owned());
        }
        Ok(())
    }

    fn expects(&self) -> bool {
        !self.claims.is_empty()
    }

    fn play(&self) -> Played {
        self.play_field()
    }
}

/// `1 order is`, `2 orders are`.
fn so_many(count: usize, thing: &str) -> String {
    let is = if count == 1 { "is" } else { "are" };
    format!("{} {is}", counted(count, thing))
}
