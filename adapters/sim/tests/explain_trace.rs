//! The trace of a run is one that Perfetto reads as it was meant.

use quorate::{Instant, NodeId, Principal};
use quorate_sim::Plan;
use quorate_sim::chronicle::{Chronicle, Entry, What};
use quorate_sim::explain::{Excerpt, chrome};
use quorate_sim::pbft::Cluster;
use quorate_sim::transcript::Transcript;
use quorate_sim::twins::{self, ROUNDS, Scenario, Setting};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

fn drawn(seed: u64) -> Transcript {
    let mut cluster = Cluster::new(Plan::draw(seed, Some(4), true), true);
    cluster.run().unwrap();
    cluster.transcript().clone()
}

fn twins() -> Transcript {
    let rounds = [Setting { leader: 0, sides: 0b1110 }; ROUNDS];
    twins::play(&Scenario { twins: 1, rounds }, true).transcript
}

fn events(excerpt: &Excerpt<'_>) -> Vec<Value> {
    let trace: Value = serde_json::from_str(&chrome(excerpt)).unwrap();
    trace["traceEvents"].as_array().unwrap().clone()
}

/// Calls `each` with what is told of several runs.
fn for_each(each: impl Fn(&Excerpt<'_>, &[Value])) {
    for transcript in [drawn(3), drawn(5), twins()] {
        for (all, from) in [(false, 0), (true, 900_000)] {
            let from = Instant::from_micros(from);
            let of = Excerpt::of("x", transcript.chronicle().unwrap());
            let excerpt = Excerpt { all, from, ..of };
            each(&excerpt, &events(&excerpt));
        }
    }
}

/// Microseconds as nanoseconds.
fn nanos(time: &Value) -> u64 {
    (time.as_f64().unwrap() * 1000.0).round() as u64
}

fn track(event: &Value) -> (u64, u64) {
    (event["pid"].as_u64().unwrap(), event["tid"].as_u64().unwrap())
}

/// The slices of each track: begin, end, and text, or name if it has none.
type Slices = BTreeMap<(u64, u64), Vec<(u64, u64, String)>>;

fn slices(events: &[Value]) -> Slices {
    let mut slices: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for event in events.iter().filter(|event| event["ph"] == "X") {
        let begin = nanos(&event["ts"]);
        let text = event["args"]["text"].as_str().or(event["name"].as_str()).unwrap();
        let slice = (begin, begin + nanos(&event["dur"]), text.to_owned());
        slices.entry(track(event)).or_default().push(slice);
    }
    slices.values_mut().for_each(|slices| slices.sort());
    slices
}

#[test]
fn events_have_the_fields_of_trace_events() {
    for_each(|excerpt, events| {
        let mut flows: BTreeMap<u64, (u64, bool)> = BTreeMap::new();
        for event in events {
            assert!(event["name"].is_string() && event["pid"].is_u64() && event["tid"].is_u64());
            match event["ph"].as_str().unwrap() {
                "M" => assert!(event["args"]["name"].is_string()),
                "X" => assert!(nanos(&event["dur"]) > 0),
                "s" => {
                    flows.insert(event["id"].as_u64().unwrap(), (nanos(&event["ts"]), false));
                }
                "f" => {
                    assert_eq!(event["bp"], "e");
                    let (begun, ended) = flows.get_mut(&event["id"].as_u64().unwrap()).unwrap();
                    assert!(
                        *begun <= nanos(&event["ts"]) && !*ended,
                        "it ends once, after it began"
                    );
                    *ended = true;
                }
                other => panic!("{other} is no phase that is used here"),
            }
        }
        assert!(flows.len() > 20 && flows.values().all(|(_, ended)| *ended));
        let told = excerpt.entries().filter(|(_, entry)| entry.who.is_some()).count();
        let slices = events.iter().filter(|it| it["ph"] == "X" && it["cat"] != "views").count();
        assert_eq!(slices, told);
    });
}

#[test]
fn slices_of_a_track_never_overlap() {
    for_each(|excerpt, events| {
        for (track, slices) in slices(events) {
            for pair in slices.windows(2) {
                assert!(pair[0].1 <= pair[1].0, "{track:?}: {pair:?}");
            }
            assert!(slices[0].0 >= 1000 * excerpt.from.as_micros(), "{track:?}: {:?}", slices[0]);
        }
    });
}

#[test]
fn each_end_of_a_flow_lies_within_one_slice_which_is_that_of_its_event() {
    for_each(|excerpt, events| {
        let (slices, entries) = (slices(events), excerpt.chronicle.entries());
        for event in events.iter().filter(|event| event["ph"] == "s" || event["ph"] == "f") {
            let (ts, arrival) = (nanos(&event["ts"]), event["id"].as_u64().unwrap() as usize);
            let around = slices[&track(event)].iter();
            // However an end that is on the border is counted.
            let around: Vec<_> =
                around.filter(|(begin, end, _)| (*begin..=*end).contains(&ts)).collect();
            assert_eq!(around.len(), 1, "{around:?} at {ts}");
            let What::Receives { sent, .. } = entries[arrival].what else { panic!("no arrival") };
            let meant = if event["ph"] == "f" { arrival } else { sent.unwrap() };
            assert_eq!(around[0].2, entries[meant].text);
        }
    });
}

/// A chronicle of one replica that does these things at these milliseconds.
fn chronicle(of: &[(u64, What)]) -> Chronicle {
    let mut chronicle = Chronicle::default();
    for (millis, what) in of {
        let (at, who) = (Instant::from_micros(1000 * millis), Some(Principal::Node(NodeId(2))));
        let (what, text) = (what.clone(), "r2  acts".to_owned());
        chronicle.enter(Entry { at, who, copy: false, what, text });
    }
    chronicle
}

/// The times in views, in milliseconds.
fn views(chronicle: &Chronicle, from: u64, until: u64) -> Vec<(String, u64, u64)> {
    let (from, until) = (Instant::from_micros(1000 * from), Instant::from_micros(1000 * until));
    let events = events(&Excerpt { from, until, ..Excerpt::of("x", chronicle) });
    let views = events.iter().filter(|event| event["cat"] == "views");
    let millis = |nanos: u64| nanos / 1_000_000;
    let views = views.map(|event| {
        let (begin, length) = (nanos(&event["ts"]), nanos(&event["dur"]));
        (event["name"].as_str().unwrap().to_owned(), millis(begin), millis(begin + length))
    });
    views.collect()
}

#[test]
fn a_replica_is_in_no_view_from_when_it_leaves_until_it_enters() {
    let turn = |view, enters| What::Turns { view, enters };
    let run = chronicle(&[
        (0, What::Happens),
        (10, turn(1, false)),
        (15, turn(1, true)),
        (30, turn(2, false)),
        (32, turn(3, false)),
        (40, turn(3, true)),
        (50, What::Crashes),
        (60, What::Restarts { checkpoint: 0, view: Some(3) }),
        (70, What::Happens),
    ]);
    let view = |view: u64, since, until| (format!("view {view}"), since, until);
    let all = [view(0, 0, 10), view(1, 15, 30), view(3, 40, 50), view(3, 60, 70)];
    assert_eq!(views(&run, 0, 100), all);
    assert_eq!(views(&run, 12, 20), [view(1, 15, 20)]);
    assert_eq!(views(&run, 20, 30), [view(1, 20, 30)], "the view is known at the beginning");
    assert_eq!(views(&run, 65, 100), [view(3, 65, 70)]);
}

#[test]
fn who_never_turns_has_no_track_of_views() {
    let run = chronicle(&[(0, What::Happens), (10, What::Crashes), (20, What::Happens)]);
    assert!(views(&run, 0, 100).is_empty());
    let events = events(&Excerpt::of("x", &run));
    let names: BTreeSet<&str> =
        events.iter().filter_map(|it| it["args"]["name"].as_str()).collect();
    assert_eq!(names, BTreeSet::from(["clients", "r2", "replicas"]));
}

#[test]
fn the_plan_is_told_and_who_is_faulty_stands_on_its_lane() {
    let transcript = twins();
    let faulty = [(NodeId(0), "twin".to_owned())];
    let of = Excerpt::of("x", transcript.chronicle().unwrap());
    let told = chrome(&Excerpt { plan: "two\nlines", faulty: &faulty, ..of });
    let trace: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(trace["otherData"]["plan"], serde_json::json!(["two", "lines"]));
    assert_eq!(trace["otherData"]["faulty"], serde_json::json!({ "r0": "twin" }));
    let events = trace["traceEvents"].as_array().unwrap();
    let names: BTreeSet<&str> =
        events.iter().filter_map(|it| it["args"]["name"].as_str()).collect();
    assert!(["r0 (twin)", "r0' (copy)", "r0 (twin) view"].iter().all(|it| names.contains(it)));
    let copy = events.iter().find(|event| event["args"]["name"] == "r0' (copy)").unwrap();
    assert!(slices(events)[&track(copy)].len() > 20, "the copy acts on a lane of its own");
}
