//! A small world, whole: four replicas, one request, two views, one traitor.
//!
//! `quorate-sim explore --lies N` goes on where these bounds end.

use quorate_sim::worlds::{Explored, World};
use std::process::Command;

const WORLD: World = World { traitor: 0, lies: 0, sequences: 1, most: 1_000_000, whole: false };

/// A number as the README writes it: 12,345.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let first = digits.len() % 3;
    let (first, rest) = digits.split_at(first);
    let groups = rest.as_bytes().chunks(3).map(|group| String::from_utf8_lossy(group).into_owned());
    let groups = Some(first.to_owned()).filter(|it| !it.is_empty()).into_iter().chain(groups);
    groups.collect::<Vec<_>>().join(",")
}

/// Explores a world within a bound that a test can afford, and prints what was visited.
fn explore(traitor: u8, lies: u8) -> Explored {
    let explored = World { traitor, lies, ..WORLD }.explore();
    println!("r{traitor} lies, the others take {lies} of its messages: {explored:?}");
    let story = explored.violation.iter().flatten().map(|line| format!("{line}\n"));
    assert!(explored.violation.is_none(), "{}", story.collect::<String>());
    assert!(explored.exhausted, "more to visit after {} states", explored.states);
    let Explored { states, transitions, cells, steps, .. } = explored;
    let row = format!(
        "| {lies} | {} | {} | {} | {} |",
        grouped(states as u64),
        grouped(transitions),
        grouped(cells as u64),
        grouped(steps),
    );
    let told = include_str!("../README.md").lines().filter(|line| {
        let (who, which) = (format!("| r{traitor}, leads "), format!(" | {lies} | "));
        line.starts_with(&who) && line.contains(&which)
    });
    let told: Vec<_> = told.collect();
    assert!(told.len() == 1 && told[0].contains(&row), "the README says {told:?}, not {row}");
    // Some executed in view 0, and others have asked for view 1.
    assert!(explored.later > 0 && explored.executed > 0, "{explored:?}");
    explored
}

#[test]
fn no_lie_of_who_leads_view_0_breaks_anything() {
    let silent = explore(0, 0);
    assert!(explore(0, 1).states > 10 * silent.states);
}

#[test]
fn what_is_put_off_hides_nothing_that_anybody_does() {
    for (traitor, lies, at_least) in [(0, 0, 10), (1, 0, 3)] {
        let small = explore(traitor, lies);
        let whole = World { traitor, lies, whole: true, ..WORLD }.explore();
        println!("each state on its own: {whole:?}");
        assert!(whole.exhausted && whole.states > at_least * small.states, "{whole:?}");
        assert_eq!(small.outcomes, whole.outcomes);
        assert!(small.outcomes.len() > 3);
    }
}

#[test]
fn silence_of_who_leads_view_1_breaks_nothing() {
    explore(1, 0);
}

#[test]
fn no_order_of_what_three_correct_replicas_say_breaks_anything() {
    explore(2, 0);
}

#[test]
fn the_command_prints_what_was_visited_and_whether_more_was_left() {
    let run = |arguments: &[&str]| {
        let told = Command::new(env!("CARGO_BIN_EXE_quorate-sim")).args(arguments).output();
        let told = told.unwrap();
        (told.status.code(), String::from_utf8(told.stdout).unwrap())
    };
    let (code, told) = run(&["explore", "--traitor", "0", "--lies", "0"]);
    assert_eq!(code, Some(0));
    assert!(told.contains(" states, ") && told.contains("nothing is left to visit"), "{told}");
    let (code, told) = run(&["explore", "--traitor", "0", "--lies", "1", "--states", "50"]);
    assert_eq!(code, Some(0));
    assert!(told.contains("ended at the limit, with "), "{told}");
    assert!(told.contains(" of them to go on from"), "{told}");
    let (_, told) = run(&["explore", "--traitor", "1", "--lies", "0", "--json"]);
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert_eq!((&told[0]["exhausted"], &told[0]["traitor"]), (&true.into(), &1.into()));
    assert_eq!(run(&["explore", "--traitor", "3"]).0, Some(2));
}
