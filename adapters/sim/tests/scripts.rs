//! All scripts: what they expect is kept, and their transcripts are what they were.

use quorate_sim::canaries::{CANARIES, claims};
use quorate_sim::script::{Script, golden};
use std::collections::{BTreeMap, BTreeSet};
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

/// The sources of Rust under a folder, with the path of each from the root.
fn sources(root: &Path, folder: &str, all: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(root.join(folder)).unwrap().map(|entry| entry.unwrap()) {
        let path = format!("{folder}/{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() && !path.ends_with("/target") {
            sources(root, &path, all);
        } else if path.ends_with(".rs") {
            all.insert(path, fs::read_to_string(entry.path()).unwrap());
        }
    }
}

/// Whether a test of this name stands in a source; one that ends with `*` stands for all that
/// begin so.
fn has_test(source: &str, name: &str) -> bool {
    match name.strip_suffix('*') {
        Some(begin) => source.contains(&format!("#[test]\nfn {begin}")),
        None => source.contains(&format!("fn {name}()")),
    }
}

/// The files that a row names, outside of quotes: `core/tests/pbft/limits.rs`.
fn files(row: &str) -> Vec<&str> {
    let plain = row.split('`').step_by(2).flat_map(str::split_whitespace);
    let files = plain.map(|word| word.trim_end_matches([';', ',', ':', '.']));
    files.filter(|word| word.contains('/') && word.contains('.')).collect()
}

#[test]
fn every_script_and_test_that_the_list_names_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let list = fs::read_to_string(root.join("adapters/sim/scripts/README.md")).unwrap();
    let mut all = BTreeMap::new();
    ["core", "adapters"].iter().for_each(|folder| sources(&root, folder, &mut all));
    let scripts: BTreeSet<String> = scripts().into_iter().map(|(name, _)| name + ".txt").collect();
    let canaries: BTreeSet<&str> = CANARIES.iter().map(|canary| canary.name).collect();
    let (mut checked, mut last) = (0, Vec::new());
    for row in list.lines().filter(|line| line.starts_with("| ")) {
        let mut named = files(row);
        for file in &named {
            assert!(root.join(file).is_file(), "{file} is in the list and nowhere else: {row}");
        }
        named.retain(|file| file.ends_with(".rs"));
        if row.contains("the same file") {
            named.append(&mut last);
        }
        for name in row.split('`').skip(1).step_by(2).filter(|name| name.contains(['_', '.'])) {
            let there = scripts.contains(name)
                || canaries.contains(name)
                || if named.is_empty() {
                    all.values().any(|source| has_test(source, name))
                } else {
                    named.iter().any(|file| has_test(&all[*file], name))
                };
            assert!(there, "{name} is not where the list says: {row}");
            checked += 1;
        }
        last = named;
    }
    assert!(checked > 150, "{checked} names");
}

#[test]
fn what_the_list_says_of_canaries_is_about_scripts_and_canaries_that_there_are() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let claims = claims(&fs::read_to_string(here.join("scripts/README.md")).unwrap());
    let scripts: BTreeSet<String> = scripts().into_iter().map(|(name, _)| name + ".txt").collect();
    for (canary, named) in &claims {
        assert!(CANARIES.iter().any(|known| known.name == canary), "there is no {canary}");
        assert!(!named.is_empty(), "{canary} stands in a row without a script");
        assert!(named.iter().all(|script| scripts.contains(script)), "{canary}: {named:?}");
    }
    assert!(claims.len() > 30, "{claims:?}");
}
