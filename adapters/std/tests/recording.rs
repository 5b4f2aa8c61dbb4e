//! What a replica was told is recorded, and the same core, told the same, does the same.

mod common;

use common::{Counter, Members, Scratch, add, cluster, eventually};
use quorate_sim::pbft::replay;
use quorate_sim::recording::{Event, Origin, Recording, Told, Unreadable};
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
    let damage = Recording::read(&flipped).map(drop);
    let Err(Unreadable::Damaged { at }) = damage else { panic!("{damage:?}") };
    let cut = Recording::read(&flipped[..at]).expect("the rest is whole");
    assert_eq!((cut.events.len() + 1, cut.torn), (whole.events.len(), 0));
}

/// The frames of a recording: kind and body of each.
fn frames(bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let (mut frames, mut rest) = (Vec::new(), &bytes[12..]);
    while let Some((head, after)) = rest.split_first_chunk::<9>() {
        let length = u32::from_le_bytes([head[1], head[2], head[3], head[4]]) as usize;
        frames.push((head[0], after[..length].to_vec()));
        rest = &after[length..];
    }
    frames
}

/// The file of these frames, with the right checksums, whatever they say.
fn file_of(frames: &[(u8, Vec<u8>)]) -> Vec<u8> {
    let mut file = b"QUORREC\n\x01\0\0\0".to_vec();
    for (kind, body) in frames {
        let (place, length) =
            ((file.len() as u64).to_le_bytes(), (body.len() as u32).to_le_bytes());
        let crc = crc32c::crc32c(&[&place[..], &[*kind], &length, body].concat());
        file.push(*kind);
        file.extend(length);
        file.extend(crc.to_le_bytes());
        file.extend(body);
    }
    file
}

/// A lie of one of several kinds about the frame at `at`; `noise` says which.
fn lie(frames: &mut Vec<(u8, Vec<u8>)>, at: usize, noise: u64) {
    let other = (noise >> 8) as usize % frames.len();
    let (kind, body) = &mut frames[at];
    let place = (noise >> 16) as usize % (body.len() + 1);
    match noise % 8 {
        0 => body.truncate(place),
        1 => body.extend([0xff; 40]),
        2 => body.iter_mut().skip(place).take(8).for_each(|byte| *byte = 0xff),
        3 => body.iter_mut().skip(place).take(1).for_each(|byte| *byte ^= 1 << (noise % 7)),
        4 => body.iter_mut().take(8).for_each(|byte| *byte = 0xff),
        5 => *kind = (noise >> 8) as u8 % 10,
        6 => frames.swap(at, other),
        _ => frames.insert(at, frames[other].clone()),
    }
}

#[test]
fn a_recording_that_lies_under_right_checksums_is_refused_or_diverges_and_breaks_nothing() {
    let (_members, files) = recorded();
    let (mut noise, mut outcomes) = (2026u64, [0; 3]);
    for file in files {
        let bytes = fs::read(file).expect("it is there");
        let honest = frames(&bytes);
        assert_eq!(file_of(&honest), bytes);
        for round in 0..120 {
            noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let mut frames = honest.clone();
            frames.truncate(48);
            // What the replica began with, and what it was told, by turns.
            let reach = if round % 2 == 0 { 8 } else { frames.len() as u64 };
            lie(&mut frames, ((noise >> 40) % reach) as usize, noise >> 3);
            let read = Recording::read(&file_of(&frames));
            let played = read.map_err(|error| error.to_string()).and_then(|it| replay(&it, true));
            let outcome = match played {
                Err(_) => 0,
                Ok(played) if played.divergence.is_some() => 1,
                Ok(_) => 2,
            };
            outcomes[outcome] += 1;
        }
    }
    assert!(outcomes.iter().all(|count| *count > 0), "refused, diverged, played: {outcomes:?}");
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
