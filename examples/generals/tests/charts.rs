//! Charts are well formed, tell their arrows apart by more than colour, and need nobody.

mod support;

use quorate_generals::chart::{html, mermaid, svg};
use roxmltree::{Document, Node};
use std::collections::BTreeSet;
use support::{Run, fought};

/// All four kinds of messages, and words that look like markup.
const ALL_KINDS: &str = r#"
title = "<All> & \"every\" kind"
protocol = "om"
n = 4
m = 1
order = "<A&B>"
default = "R"
traitors = [3]

[[lie]]
from = 3
to = [1]
value = "]]>;end"

[[lie]]
from = 3
to = [2]
value = ""

[[lie]]
from = 3
to = [2]
value = "later"
path = [0, 3]
round = 3
"#;

fn svg_of(run: &Run) -> String {
    svg::chart(&run.scenario, &run.battle, &run.judgement).unwrap()
}

fn html_of(run: &Run) -> String {
    html::page(&run.scenario, &run.battle, &run.judgement).unwrap()
}

fn arrows<'d>(document: &'d Document<'_>, class: &str) -> Vec<Node<'d, 'd>> {
    let groups = document.descendants().filter(|node| node.attribute("class") == Some(class));
    let drawn = |node: &Node<'_, '_>| node.children().any(|child| child.has_tag_name("title"));
    groups.filter(drawn).collect()
}

fn child_text(group: Node<'_, '_>, tag: &str) -> String {
    let child = group.children().find(|child| child.has_tag_name(tag));
    child.and_then(|child| child.text()).unwrap_or_default().to_owned()
}

#[test]
fn each_kind_of_arrow_has_its_own_dashes_end_and_label() {
    let run = fought(ALL_KINDS);
    let chart = svg_of(&run);
    let document = Document::parse(&chart).unwrap();
    let (mut ends, mut labels) = (BTreeSet::new(), BTreeSet::new());
    for (class, count) in [("honest", 7), ("lie", 1), ("dropped", 1), ("late", 1)] {
        let groups = arrows(&document, class);
        assert_eq!(groups.len(), count, "{class}");
        let group = groups.last().unwrap();
        let tip = group.children().find(|it| it.attribute("class") == Some("tip")).unwrap();
        // The shape of an end: its commands, without the numbers.
        let shape: String =
            tip.attribute("d").unwrap().chars().filter(char::is_ascii_alphabetic).collect();
        assert!(ends.insert(shape), "{class} has an end of its own");
        let label = child_text(*group, "text");
        let word = label.split(':').next().unwrap().to_owned();
        assert!(labels.insert(word), "{class} has a label of its own: {label}");
    }
    let style = document.descendants().find(|node| node.has_tag_name("style")).unwrap();
    let style = style.text().unwrap();
    let dashes = ["lie", "dropped", "late"].map(|class| {
        let rule = format!(".{class} .shaft {{ stroke-dasharray: ");
        let at = style.find(&rule).unwrap_or_else(|| panic!("{class} is dashed")) + rule.len();
        style[at..].split(';').next().unwrap().trim_end_matches([' ', '}']).to_owned()
    });
    assert_eq!(dashes.iter().collect::<BTreeSet<_>>().len(), 3, "{dashes:?}");
    assert!(!style.contains(".honest .shaft { stroke-dasharray"), "honest arrows are solid");
}

#[test]
fn who_points_at_an_arrow_reads_its_path_and_value() {
    let run = fought(ALL_KINDS);
    let chart = svg_of(&run);
    let document = Document::parse(&chart).unwrap();
    let hover = |class: &str| child_text(arrows(&document, class)[0], "title");
    assert_eq!(hover("honest"), "honest: general 0 to general 1, path 0, value <A&B>");
    assert_eq!(
        hover("lie"),
        "lie: general 3 to general 1, path 0:3, value ]]>;end where a loyal general says <A&B>"
    );
    assert_eq!(
        hover("dropped"),
        "dropped: general 3 to general 2, path 0:3, value <A&B>: not sent"
    );
    let late = hover("late");
    assert!(late.starts_with("late: general 3 to general 2, path 0:3, value later, in addition"));
    assert!(late.contains("blames the sender, who spoke after the round had closed"), "{late}");
}

