//! What the tests share: a scenario fought out, and the program run to its end.

#![allow(dead_code, reason = "each test uses its part")]

use quorate::NodeId;
use quorate_generals::battle::{self, Battle, Fate, Kind, Telling};
use quorate_generals::judge::{Judgement, orders};
use quorate_generals::problem::Problem;
use quorate_generals::scenario::Scenario;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A scenario, and what came of it.
pub(crate) struct Run {
    pub(crate) scenario: Scenario,
    pub(crate) battle: Battle,
    pub(crate) judgement: Judgement,
}

impl Run {
    /// What the general obeys: one order, or with a vector several.
    pub(crate) fn obeys(&self, id: u8) -> String {
        let words = orders(&self.scenario, &self.battle, NodeId(id));
        words.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
    }

    /// The messages of one way, in the order of sending, with what became of each.
    pub(crate) fn told(&self, route: &str, to: u8) -> Vec<(String, Kind, Fate)> {
        let found = self
            .battle
            .tellings
            .iter()
            .filter(|it| it.to == NodeId(to) && quorate_generals::names::route(it) == route);
        let one = |it: &Telling| (it.utterance.said.to_string(), it.kind, self.battle.fate(it));
        found.map(one).collect()
    }

    /// Who blames whom for what.
    pub(crate) fn blames(&self) -> Vec<(u8, u8, String)> {
        let all = self.battle.accusations.iter();
        all.map(|it| (it.by.0, it.node.0, format!("{:?}", it.fault))).collect()
    }
}

/// Reads a scenario and fights it out.
pub(crate) fn tried(text: &str) -> Result<Run, Problem> {
    let scenario = Scenario::from_toml("test", text)?;
    let battle = battle::fight(&scenario)?;
    let judgement = Judgement::of(&scenario, &battle);
    Ok(Run { scenario, battle, judgement })
}

/// The same for a scenario that works.
pub(crate) fn fought(text: &str) -> Run {
    tried(text).unwrap_or_else(|problem| panic!("{problem}\n{text}"))
}

/// The files of this package's scenarios, in order of their names.
pub(crate) fn scenario_files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let entries = std::fs::read_dir(folder).expect("the folder is there");
    let mut files: Vec<_> = entries.map(|entry| entry.expect("readable").path()).collect();
    files.sort();
    files
}

/// One of them by its name.
pub(crate) fn scenario_file(name: &str) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios").join(name);
    file.to_str().expect("a path of text").to_owned()
}

/// Runs the program to its end.
pub(crate) fn run(arguments: &[&str]) -> Output {
    let program = env!("CARGO_BIN_EXE_generals");
    let output = Command::new(program).args(arguments).stdin(Stdio::null()).output();
    output.expect("the program runs")
}

/// What it prints, if it ends well.
pub(crate) fn printed(arguments: &[&str]) -> String {
    let output = run(arguments);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {said}");
    assert_eq!(said, "", "{arguments:?}");
    String::from_utf8(output.stdout).expect("text")
}

/// Its exit code and what it complains of.
pub(crate) fn complaint(arguments: &[&str]) -> (Option<i32>, String) {
    let output = run(arguments);
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}
