//! A run as a trace for Perfetto and `chrome://tracing`: the JSON of the Trace Event Format.

use super::Excerpt;
use crate::chronicle::{Entry, What, name};
use quorate::Principal;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Replicas and clients, as processes; views stand on threads of their own.
const REPLICAS: u64 = 1;
const CLIENTS: u64 = 2;
const VIEWS: u64 = 1000;
/// How long an event is drawn, in microseconds: it takes no time in the simulation.
const DURATION: u64 = 1;

/// The trace. Each event is a slice of a microsecond on the thread of its node, each message that
/// arrives a flow from its sender's slice to its receiver's, each view a slice of its own.
#[must_use]
pub fn chrome(excerpt: &Excerpt<'_>) -> String {
    let mut events = Vec::new();
    for (pid, what) in [(REPLICAS, "replicas"), (CLIENTS, "clients")] {
        events.push(json!({
            "ph": "M", "name": "process_name", "pid": pid, "tid": 0, "args": { "name": what },
        }));
    }
    for who in excerpt.lanes() {
        let (pid, tid) = place(who);
        events.push(named(pid, tid, &name(who)));
        if pid == REPLICAS {
            events.push(named(pid, tid + VIEWS, &format!("{} view", name(who))));
        }
    }
    let mut last = 0;
    let mut views: BTreeMap<Principal, (u64, u64)> = BTreeMap::new();
    for (at, entry) in excerpt.entries() {
        last = entry.at.as_micros();
        let Some(who) = entry.who else { continue };
        let (pid, tid) = place(who);
        events.push(json!({
            "ph": "X", "name": short(entry), "cat": category(entry), "pid": pid, "tid": tid,
            "ts": last, "dur": DURATION, "args": { "text": entry.text },
        }));
        if let What::Receives { from, sent: Some(sent), .. } = entry.what {
            events.extend(flow(excerpt, (at, entry), (from, sent), who));
        }
        if let What::Turns { view, enters } = entry.what {
            let since = views.remove(&who).unwrap_or_default();
            events.extend(reign(who, since, last));
            if enters {
                views.insert(who, (view, last));
            }
        }
    }
    for who in excerpt.lanes().into_iter().filter(|who| place(*who).0 == REPLICAS) {
        events.extend(reign(who, views.get(&who).copied().unwrap_or_default(), last));
    }
    let other = json!({ "title": excerpt.title });
    let trace = json!({ "traceEvents": events, "displayTimeUnit": "ms", "otherData": other });
    format!("{trace}\n")
}

/// Process and thread.
fn place(who: Principal) -> (u64, u64) {
    match who {
        Principal::Node(node) => (REPLICAS, u64::from(node.0) + 1),
        Principal::Client(client) => (CLIENTS, u64::from(client.0) + 1),
    }
}

fn named(pid: u64, tid: u64, what: &str) -> Value {
    json!({ "ph": "M", "name": "thread_name", "pid": pid, "tid": tid, "args": { "name": what } })
}

fn category(entry: &Entry) -> &'static str {
    match entry.what {
        What::Sends { .. } => "sends",
        What::Receives { .. } => "receives",
        What::Lies { .. } | What::Withholds { .. } => "lies",
        _ => "acts",
    }
}

/// What stands on the slice.
fn short(entry: &Entry) -> String {
    match entry.what {
        What::Sends { kind, .. } => format!("sends {kind}"),
        What::Lies { kind, .. } => format!("LIES {kind}"),
        What::Withholds { kind, .. } => format!("WITHHOLDS {kind}"),
        What::Receives { from, kind, .. } => format!("{kind} from {}", name(from)),
        _ => entry.deed().split_whitespace().collect::<Vec<_>>().join(" "),
    }
}

/// A view, from when it was entered until it was left: nothing, if that took no time.
fn reign(who: Principal, (view, since): (u64, u64), until: u64) -> Option<Value> {
    let (pid, tid) = place(who);
    (until > since).then(|| {
        json!({
            "ph": "X", "name": format!("view {view}"), "cat": "views", "pid": pid,
            "tid": tid + VIEWS, "ts": since, "dur": until - since, "args": {},
        })
    })
}

fn flow(
    excerpt: &Excerpt<'_>,
    (at, arrival): (usize, &Entry),
    (from, sent): (Principal, usize),
    to: Principal,
) -> Vec<Value> {
    let Some(sending) = excerpt.chronicle.entries().get(sent) else { return Vec::new() };
    let What::Receives { kind, .. } = arrival.what else { return Vec::new() };
    let ((from_pid, from_tid), (pid, tid)) = (place(from), place(to));
    vec![
        json!({
            "ph": "s", "name": kind, "cat": "message", "id": at, "pid": from_pid,
            "tid": from_tid, "ts": sending.at.as_micros(),
        }),
        json!({
            "ph": "f", "bp": "e", "name": kind, "cat": "message", "id": at, "pid": pid,
            "tid": tid, "ts": arrival.at.as_micros(),
        }),
    ]
}
