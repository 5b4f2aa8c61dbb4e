//! What a replica was told is recorded, and the same core, told the same, does the same.

mod common;

use common::{Counter, Members, Scratch, add, cluster, eventually};
use quorate_sim::pbft::replay;
use quorate_sim::recording::{Event, Origin, Recording, Told};
use quorate_std::{Links, Replica, ReplicaConfig, SpawnError};
use std::fs;
use std::path::PathBuf;

/// Starts a replica with a recording in a file of this name.
fn start(members: &mut Members, id: usize, name: &str) -> PathBuf {
    let file = members.scratch.path().join(name);
    let config = ReplicaConfig { record: Some(file.clone()), ..members.config(id) };
    members.replicas[id] = Some(
        Replica::spawn(config, quorate_std::SinglePage(Counter::default())).expect("it starts"),
    );
    file
}

/// Recordings of replica 2 in a run with a view change: from an empty log, and after a restart.
fn recorded() -> (Members, [PathBuf; 2]) {
    let (cluster, scratch) = (cluster(4, 2, Links::Hmac), Scratch::new("recording"));
    let replicas = (0..4).map(|_| None).collect();
    let mut members =
        Members { cluster, scratch, replicas, ballast: 0, log_bytes: 64 << 20, recover: false };
    [0, 1, 3].iter().for_each(|id| members.start_one(*id));
    let first = start(&mut members, 2, "first");
    let client = members.client(2);
    let work = |count| (0..count).for_each(|number| assert!(add(&client, number) < 10_000));
    work(40);
    members.stop_one(0);
    work(10);
    eventually("replica 2 is in a new view and has a stable checkpoint", || {
        let status = members.replicas[2].as_ref().expect("it runs").status();
        status.view > 0 && status.active && status.stable > 0
    });
    members.stop_one(2);
    members.start_one(0);
    let second = start(&mut members, 2, "second");
    work(20);
    members.wait_until_equal();
    members.stop_one(2);
    (members, [first, second])
}

#[test]
fn a_recording_is_played_again_byte_for_byte_and_a_changed_digest_is_found_at_its_step() {
    let (_members, files) = recorded();
    for (file, fresh) in files.iter().zip([true, false]) {
        let mut recording = Recording::read(&fs::read(file).expect("it is there")).expect("whole");
        let unsure = matches!(recording.origin, Origin::Unsure(_));
        assert_eq!((unsure, recording.torn), (fresh, 0));
        assert_eq!(recording.records.is_empty(), fresh);
        let played = replay(&recording, true).expect("it begins");
        assert_eq!(played.divergence, None);
        assert!(played.steps > 40 && played.outputs > 40, "{} steps", played.steps);
        let lines = played.transcript.lines().join("\n");
        let kinds = ["from r1   ", "writes    prepared", "executes  s", "to all    COMMIT"];
        for kind in kinds.into_iter().chain(fresh.then_some("NEW-VIEW v1")) {
            assert!(lines.contains(kind), "nothing of {kind:?}");
        }

        // Another digest at one step, then another input: told at that step, and no further.
        let steps = || recording.events.iter().enumerate();
        let numbered = steps().filter(|(_, event)| matches!(event, Event::Step { .. }));
        let (at, step) = numbered.map(|(at, _)| at).zip(1..).nth(30).expect("many steps");
        let whole = recording.clone();
        if let Event::Step { digest, .. } = &mut recording.events[at] {
            digest[3] ^= 1;
        }
        let played = replay(&recording, false).expect("it begins");
        assert_eq!(played.divergence.expect("it differs").step, step);
        assert_eq!(played.steps, step);

        let mut other = whole;
        let reply = other.events.iter_mut().find_map(|event| match event {
            Event::Step { input: Told::Executed(_, reply), .. } => Some(reply),
            _ => None,
        });
        reply.expect("something was executed")[0] ^= 1;
        assert!(replay(&other, false).expect("it begins").divergence.is_some());
    }
}

#[test]
fn a_recording_cut_at_any_byte_is_played_up_to_there() {
    let (_members, [file, _]) = recorded();
    let bytes = fs::read(file).expect("it is there");
    let whole = Recording::read(&bytes).expect("it is whole");
    let end = bytes.len();
    for length in (0..600).chain(end - 600..end) {
        let Ok(cut) = Recording::read(&bytes[..length]) else {
            assert!(length < end - 600, "cut to {length}");
            continue;
        };
        assert_eq!(whole.events[..cut.events.len()], cut.events, "cut to {length}");
        assert!(cut.events.len() < whole.events.len());
    }
    let mut flipped = bytes.clone();
    flipped[end - 5] ^= 1;
    let cut = Recording::read(&flipped).expect("the rest is whole");
    assert_eq!(cut.events.len() + 1, whole.events.len());
    assert!(cut.torn > 0);
}

#[test]
fn a_recording_never_overwrites_a_file() {
    let mut members = Members::start("overwrite", cluster(4, 1, Links::Hmac));
    members.stop_one(1);
    let record = members.scratch.path().join("there");
    fs::write(&record, b"precious").expect("a file");
    let config = ReplicaConfig { record: Some(record.clone()), ..members.config(1) };
    let refused = Replica::spawn(config, quorate_std::SinglePage(Counter::default()))
        .expect_err("the file is there");
    assert!(matches!(refused, SpawnError::Recording { .. }), "{refused}");
    assert!(refused.to_string().contains("Name a file that is not there yet"));
    assert_eq!(fs::read(&record).expect("the file"), b"precious");
}