#[test]
fn there_is_a_lane_for_each_general_and_a_band_for_each_round() {
    let run = fought("protocol = \"king\"\nn = 7\nm = 2\norder = \"A\"\ntraitors = [1]\n");
    let chart = svg_of(&run);
    let document = Document::parse(&chart).unwrap();
    let of = |class: &str| {
        let all = document.descendants();
        all.filter(|node| node.attribute("class") == Some(class)).collect::<Vec<_>>()
    };
    let bands = of("band").len();
    assert_eq!(bands, usize::from(run.battle.rounds) + 1, "and one for the decisions");
    let lanes: BTreeSet<_> =
        of("lane").iter().map(|it| it.attribute("d").unwrap().split(' ').next()).collect();
    assert_eq!(lanes.len(), 6, "the traitor's lane looks different");
    assert_eq!(of("lane traitor").len(), bands);
}

#[test]
fn the_page_stands_alone_and_has_a_slider() {
    for text in [ALL_KINDS, "protocol = \"sm\"\nn = 4\nm = 1\norder = \"http\"\n"] {
        let run = fought(text);
        let page = html_of(&run);
        let document = Document::parse_with_options(
            &page,
            roxmltree::ParsingOptions { allow_dtd: true, ..Default::default() },
        )
        .unwrap();
        let named =
            |tag: &str| document.descendants().filter(|it| it.tag_name().name() == tag).count();
        let rounds: BTreeSet<u8> = run.battle.tellings.iter().map(|it| it.round).collect();
        assert_eq!(named("section"), rounds.len() + 1);
        let slider =
            document.descendants().find(|it| it.attribute("type") == Some("range")).unwrap();
        assert_eq!(slider.attribute("max"), Some(rounds.len().to_string().as_str()));
        assert_eq!(named("script"), 1);
        // Nothing is loaded from anywhere: names of namespaces are no references.
        for node in document.descendants() {
            for name in ["src", "href", "srcset", "data", "action", "poster"] {
                assert_eq!(node.attribute(name), None, "{:?}", node.tag_name());
            }
        }
        for reference in ["url(", "@import", "fetch(", "import ", "<link", "://cdn", "XMLHttp"] {
            assert!(!page.contains(reference), "{reference}");
        }
        assert_eq!(page.matches("://").count(), page.matches("xmlns=\"http://www.w3.org/").count());
    }
}

#[test]
fn a_mermaid_diagram_tells_the_kinds_apart_and_no_word_breaks_a_line() {
    let run = fought(ALL_KINDS);
    let diagram = mermaid::diagram(&run.scenario, &run.battle, &run.judgement).unwrap();
    assert!(diagram.starts_with("sequenceDiagram\n"));
    let count = |arrow: &str| diagram.lines().filter(|line| line.contains(arrow)).count();
    assert_eq!((count("-->>G"), count("-xG"), count("--)G")), (1, 1, 1));
    assert_eq!(count("->>G"), 8, "honest ones, and the lie");
    assert!(diagram.contains("#60;A#38;B#62;"), "{diagram}");
    assert!(diagram.contains("lie: #93;#93;#62;#59;end"), "{diagram}");
    let kinds =
        ["participant G", "Note over G", "G0->>G", "G1->>G", "G2->>G", "G3->>G", "G3--", "G3-x"];
    for line in diagram.lines().skip(1) {
        assert!(kinds.iter().any(|kind| line.trim_start().starts_with(kind)), "{line}");
        assert!(!line.contains(['<', '&']), "{line}");
    }
}

#[test]
fn many_messages_share_the_arrows_of_their_frames() {
    let text = "protocol = \"om\"\nn = 10\nm = 3\norder = \"A\"\ntraitors = [4]\n\
                [[lie]]\nfrom = 4\nto = [1]\nvalue = \"B\"\n";
    let run = fought(text);
    let chart = svg_of(&run);
    let document = Document::parse(&chart).unwrap();
    assert_eq!(arrows(&document, "honest").len(), 225 - 3);
    assert_eq!(arrows(&document, "lie").len(), 3);
    let hover = child_text(*arrows(&document, "lie").last().unwrap(), "title");
    assert_eq!(hover.lines().count(), 41, "40 of 42 and how many more");
    assert!(hover.ends_with("and 2 more"), "{hover}");
}
