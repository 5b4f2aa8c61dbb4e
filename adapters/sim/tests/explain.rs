//! A run that is told in other forms can be read by the tools that these are for.

use quorate::Principal;
use quorate_sim::Sweep;
use quorate_sim::chronicle::What;
use quorate_sim::explain::{Excerpt, SHIVIZ_REGEX, chrome, html, mermaid, shiviz, text};
use quorate_sim::generals::{Campaign, Mishap, Protocol};
use quorate_sim::pbft::Cluster;
use quorate_sim::script::{Played, Script};
use quorate_sim::twins::{self, ROUNDS, Scenario, Setting};
use quorate_sim::{Faults, Plan};
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

fn played() -> Played {
    let played = Script::read("story.txt", STORY).unwrap().play();
    assert!(played.kept(), "{:?}", played.outcomes);
    played
}

/// Seeds with all that chance has to offer.
fn drawn(seed: u64) -> Cluster {
    let mut cluster = Cluster::new(Plan::draw(seed, Some(4), true), true);
    cluster.run().unwrap();
    cluster
}

/// Calls `each` with all of several runs, briefly, in full, and in part.
fn for_each(each: impl Fn(&Excerpt<'_>)) {
    let twins = Scenario { twins: 1, rounds: [Setting { leader: 0, sides: 0b1110 }; ROUNDS] };
    let twins = (twins.plan(), twins::play(&twins, true).transcript);
    let seed = |seed| {
        let cluster = drawn(seed);
        (cluster.plan().clone(), cluster.into_transcript())
    };
    let runs = [seed(3), seed(5), twins];
    let runs = runs.map(|(plan, transcript)| (plan.to_string(), plan.marks(), transcript));
    let Played { plan, faulty, transcript, .. } = played();
    for (plan, faulty, transcript) in [(plan, faulty, transcript)].into_iter().chain(runs) {
        assert!(!faulty.is_empty(), "{plan}");
        let chronicle = transcript.chronicle().unwrap();
        let part = quorate::Instant::from_micros(300_000);
        for (all, from) in [(false, quorate::Instant::ZERO), (true, part)] {
            let of = Excerpt::of("a <run>; \"told\"", chronicle);
            each(&Excerpt { all, from, plan: &plan, faulty: &faulty, ..of });
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
            let to = match sending.what {
                What::Lies { to, .. } => Some(to),
                What::Sends { to, .. } => to,
                _ => None,
            };
            assert!(to.is_none() || to == entry.who, "{} was sent to {to:?}", entry.text);
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
fn what_waited_for_a_general_that_stood_still_has_its_sending() {
    for protocol in [Protocol::King, Protocol::Lockstep] {
        let faults = Faults::Swarm;
        let campaign = Campaign { faults, ..Campaign::new(protocol, 1, 1) };
        let mut waited = 0;
        for seed in 1..120 {
            let mishaps = campaign.plan(seed).mishaps;
            let until = mishaps.into_iter().find_map(|(node, mishap)| match mishap {
                Mishap::Frozen(_, until) => Some((Some(Principal::Node(node)), until)),
                _ => None,
            });
            let Some(until) = until else { continue };
            let transcript = campaign.run_seed(seed, true).transcript;
            for entry in transcript.chronicle().unwrap().entries() {
                let What::Receives { sent, .. } = entry.what else { continue };
                assert!(sent.is_some(), "seed {seed}: {}", entry.text);
                waited += usize::from((entry.who, entry.at) == until);
            }
        }
        assert!(waited > 5, "{waited} frames waited");
    }
}

#[test]
fn the_text_has_a_line_for_each_event_in_order() {
    for_each(|excerpt| {
        let told = text(excerpt);
        let plan = told.lines().take_while(|line| line.starts_with("# ")).count();
        assert_eq!(plan, 1 + excerpt.plan.lines().count() + 1);
        let (node, mark) = &excerpt.faulty[0];
        assert!(told.lines().nth(plan - 1).unwrap().contains(&format!("r{} ({mark})", node.0)));
        let told = told.lines().skip(plan);
        assert_eq!(told.clone().count(), excerpt.entries().count());
        let time = |line: &str| line.trim_start().split(' ').next().unwrap().parse::<f64>();
        let times: Vec<f64> = told.map(|line| time(line).unwrap()).collect();
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
            let one = line.replace("<br/>", "");
            assert!(!one.contains(['<', '"']), "{line}");
            if let Some(who) =
                line.strip_prefix("participant ").or_else(|| line.strip_prefix("actor "))
            {
                let (who, label) = who.split_once(" as ").unwrap();
                assert!(label.starts_with(who) || label.starts_with("r0#39;"), "{line}");
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
                Some(who) => who.split(',').collect(),
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
    let played = played();
    let excerpt = Excerpt::of("x", played.transcript.chronicle().unwrap());
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
        assert!(page.contains("features: ") && page.contains("class=\"head faulty\""));
    });
}

/// The value of an attribute of the first tag in some markup.
fn attribute<'m>(markup: &'m str, name: &str) -> Option<&'m str> {
    let tag = markup.split_once('>')?.0;
    Some(tag.split_once(&format!(" {name}=\""))?.1.split_once('"')?.0)
}

#[test]
fn all_texts_of_a_page_are_within_it_and_arrows_begin_in_the_rows_of_their_sendings() {
    for_each(|excerpt| {
        let page = html(excerpt).unwrap();
        let chart = page.split_once(" id=\"chart\"").unwrap().1;
        let number = |text: &str| text.parse::<usize>().unwrap();
        let width = number(attribute(chart, "width").unwrap());
        let sticky = page.split_once("<div class=\"head-row\"").unwrap().1;
        let heads = sticky.split_once("</div>").unwrap().0;
        assert_eq!(heads.matches("<text class=\"head").count(), excerpt.lanes().len());
        let entries: Vec<_> = excerpt.entries().collect();
        let rows: Vec<&str> = chart.split("<g data-kind").skip(1).collect();
        let mut arrows = 0;
        for (row, group) in rows.iter().enumerate() {
            for text in group.split("<text").skip(1) {
                let said = text.split_once('>').unwrap().1.split_once('<').unwrap().0;
                let letters = said.chars().count();
                let x = number(attribute(text, "x").unwrap());
                assert!(x + 7 * letters <= width, "{said} ends outside of {width}");
            }
            let Some((_, line)) = group.split_once("<line class=\"message\"") else { continue };
            let Some(from) = attribute(line, "data-from").map(number) else { continue };
            let What::Receives { sent, .. } = entries[row].1.what else { panic!("{line}") };
            assert_eq!(Some(entries[from].0), sent);
            let rise = attribute(line, "y1").unwrap().trim_start_matches('-');
            assert_eq!(number(rise), 16 * (row - from));
            arrows += 1;
        }
        assert!(arrows > 20);
    });
}

#[test]
fn a_page_with_too_many_events_says_what_to_do() {
    let mut chronicle = quorate_sim::chronicle::Chronicle::default();
    let played = played();
    let entries = played.transcript.chronicle().unwrap().entries();
    for entry in entries.iter().cycle().take(60_000) {
        chronicle.enter(entry.clone());
    }
    let problem = html(&Excerpt::of("x", &chronicle)).unwrap_err();
    assert!(problem.contains("from when until when"), "{problem}");
}

#[test]
fn vector_clocks_rise_and_no_arrival_is_before_its_sending() {
    assert_eq!(SHIVIZ_REGEX, r"(?<host>\S*) (?<clock>{.*})\n(?<event>.*)");
    for_each(|excerpt| {
        let log = shiviz(excerpt);
        // The plan is told by a host of its own.
        let lines = 2 * (1 + excerpt.plan.lines().count() + 1);
        let (plan, lines): (Vec<_>, Vec<_>) =
            log.lines().enumerate().partition(|(line, _)| *line < lines);
        assert!(plan.iter().step_by(2).all(|(_, line)| line.starts_with("plan {\"plan\":")));
        let lines: Vec<&str> = lines.into_iter().map(|(_, line)| line).collect();
        let (node, mark) = &excerpt.faulty[0];
        let mark = mark.replace(", ", ",").replace(' ', "-");
        assert!(lines.iter().any(|it| it.contains(&format!("\"r{}({mark})\":", node.0))));
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
    let played = played();
    let chronicle = played.transcript.chronicle().unwrap();
    let all = Excerpt::of("x", chronicle);
    let from = quorate::Instant::from_micros(100_000);
    let part = Excerpt { from, ..all };
    assert!(part.entries().count() < all.entries().count());
    assert!(part.entries().all(|(_, entry)| entry.at >= from));
    assert!(!shiviz(&part).is_empty() && !chrome(&part).is_empty() && !mermaid(&part).is_empty());
}
