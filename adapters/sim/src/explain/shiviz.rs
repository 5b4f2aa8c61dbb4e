//! A run as a log for ShiViz, with vector clocks.

use super::Excerpt;
use crate::chronicle::{Lane, What};
use std::collections::BTreeMap;

/// The regular expression with which ShiViz reads the log: two lines for each event.
pub const SHIVIZ_REGEX: &str = r"(?<host>\S*) (?<clock>{.*})\n(?<event>.*)";

/// The host that tells the plan.
const PLAN: &str = "plan";

/// How many events of each node are known.
type Clock = BTreeMap<Lane, u64>;

/// The log. A node's clock counts all of its events that are told; what it receives carries the
/// clock of when it was sent. The network has no clock: what it loses is left out.
#[must_use]
pub fn shiviz(excerpt: &Excerpt<'_>) -> String {
    let mut clocks: BTreeMap<Lane, Clock> = BTreeMap::new();
    let mut sent_at: BTreeMap<usize, Clock> = BTreeMap::new();
    let mut log = String::new();
    // The expression has no place for a preface: the plan is told as a host of its own.
    for (at, line) in (1..).zip(excerpt.head()) {
        log.push_str(&format!("{PLAN} {{\"{PLAN}\":{at}}}\n{line}\n"));
    }
    for (at, entry) in excerpt.entries() {
        let Some(who) = entry.lane() else { continue };
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
        let parts = clock.iter().map(|(who, count)| format!("\"{}\":{count}", host(excerpt, *who)));
        let clock = parts.collect::<Vec<_>>().join(", ");
        let deed = entry.deed().split_whitespace().collect::<Vec<_>>().join(" ");
        let (who, time) = (host(excerpt, who), super::seconds(entry.at));
        log.push_str(&format!("{who} {{{clock}}}\n{time} {deed}\n"));
    }
    log
}

/// What a lane is called: without spaces, which end a host's name.
fn host(excerpt: &Excerpt<'_>, lane: Lane) -> String {
    let mark = excerpt.mark(lane).map(|mark| mark.replace(", ", ",").replace(' ', "-"));
    mark.map_or_else(|| lane.to_string(), |mark| format!("{lane}({mark})"))
}
