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

/// The writes to the key of one line: a SET, and perhaps a DEL later.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Line {
    pub(super) set: Fate,
    pub(super) del: Fate,
}

impl Line {
    /// Whether the store may hold the line now.
    pub(super) fn may_hold(self) -> bool {
        match (self.set, self.del) {
            (Fate::Unsent, _) | (Fate::Acknowledged, Fate::Acknowledged) => false,
            // A SET whose fate is unknown may be executed behind an acknowledged DEL.
            (Fate::Unknown, _) | (Fate::Acknowledged, Fate::Unsent | Fate::Unknown) => true,
        }
    }

    /// Whether the store may not hold the line now.
    pub(super) fn may_lack(self) -> bool {
        self.set != Fate::Acknowledged || self.del != Fate::Unsent
    }

    /// Whether what the store says is possible.
    pub(super) fn allows(self, line: &[u8], held: Option<&[u8]>) -> bool {
        held.map_or(self.may_lack(), |held| held == line && self.may_hold())
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
            let line = Line { set, del };
            assert_eq!(line.allows(b"x", Some(b"x")), holds, "{line:?}");
            assert_eq!(line.allows(b"x", None), lacks, "{line:?}");
            assert!(!line.allows(b"x", Some(b"y")), "{line:?}");
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
