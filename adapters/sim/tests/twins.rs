//! Twins: one replica that runs twice breaks nothing, whoever hears whom and whoever leads; two of
//! them do, and the checkers say so.

use quorate_sim::twins::{Enumeration, ROUNDS, Scenario, Setting, Tally, play};
use serde_json::Value;
use std::process::{Command, Output};

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_quorate-sim")).args(arguments).output().unwrap()
}

/// Rounds of leaders and of who stands on the other side than instance 0.
fn scenario(twins: usize, rounds: [(u8, u8); ROUNDS]) -> Scenario {
    Scenario { twins, rounds: rounds.map(|(leader, sides)| Setting { leader, sides }) }
}

/// r0 and r1 with r2 on one side, their twins with r3 on the other: a quorum on each.
const SPLIT: u8 = 0b11_100;

#[test]
fn scenarios_of_one_twin_break_nothing_and_end_in_time() {
    let all = Enumeration::new(1);
    let tally = Tally::of(all.iter(1).take(40), 1, false, |_, _| {});
    let first = tally.violations.first_key_value();
    let replay = first.map(|(number, _)| Scenario::of(1, *number).unwrap().again());
    assert_eq!(first, None, "{replay:?}");
    assert_eq!(tally.scenarios, 40);
    assert!(tally.led[ROUNDS] > 0 && tally.led[0] < 10, "few rounds led: {:?}", tally.led);
    assert!(tally.served > 40, "agreement in {} rounds only", tally.served);
    assert!(tally.accusations > 0, "no twin was ever caught");
}

/// A NEW-VIEW of a twin names the VIEW-CHANGE of the other half: it is asked for and taken, and
/// its author is blamed for the first one. The checker took that for a rejection that left a trace.
#[test]
fn a_view_change_that_a_new_view_names_is_taken_and_its_author_blamed() {
    for number in [5_875_849, 2_552_661, 6_471_705, 104_995, 6_734_946] {
        let played = play(&Scenario::of(1, number).unwrap(), false);
        assert_eq!(played.violation, None, "scenario {number}");
    }
}

#[test]
fn a_leader_that_runs_twice_proposes_twice_and_no_side_without_a_quorum_agrees() {
    // r0 and r1 on one side, its twin with r2 and r3 on the other, in each round.
    let played = play(&scenario(1, [(0, 0b1110); ROUNDS]), true);
    assert_eq!(played.violation, None, "{}", played.transcript.lines().join("\n"));
    // The quorum is where the copy is.
    assert!(played.served >= 1 && played.led >= 1, "{played:?}");
    let again = play(&scenario(1, [(0, 0b1110); ROUNDS]), false);
    assert_eq!(played.fingerprint, again.fingerprint);
}

#[test]
fn two_twins_of_four_split_the_cluster_and_the_checkers_say_so() {
    let played = play(&scenario(2, [(0, SPLIT); ROUNDS]), false);
    let violation = played.violation.expect("two quorums without a correct replica in common");
    assert_eq!(violation.checker, "agreement", "{violation}");
    // One of the two alone divides nobody in the same rounds.
    assert_eq!(play(&scenario(1, [(0, SPLIT & 0b1111); ROUNDS]), false).violation, None);
}

#[test]
fn the_command_counts_and_says_how_to_play_a_failure_again() {
    let told = run(&["twins", "--limit", "3", "--json"]);
    assert_eq!(told.status.code(), Some(0));
    let told: Value = serde_json::from_slice(&told.stdout).unwrap();
    assert_eq!((&told["scenarios"], &told["different"]), (&3.into(), &1_502_936.into()));
    assert!(told["scenarios_per_second"].as_f64().unwrap() > 0.0);

    let found = run(&["twins", "--twins", "2", "--limit", "200", "--json"]);
    assert_eq!(found.status.code(), Some(1));
    let text = String::from_utf8(found.stderr).unwrap();
    let found: Value = serde_json::from_slice(&found.stdout).unwrap();
    let replay = found["violations"][0]["replay"].as_str().unwrap();
    assert!(text.contains(&format!("replay: {replay}")), "{text}");
    let words: Vec<&str> = replay.split(' ').skip(1).collect();
    let again = run(&words);
    assert_eq!(again.status.code(), Some(1), "{replay}");
    let checker = found["violations"][0]["checker"].as_str().unwrap();
    let told = String::from_utf8(again.stderr).unwrap();
    assert!(told.contains(&format!("VIOLATION of {checker}")), "{told}");
    assert!(String::from_utf8(again.stdout).unwrap().lines().count() > 50);

    let explain = found["violations"][0]["explain"].as_str().unwrap();
    assert!(text.contains(&format!("explain: {explain}")), "{text}");
    let words: Vec<&str> = explain.split(' ').skip(1).collect();
    let told = run(&words);
    assert_eq!(told.status.code(), Some(0), "{explain}");
    let lines = String::from_utf8(told.stdout).unwrap();
    assert!(
        lines.contains("  r0'  ") && lines.contains("# faulty: r0 (twin), r1 (twin)"),
        "{lines}"
    );
    assert!(String::from_utf8(told.stderr).unwrap().contains(&format!("VIOLATION of {checker}")));

    assert_eq!(run(&["twins", "--scenario", "16777216"]).status.code(), Some(2));
    assert_eq!(run(&["twins", "--twins", "3"]).status.code(), Some(2));
}
