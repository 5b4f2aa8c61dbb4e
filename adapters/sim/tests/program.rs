//! The program: its exit codes, and what it prints.

use serde_json::Value;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

const GOOD: &str = "# A good day.\ncluster of 4, 1 client\nclient 0 asks \"A\"\n\
                    expect client 0 gets #1 by 1s\n";

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_quorate-sim")).args(arguments).output().unwrap()
}

/// A file of a folder that only this test has.
fn file(folder: &str, name: &str, text: &str) -> String {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(folder);
    fs::create_dir_all(&folder).unwrap();
    let path = folder.join(name);
    fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn exit_codes_tell_kept_broken_and_unreadable() {
    let good = file("codes", "good.txt", GOOD);
    let bad = file("codes", "bad.txt", &GOOD.replace("#1", "#2"));
    let no_script = file("codes", "none.txt", "what?");
    let told = run(&["script", &good]);
    assert_eq!(told.status.code(), Some(0));
    assert!(out(&told).contains("A good day.") && out(&told).contains("kept       4"));
    let told = run(&["script", &good, &bad]);
    assert_eq!(told.status.code(), Some(1));
    assert!(out(&told).contains("BROKEN     4  expect client 0 gets #2 by 1s: it gets [1]"));
    let told = run(&["script", &no_script, &bad]);
    assert_eq!(told.status.code(), Some(2));
    let problem = String::from_utf8(told.stderr).unwrap();
    assert!(problem.contains("none.txt:1: here stands `what?`"), "{problem}");
    assert_eq!(run(&["script", "/nowhere.txt"]).status.code(), Some(2));
    assert_eq!(run(&["script"]).status.code(), Some(2));
    for (command, number) in [("run", "--seeds"), ("cuts", "--requests")] {
        assert_eq!(run(&[command, number, "0"]).status.code(), Some(2), "{command} of nothing");
    }
}

#[test]
fn one_object_for_each_script() {
    let good = file("json", "good.txt", GOOD);
    let bad = file("json", "bad.txt", &GOOD.replace("#1", "#2"));
    let told = run(&["script", "--json", &good, &bad]);
    let all: Value = serde_json::from_slice(&told.stdout).unwrap();
    assert_eq!(all.as_array().unwrap().len(), 2);
    assert_eq!((&all[0]["kept"], &all[1]["kept"]), (&Value::Bool(true), &Value::Bool(false)));
    assert_eq!(all[0]["story"], "A good day.");
    assert_eq!(all[1]["expectations"][0]["broken"], "it gets [1]");
}

#[test]
fn a_transcript_is_written_and_compared() {
    let good = file("bless", "good.txt", GOOD);
    let kept = PathBuf::from(&good).with_file_name("golden").join("good.txt");
    let _ = fs::remove_file(&kept);
    assert!(out(&run(&["script", &good])).contains("not kept: --bless keeps it"));
    assert!(out(&run(&["script", "--bless", &good])).contains("written"));
    let transcript = fs::read_to_string(&kept).unwrap();
    assert!(transcript.starts_with("transcript "), "{transcript}");
    assert!(transcript.contains("c0  HAS ITS REPLY"), "{transcript}");
    assert!(out(&run(&["script", &good])).contains("the same as before"));
    fs::write(&kept, "something else").unwrap();
    let told = run(&["script", &good]);
    assert_eq!(told.status.code(), Some(1), "another transcript is not as expected");
    assert!(out(&told).contains("ANOTHER than in"), "{told:?}");
    assert!(out(&told).contains(&format!("quorate-sim script --bless {good}")), "{told:?}");
    let told: Value = serde_json::from_slice(&run(&["script", "--json", &good]).stdout).unwrap();
    assert_eq!((&told[0]["kept"], &told[0]["same"]), (&true.into(), &false.into()));
    assert_eq!(run(&["script", "--bless", &good]).status.code(), Some(0));
    assert_eq!(run(&["script", &good]).status.code(), Some(0));
}

#[test]
fn a_reader_of_standard_error_that_has_gone_away_is_no_reason_to_panic() {
    for arguments in [
        &["twins", "--scenario", "4711"][..],
        &["run", "--seeds", "1", "--trace", "--protocol", "om"],
        &["run", "--seeds", "9", "--protocol", "om", "--beyond", "--keep-going"],
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_quorate-sim"));
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let status = command.args(arguments).stdout(Stdio::null()).stderr(writer).status();
        let code = status.unwrap().code();
        assert!(matches!(code, Some(0 | 1)), "{arguments:?}: {code:?}");
    }
}

#[test]
fn seeds_and_scripts_are_explained_in_every_form() {
    let good = file("explain", "good.txt", GOOD);
    for what in ["3", good.as_str()] {
        for (form, begin) in [
            (None, ""),
            (Some("--mermaid"), "sequenceDiagram\n"),
            (Some("--html"), "<!DOCTYPE html>"),
            (Some("--chrome"), "{"),
            (Some("--shiviz"), ""),
        ] {
            let mut arguments = vec!["explain", what, "--until", "0.5"];
            arguments.extend(form);
            let told = run(&arguments);
            assert_eq!(told.status.code(), Some(0), "{arguments:?}");
            assert!(out(&told).starts_with(begin) && out(&told).len() > 100, "{arguments:?}");
            let regex = String::from_utf8(told.stderr).unwrap().contains("(?<clock>{.*})");
            assert_eq!(regex, form == Some("--shiviz"));
        }
    }
    for (seed, protocol) in [("3", "pbft"), ("5", "sm")] {
        let told = out(&run(&["explain", seed, "--protocol", protocol, "--until", "0.5"]));
        let heads = told.lines().filter(|line| line.starts_with(&format!("# seed {seed}")));
        assert_eq!(heads.count(), 1, "the seed is told once: {told}");
    }
    for form in ["--mermaid", "--html", "--chrome", "--shiviz"] {
        let told = run(&["explain", "5", "--protocol", "sm", "--traitors", form]);
        assert!(told.status.success() && out(&told).len() > 100, "{form}");
    }
    assert_eq!(run(&["explain", "3", "--html", "--mermaid"]).status.code(), Some(2));
}

/// What is said on standard error of arguments that are refused.
fn refused(arguments: &[&str]) -> String {
    let told = run(arguments);
    assert_eq!(told.status.code(), Some(2), "{arguments:?}: {told:?}");
    assert!(told.stdout.is_empty(), "{told:?}");
    String::from_utf8(told.stderr).unwrap()
}

#[test]
fn nothing_to_tell_or_to_play_is_an_error_that_says_why() {
    let good = file("nothing", "good.txt", GOOD);
    for (arguments, why) in [
        (&["explain", "abc"][..], "abc is neither a seed nor a script"),
        (&["explain", &good, "--nodes", "7"], "is a script, and says itself"),
        (&["explain", &good, "--protocol", "sm"], "is a script, and says itself"),
        (&["explain", &good, "--from", "0.5", "--until", "0.1"], "the run ends at 0."),
        (&["explain", &good, "--from", "99"], "nothing to tell from 99 s: the run ends at 0."),
        (&["explain", &good, "--from", "nan"], "a time is 0 or more seconds"),
        (&["explain", "3", "--protocol", "king", "--nodes", "3"], "4 generals or more"),
        (&["explain", "3", "--protocol", "om", "--nodes", "65"], "takes 4 to 64"),
        (&["explain", "3", "--beyond", "--faults", "swarm"], "--faults nobody lies"),
        (&["run", "--beyond", "--faults", "none"], "--faults nobody lies"),
        (&["run", "--beyond", "--faults", "none", "--protocol", "om"], "--faults nobody lies"),
        (&["run", "--nodes", "2", "--protocol", "sm"], "sm withstands a traitor among 3 generals"),
        (&["run", "--nodes", "2"], "4 to 64 replicas"),
        (&["run", "--nodes", "65"], "4 to 64 replicas"),
        (&["run", "--nodes", "many"], "or say `mixed`"),
        (&["explain", "3", "--requests", "9", "--protocol", "om"], "--requests is for PBFT"),
        (&["run", "--requests", "0"], "0 is not in 1.."),
        (&["replay", "42"], "by `run --seed 42 --seeds 1 --trace`"),
        (&["run", "--nodes", "3"], "4 to 64"),
        (&["run", "--faults", "none", "--traitor", "twin"], "with these --faults nobody does"),
        (&["explain", "99999999", "--twins", "1"], "there is no scenario 99999999"),
        (&["explain", "3", "--twins", "1", "--nodes", "4"], "cannot be used with"),
        (&["run", "--seed", "18446744073709551615", "--seeds", "5"], "there are no 5"),
        (&["run", "--threads", "0"], "0 is not in 1.."),
        (&["twins", "--threads", "0"], "0 is not in 1.."),
    ] {
        let problem = refused(arguments);
        assert!(problem.contains(why), "{arguments:?}: {problem}");
    }
    let empty = PathBuf::from(&good).with_file_name("empty");
    fs::create_dir_all(&empty).unwrap();
    let problem = refused(&["script", empty.to_str().unwrap()]);
    assert!(problem.starts_with("no script in "), "{problem}");
    assert!(out(&run(&["explain", "--help"])).contains("The exit code is 0 if"));
}

#[test]
fn canaries_are_listed_as_json_too() {
    let told = run(&["canaries", "--list", "--json"]);
    let all: Value = serde_json::from_slice(&told.stdout).unwrap();
    let lines = out(&run(&["canaries", "--list"])).lines().count();
    assert_eq!(all.as_array().unwrap().len(), lines);
    assert!(all[0]["name"].is_string() && all[0]["bug"].is_string());
}

#[test]
fn what_is_explained_is_what_was_run() {
    for draw in [
        &["--faults", "network", "--nodes", "5"][..],
        &["--traitor", "twin", "--nodes", "10"],
        &["--protocol", "om", "--beyond", "--traitor", "liar"],
        &["--protocol", "lockstep", "--faults", "swarm", "--nodes", "3"],
    ] {
        let played = run(&[&["run", "--seed", "6", "--seeds", "1", "--trace"][..], draw].concat());
        let told = run(&[&["explain", "6", "--all"][..], draw].concat());
        assert!(told.status.success(), "{told:?}");
        let deeds = |told: &str| -> Vec<String> {
            let lines = told.lines().map(str::trim_start);
            let events = lines.filter(|line| line.starts_with(|c: char| c.is_ascii_digit()));
            // The copy of a twin has another name where it is told.
            let words = events.map(|line| line.replace('\'', ""));
            words.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
        };
        let (played, told) = (out(&played), out(&told));
        assert!(deeds(&told).len() > 20, "{told}");
        assert_eq!(deeds(&played), deeds(&told), "{draw:?}");
    }
}

#[test]
fn a_diagram_that_mermaid_refuses_is_told_of() {
    let warned = |arguments: &[&str]| {
        let told = run(arguments);
        assert!(told.status.success(), "{told:?}");
        String::from_utf8(told.stderr).unwrap().contains("Mermaid refuses this diagram")
    };
    assert!(warned(&["explain", "3", "--mermaid"]));
    assert!(!warned(&["explain", "3", "--mermaid", "--until", "0.05"]));
}

#[test]
fn seeds_of_every_protocol_in_rounds_are_run_replayed_and_refused() {
    for protocol in ["om", "sm", "king", "vector", "lockstep"] {
        let seeds = ["run", "--protocol", protocol, "--traitors", "--seeds", "5", "--threads", "1"];
        let told = run(&seeds);
        assert!(told.status.success(), "{protocol}: {told:?}");
        assert!(out(&told).contains("seeds run  5 of 5"), "{}", out(&told));
        let told = run(&[&seeds[..], &["--json"]].concat());
        let object: Value = serde_json::from_slice(&told.stdout).unwrap();
        assert_eq!((&object["protocol"], &object["seeds"]), (&protocol.into(), &5.into()));
        let told = run(&[&seeds[..], &["--trace"]].concat());
        assert!(out(&told).starts_with(&format!("seed 1: {protocol}")), "{}", out(&told));
        let told = run(&["run", "--protocol", protocol, "--nodes", "2"]);
        assert_eq!(told.status.code(), Some(2));
    }
    let beyond = ["run", "--protocol", "om", "--beyond", "--seeds", "200", "--threads", "1"];
    let told = run(&beyond);
    assert_eq!(told.status.code(), Some(1));
    let problem = String::from_utf8(told.stderr).unwrap();
    let replay = problem.lines().find_map(|line| line.strip_prefix("replay: quorate-sim "));
    let again = run(&replay.expect("how to see it again").split(' ').collect::<Vec<_>>());
    assert_eq!(again.status.code(), Some(1), "{problem}");
    let explain = problem.lines().find_map(|line| line.strip_prefix("explain: quorate-sim "));
    let told = run(&explain.expect("how to have it told").split(' ').collect::<Vec<_>>());
    assert!(told.status.success() && out(&told).contains("\n# faulty: r"), "{problem}");
    let found = problem.lines().find_map(|line| line.split_once(": ")).unwrap().1;
    let told = String::from_utf8(told.stderr).unwrap();
    assert!(told.contains(&format!("VIOLATION of {found}")), "{told} is not {problem}");
    assert_eq!(run(&["run", "--seeds", "1", "--nodes", "3"]).status.code(), Some(2));
    assert_eq!(run(&["run", "--protocol", "king", "--nodes", "3"]).status.code(), Some(2));
    for protocol in ["sm", "vector"] {
        let problem = refused(&["run", "--protocol", protocol, "--nodes", "3", "--beyond"]);
        assert!(problem.contains("--beyond takes 4 generals or more"), "{problem}");
    }
}

/// One traitor too many of four: the program tells which promise is broken, and how to see it.
#[test]
fn replicas_of_whom_too_many_lie_break_promises_and_the_program_says_so() {
    let draw = ["--nodes", "4", "--traitor", "equivocator", "--beyond", "--requests", "30"];
    let seeds = ["run", "--seeds", "40", "--keep-going", "--threads", "1"];
    let told = run(&[&seeds[..], &draw].concat());
    assert_eq!(told.status.code(), Some(1));
    let problem = String::from_utf8(told.stderr).unwrap();
    assert!(problem.contains("agreement"), "{problem}");
    let replay = problem.lines().find_map(|line| line.strip_prefix("replay: quorate-sim "));
    let again = run(&replay.expect("how to see it again").split(' ').collect::<Vec<_>>());
    assert_eq!(again.status.code(), Some(1), "{problem}");
}

#[test]
fn clients_make_as_many_requests_as_they_are_told_to() {
    let draw = ["run", "--faults", "none", "--nodes", "4", "--seeds", "6", "--threads", "1"];
    let told = run(&[&draw[..], &["--requests", "100", "--json"]].concat());
    let object: Value = serde_json::from_slice(&told.stdout).unwrap();
    let ordered_or_not = ["requests", "fast_reads"].map(|it| object["statistics"][it].as_u64());
    let requests: u64 = ordered_or_not.into_iter().flatten().sum();
    // Each of up to six clients makes as many as the others.
    assert!((600..=6 * 105).contains(&requests), "{requests}");
}

/// A campaign that would take months is interrupted as soon as it has told of a broken promise.
#[cfg(unix)]
#[test]
fn ctrl_c_ends_a_campaign_with_what_was_run_and_broken_promises_are_told_at_once() {
    use std::io::{BufRead, BufReader, Read};
    let draw = ["run", "--protocol", "om", "--beyond", "--keep-going", "--threads", "2"];
    let mut command = Command::new(env!("CARGO_BIN_EXE_quorate-sim"));
    command.args(draw).args(["--seeds", "1000000000000", "--json"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut told = BufReader::new(child.stderr.take().unwrap());
    let mut line = || {
        let mut line = String::new();
        assert_ne!(told.read_line(&mut line).unwrap(), 0, "it ended by itself");
        line
    };
    let found = line();
    assert!(found.starts_with("VIOLATION with seed "), "{found}");
    let replay = line();
    assert!(replay.starts_with("replay: quorate-sim run "), "{replay}");
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    let mut rest = String::new();
    told.read_to_string(&mut rest).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{rest}");
    let object: Value = serde_json::from_slice(&output.stdout).unwrap();
    let (seeds, broken) = (&object["seeds"], object["violations"].as_array().unwrap());
    assert!(!broken.is_empty() && object["interrupted"] == true, "{object}");
    assert!(rest.contains(&format!("{} of {seeds} seeds broke a promise: ", broken.len())));
    assert!(rest.ends_with(&format!("interrupted after {seeds} seeds\n")), "{rest}");
    // The fingerprint is that of the seeds that were run.
    let again = run(&[&draw[..], &["--seeds", &seeds.to_string(), "--json"]].concat());
    assert_eq!(again.status.code(), Some(1));
    let all: Value = serde_json::from_slice(&again.stdout).unwrap();
    assert_eq!((&all["seeds"], &all["interrupted"]), (seeds, &false.into()));
    assert_eq!(all["fingerprint"], object["fingerprint"]);
}

#[test]
fn traitors_are_chosen_by_name_and_an_unknown_name_lists_those_that_there_are() {
    for protocol in ["pbft", "king"] {
        let seeds = ["run", "--protocol", protocol, "--seeds", "4", "--threads", "1"];
        let chosen = [&seeds[..], &["--traitor", "mutator", "--traitor", "twin"]].concat();
        let told = run(&[&chosen[..], &["--json"]].concat());
        assert!(told.status.success(), "{told:?}");
        let object: Value = serde_json::from_slice(&told.stdout).unwrap();
        let all = run(&[&seeds[..], &["--traitors", "--json"]].concat());
        let other: Value = serde_json::from_slice(&all.stdout).unwrap();
        let fingerprint = |object: &Value| object["fingerprint"].as_str().unwrap().to_owned();
        assert_eq!(fingerprint(&object).len(), 16);
        assert_ne!(fingerprint(&object), fingerprint(&other), "{protocol}");
        let told = run(&chosen);
        assert!(out(&told).contains(&fingerprint(&object)), "{}", out(&told));
        let told = run(&["run", "--protocol", protocol, "--traitor", "saint"]);
        assert_eq!(told.status.code(), Some(2));
        let problem = String::from_utf8(told.stderr).unwrap();
        assert!(problem.contains("no traitor `saint`; there are: silent, "), "{problem}");
        let told = run(&["explain", "3", "--protocol", protocol, "--traitor", "mutator"]);
        assert!(out(&told).contains("mutat"), "{}", out(&told));
        let wrong = ["run", "--faults", "swarm", "--traitor", "mutator"];
        assert_eq!(run(&wrong).status.code(), Some(2));
    }
}

#[test]
fn wide_areas_are_predicted_also_beyond_the_core_and_the_same_from_kept_costs() {
    let here = file("wan", "here.txt", "a b\n1 20\n30 1\n");
    let told = run(&["wan", "--matrix", &here, "--nodes", "100", "--json"]);
    assert_eq!(told.status.code(), Some(0));
    let costs = file("wan", "costs.json", &out(&told));
    let first: Value = serde_json::from_slice(&told.stdout).unwrap();
    assert_eq!((&first["nodes"], &first["beyond_the_core"]), (&100.into(), &true.into()));
    assert_eq!(first["predictions"].as_array().unwrap().len(), 2);
    let again = run(&["wan", "--matrix", &here, "--nodes", "100", "--costs", &costs, "--json"]);
    assert_eq!(serde_json::from_slice::<Value>(&again.stdout).unwrap(), first);
    let shown = out(&run(&["wan", "--matrix", &here, "--nodes", "100", "--costs", &costs]));
    let free = out(&run(&["wan", "--matrix", &here, "--costs", &costs, "--uplink", "0"]));
    assert!(free.contains("uplink without end") && !free.contains("uplink 0"), "{free}");
    assert!(shown.contains("uplink 1000 Mbit/s"), "{shown}");
    assert!(shown.contains("what if: the core ends at 64 replicas"), "{shown}");
    let inside = out(&run(&["wan", "--matrix", &here, "--nodes", "64", "--costs", &costs]));
    assert!(inside.contains("costs of ") && !inside.contains("what if"), "{inside}");
    for (wrong, name) in [(&costs, "--matrix"), (&here, "--costs")] {
        let told = run(&["wan", name, wrong]);
        assert_eq!(told.status.code(), Some(2));
        assert!(String::from_utf8(told.stderr).unwrap().starts_with(wrong.as_str()));
    }
    for (name, value, why) in [
        ("--nodes", "1001", "4 to 1000 replicas"),
        ("--window", "0", "a window of 0: take an even number from 2 to 4096"),
        ("--window", "5", "a window of 5: take an even number from 2 to 4096"),
        ("--window", "100000", "a window of 100000: take"),
        ("--operation", "100000000", "take operations of 67108785 bytes or less"),
        ("--uplink", "-1", "0.001 to 1000000 megabits a second"),
        ("--uplink", "nan", "0.001 to 1000000 megabits a second"),
    ] {
        let problem = refused(&["wan", name, value]);
        assert!(problem.contains(why), "{name} {value}: {problem}");
    }
    let narrow = ["wan", "--costs", &costs, "--uplink", "1", "--operation", "1000", "--json"];
    let told: Value = serde_json::from_slice(&run(&narrow).stdout).unwrap();
    // Twelve times 64 requests of 1,078 bytes take 6.6 s to leave.
    let commit = told["predictions"][0]["commit_micros"].as_u64().unwrap();
    assert!((6_600_000..7_600_000).contains(&commit), "{commit}");
    assert!(inside.contains("latency is that of one full batch"), "{inside}");
}

#[test]
fn runs_across_a_wide_area_of_a_file_hold_and_take_their_time() {
    let wide = file("run", "wide.txt", "a b c\n1 300 300\n300 1 300\n300 300 1\n");
    let fingerprint = |arguments: &[&str]| {
        let all = ["run", "--nodes", "4", "--faults", "none", "--seeds", "3", "--json"];
        let told = run(&[&all[..], arguments].concat());
        assert_eq!(told.status.code(), Some(0), "{told:?}");
        let told: Value = serde_json::from_slice(&told.stdout).unwrap();
        (told["fingerprint"].clone(), told["virtual_seconds"].as_f64().unwrap())
    };
    let (near, far) = (fingerprint(&[]), fingerprint(&["--matrix", &wide]));
    // Five messages of 150 ms each stand between a request and its reply, and there are five
    // requests of a client at least.
    assert!(near.0 != far.0 && far.1 > 3.0 * 5.0 * 0.45, "{near:?} {far:?}");
    let trace = out(&run(&["run", "--nodes", "4", "--seeds", "1", "--trace", "--matrix", &wide]));
    assert!(trace.contains("HAS ITS REPLY"));
    let rounds = run(&["run", "--protocol", "om", "--matrix", &wide]);
    assert_eq!(rounds.status.code(), Some(2));
    assert_eq!(run(&["run", "--matrix", "/nowhere.txt"]).status.code(), Some(2));
}

/// The README of this package.
const README: &str = include_str!("../README.md");

#[test]
fn commands_of_the_readme_that_explain_something_do() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut played = 0;
    for line in README.lines().filter(|line| line.starts_with("quorate-sim explain")) {
        let command = line.split(['#', '>']).next().unwrap();
        let arguments: Vec<_> = command.split_whitespace().skip(1).collect();
        let mut program = Command::new(env!("CARGO_BIN_EXE_quorate-sim"));
        let told = program.current_dir(&root).args(&arguments).output().unwrap();
        assert_eq!(told.status.code(), Some(0), "{line}: {told:?}");
        assert!(!told.stdout.is_empty(), "{line}");
        let problem = String::from_utf8(told.stderr).unwrap();
        assert!(!problem.contains("refuses this diagram"), "{line}: {problem}");
        played += 1;
    }
    assert!(played >= 7, "{played}");
}

#[test]
fn the_readme_says_of_every_traitor_what_it_does() {
    for name in quorate_sim::plan::Role::ALL.names() {
        assert!(README.contains(&format!("| `{name}` | ")), "{name}");
    }
    let chapter =
        README.split("\n## Traitors\n").nth(1).and_then(|rest| rest.split("\n## ").next());
    for name in quorate_sim::generals::Role::ALL.names() {
        assert!(chapter.unwrap().contains(&format!("`{name}`")), "{name}");
    }
}

#[test]
fn the_table_of_canaries_tells_of_each_how_it_was_caught() {
    let list: Vec<Value> =
        serde_json::from_str(&out(&run(&["canaries", "--list", "--json"]))).unwrap();
    let chapters = include_str!("../CANARIES.md").split("\n## ");
    let table = chapters.into_iter().find(|it| it.starts_with("Last result\n")).unwrap();
    let rows = table.lines().filter(|line| line.starts_with("| `")).count();
    assert_eq!(list.len(), rows);
    for canary in &list {
        let name = canary["name"].as_str().unwrap();
        assert!(table.contains(&format!("\n| `{name}` | ")), "{name}");
    }
    assert!(table.contains(&format!("**{rows} of {rows} caught**")), "{rows}");
    let readme = include_str!("../../../README.md");
    assert!(readme.contains(&format!("| {rows} known bugs")), "{rows}");
}
