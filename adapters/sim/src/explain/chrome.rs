//! A run as a trace for Perfetto and `chrome://tracing`: the JSON of the Trace Event Format.

use super::views::{Reign, reigns};
use super::{Excerpt, seconds};
use crate::chronicle::{Entry, Lane, What, name};
use quorate::Principal;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Replicas and clients, as processes; views stand on threads of their own.
const REPLICAS: u64 = 1;
const CLIENTS: u64 = 2;
const VIEWS: u64 = 1000;
/// Nanoseconds of a microsecond, which is the unit of a trace.
const NANOS: u64 = 1000;

/// The trace. Each event is a slice on the thread of its node, each message that arrives a flow
/// from its sender's slice to its receiver's, each view a slice of its own.
///
/// An event takes no time in the simulation. Here those of one node and one microsecond share it,
/// one after another, so that each has a slice of its own and a flow ends within one only; of more
/// than a thousand some have a slice without length.
#[must_use]
pub fn chrome(excerpt: &Excerpt<'_>) -> String {
    let mut events = Vec::new();
    for (pid, what) in [(REPLICAS, "replicas"), (CLIENTS, "clients")] {
        events.push(json!({
            "ph": "M", "name": "process_name", "pid": pid, "tid": 0, "args": { "name": what },
        }));
    }
    let reigns = reigns(excerpt);
    let turned: BTreeSet<Lane> = reigns.iter().map(|reign| reign.lane).collect();
    for lane in excerpt.lanes().into_iter().chain(turned.iter().copied()).collect::<BTreeSet<_>>() {
        let ((pid, tid), label) = (place(lane), excerpt.label(lane));
        events.push(named(pid, tid, &label));
        if turned.contains(&lane) {
            events.push(named(pid, tid + VIEWS, &format!("{label} view")));
        }
    }
    let slots = slots(excerpt);
    for (at, entry) in excerpt.entries() {
        let (Some(lane), Some(slot)) = (entry.lane(), slots.get(&at)) else { continue };
        let (pid, tid) = place(lane);
        events.push(json!({
            "ph": "X", "name": short(entry), "cat": category(entry), "pid": pid, "tid": tid,
            "ts": micros(slot.begin), "dur": micros(slot.length),
            "args": { "text": entry.text, "at": seconds(entry.at) },
        }));
        if let What::Receives { sent: Some(sent), kind, .. } = entry.what
            && let Some(sending) = slots.get(&sent)
            && let Some(sender) = excerpt.sender(entry)
        {
            events.push(end("s", (at, kind), sender, *sending));
            events.push(end("f", (at, kind), lane, *slot));
        }
    }
    events.extend(reigns.iter().map(slice));
    let trace = json!({
        "traceEvents": events, "displayTimeUnit": "ms", "otherData": other(excerpt),
    });
    format!("{trace}\n")
}

/// The title, the plan, and who is faulty.
fn other(excerpt: &Excerpt<'_>) -> Value {
    let faulty = excerpt.faulty.iter().map(|(node, mark)| (format!("r{}", node.0), json!(mark)));
    let faulty: serde_json::Map<String, Value> = faulty.collect();
    let plan: Vec<&str> = excerpt.plan.lines().collect();
    json!({ "title": excerpt.title, "plan": plan, "faulty": faulty })
}

/// When the slice of an event begins and how long it is, in nanoseconds.
#[derive(Clone, Copy, Debug)]
struct Slot {
    begin: u64,
    length: u64,
}

/// The slots of all events that are told: those of one lane and one microsecond divide it.
fn slots(excerpt: &Excerpt<'_>) -> BTreeMap<usize, Slot> {
    let mut together: BTreeMap<(Lane, u64), Vec<usize>> = BTreeMap::new();
    for (at, entry) in excerpt.entries() {
        if let Some(lane) = entry.lane() {
            together.entry((lane, entry.at.as_micros())).or_default().push(at);
        }
    }
    let mut slots = BTreeMap::new();
    for ((_, micros), events) in together {
        let (count, start) = (events.len() as u64, micros * NANOS);
        for (order, at) in (0..).zip(events) {
            let begin = start + order * NANOS / count;
            let next = start + (order + 1) * NANOS / count;
            slots.insert(at, Slot { begin, length: next - begin });
        }
    }
    slots
}

fn micros(nanos: u64) -> Value {
    json!(nanos as f64 / NANOS as f64)
}

/// Process and thread.
fn place(Lane { who, copy }: Lane) -> (u64, u64) {
    let (process, number) = match who {
        Principal::Node(node) => (REPLICAS, u64::from(node.0)),
        Principal::Client(client) => (CLIENTS, u64::from(client.0)),
    };
    // A copy stands below its original.
    (process, 2 * number + u64::from(copy) + 1)
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

/// A time in a view.
fn slice(reign: &Reign) -> Value {
    let Reign { lane, view, since, until } = *reign;
    let (pid, tid) = place(lane);
    json!({
        "ph": "X", "name": format!("view {view}"), "cat": "views", "pid": pid,
        "tid": tid + VIEWS, "ts": since, "dur": until - since, "args": {},
    })
}

/// An end of a flow, in the middle of its event's slice: there it lies within no other one.
fn end(phase: &str, (id, kind): (usize, &str), lane: Lane, slot: Slot) -> Value {
    let ((pid, tid), ts) = (place(lane), micros(slot.begin + slot.length / 2));
    let mut end = json!({
        "ph": phase, "name": kind, "cat": "message", "id": id, "pid": pid, "tid": tid, "ts": ts,
    });
    if phase == "f" {
        end["bp"] = json!("e");
    }
    end
}
