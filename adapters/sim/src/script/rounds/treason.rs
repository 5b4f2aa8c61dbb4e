//! How a script tells a traitor of rounds what to say.

use super::Generals;
use super::effort::read_some;
use super::name::Name;
use crate::generals::{Beside, Deed, Form, Protocol, Role, Rule, Saying, Told};
use crate::script::words::{Words, Wrong};
use core::time::Duration;
use quorate::{NodeId, NodeSet};

/// What a line makes of a traitor.
#[derive(Clone, Debug)]
pub(super) enum Treason {
    /// One of a known kind.
    Plays(Role),
    /// One that has one more rule.
    Follows(Box<Rule<Name>>),
}

const VERBS: &str = "one of: says, is silent, delays, repeats, sends, plays";
const PARTS: &str = "one of: silent, silent to r1, equivocator, liar, inventor, replayer, spammer, \
                     delayer, mutator, twin, twin to r1, whimsical";

/// The most frames that one line has a traitor say to one receiver.
const MOST: u64 = 10_000;
/// The most that it has it say to all of them.
const ALL: u64 = 10 * MOST;

impl Generals {
    /// Reads what follows `traitor r0`.
    pub(super) fn read_treason(&self, me: NodeId, words: &mut Words) -> Result<Treason, Wrong> {
        if words.take("plays") {
            return Ok(Treason::Plays(read_part(words, PARTS)?));
        }
        let all = (0..words.cast.nodes as u8).map(NodeId).filter(|node| *node != me);
        let (to, round, about) = (all.collect(), None, None);
        let deed = Deed::Silence;
        let mut rule = Rule { to, round, about, deed, used: 0, lack: None };
        if words.take("is silent") {
            self.read_tail(words, &mut rule)?;
        } else if words.take("delays by") {
            rule.deed = Deed::Delay(read_some(words)?);
            self.read_tail(words, &mut rule)?;
        } else if words.take("repeats") {
            let times = read_times(words)?;
            let times = times.ok_or_else(|| words.instead("how often, as `9 times`"))?;
            if times < 2 {
                return Err("once is what everybody says: take 2 times or more".to_owned());
            }
            rule.deed = Deed::Repeat(times);
            self.read_tail(words, &mut rule)?;
            self.check_frames(&rule, times)?;
        } else if words.take("says") {
            let told = read_told(words, self.plan.base)?;
            let form = self.read_form(words, false)?;
            self.read_tail(words, &mut rule)?;
            rule.deed = Deed::Say(Saying { told, form, about: commander(&rule), round: None });
        } else if words.take("sends") {
            self.read_sending(words, &mut rule)?;
        } else {
            return Err(words.instead(VERBS));
        }
        words.end()?;
        Ok(Treason::Follows(Box::new(rule)))
    }

    /// Reads `about r0`, `to r1 r2` and `in round 2`, as far as they are there, in any order.
    fn read_tail(&self, words: &mut Words, rule: &mut Rule<Name>) -> Result<(), Wrong> {
        loop {
            if words.take("to") {
                rule.to = words.nodes()?.into_iter().collect();
            } else if words.take("in round") {
                let (round, rounds) = (words.number("")?, self.plan.rounds());
                if !(1..=u64::from(rounds)).contains(&round) {
                    return Err(format!("there is no round {round}: they are 1 to {rounds}"));
                }
                rule.round = Some(round as u8);
            } else if words.take("about") {
                rule.about = Some(self.read_instance(words)?);
            } else {
                return Ok(());
            }
        }
    }

    /// Reads what is said beside the truth.
    fn read_sending(&self, words: &mut Words, rule: &mut Rule<Name>) -> Result<(), Wrong> {
        let mut round = None;
        let mut speeches = Vec::new();
        let mut orders = Vec::new();
        let mut form = Form::Whole;
        if words.take("garbage") {
            speeches.push(Beside::Garbage);
        } else if words.take("what") {
            let who = words.node()?;
            words.need("said")?;
            let other = words.take("as about").then(|| self.read_instance(words)).transpose()?;
            if other.is_some() && self.plan.protocol == Protocol::Vector {
                return Err("a vector is one agreement: it cannot be about another".to_owned());
            }
            speeches.push(Beside::Heard(who, other));
        } else {
            if words.is_number() {
                let count = words.number("")?;
                words.need("orders")?;
                if !(1..=MOST).contains(&count) {
                    return Err(out_of_bounds(count, "orders"));
                }
                orders.extend(Name::numbered(count).map(Told::Order));
            } else {
                orders.push(read_told(words, self.plan.base)?);
            }
            form = self.read_form(words, true)?;
            if words.take("of round") {
                round = Some(words.number("")?.min(255) as u8);
            }
        }
        let times = read_times(words)?.unwrap_or(1);
        self.read_tail(words, rule)?;
        if rule.round.is_none() {
            return Err(words.instead("in which round it does so, as `in round 2`"));
        }
        let after = if words.take("after") { words.time()? } else { Duration::ZERO };
        let about = commander(rule);
        speeches.extend(
            orders
                .into_iter()
                .map(|told| Beside::Saying(Saying { told, form: form.clone(), about, round })),
        );
        let frames = times.saturating_mul(speeches.len() as u64);
        rule.deed = Deed::Send { speeches, times, after };
        self.check_frames(rule, frames)
    }

