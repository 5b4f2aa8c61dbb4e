//! How a script tells traitors what to say.

use super::super::words::{Words, Wrong};
use super::action::{read_kind, read_parties, read_selector};
use crate::traitors::scripted::{Change, Deed, Rule, Selector, Speech};
use quorate::{NodeId, Principal};
use std::ops::RangeInclusive;

/// Reads a rule: `drops PREPARE to r1`, `says PRE-PREPARE with seq+1 to r3`.
pub(super) fn read_rule(words: &mut Words) -> Result<Rule, Wrong> {
    let wanted = "one of: says, drops, delays, repeats, ignores, sends, plays, stops lying";
    let verb = words.word(wanted)?;
    if !["says", "drops", "delays", "repeats", "ignores"].contains(&verb.as_str()) {
        return Err(format!("`{verb}` is nothing that a traitor does: write {wanted}"));
    }
    let most = words.take("the first").then(|| words.number("")).transpose()?;
    let what = read_selector(words)?;
    let deed = match verb.as_str() {
        "drops" => Deed::Drop,
        "ignores" => Deed::Ignore,
        "delays" => {
            words.need("by")?;
            Deed::Delay(words.time()?)
        }
        "repeats" => Deed::Repeat(read_times(words)?),
        _ => {
            words.need("with")?;
            Deed::Change(read_changes(words)?)
        }
    };
    let to = words.take("to").then(|| read_parties(words)).transpose()?;
    Ok(Rule { what, to, deed, most, used: 0 })
}

type Spoken = (u64, Speech, Vec<Change>, Vec<Principal>);

/// Reads what a traitor says of its own accord: `its last NEW-VIEW to r2`,
/// `the first PREPARE of r2 to r1`, `a new PREPARE view 0 seq 1 batch "A" to all`, `garbage to r1`.
pub(super) fn read_speech(words: &mut Words, me: NodeId) -> Result<Spoken, Wrong> {
    let speech = if words.take("garbage") {
        Speech::New { kind: "bytes", views: 0..=0, sequences: 0..=0, batch: Vec::new() }
    } else if words.take("a new") {
        let kind = read_kind(words)?;
        let views = if words.take("view") { range(words)? } else { 0..=0 };
        let sequences = if words.take("seq") { range(words)? } else { 0..=0 };
        let batch = if words.take("batch") { read_batch(words)? } else { Vec::new() };
        Speech::New { kind, views, sequences, batch }
    } else if words.take("its") {
        let last = read_which(words)?;
        Speech::Again { what: read_selector(words)?, last }
    } else if words.take("the") {
        let last = read_which(words)?;
        let what: Selector = read_selector(words)?;
        words.need("of")?;
        let of = if words.take("client") {
            Principal::Client(words.client()?)
        } else {
            Principal::Node(words.node()?)
        };
        Speech::Heard { what, last, of }
    } else {
        return Err(words.instead(
            "`its last KIND`, `the last KIND of r0`, `a new KIND view 0 seq 1` or `garbage`",
        ));
    };
    let changes = if words.take("with") { read_changes(words)? } else { Vec::new() };
    let mut times = 1;
    if words.is_number() {
        times = read_times(words)?;
    }
    words.need("to")?;
    let to = read_parties(words)?.into_iter().filter(|who| *who != Principal::Node(me));
    Ok((times, speech, changes, to.collect()))
}

fn read_which(words: &mut Words) -> Result<bool, Wrong> {
    if words.take("last") {
        return Ok(true);
    }
    words.need("first").map(|()| false).map_err(|_| words.instead("`first` or `last`"))
}

/// The most messages that a line has a traitor say to each.
const MOST: u64 = 10_000;

fn read_times(words: &mut Words) -> Result<u64, Wrong> {
    let times = words.number("")?;
    words.need("times")?;
    if times > MOST {
        return Err(format!("{times} times are too many: take {MOST} at most"));
    }
    Ok(times)
}

/// Reads 3 or 3..7, the last number included.
fn range(words: &mut Words) -> Result<RangeInclusive<u64>, Wrong> {
    let wanted = "a number or a range of numbers, as 3 or 3..7";
    let word = words.peek().unwrap_or_default().to_owned();
    let (from, to) = word.split_once("..").unwrap_or((&word, &word));
    let (Ok(from), Ok(to)) = (from.parse(), to.parse()) else {
        return Err(words.instead(wanted));
    };
    words.need(&word)?;
    let (from, to): (u64, u64) = (from, to);
    if to.saturating_sub(from) >= MOST {
        return Err(format!("{word} are too many: take {MOST} at most"));
    }
    Ok(from..=to)
}

fn read_batch(words: &mut Words) -> Result<Vec<Vec<u8>>, Wrong> {
    let mut batch = vec![words.text()?];
    batch.extend(words.texts());
    Ok(batch)
}

fn read_changes(words: &mut Words) -> Result<Vec<Change>, Wrong> {
    let mut changes = vec![read_change(words)?];
    while words.take("and") {
        changes.push(read_change(words)?);
    }
    Ok(changes)
}

const CHANGES: &str = "one of: view+1, view-1, seq+1, seq-1, another digest, batch \"A\", \
    empty batch, requests twice, a bad signature, author r0, content \"x\", a byte missing, \
    nothing prepared, a claim seq 1 view 0, checkpoint s8, another choice at s1, NULL at s1, \
    r0 left out";

fn read_change(words: &mut Words) -> Result<Change, Wrong> {
    if let Some(by) = words.peek().and_then(|word| signed(word.strip_prefix("view")?)) {
        words.word("")?;
        return Ok(Change::View(by));
    }
    if let Some(by) = words.peek().and_then(|word| signed(word.strip_prefix("seq")?)) {
        words.word("")?;
        return Ok(Change::Sequence(by));
    }
    if words.take("a claim seq") {
        let sequence = words.number("")?;
        words.need("view")?;
        let view = words.number("")?;
        let batch = if words.take("batch") { read_batch(words)? } else { Vec::new() };
        return Ok(Change::Claim { sequence, view, batch });
    }
    if words.take("another choice at") {
        return Ok(Change::Chosen { sequence: words.number("s")?, null: false });
    }
    if words.take("NULL at") {
        return Ok(Change::Chosen { sequence: words.number("s")?, null: true });
    }
    if words.take("checkpoint") {
        return Ok(Change::Checkpoint(words.number("s")?));
    }
    if words.is_node() {
        let node = words.node()?;
        words.need("left out")?;
        return Ok(Change::Without(node));
    }
    if words.take("author") {
        return Ok(Change::Author(words.node()?));
    }
    if words.take("content") {
        return Ok(Change::Content(words.text()?));
    }
    if words.take("empty batch") {
        return Ok(Change::Batch(Vec::new()));
    }
    if words.take("batch") {
        return Ok(Change::Batch(read_batch(words)?));
    }
    let plain = [
        ("another digest", Change::Digest),
        ("requests twice", Change::Twice),
        ("a bad signature", Change::Forged),
        ("a byte missing", Change::Short),
        ("nothing prepared", Change::Forgetful),
    ];
    let found = plain.into_iter().find(|(name, _)| words.take(name));
    found.map(|(_, change)| change).ok_or_else(|| words.instead(CHANGES))
}

/// Reads +1 or -1.
fn signed(word: &str) -> Option<i64> {
    word.starts_with(['+', '-']).then(|| word.parse().ok())?
}
