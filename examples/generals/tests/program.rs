//! The program, as a user starts it.

mod support;

use serde_json::Value;
use std::fs;
use std::process::{Command, Stdio};
use support::{complaint, printed, run, scenario_file, scenario_files};

fn object(arguments: &[&str]) -> Value {
    let text = printed(&[arguments, &["--json"]].concat());
    assert_eq!(text.lines().count(), 1, "one object and nothing else: {text}");
    serde_json::from_str(&text).expect("JSON")
}

#[test]
fn oral_messages_with_two_traitors() {
    let arguments = ["om", "--n", "7", "--m", "2", "--traitors", "0,6", "--order", "A"];
    let text = printed(&arguments);
    for part in ["OM(2) among 7 generals", "Round 3", "0:1:2", "IC1 holds", "IC2 holds", "traitor"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains('\u{1b}'), "no colours into a pipe");
    let object = object(&arguments);
    assert_eq!((&object["ic1"], &object["ic2"]), (&Value::Bool(true), &Value::Bool(true)));
    assert_eq!(
        (&object["messages"], &object["frames"], &object["rounds"]),
        (&156.into(), &66.into(), &3.into())
    );
    assert_eq!(object["accusations"], Value::Array(vec![]));
    let decisions = object["decisions"].as_object().unwrap();
    assert_eq!(decisions.keys().collect::<Vec<_>>(), ["1", "2", "3", "4", "5"]);
    assert!(decisions.values().all(|decided| decided == &decisions["1"]));
}

#[test]
fn the_other_protocols() {
    let signed = object(&["sm", "--n", "3", "--m", "1", "--traitors", "0", "--order", "x"]);
    assert_eq!(signed["decisions"], serde_json::json!({ "1": "R", "2": "R" }));
    let blamed = serde_json::json!({ "by": 1, "node": 0, "fault": "Equivocation", "round": 2 });
    assert!(signed["accusations"].as_array().unwrap().contains(&blamed), "{signed}");
    let king = object(&["king", "--n", "4", "--m", "1", "--commander", "2", "--traitors", "0"]);
    assert_eq!(king["rounds"], 7);
    assert_eq!(king["decisions"], serde_json::json!({ "1": "A", "2": "A", "3": "A" }));
    for over in ["om", "sm", "king"] {
        let vector = ["vector", "--n", "4", "--m", "1", "--traitors", "1", "--orders", "w,x,y,z"];
        let vector = object(&[&vector[..], &["--over", over, "--strategy", "silent"]].concat());
        let agreed = serde_json::json!(["w", "R", "y", "z"]);
        assert_eq!(
            vector["decisions"],
            serde_json::json!({ "0": agreed, "2": agreed, "3": agreed })
        );
    }
}

#[test]
fn the_same_command_says_the_same_and_another_seed_another() {
    let random = |seed| {
        let arguments = ["om", "--n", "7", "--m", "2", "--traitors", "1,2", "--strategy", "random"];
        printed(&[&arguments[..], &["--seed", seed]].concat())
    };
    assert_eq!(random("7"), random("7"));
    assert_ne!(random("7"), random("8"));
}

#[test]
fn a_scenario_runs_in_all_forms() {
    let file = scenario_file("om-late.toml");
    let dir = tempfile::tempdir().unwrap();
    let (svg, html) = (dir.path().join("a.svg"), dir.path().join("a.html"));
    let charts = ["--svg", svg.to_str().unwrap(), "--html", html.to_str().unwrap()];
    let text = printed(&[&["run", &file][..], &charts].concat());
    assert!(text.contains("All of that is as the scenario expects."), "{text}");
    assert!(text.contains("A~*"), "late and blamed: {text}");
    assert!(fs::read_to_string(&svg).unwrap().starts_with("<svg xmlns="));
    assert!(fs::read_to_string(&html).unwrap().starts_with("<!DOCTYPE html>"));
    assert!(printed(&["run", &file, "--mermaid"]).starts_with("sequenceDiagram\n"));
    let object = object(&["run", &file]);
    let blamed = serde_json::json!({ "by": 6, "node": 0, "fault": "Late", "round": 2 });
    assert!(object["accusations"].as_array().unwrap().contains(&blamed));
    assert_eq!(object["unused_lies"], Value::Array(vec![]));
}

