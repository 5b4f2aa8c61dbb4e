//! The list of canaries and the conditions in the core are the same ones.

use quorate_sim::canaries::{CANARIES, Check};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The names in every `canary!("name")` under a folder, and whether `const` stands before each.
fn planted(folder: &Path, names: &mut Vec<(String, bool)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            planted(&path, names);
        } else {
            let text = fs::read_to_string(&path).unwrap();
            let names_of = |begin: &str, alone: bool| -> Vec<(String, bool)> {
                let rest = text.split(begin).skip(1);
                let found = rest.filter_map(|rest| rest.split('"').next());
                found.map(|name| (name.to_owned(), alone)).collect()
            };
            names.extend(names_of("canary!(\"", false));
            names.extend(names_of("canary!(const \"", true));
        }
    }
}

#[test]
fn every_bug_that_can_be_planted_is_listed_once_and_no_other() {
    let mut names = Vec::new();
    planted(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../core/src"), &mut names);
    let each = CANARIES.iter().map(|canary| (canary.name.to_owned(), canary.alone));
    let listed: BTreeSet<_> = each.collect();
    let distinct: BTreeSet<_> = CANARIES.iter().map(|canary| canary.name).collect();
    assert_eq!(distinct.len(), CANARIES.len(), "a name is listed twice");
    assert_eq!(names.iter().cloned().collect::<BTreeSet<_>>(), listed);
    assert!(listed.len() >= 28);
}

#[test]
fn every_listed_check_has_its_target() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../core/tests");
    for target in Check::TARGETS.into_iter().filter(|target| !target.is_empty()) {
        let file = tests.join(format!("{target}.rs")).is_file();
        assert!(file || tests.join(target).join("main.rs").is_file(), "{target}");
    }
    for canary in CANARIES {
        if let Check::Tests { target, filter } = canary.check {
            assert!(Check::TARGETS.contains(&target), "{}: {target}", canary.name);
            let target = if target.is_empty() { Path::new("../src") } else { Path::new(target) };
            assert!(has_tests(&tests.join(target), filter), "{}: {filter}", canary.name);
        }
    }
}

/// Whether a file with tests lies where the modules of a filter are, or a test in the last but one
/// begins with the last.
fn has_tests(target: &Path, filter: &str) -> bool {
    let (modules, test) = filter.rsplit_once("::").unwrap_or(("", filter));
    any_file_has(&folder(target, filter), "#[test]")
        || any_file_has(&folder(target, modules), &format!("#[test]\nfn {test}"))
}

fn folder(target: &Path, modules: &str) -> PathBuf {
    let modules = modules.split("::").filter(|module| !module.is_empty());
    modules.fold(target.to_path_buf(), |folder, module| folder.join(module))
}

/// Whether a text is in the file of a module or in those beside it.
fn any_file_has(module: &Path, text: &str) -> bool {
    let files = fs::read_dir(module).into_iter().flatten().map(|entry| entry.unwrap().path());
    let mut files = files.chain([module.with_extension("rs")]);
    files.any(|file| fs::read_to_string(file).is_ok_and(|found| found.contains(text)))
}
