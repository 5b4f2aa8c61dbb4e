//! Which replica was in which view, and from when until when.

use super::Excerpt;
use crate::chronicle::{Entry, Lane, What};
use std::collections::BTreeMap;

/// A time that a replica spent in one view, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reign {
    pub(super) lane: Lane,
    pub(super) view: u64,
    pub(super) since: u64,
    pub(super) until: u64,
}

/// The times in views, within what is told, of replicas that ever turned to another view. A
/// replica begins in view 0, and is in none from when it leaves until it enters another one, or
/// while it is down.
pub(super) fn reigns(excerpt: &Excerpt<'_>) -> Vec<Reign> {
    let from = excerpt.from.as_micros();
    let mut reigns = Vec::new();
    // The view of each that turned or fell, and since when; `None`: it is in none.
    let mut stands: BTreeMap<Lane, Option<(u64, u64)>> = BTreeMap::new();
    let mut turned = Vec::new();
    for entry in told(excerpt) {
        let (now, Some(lane)) = (entry.at.as_micros(), entry.lane()) else { continue };
        let next = match entry.what {
            What::Turns { view, enters } => {
                turned.push(lane);
                enters.then_some(view)
            }
            What::Crashes => None,
            What::Restarts { view, .. } => view,
            _ => continue,
        };
        let before = stands.insert(lane, next.map(|view| (view, now)));
        let before = before.unwrap_or(Some((0, 0)));
        reigns.extend(before.map(|(view, since)| Reign { lane, view, since, until: now }));
    }
    let end = excerpt.chronicle.entries().last().map_or(0, |entry| entry.at.as_micros());
    let end = end.min(excerpt.until.as_micros());
    for (lane, stand) in stands {
        reigns.extend(stand.map(|(view, since)| Reign { lane, view, since, until: end }));
    }
    reigns.retain_mut(|reign| {
        reign.since = reign.since.max(from);
        reign.since < reign.until && turned.contains(&reign.lane)
    });
    reigns
}

/// What happened before the end of what is told, and before its beginning too.
fn told<'c>(excerpt: &Excerpt<'c>) -> impl Iterator<Item = &'c Entry> + use<'c> {
    let until = excerpt.until;
    excerpt.chronicle.entries().iter().take_while(move |entry| entry.at <= until)
}
