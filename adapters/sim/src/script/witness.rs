//! What the transcript of a script shows to its expectations, whatever the protocol.

use super::words::{Words, Wrong};
use crate::checker::{CHECKERS, is_checker};
use crate::chronicle::{Chronicle, Entry, What, name};
use quorate::{Instant, NodeId, NodeSet, Principal};

/// The events up to a time, and who of those in it is not correct.
#[derive(Clone, Copy, Debug)]
pub(super) struct Witness<'c> {
    pub(super) chronicle: Option<&'c Chronicle>,
    pub(super) liars: NodeSet,
    pub(super) until: Instant,
}

impl<'c> Witness<'c> {
    /// All of them. What happens to the copy of a twin happens to the twin too, or to nobody.
    pub(super) fn entries(self) -> impl Iterator<Item = &'c Entry> {
        let entries = self.chronicle.into_iter().flat_map(Chronicle::entries);
        let entries = entries.take_while(move |entry| entry.at <= self.until);
        entries.filter(|entry| !entry.copy)
    }

    fn is_correct(self, who: Option<Principal>) -> bool {
        matches!(who, Some(Principal::Node(node)) if !self.liars.contains(node))
    }

    /// No such thing happens to one that is correct.
    pub(super) fn never(self, is: impl Fn(&Entry) -> bool) -> Result<(), String> {
        let found = self.entries().find(|entry| is(entry) && self.is_correct(entry.who));
        found.map_or(Ok(()), |entry| Err(format!("{}: {}", seconds(entry), entry.text)))
    }

    /// Somebody correct, or this one, accuses somebody of a fault by its name.
    pub(super) fn accused(
        self,
        by: Option<NodeId>,
        who: Principal,
        fault: &str,
    ) -> Result<(), String> {
        let mut others = Vec::new();
        for entry in self.entries() {
            let What::Accuses { who: accused, fault: what } = entry.what else { continue };
            let meant = match by {
                Some(by) => entry.who == Some(Principal::Node(by)),
                None => self.is_correct(entry.who),
            };
            if accused == who && meant {
                if format!("{what:?}") == fault {
                    return Ok(());
                }
                others.push(format!("of {what:?}"));
            }
        }
        others.dedup();
        let others = if others.is_empty() { "of nothing".to_owned() } else { others.join(", ") };
        Err(format!("{} is accused {others}", name(who)))
    }

    /// Nobody correct accuses anybody, or this one.
    pub(super) fn no_accusation(self, who: Option<Principal>) -> Result<(), String> {
        self.never(|entry| match entry.what {
            What::Accuses { who: accused, .. } => who.is_none_or(|who| who == accused),
            _ => false,
        })
    }

    /// The transcript tells this of somebody, or never does.
    pub(super) fn told(self, who: Principal, text: &str, ever: bool) -> Result<(), String> {
        let mut own = self.entries().filter(|entry| entry.who == Some(who));
        let found = own.find(|entry| plain(&entry.text).contains(text));
        match found {
            Some(entry) if !ever => Err(format!("{}: {}", seconds(entry), entry.text)),
            None if ever => Err("the transcript does not tell that".to_owned()),
            _ => Ok(()),
        }
    }

    /// So many messages arrived, of those that are meant: sender, receiver, kind, text.
    pub(super) fn arrived(
        self,
        wanted: Count,
        is: impl Fn(Principal, Principal, &str, &str) -> bool,
    ) -> Result<(), String> {
        let arrived = self.entries().filter(|entry| match (&entry.what, entry.who) {
            (What::Receives { from, kind, .. }, Some(to)) => is(*from, to, kind, &entry.text),
            _ => false,
        });
        wanted.check(arrived.count() as u64)
    }
}

/// How many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Count {
    Exactly(u64),
    AtMost(u64),
    AtLeast(u64),
}

impl Count {
    /// Reads `at most 9`, `at least 9`, `some`, `no` or `9`; none of these: what would be right.
    pub(super) fn read(words: &mut Words, claims: &str) -> Result<Self, Wrong> {
        if words.take("at most") {
            return Ok(Self::AtMost(words.number("")?));
        }
        if words.take("at least") {
            return Ok(Self::AtLeast(words.number("")?));
        }
        if words.take("some") {
            return Ok(Self::AtLeast(1));
        }
        if words.take("no") {
            return Ok(Self::Exactly(0));
        }
        if words.is_number() {
            return Ok(Self::Exactly(words.number("")?));
        }
        Err(words.instead(claims))
    }

    fn check(self, found: u64) -> Result<(), String> {
        let holds = match self {
            Self::Exactly(count) => found == count,
            Self::AtMost(count) => found <= count,
            Self::AtLeast(count) => found >= count,
        };
        if holds { Ok(()) } else { Err(format!("{found} arrived")) }
    }
}

/// Reads a fault of these by its name.
pub(super) fn read_fault(words: &mut Words, faults: &[&str]) -> Result<String, Wrong> {
    let all = faults.join(", ");
    let fault = words.word(&format!("one of: {all}"))?;
    if faults.contains(&fault.as_str()) {
        return Ok(fault);
    }
    Err(format!("`{fault}` is no fault: there are {all}"))
}

/// That nobody is left of whom something is expected.
pub(super) const NOBODY: &str = "nobody correct is left: it tests nothing";

/// Reads the rest of a claim: the name of a checker.
pub(super) fn read_checker(words: &mut Words) -> Result<String, Wrong> {
    let mut checker = words.word("the name of a checker, as agreement")?;
    while let Ok(word) = words.word("") {
        checker = format!("{checker} {word}");
    }
    if !is_checker(&checker) {
        let names = CHECKERS.map(|(name, _)| name).join(", ");
        return Err(format!("no checker is called `{checker}`; there are: {names}"));
    }
    words.violation = true;
    Ok(checker)
}

/// Reads a part of the transcript.
pub(super) fn read_told(words: &mut Words) -> Result<String, Wrong> {
    words.text().map(|text| String::from_utf8_lossy(&text).into_owned())
}

/// The text with single blanks.
fn plain(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn seconds(entry: &Entry) -> String {
    format!("at {} s", entry.at.as_micros() as f64 / 1e6)
}

/// That two things are the same; if not, what was found.
pub(super) fn same<T: PartialEq>(
    found: T,
    wanted: T,
    tell: impl Fn(T) -> String,
) -> Result<(), String> {
    if found == wanted { Ok(()) } else { Err(tell(found)) }
}
