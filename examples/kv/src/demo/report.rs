//! What the demonstration found.

use super::schedule::Faults;
use serde_json::{Value, json};
use std::fmt;
use std::time::Duration;

/// One replica at the end.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) role: String,
    pub(super) view: Option<u64>,
    pub(super) executed: Option<u64>,
    pub(super) digest: Option<String>,
    pub(super) disk_bytes: u64,
}

/// All of it.
#[derive(Clone, Debug)]
pub(super) struct Report {
    pub(super) requests: u64,
    pub(super) acknowledged: u64,
    pub(super) lost: u64,
    pub(super) digests_equal: bool,
    pub(super) load_time: Duration,
    pub(super) p50_ms: f64,
    pub(super) p99_ms: f64,
    pub(super) outage: Duration,
    pub(super) replicas: Vec<Row>,
    /// What was done to the replicas, if that was left to chance.
    pub(super) faults: Option<Faults>,
}

impl Report {
    /// Whether the demonstration showed what it should.
    pub(super) fn is_good(&self) -> bool {
        self.lost == 0 && self.digests_equal
    }

    pub(super) fn to_json(&self) -> Value {
        let round = |value: f64| (value * 1_000.0).round() / 1_000.0;
        let mut object = json!({
            "requests": self.requests,
            "acknowledged": self.acknowledged,
            "lost": self.lost,
            "digests_equal": self.digests_equal,
            "requests_per_second": self.rate().round() as u64,
            "latency_ms": { "p50": round(self.p50_ms), "p99": round(self.p99_ms) },
            "outage_ms": self.outage.as_millis() as u64,
            "views": self.replicas.iter().map(|row| row.view).collect::<Vec<_>>(),
            "disk_bytes": self.disk_bytes(),
        });
        if let (Some(faults), Some(fields)) = (&self.faults, object.as_object_mut()) {
            fields.insert("faults".to_owned(), faults.to_json());
        }
        object
    }

    fn rate(&self) -> f64 {
        self.requests as f64 / self.load_time.as_secs_f64().max(1e-6)
    }

    fn disk_bytes(&self) -> u64 {
        self.replicas.iter().map(|row| row.disk_bytes).sum()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unknown = self.requests - self.acknowledged;
        writeln!(f, "requests              {}", grouped(self.requests))?;
        writeln!(f, "acknowledged          {}", grouped(self.acknowledged))?;
        if unknown > 0 {
            writeln!(f, "given up              {}", grouped(unknown))?;
        }
        writeln!(f, "lost                  {}", grouped(self.lost))?;
        writeln!(f, "requests per second   {}", grouped(self.rate().round() as u64))?;
        writeln!(f, "latency, median       {:.1} ms", self.p50_ms)?;
        writeln!(f, "latency, 99 %         {:.1} ms", self.p99_ms)?;
        writeln!(f, "outage                {} ms without a reply", self.outage.as_millis())?;
        writeln!(f, "bytes on disk         {}", grouped(self.disk_bytes()))?;
        if let Some(faults) = &self.faults {
            writeln!(f, "faults                {faults}")?;
        }
        writeln!(f)?;
        writeln!(f, "replica  view  executed  bytes on disk  digest of its state  what it did")?;
        for (node, row) in self.replicas.iter().enumerate() {
            let number = |value: Option<u64>| value.map_or("-".to_owned(), grouped);
            writeln!(
                f,
                "{node:<7}  {:<4}  {:<8}  {:<13}  {:<19}  {}",
                number(row.view),
                number(row.executed),
                grouped(row.disk_bytes),
                row.digest.as_deref().map_or("-", |digest| digest.get(..16).unwrap_or(digest)),
                row.role,
            )?;
        }
        let verdict = if self.digests_equal {
            "the states of all correct replicas are equal"
        } else {
            "THE STATES OF CORRECT REPLICAS DIFFER"
        };
        let kept = if self.lost == 0 {
            "every acknowledged write was read back"
        } else {
            "ACKNOWLEDGED WRITES WERE LOST"
        };
        write!(f, "\n{kept}; {verdict}")
    }
}

/// A number with its thousands apart.
fn grouped(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_kept_apart() {
        for (value, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(grouped(value), text);
        }
    }
}
