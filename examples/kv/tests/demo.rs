//! The demonstration, as a user starts it.

mod support;

use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Instant;
use support::{PATIENCE, program, run};

/// Checks what the demonstration printed, and returns it.
fn object(output: &Output) -> Value {
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(text.trim_end().lines().count(), 1, "one object and nothing else: {text}");
    serde_json::from_str(&text).expect("JSON")
}

fn demo(input: &Path, more: &[&str]) -> Value {
    let input = input.to_str().expect("a path of text");
    let output = run(&[&["demo", "--json", "--input", input], more].concat());
    let object = object(&output);
    assert_eq!(object["lost"], 0);
    assert_eq!(object["digests_equal"], true);
    assert_eq!(object["acknowledged"], object["requests"]);
    for field in ["requests_per_second", "outage_ms", "disk_bytes"] {
        assert!(object[field].as_u64().is_some_and(|value| value > 0), "{field}: {object}");
    }
    for field in ["p50", "p99"] {
        assert!(object["latency_ms"][field].as_f64().is_some_and(|value| value > 0.0), "{object}");
    }
    let views: Vec<_> = object["views"].as_array().expect("a list").iter().collect();
    assert_eq!(views.len(), 4);
    assert!(views.iter().all(|view| view.as_u64().is_some_and(|view| view > 0)), "{object}");
    assert_eq!(object.as_object().map(serde_json::Map::len), Some(9));
    object
}

#[test]
fn it_loses_a_primary_stands_a_liar_and_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let input = dir.path().join("input.txt");
    let lines: Vec<String> =
        (0..2_000).map(|at| format!("the {at}th line of some words, all alike")).collect();
    fs::write(&input, lines.join("\n")).unwrap();
    let object = demo(&input, &[]);
    assert!(object["requests"].as_u64().is_some_and(|requests| requests > 8_000), "{object}");
}

#[test]
fn one_short_line_is_enough_and_nobody_has_to_lie() {
    let dir = tempfile::tempdir().unwrap();
    let input = dir.path().join("input.txt");
    fs::write(&input, "a").unwrap();
    assert_eq!(demo(&input, &["--liar", "none"])["requests"], 1);
}

#[test]
fn a_replica_ends_with_the_process_that_started_it() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("cluster");
    let port = quorate_kv::cluster::free_ports(1).unwrap()[0].to_string();
    let made = run(&["keygen", "--out", out.to_str().unwrap(), "--port", &port]);
    assert!(made.status.success());
    let mut replica = Command::new(program())
        .args(["replica", "--control-stdin", "--config"])
        .arg(out.join("node0.toml"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(replica.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "ready: replica 0\n");
    drop(replica.stdin.take());
    let end = Instant::now() + PATIENCE;
    while replica.try_wait().unwrap().is_none() {
        assert!(Instant::now() < end, "it runs on without its parent");
        std::thread::yield_now();
    }
}
