//! Every scenario file comes out as it says itself, and can be drawn.

mod support;

use quorate_generals::battle;
use quorate_generals::chart::{html, mermaid, svg};
use quorate_generals::expectation::differences;
use quorate_generals::judge::Judgement;
use quorate_generals::scenario::{Protocol, Scenario};
use std::fs;
use support::scenario_files;

#[test]
fn all_come_out_as_expected() {
    let files = scenario_files();
    assert!(files.len() >= 50, "{} files", files.len());
    for file in files {
        let name = file.display().to_string();
        let text = fs::read_to_string(&file).unwrap();
        let scenario = Scenario::from_toml(&name, &text).unwrap();
        assert!(scenario.title.is_some() && scenario.about.is_some(), "{name} says what it shows");
        let expect = scenario.expect.as_ref().expect("an expectation");
        let loyal = scenario.n - scenario.traitors.len();
        let judged = if expect.decisions.len() < loyal { loyal - 1 } else { loyal };
        assert!(expect.decisions.len() >= judged, "{name} says what every lieutenant decides");
        assert!(expect.ic1.is_some() && expect.ic2.is_some(), "{name}");
        let battle = battle::fight(&scenario).unwrap();
        let judgement = Judgement::of(&scenario, &battle);
        assert_eq!(differences(&scenario, &battle, &judgement), [""; 0], "{name}");
        assert!(!judgement.is_broken_promise(), "{name}");
        assert_eq!(battle.idle, [0; 0], "{name}: lies that found no place");
    }
}

#[test]
fn all_protocols_are_among_them_also_beyond_their_bound() {
    let read = |file: &std::path::PathBuf| {
        Scenario::from_toml("file", &fs::read_to_string(file).unwrap()).unwrap()
    };
    let all: Vec<Scenario> = scenario_files().iter().map(read).collect();
    for name in ["om", "sm", "king", "vector"] {
        assert!(all.iter().filter(|it| it.protocol.name() == name).count() > 3, "{name}");
    }
    let broken = all.iter().filter(|it| it.expect.as_ref().unwrap().ic2 == Some(false));
    assert!(broken.count() >= 4, "the impossible is visible");
    assert!(all.iter().any(|it| matches!(it.protocol, Protocol::Vector(_)) && it.unchecked));
}

#[test]
fn all_can_be_drawn_in_every_way() {
    for file in scenario_files() {
        let text = fs::read_to_string(&file).unwrap();
        let scenario = Scenario::from_toml("file", &text).unwrap();
        let battle = battle::fight(&scenario).unwrap();
        let judgement = Judgement::of(&scenario, &battle);
        let chart = svg::chart(&scenario, &battle, &judgement).unwrap();
        let chart = roxmltree::Document::parse(&chart).unwrap();
        let arrows = chart.descendants().filter(|node| node.has_tag_name("title")).count();
        let drawn = chart.descendants().filter(|node| node.attribute("class") == Some("hit"));
        assert_eq!(arrows, battle.tellings.len(), "{}", file.display());
        assert_eq!(drawn.count(), arrows);
        html::page(&scenario, &battle, &judgement).unwrap();
        let diagram = mermaid::diagram(&scenario, &battle, &judgement).unwrap();
        let lines = diagram.lines().filter(|line| line.contains(">>") || line.contains("-x"));
        assert!(lines.count() + 10 >= arrows, "{}", file.display());
    }
}
