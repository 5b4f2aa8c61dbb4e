//! A replica whose data directory is lost.

mod common;

use common::{Members, add, cluster, eventually};
use quorate_std::{DiskError, Links, Replica, SinglePage, SpawnError};
use std::fs;

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
fn one_whose_log_is_there_does_not_recover_from_its_loss() {
    let mut members = Members::start("not-lost", cluster(4, 1, Links::Hmac));
    assert_eq!(add(&members.client(1), 1), 1);
    members.wait_until_equal();
    members.stop_one(2);
    members.recover = true;
    let error =
        Replica::spawn(members.config(2), SinglePage(common::Counter::with_ballast(0))).err();
    assert!(matches!(error, Some(SpawnError::NotLost)), "{error:?}");
    let text = error.expect("it is refused").to_string();
    assert!(text.contains("move the directory away"), "{text}");
}

/// Cuts the log of a replica that does not run back to its header.
fn cut_back(members: &Members, id: usize) {
    for entry in fs::read_dir(members.config(id).data).expect("there is data") {
        let path = entry.expect("an entry").path();
        if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("log-")) {
            let log = fs::OpenOptions::new().write(true).open(path).expect("the log is there");
            log.set_len(68).expect("it is cut");
        }
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
