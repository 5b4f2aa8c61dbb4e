//! A replica whose data directory is lost.

mod common;

use common::{Members, add, cluster, eventually};
use quorate_std::{DiskError, Links, Replica, SinglePage, SpawnError};
use std::fs;
use std::path::PathBuf;

#[test]
fn one_that_lost_its_directory_is_silent_and_then_takes_part_again() {
    let mut members = Members::start("amnesia", cluster(4, 2, Links::Hmac));
    let client = members.client(2);
    let mut sum = 0;
    let mut add_some = |client| {
        for number in 0..20 {
            sum += number;
            assert_eq!(add(client, number), sum);
        }
    };
    add_some(&client);
    members.stop_one(3);
    fs::remove_dir_all(members.config(3).data).expect("its directory is there");
    members.recover = true;
    members.start_one(3);
    let replica = |members: &Members| members.replicas[3].as_ref().expect("it runs").status();
    // Crashed while it recovers, and started as if nothing had happened.
    members.stop_one(3);
    members.recover = false;
    members.start_one(3);
    eventually("it has recovered", || {
        add_some(&client);
        !replica(&members).recovering
    });
    // With one of the others gone its votes are needed.
    members.stop_one(1);
    add_some(&client);
    members.wait_until_equal();
}

#[test]
fn an_empty_directory_of_one_that_is_remembered_is_found_out() {
    let mut members = Members::start("found-out", cluster(4, 2, Links::Hmac));
    let client = members.client(2);
    // With one of the others gone its votes are needed.
    members.stop_one(1);
    assert_eq!(add(&client, 1), 1);
    members.start_one(1);
    members.stop_one(3);
    fs::remove_dir_all(members.config(3).data).expect("its directory is there");
    members.start_one(3);
    let notes = |members: &Members| members.replicas[3].as_ref().expect("it runs").status().notes;
    eventually("it knows that it lost its log", || {
        notes(&members).iter().any(|note| note.contains("lost"))
    });
    let recovering =
        |members: &Members| members.replicas[3].as_ref().expect("it runs").status().recovering;
    eventually("it has recovered, with nothing to order", || !recovering(&members));
    members.stop_one(1);
    assert_eq!(add(&client, 1), 2, "its vote is there again");
}

#[test]
fn one_whose_log_is_not_to_be_trusted_sets_it_aside_once() {
    let mut members = Members::start("distrust", cluster(4, 1, Links::Hmac));
    let client = members.client(1);
    assert_eq!(add(&client, 1), 1);
    members.wait_until_equal();
    members.stop_one(2);
    let data = members.config(2).data;
    let log = fs::read(data.join("log-1")).expect("the log is there");
    let status = |members: &Members| members.replicas[2].as_ref().expect("it runs").status();
    members.recover = true;
    members.start_one(2);
    assert!(status(&members).recovering);
    let notes = status(&members).notes;
    assert!(notes.iter().any(|note| note.contains("set-aside-log")), "{notes:?}");
    let aside = fs::read(data.join("set-aside-log")).expect("it is kept");
    assert!(aside.starts_with(&log), "with all that it holds");
    // It is still at it, and may be told again.
    members.stop_one(2);
    members.start_one(2);
    eventually("it has recovered, with nothing to order", || !status(&members).recovering);
    members.stop_one(2);
    let error = Replica::spawn(members.config(2), SinglePage(common::Counter::default()));
    let error = error.expect_err("one log is enough");
    assert!(matches!(error, SpawnError::SetAside(_)), "{error}");
    assert!(error.to_string().contains("without `--recover`"), "{error}");
    members.recover = false;
    members.start_one(2);
    members.stop_one(1);
    assert_eq!(add(&client, 1), 2, "its vote is there again");
}

#[test]
fn a_log_that_is_damaged_or_gone_next_to_a_checkpoint_is_one_to_recover_from() {
    for (name, harm) in [("harmed", true), ("gone", false)] {
        let mut members = Members::start(name, cluster(4, 1, Links::Hmac));
        let client = members.client(1);
        (1..=60).for_each(|sum| assert_eq!(add(&client, 1), sum));
        members.wait_until_equal();
        members.stop_one(3);
        for log in logs(&members, 3) {
            let mut bytes = fs::read(&log).expect("it is there");
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            fs::write(&log, bytes).expect("a bit is flipped");
            if !harm {
                fs::remove_file(log).expect("it is removed");
            }
        }
        let error = Replica::spawn(members.config(3), SinglePage(common::Counter::default()));
        assert!(matches!(error, Err(SpawnError::Disk(_))), "{error:?}");
        members.recover = true;
        members.start_one(3);
        let status = |members: &Members| members.replicas[3].as_ref().expect("it runs").status();
        assert!(status(&members).recovering, "it does not vote yet");
        eventually("it has recovered", || !status(&members).recovering);
        members.stop_one(1);
        assert_eq!(add(&client, 1), 61, "its vote is there again");
        members.wait_until_equal();
    }
}

fn logs(members: &Members, id: usize) -> Vec<PathBuf> {
    let entries = fs::read_dir(members.config(id).data).expect("there is data");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let is_log = |path: &PathBuf| {
        path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("log-"))
    };
    paths.filter(is_log).collect()
}

/// Cuts the log of a replica that does not run back to its header.
fn cut_back(members: &Members, id: usize) {
    for path in logs(members, id) {
        let log = fs::OpenOptions::new().write(true).open(path).expect("the log is there");
        log.set_len(68).expect("it is cut");
    }
}

#[test]
fn a_log_without_a_record_next_to_a_checkpoint_is_a_lost_one() {
    let mut members = Members::start("cut-back", cluster(4, 1, Links::Hmac));
    let client = members.client(1);
    let mut sum = 0;
    let mut add_some = || {
        for _ in 0..20 {
            sum += 1;
            assert_eq!(add(&client, 1), sum);
        }
    };
    (0..3).for_each(|_| add_some());
    members.wait_until_equal();
    eventually("checkpoints are stable", || {
        members.running().all(|replica| replica.status().stable >= 32)
    });
    members.stop_one(3);
    cut_back(&members, 3);
    let error = Replica::spawn(members.config(3), SinglePage(common::Counter::default()));
    let error = error.expect_err("it must not vote");
    assert!(matches!(error, SpawnError::Disk(DiskError::Damaged { .. })), "{error}");
    members.recover = true;
    members.start_one(3);
    let status = |members: &Members| members.replicas[3].as_ref().expect("it runs").status();
    assert!(status(&members).recovering, "it does not vote yet");
    eventually("it has recovered", || {
        add_some();
        !status(&members).recovering
    });
    // With one of the others gone its votes are needed.
    members.stop_one(1);
    add_some();
    members.wait_until_equal();
}
