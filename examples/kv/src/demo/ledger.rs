//! What must be in the store: every acknowledged write, and what else may be.

use std::collections::HashMap;

/// How a write ended, as far as its client knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Fate {
    /// It was not sent.
    #[default]
    Unsent,
    /// It was acknowledged.
    Acknowledged,
    /// It was given up: it may have been executed, or may yet be.
    Unknown,
}

/// The writes to the key of one line in one round of the load: a SET, and perhaps a DEL later.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Line {
    /// Which round.
    pub(super) round: usize,
    pub(super) set: Fate,
    pub(super) del: Fate,
    /// The round whose value the key had before, if it had one.
    pub(super) older: Option<usize>,
}

impl Line {
    /// Before the writes of another round. What was before must be certain.
    pub(super) fn again(self, round: usize) -> Self {
        let older = match (self.set, self.del) {
            (Fate::Acknowledged, Fate::Unsent) => Some(self.round),
            (Fate::Unsent, Fate::Unsent) => self.older,
            _ => None,
        };
        Self { round, older, ..Self::default() }
    }

    /// Whether the fate of each write is known. A key whose fate is open stays as it is: a write
    /// that was given up may yet be executed, behind any later one.
    pub(super) fn is_certain(self) -> bool {
        self.set != Fate::Unknown && self.del != Fate::Unknown
    }

    /// Whether the store may hold the line of this round now.
    pub(super) fn may_hold(self) -> bool {
        match (self.set, self.del) {
            (Fate::Unsent, _) | (Fate::Acknowledged, Fate::Acknowledged) => false,
            // A SET whose fate is unknown may be executed behind an acknowledged DEL.
            (Fate::Unknown, _) | (Fate::Acknowledged, Fate::Unsent | Fate::Unknown) => true,
        }
    }

    /// The round before, if the store may hold its line now.
    fn may_still_hold(self) -> Option<usize> {
        let overwritten = self.set == Fate::Acknowledged || self.del == Fate::Acknowledged;
        self.older.filter(|_| !overwritten)
    }

    /// Whether the store may not hold the line now.
    pub(super) fn may_lack(self) -> bool {
        self.del != Fate::Unsent || (self.set != Fate::Acknowledged && self.older.is_none())
    }

    /// Whether what the store says is possible, with the line of each round.
    pub(super) fn allows<'a>(self, line: impl Fn(usize) -> &'a [u8], held: Option<&[u8]>) -> bool {
        let Some(held) = held else { return self.may_lack() };
        (self.may_hold() && held == line(self.round))
            || self.may_still_hold().is_some_and(|older| held == line(older))
    }
}

/// The increments of one word's counter.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Count {
    pub(super) acknowledged: u64,
    pub(super) unknown: u64,
}

impl Count {
    /// Whether what the store says is possible.
    pub(super) fn allows(self, held: Option<&[u8]>) -> bool {
        let held = match held {
            None => Some(0),
            Some(digits) => std::str::from_utf8(digits).ok().and_then(|text| text.parse().ok()),
        };
        let range = self.acknowledged..=self.acknowledged + self.unknown;
        held.is_some_and(|held: u64| range.contains(&held))
    }
}

/// What the clients know together.
#[derive(Clone, Debug, Default)]
pub(super) struct Ledger {
    /// By number of the line.
    pub(super) lines: HashMap<usize, Line>,
    /// By word.
    pub(super) words: HashMap<Vec<u8>, Count>,
    /// Commands that were acknowledged.
    pub(super) acknowledged: u64,
    /// Reads whose answer contradicts what was acknowledged before.
    pub(super) wrong_reads: u64,
    /// From sending to reply, in microseconds.
    pub(super) latencies: Vec<u32>,
}

impl Ledger {
    /// Adds what another client knows. Lines are each of one client, words of all.
    pub(super) fn merge(&mut self, other: Self) {
        self.lines.extend(other.lines);
        for (word, count) in other.words {
            let sum = self.words.entry(word).or_default();
            sum.acknowledged += count.acknowledged;
            sum.unknown += count.unknown;
        }
        self.acknowledged += other.acknowledged;
        self.wrong_reads += other.wrong_reads;
        self.latencies.extend(other.latencies);
    }

    /// The latency in milliseconds that this share of the commands stayed below.
    pub(super) fn percentile(&mut self, share: f64) -> f64 {
        if self.latencies.is_empty() {
            return 0.0;
        }
        let at = ((self.latencies.len() - 1) as f64 * share) as usize;
        let (_, value, _) = self.latencies.select_nth_unstable(at);
        f64::from(*value) / 1_000.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_allows_what_its_acknowledged_writes_leave_open() {
        use Fate::{Acknowledged, Unknown, Unsent};
        for (set, del, holds, lacks) in [
            (Unsent, Unsent, false, true),
            (Acknowledged, Unsent, true, false),
            (Unknown, Unsent, true, true),
            (Acknowledged, Acknowledged, false, true),
            (Acknowledged, Unknown, true, true),
            (Unknown, Acknowledged, true, true),
        ] {
            let line = Line { set, del, ..Line::default() };
            assert_eq!(line.allows(|_| b"x", Some(b"x")), holds, "{line:?}");
            assert_eq!(line.allows(|_| b"x", None), lacks, "{line:?}");
            assert!(!line.allows(|_| b"x", Some(b"y")), "{line:?}");
        }
    }

    #[test]
    fn the_line_of_the_round_before_may_stay_until_it_is_overwritten() {
        use Fate::{Acknowledged, Unknown, Unsent};
        let before = Line { set: Acknowledged, ..Line::default() };
        let gone = Line { del: Acknowledged, ..before };
        let value = |round| if round == 0 { &b"old"[..] } else { b"new" };
        for (before, set, del, old, new, lacks) in [
            (before, Unsent, Unsent, true, false, false),
            (before, Unknown, Unsent, true, true, false),
            (before, Unknown, Unknown, true, true, true),
            (before, Unknown, Acknowledged, false, true, true),
            (before, Acknowledged, Unsent, false, true, false),
            (gone, Unsent, Unsent, false, false, true),
            (gone, Unknown, Unsent, false, true, true),
            (gone, Acknowledged, Unsent, false, true, false),
        ] {
            let line = Line { set, del, ..before.again(1) };
            assert_eq!(line.allows(value, Some(b"old")), old, "{line:?}");
            assert_eq!(line.allows(value, Some(b"new")), new, "{line:?}");
            assert_eq!(line.allows(value, None), lacks, "{line:?}");
            assert_eq!(line.is_certain(), set != Unknown && del != Unknown);
        }
    }

    #[test]
    fn a_counter_allows_no_less_than_acknowledged_and_no_more_than_sent() {
        let count = Count { acknowledged: 3, unknown: 1 };
        for (held, allowed) in
            [(Some(&b"2"[..]), false), (Some(b"3"), true), (Some(b"4"), true), (Some(b"5"), false)]
        {
            assert_eq!(count.allows(held), allowed);
        }
        assert!(!count.allows(None) && !count.allows(Some(b"x")));
        assert!(Count { acknowledged: 0, unknown: 2 }.allows(None));
    }

    #[test]
    fn percentiles_of_few_and_of_many() {
        let mut ledger = Ledger::default();
        assert_eq!(ledger.percentile(0.5), 0.0);
        ledger.latencies = (1..=1_000).rev().map(|at| at * 1_000).collect();
        assert_eq!(ledger.percentile(0.5), 500.0);
        assert_eq!(ledger.percentile(0.99), 990.0);
    }
}
