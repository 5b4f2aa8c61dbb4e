//! A run that is told in other forms can be read by the tools that these are for.

use quorate_sim::Plan;
use quorate_sim::chronicle::What;
use quorate_sim::explain::{Excerpt, SHIVIZ_REGEX, chrome, html, mermaid, shiviz, text};
use quorate_sim::pbft::Cluster;
use quorate_sim::script::Script;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// A run with lies, losses, a crash and a view change.
const STORY: &str = r#"# A <run> of "all" kinds: lies; losses.
cluster of 4, 2 clients, timeout 500ms
lose PREPARE from r1 to r2
traitor r3 says COMMIT with another digest to r1
traitor r3 drops PREPARE to r2
client 0 asks "A"
after 100ms heal
traitor r3 stops lying
crash r0
client 1 asks "B"
expect client 1 has 1 reply by 5s
restart r0
expect history "A" "B" on r0 by 8s
"#;

fn played() -> Cluster {
    let played = Script::read("story.txt", STORY).unwrap().play();
    assert!(played.kept(), "{:?}", played.outcomes);
    played.cluster
}

/// Seeds with all that chance has to offer.
fn drawn(seed: u64) -> Cluster {
    let mut cluster = Cluster::new(Plan::draw(seed, Some(4), true), true);
    cluster.run().unwrap();
    cluster
}

