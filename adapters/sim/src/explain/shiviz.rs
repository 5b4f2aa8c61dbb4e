//! A run as a log for ShiViz, with vector clocks.

use super::Excerpt;
use crate::chronicle::{What, name};
use quorate::Principal;
use std::collections::BTreeMap;

/// The regular expression with which ShiViz reads the log: two lines for each event.
pub const SHIVIZ_REGEX: &str = r"(?<host>\S*) (?<clock>{.*})\n(?<event>.*)";

/// How many events of each node are known.
type Clock = BTreeMap<Principal, u64>;

/// The log. A node's clock counts all of its events that are told; what it receives carries the
/// clock of when it was sent. The network has no clock: what it loses is left out.
#[must_use]
pub fn shiviz(excerpt: &Excerpt<'_>) -> String {
    let mut clocks: BTreeMap<Principal, Clock> = BTreeMap::new();
    let mut sent_at: BTreeMap<usize, Clock> = BTreeMap::new();
    let mut log = String::new();
    for (at, entry) in excerpt.entries() {
        let Some(who) = entry.who else { continue };
        let clock = clocks.entry(who).or_default();
        if let What::Receives { sent: Some(sent), .. } = entry.what {
            for (other, count) in sent_at.get(&sent).into_iter().flatten() {
                let known = clock.entry(*other).or_default();
                *known = (*known).max(*count);
            }
        }
        *clock.entry(who).or_default() += 1;
        if let What::Sends { .. } | What::Lies { .. } = entry.what {
            sent_at.insert(at, clock.clone());
        }
        let parts = clock.iter().map(|(who, count)| format!("\"{}\":{count}", name(*who)));
        let clock = parts.collect::<Vec<_>>().join(", ");
        let deed = entry.deed().split_whitespace().collect::<Vec<_>>().join(" ");
        let (who, time) = (name(who), super::seconds(entry.at));
        log.push_str(&format!("{who} {{{clock}}}\n{time} {deed}\n"));
    }
    log
}
