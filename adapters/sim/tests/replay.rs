//! The command that plays a recording: what it prints, and its exit codes. Recordings of real
//! replicas are played in the tests of `quorate-std`.

mod recordings;

use recordings::{SMALL, begin, frame};
use std::path::PathBuf;
use std::process::{Command, Output};

/// A wake at 10 microseconds that is said to have put this out.
fn wake(file: &mut Vec<u8>, digest: [u8; 8]) {
    let now = 10u64.to_le_bytes();
    frame(file, 6, &[&now[..], &digest, &[0]].concat());
}

fn play(name: &str, bytes: &[u8], json: bool) -> Output {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, bytes).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_quorate-sim"));
    command.arg("replay").arg(path).args(json.then_some("--json"));
    command.output().unwrap()
}

fn told(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn a_recording_without_steps_is_played_and_its_torn_end_dropped() {
    let mut file = begin(SMALL, 5);
    file.extend([6, 1, 2]);
    let output = play("empty", &file, false);
    assert_eq!(output.status.code(), Some(0), "{}", told(&output));
    assert!(told(&output).contains("0 steps, 0 outputs, 3 torn bytes"), "{}", told(&output));
}

#[test]
fn a_divergence_is_told_at_its_step_and_by_the_exit_code() {
    let mut file = begin(SMALL, 5);
    wake(&mut file, [0; 8]);
    wake(&mut file, [0; 8]);
    for json in [false, true] {
        let output = play(&format!("diverged-{json}"), &file, json);
        assert_eq!(output.status.code(), Some(1), "{}", told(&output));
        assert!(told(&output).contains("DIVERGENCE at step 1, 0.000010 s"), "{}", told(&output));
        let shown = String::from_utf8(output.stdout).unwrap();
        if json {
            let object: serde_json::Value = serde_json::from_str(&shown).unwrap();
            assert_eq!((&object["steps"], &object["divergence"]["step"]), (&1.into(), &1.into()));
            assert!(object["lines"].as_array().is_some_and(|lines| !lines.is_empty()));
        } else {
            assert!(shown.lines().next().unwrap().ends_with("r2  wakes"), "{shown}");
        }
    }
}

#[test]
fn what_is_no_recording_is_refused_with_a_reason() {
    let mut other = begin(SMALL, 5);
    other[8] = 9;
    let reasons: [(&[u8], &str); 4] = [
        (b"something else", "this is no recording"),
        (&other, "a recording of version 9"),
        (&begin(SMALL, 5)[..100], "ends before its replica had begun"),
        (b"", "this is no recording"),
    ];
    for (at, (bytes, reason)) in reasons.into_iter().enumerate() {
        let output = play(&format!("bad-{at}"), bytes, false);
        assert_eq!(output.status.code(), Some(2));
        assert!(told(&output).contains(reason), "{}", told(&output));
    }
}
