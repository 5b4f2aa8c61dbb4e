//! All scripts: what they expect is kept, and their transcripts are what they were.

use quorate_sim::script::{Script, golden};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The names of all scripts, and their texts.
fn scripts() -> Vec<(String, String)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("scripts");
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files = entries.filter(|path| path.extension().is_some_and(|ending| ending == "txt"));
    let name = |path: &PathBuf| path.file_stem().unwrap().to_string_lossy().into_owned();
    let mut all: Vec<_> =
        files.map(|path| (name(&path), fs::read_to_string(path).unwrap())).collect();
    all.sort();
    all
}

fn kept(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("scripts/golden");
    folder.join(format!("{name}.txt"))
}

#[test]
fn every_script_keeps_what_it_expects_and_its_transcript() {
    let mut failures = Vec::new();
    for (name, text) in scripts() {
        let script = match Script::read(&format!("{name}.txt"), &text) {
            Ok(script) => script,
            Err(problem) => {
                failures.push(problem.to_string());
                continue;
            }
        };
        let played = script.play();
        for outcome in &played.outcomes {
            if let Some(what) = &outcome.broken {
                failures.push(format!("{name}.txt:{}: {}: {what}", outcome.line, outcome.text));
            }
        }
        let before = fs::read_to_string(kept(&name)).unwrap_or_default();
        if golden(&played) != before {
            failures.push(format!(
                "{name}.txt: another transcript than before; if that is meant: cargo run -p \
                 quorate-sim -- script --bless adapters/sim/scripts/{name}.txt"
            ));
        }
    }
    let (count, list) = (failures.len(), failures.join("\n"));
    assert!(failures.is_empty(), "{count} failures:\n{list}");
}

#[test]
fn there_is_a_transcript_for_every_script_and_no_other() {
    let scripts: Vec<String> = scripts().into_iter().map(|(name, _)| name).collect();
    let folder = kept("x").parent().unwrap().to_owned();
    let mut transcripts: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    transcripts.sort();
    assert_eq!(scripts, transcripts);
}

#[test]
fn a_script_is_the_same_run_each_time() {
    let (name, text) = scripts().swap_remove(0);
    let script = Script::read(&name, &text).unwrap();
    assert_eq!(golden(&script.play()), golden(&script.play()));
}

/// The text of every source of Rust under a folder.
fn sources(folder: &Path, text: &mut String) {
    for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if path.is_dir() && !path.ends_with("target") {
            sources(&path, text);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            text.push_str(&fs::read_to_string(path).unwrap());
        }
    }
}

#[test]
fn every_script_and_test_that_the_list_names_is_there() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let list = fs::read_to_string(here.join("scripts/README.md")).unwrap();
    let mut text = String::new();
    ["../../core", ".."].iter().for_each(|folder| sources(&here.join(folder), &mut text));
    let rows = list.lines().filter(|line| line.starts_with("| "));
    let quoted = rows.flat_map(|row| row.split('`').skip(1).step_by(2));
    let names: BTreeSet<&str> = quoted.filter(|name| name.contains(['_', '.'])).collect();
    assert!(names.len() > 70, "{names:?}");
    for name in names {
        let there = match (name.strip_suffix(".txt"), name.strip_suffix('*')) {
            (Some(script), _) => scripts().iter().any(|(other, _)| other == script),
            (_, Some(begin)) => text.contains(&format!("#[test]\nfn {begin}")),
            _ => text.contains(&format!("fn {name}()")),
        };
        assert!(there, "{name} is in the list and nowhere else");
    }
}