    /// Whether a rule by which each receiver is told so much in a round can be played.
    fn check_frames(&self, rule: &Rule<Name>, frames: u64) -> Result<(), Wrong> {
        if frames > MOST {
            return Err(out_of_bounds(frames, "frames"));
        }
        let rounds = rule.round.map_or(u64::from(self.plan.rounds()), |_| 1);
        let all = frames * rule.to.len() as u64 * rounds;
        if all > ALL {
            return Err(format!(
                "{all} frames in all are too many: take {ALL} at most, or fewer receivers, or one \
                 round"
            ));
        }
        Ok(())
    }

    /// Reads `for path r0 r1` or `signed by r0 r1`, if it is there; of signed messages something
    /// that is sent beside the truth must be signed.
    fn read_form(&self, words: &mut Words, beside: bool) -> Result<Form, Wrong> {
        let base = self.plan.base;
        if words.take("for path") {
            if base != Protocol::Om {
                return Err("only oral messages take a path".to_owned());
            }
            return Ok(Form::Along(read_path(words)?));
        }
        if base != Protocol::Sm || !beside {
            return Ok(Form::Whole);
        }
        words.need("signed by")?;
        let signers = words.nodes()?;
        let without = if words.take("without") { words.nodes()? } else { Vec::new() };
        let forged = words.take("and forged") || words.take("forged");
        Ok(Form::Signed { signers, without, forged })
    }
}

/// Of whose order a rule has something told, if that is said.
fn commander(rule: &Rule<Name>) -> Option<NodeId> {
    rule.about.map(|instance| instance.commander)
}

/// Reads an order between quotes, `nothing` or `undecided`.
fn read_told(words: &mut Words, base: Protocol) -> Result<Told<Name>, Wrong> {
    if words.take("nothing") {
        return match base {
            Protocol::Sm => Err("nothing cannot be signed: write `is silent`".to_owned()),
            _ => Ok(Told::Nothing),
        };
    }
    if base == Protocol::King && words.take("undecided") {
        return Ok(Told::Undecided);
    }
    Ok(Told::Order(Name::read(words)?))
}

/// Reads generals on a path, also such as there are none.
fn read_path(words: &mut Words) -> Result<Vec<NodeId>, Wrong> {
    let mut path = Vec::new();
    while words.is_node() {
        let id = words.number("r")?;
        path.push(NodeId(id.min(255) as u8));
    }
    if path.is_empty() { Err(words.instead("a path, as r0 r1")) } else { Ok(path) }
}

/// That so many are too many, or nothing.
fn out_of_bounds(count: u64, things: &str) -> Wrong {
    if count == 0 {
        return format!("0 {things} test nothing: take 1 or more");
    }
    format!("{count} {things} are too many: take {MOST} at most")
}

/// Reads `9 times`, if it is there.
fn read_times(words: &mut Words) -> Result<Option<u64>, Wrong> {
    if !words.is_number() {
        return Ok(None);
    }
    let times = words.number("")?;
    words.need("times")?;
    if !(1..=MOST).contains(&times) {
        return Err(out_of_bounds(times, "times"));
    }
    Ok(Some(times))
}

/// Reads a kind of traitor; what is none is answered with those that are wanted.
pub(in crate::script) fn read_part(words: &mut Words, wanted: &str) -> Result<Role, Wrong> {
    if words.take("silent to") {
        return Ok(Role::Silent(words.nodes()?.into_iter().collect()));
    }
    if words.take("twin to") {
        return Ok(Role::Twin(words.nodes()?.into_iter().collect()));
    }
    let everyone: NodeSet = (0..words.cast.nodes as u8).map(NodeId).collect();
    let part = words.word(wanted)?;
    Ok(match part.as_str() {
        "silent" => Role::Silent(everyone),
        "equivocator" => Role::Equivocator,
        "liar" => Role::Liar,
        "inventor" => Role::Inventor,
        "replayer" => Role::Replayer,
        "spammer" => Role::Spammer,
        "delayer" => Role::Delayer,
        "mutator" => Role::Mutator,
        "twin" => Role::Double,
        "whimsical" => Role::Whimsical,
        _ => return Err(format!("`{part}` is no kind of traitor: write {wanted}")),
    })
}
