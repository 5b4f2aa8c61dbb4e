//! Faults at random, as a user starts them; and a disk that is lost, declared by hand.

mod support;

use quorate_kv::cluster::{Cut, LocalCluster};
use redis::Commands;
use serde_json::Value;
use std::fs;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};
use support::{PATIENCE, connect, program, run};

const REPLICAS: usize = 4;

/// The faults of the short chaos come from this; another one is taken from the environment
/// variable `CHAOS_SEED`.
const SEED: &str = "1076";

#[test]
fn a_short_chaos_ends_with_the_proof_of_the_demonstration() {
    let dir = tempfile::tempdir().unwrap();
    let input = dir.path().join("input.txt");
    let lines: Vec<String> =
        (0..2_000).map(|at| format!("the {at}th line of some words, all alike")).collect();
    fs::write(&input, lines.join("\n")).unwrap();
    let seed = std::env::var("CHAOS_SEED").unwrap_or_else(|_| SEED.to_owned());
    let input = input.to_str().unwrap();
    let output = run(&["demo", "--json", "--input", input, "--chaos", "0.2", "--seed", &seed]);
    let said = String::from_utf8_lossy(&output.stderr);
    println!("{said}");
    assert!(output.status.success(), "seed {seed}");
    assert!(said.contains(&format!("--seed {seed}")), "the seed is told");
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(text.trim_end().lines().count(), 1, "one object and nothing else: {text}");
    let object: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(object.as_object().map(serde_json::Map::len), Some(10), "{object}");
    assert_eq!(object["lost"], 0);
    assert_eq!(object["digests_equal"], true);
    assert_eq!(object["acknowledged"], object["requests"]);
    for field in ["requests", "requests_per_second", "outage_ms", "disk_bytes"] {
        assert!(object[field].as_u64().is_some_and(|value| value > 0), "{field}: {object}");
    }
    assert_eq!(object["views"].as_array().map(Vec::len), Some(REPLICAS));
    let faults = object["faults"].as_object().expect("an object");
    let names: Vec<&str> = faults.keys().map(String::as_str).collect();
    assert_eq!(names, ["cut", "kill", "lie", "pause", "wipe"]);
    let count: u64 = faults.values().filter_map(Value::as_u64).sum();
    assert!(count > 0, "{object}");
    // One line for each, besides the one with the seed.
    assert_eq!(said.lines().filter(|line| line.contains("whole again")).count() as u64, count);
}

#[test]
fn a_chaos_that_makes_no_sense_is_refused() {
    for arguments in [
        &["--chaos", "0"][..],
        &["--chaos", "-1"],
        &["--chaos", "nan"],
        &["--chaos", "inf"],
        &["--chaos", "soon"],
        &["--seed", "1"],
        &["--chaos", "1", "--liar", "none"],
    ] {
        let output = run(&[&["demo"], arguments].concat());
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    }
}

#[test]
fn a_replica_that_lost_its_disk_takes_part_again_when_it_is_told() {
    let dir = tempfile::tempdir().unwrap();
    let mut cluster = LocalCluster::start_cabled(program(), dir.path(), REPLICAS).unwrap();
    let gateway = cluster.gateway(PATIENCE).unwrap();
    let mut redis = connect(gateway.address().port());
    let mut write = |value: u64| redis.set::<_, _, ()>("key", value).unwrap();
    (0..100).for_each(&mut write);
    // Its log is there, and it has set one aside before: once is enough.
    cluster.kill(3);
    std::fs::write(dir.path().join("node3.data/set-aside-log"), []).unwrap();
    let config = dir.path().join("node3.toml");
    let refused = Command::new(program())
        .args(["replica", "--recover", "--config"])
        .arg(&config)
        .output()
        .unwrap();
    assert!(!refused.status.success());
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(said.contains("without `--recover`"), "{said}");
    cluster.start_wiped(3).unwrap();
    assert!(cluster.status(3).is_some_and(|report| report.recovering));
    until("it has recovered, with nothing to order", || {
        cluster.status(3).is_some_and(|report| report.active && !report.recovering)
    });
    // Without it there is no quorum now, and every path to the one that is cut off is cut.
    cluster.cut(0, Cut::Severed);
    (100..200).for_each(&mut write);
    cluster.mend(0);
    let level = cluster.status(3).unwrap().executed;
    until("the one that was cut off knows what it missed", || {
        cluster.status(0).is_some_and(|report| report.executed >= level)
    });
}

/// Waits for something that must happen.
fn until(what: &str, mut happened: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !happened() {
        assert!(Instant::now() < end, "waited in vain for {what}");
        thread::sleep(Duration::from_millis(5));
    }
}