#[test]
fn every_scenario_file_runs() {
    for file in scenario_files() {
        let object = object(&["run", file.to_str().unwrap()]);
        for field in ["decisions", "ic1", "ic2", "messages", "frames", "rounds", "accusations"] {
            assert!(!object[field].is_null(), "{field}: {object}");
        }
    }
}

#[test]
fn exit_codes_tell_what_went_wrong() {
    let dir = tempfile::tempdir().unwrap();
    let written = |text: &str| {
        let file = dir.path().join("scenario.toml");
        fs::write(&file, text).unwrap();
        file.to_str().unwrap().to_owned()
    };
    let good = "protocol = \"om\"\nn = 4\nm = 1\norder = \"A\"\ntraitors = [3]\n";
    let wrong = written(&format!("{good}[expect]\nmessages = 8\nic1 = false\n"));
    let (code, said) = complaint(&["run", &wrong]);
    assert_eq!(code, Some(1));
    let sentence = "IC1: false was expected, and it is true (and 1 more differences)";
    assert!(said.contains(sentence) && said.contains("scenario.toml: not as expected"), "{said}");
    let broken = written(&good.replace("n = 4", "n = 3"));
    assert_eq!(complaint(&["run", &broken]).0, Some(2));
    let (code, said) = complaint(&["run", "no/such/file.toml"]);
    assert_eq!(code, Some(2));
    assert!(said.starts_with("generals: no/such/file.toml: cannot be read: "), "{said}");
    let (code, said) = complaint(&["om", "--n", "3", "--m", "1"]);
    assert_eq!(code, Some(2));
    assert!(
        said.contains("n > 3m does not hold with n = 3 and m = 1: take n = 4 or more"),
        "{said}"
    );
    assert_eq!(complaint(&["om", "--n", "4", "--m", "1", "--traitors", "4"]).0, Some(2));
    assert_eq!(complaint(&["om", "--n", "4"]).0, Some(2), "clap's own");
    let disagree = ["om", "--n", "3", "--m", "1", "--unchecked", "--traitors", "2", "--strategy"];
    let output = run(&[&disagree[..], &["invert"]].concat());
    assert!(output.status.success(), "nothing was promised");
    assert!(String::from_utf8_lossy(&output.stdout).contains("IC2 is violated"));
    let nowhere = dir.path().join("no/such/folder/a.svg");
    let (code, said) =
        complaint(&["om", "--n", "4", "--m", "1", "--svg", nowhere.to_str().unwrap()]);
    assert_eq!(code, Some(1));
    assert!(said.contains("cannot write "), "{said}");
}

#[test]
fn the_price_of_all_protocols() {
    let text = printed(&["cost", "--n", "4..16"]);
    for part in ["3,999,675", "266,645", "1,065", "king", "RAM"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert_eq!(text.lines().filter(|line| line.contains("  om  ")).count(), 13);
    let rows: Value = serde_json::from_str(&printed(&["cost", "--n", "7", "--json"])).unwrap();
    assert_eq!((&rows[0]["messages"], &rows[0]["slots"]), (&156.into(), &26.into()));
    let more = printed(&["cost", "--n", "4", "--m", "2"]);
    assert!(more.contains("out of bound"), "{more}");
    assert_eq!(complaint(&["cost", "--n", "4", "--m", "3"]).0, Some(2));
    assert_eq!(complaint(&["cost", "--n", "16..4"]).0, Some(2));
}

#[test]
fn the_tour_runs_straight_through_without_a_terminal() {
    let text = printed(&["demo"]);
    assert_eq!(text, printed(&["demo", "--yes"]));
    for lesson in 1..=6 {
        assert!(text.contains(&format!("Lesson {lesson} of 6: ")), "{text}");
    }
    for part in
        ["IC2 is violated", "did not sign that", "1000000!", "add 10", "counters all stand\nat 14"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    let one = printed(&["demo", "--lesson", "5"]);
    assert!(one.starts_with("Lesson 5 of 6: everybody's value"), "{one}");
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_generals"))
        .args(["om", "--n", "10", "--m", "3", "--full"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
