//! What README.md shows works.

mod support;

use std::fs;
use std::path::Path;
use support::{printed, tried};

fn readme() -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    fs::read_to_string(file).unwrap()
}

/// The blocks of this language.
fn blocks(text: &str, language: &str) -> Vec<String> {
    let mut found = Vec::new();
    for block in text.split(&format!("```{language}\n")).skip(1) {
        found.push(block.split("```").next().unwrap().to_owned());
    }
    found
}

#[test]
fn the_scenario_comes_out_as_it_expects() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("readme.toml");
    let blocks = blocks(&readme(), "toml");
    fs::write(&file, &blocks[0]).unwrap();
    let text = printed(&["run", file.to_str().unwrap()]);
    assert!(text.contains("All of that is as the scenario expects."), "{text}");
}

#[test]
fn each_lie_is_one() {
    let blocks = blocks(&readme(), "toml");
    let lies: Vec<_> = blocks[1].split("[[lie]]").skip(1).collect();
    assert_eq!(lies.len(), 4);
    for (lie, scenario) in lies.iter().zip([
        "protocol = \"sm\"\nn = 4\nm = 1\norder = \"A\"\ntraitors = [3]\n",
        "protocol = \"sm\"\nn = 4\nm = 2\norder = \"A\"\ntraitors = [0, 1]\n",
        "protocol = \"king\"\nn = 4\nm = 1\norder = \"A\"\ntraitors = [3]\n",
        "protocol = \"vector\"\nn = 4\nm = 1\norder = \"A\"\ntraitors = [1]\n",
    ]) {
        let run = tried(&format!("{scenario}[[lie]]{lie}")).unwrap();
        let [_, lies, dropped, late] = run.battle.counts;
        assert!(lies + dropped + late > 0, "{lie}");
    }
}

#[test]
fn the_commands_run() {
    let text = readme();
    let commands = text.lines().filter_map(|line| line.strip_prefix("generals "));
    let dir = tempfile::tempdir().unwrap();
    let mut count = 0;
    for command in commands {
        let folder = format!("{}/scenarios/", env!("CARGO_MANIFEST_DIR"));
        let chart = dir.path().join("chart.html").display().to_string();
        let words: Vec<String> = command
            .split_whitespace()
            .map(|word| word.replace("scenarios/", &folder).replace("chart.html", &chart))
            .collect();
        printed(&words.iter().map(String::as_str).collect::<Vec<_>>());
        count += 1;
    }
    assert_eq!(count, 6);
}

#[test]
fn every_key_is_described() {
    let text = readme();
    for key in [
        "protocol",
        "over",
        "n",
        "m",
        "commander",
        "order",
        "orders",
        "default",
        "traitors",
        "unchecked",
        "from",
        "to",
        "value",
        "path",
        "round",
        "signers",
        "replay_of",
        "claims",
        "decisions",
        "ic1",
        "ic2",
        "messages",
        "frames",
        "rounds",
        "accusations",
        "no_other_accusations",
    ] {
        let described = [format!("`{key}`"), format!("\n{key} = "), format!("\n# {key} = ")];
        assert!(described.iter().any(|form| text.contains(form)), "{key}");
    }
}