/// Calls `each` with all of several runs, briefly and in full.
fn for_each(each: impl Fn(&Excerpt<'_>)) {
    for cluster in [played(), drawn(3), drawn(5)] {
        let chronicle = cluster.transcript().chronicle().unwrap();
        for all in [false, true] {
            each(&Excerpt { all, ..Excerpt::of("a <run>; \"told\"", chronicle) });
        }
    }
}

#[test]
fn every_arrival_has_its_sending_by_the_same_sender_and_before_it() {
    for_each(|excerpt| {
        let entries = excerpt.chronicle.entries();
        for entry in entries {
            let What::Receives { from, kind, sent } = &entry.what else { continue };
            let sending = &entries[sent.expect("somebody sent it")];
            assert_eq!(sending.who, Some(*from));
            assert!(sending.at <= entry.at);
            match &sending.what {
                What::Sends { kind: sent, .. } | What::Lies { kind: sent, .. } => {
                    assert_eq!(sent, kind, "{}", entry.text);
                }
                other => panic!("{other:?} is no sending"),
            }
        }
    });
}

#[test]
fn the_text_has_a_line_for_each_event_in_order() {
    for_each(|excerpt| {
        let told = text(excerpt);
        assert_eq!(told.lines().count(), excerpt.entries().count());
        let time = |line: &str| line.trim_start().split(' ').next().unwrap().parse::<f64>();
        let times: Vec<f64> = told.lines().map(|line| time(line).unwrap()).collect();
        assert!(times.is_sorted());
    });
}

#[test]
fn mermaid_lines_are_well_formed() {
    for_each(|excerpt| {
        let diagram = mermaid(excerpt);
        let mut lines = diagram.lines();
        assert_eq!(lines.next(), Some("sequenceDiagram"));
        let mut known = BTreeSet::new();
        for line in lines {
            let line = line.trim_start();
            assert!(!line.contains(['<', '"']), "{line}");
            if let Some(who) =
                line.strip_prefix("participant ").or_else(|| line.strip_prefix("actor "))
            {
                known.insert(who.to_owned());
                continue;
            }
            if line.starts_with("title ") {
                continue;
            }
            let (before, said) = line.split_once(": ").expect(line);
            assert!(!said.is_empty());
            // A `;` ends a statement, unless it ends a character by number.
            let semicolons = said.matches(';').count();
            assert_eq!(semicolons, said.matches('#').count(), "{line}");
            let ends: Vec<&str> = match before.strip_prefix("Note over ") {
                Some(who) => vec![who],
                None => match before.strip_prefix("Note right of ") {
                    Some(who) => vec![who],
                    None => {
                        let arrow = ["-->>", "->>", "-x"].iter().find(|it| before.contains(**it));
                        before.split(arrow.expect(line)).collect()
                    }
                },
            };
            assert!(ends.iter().all(|who| known.contains(*who)), "{line}");
        }
    });
    let cluster = played();
    let excerpt = Excerpt::of("x", cluster.transcript().chronicle().unwrap());
    let diagram = mermaid(&excerpt);
    assert!(diagram.contains("    r0->>r1: PRE-PREPARE v0 s1"), "{diagram}");
    assert!(diagram.contains("    r3-->>r1: COMMIT v0 s1"), "a lie is told from the truth");
    assert!(diagram.contains("r1: ENTERS view 1"));
}

#[test]
fn the_page_is_well_formed_and_refers_to_nothing_outside_of_itself() {
    for_each(|excerpt| {
        let page = html(excerpt).unwrap();
        let mut open = Vec::new();
        let body = page.strip_prefix("<!DOCTYPE html>\n").unwrap();
        for tag in body.split('<').skip(1) {
            let (tag, text) = tag.split_once('>').expect("a tag ends");
            assert!(!text.contains('>') || open.last() == Some(&"script"), "{text}");
            if let Some(name) = tag.strip_prefix('/') {
                assert_eq!(open.pop(), Some(name));
            } else if !tag.ends_with('/') {
                open.push(tag.split(' ').next().unwrap());
            }
        }
        assert_eq!(open, Vec::<&str>::new());
        assert!(!page.contains("src=") && !page.contains("href="));
        let rows = page.matches("<g data-kind").count();
        assert_eq!(rows, excerpt.entries().count());
    });
}

#[test]
fn a_page_with_too_many_events_says_what_to_do() {
    let mut chronicle = quorate_sim::chronicle::Chronicle::default();
    let cluster = played();
    let entries = cluster.transcript().chronicle().unwrap().entries();
    for entry in entries.iter().cycle().take(60_000) {
        chronicle.enter(entry.clone());
    }
    let problem = html(&Excerpt::of("x", &chronicle)).unwrap_err();
    assert!(problem.contains("from when until when"), "{problem}");
}

#[test]
fn the_trace_has_the_fields_of_trace_events() {
    for_each(|excerpt| {
        let trace: Value = serde_json::from_str(&chrome(excerpt)).unwrap();
        let events = trace["traceEvents"].as_array().unwrap();
        let mut flows: BTreeMap<u64, (u64, bool)> = BTreeMap::new();
        let mut slices: BTreeMap<(u64, u64, u64), u64> = BTreeMap::new();
        for event in events {
            assert!(event["name"].is_string() && event["pid"].is_u64() && event["tid"].is_u64());
            let ts = || event["ts"].as_u64().unwrap();
            match event["ph"].as_str().unwrap() {
                "M" => assert!(event["args"]["name"].is_string()),
                "X" => {
                    let track = |field: &str| event[field].as_u64().unwrap();
                    let duration = event["dur"].as_u64().unwrap();
                    assert!(duration > 0);
                    slices.insert((track("pid"), track("tid"), ts()), duration);
                }
                "s" => {
                    flows.insert(event["id"].as_u64().unwrap(), (ts(), false));
                }
                "f" => {
                    assert_eq!(event["bp"], "e");
                    let (begun, ended) = flows.get_mut(&event["id"].as_u64().unwrap()).unwrap();
                    assert!(*begun <= ts() && !*ended, "a flow ends once, after it began");
                    *ended = true;
                }
                other => panic!("{other} is no phase that is used here"),
            }
        }
        assert!(flows.len() > 20 && flows.values().all(|(_, ended)| *ended));
        for event in events.iter().filter(|event| event["ph"] == "f") {
            let field = |name: &str| event[name].as_u64().unwrap();
            assert!(slices.contains_key(&(field("pid"), field("tid"), field("ts"))));
        }
    });
}

#[test]
fn vector_clocks_rise_and_no_arrival_is_before_its_sending() {
    assert_eq!(SHIVIZ_REGEX, r"(?<host>\S*) (?<clock>{.*})\n(?<event>.*)");
    for_each(|excerpt| {
        let log = shiviz(excerpt);
        let lines: Vec<&str> = log.lines().collect();
        let mut clocks = Vec::new();
        let mut last: BTreeMap<String, BTreeMap<String, u64>> = BTreeMap::new();
        for event in lines.chunks(2) {
            let [first, what] = event else { panic!("each event has two lines") };
            let (host, clock) = first.split_once(' ').unwrap();
            assert!(!host.is_empty() && clock.starts_with('{') && clock.ends_with('}'));
            assert!(!what.is_empty());
            let clock: BTreeMap<String, u64> = serde_json::from_str(clock).unwrap();
            let before = last.insert(host.to_owned(), clock.clone()).unwrap_or_default();
            assert_eq!(clock[host], before.get(host).unwrap_or(&0) + 1, "{first}");
            assert!(before.iter().all(|(who, count)| clock[who] >= *count), "{first}");
            // Nobody knows more of another than that has done.
            let done = |who: &String| last.get(who).map_or(0, |clock| clock[who]);
            assert!(clock.iter().all(|(who, count)| *count <= done(who)), "{first}");
            clocks.push(clock);
        }
        let told = excerpt.entries().filter(|(_, entry)| entry.who.is_some());
        let places: BTreeMap<usize, usize> =
            told.enumerate().map(|(order, (at, _))| (at, order)).collect();
        assert_eq!(places.len(), clocks.len());
        let mut arrivals = 0;
        for (at, order) in &places {
            let What::Receives { sent: Some(sent), .. } = &excerpt.chronicle.entries()[*at].what
            else {
                continue;
            };
            let Some(sending) = places.get(sent) else { continue };
            let (then, now) = (&clocks[*sending], &clocks[*order]);
            assert!(then.iter().all(|(who, count)| now[who] >= *count));
            arrivals += 1;
        }
        assert!(arrivals > 20);
    });
}

#[test]
fn a_part_of_a_run_can_be_told() {
    let cluster = played();
    let chronicle = cluster.transcript().chronicle().unwrap();
    let all = Excerpt::of("x", chronicle);
    let from = quorate::Instant::from_micros(100_000);
    let part = Excerpt { from, ..all };
    assert!(part.entries().count() < all.entries().count());
    assert!(part.entries().all(|(_, entry)| entry.at >= from));
    assert!(!shiviz(&part).is_empty() && !chrome(&part).is_empty() && !mermaid(&part).is_empty());
}
