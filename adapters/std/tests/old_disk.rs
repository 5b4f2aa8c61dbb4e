//! A data directory that was restored from a backup: the replica is told, and stops.

mod common;

use common::{Members, add, cluster, eventually};
use quorate_std::{Links, Replica, SinglePage, SpawnError, Stopped};
use std::fs;
use std::path::Path;

fn copy(from: &Path, to: &Path) {
    let _ = fs::remove_dir_all(to);
    fs::create_dir_all(to).expect("a directory");
    for entry in fs::read_dir(from).expect("there is data") {
        let entry = entry.expect("an entry");
        fs::copy(entry.path(), to.join(entry.file_name())).expect("a copy");
    }
}

#[test]
fn a_replica_whose_directory_is_older_than_its_view_change_stops_and_says_what_to_do() {
    let mut members = Members::start("backup", cluster(4, 2, Links::Hmac));
    let (data, backup) =
        (members.scratch.path().join("node2"), members.scratch.path().join("backup"));
    let client = members.client(2);
    (1..=3).for_each(|count| assert_eq!(add(&client, 1), count));
    members.wait_until_equal();
    members.stop_one(2);
    copy(&data, &backup);
    members.start_one(2);
    members.wait_until_caught_up(2);
    members.stop_one(0);
    (4..=6).for_each(|count| assert_eq!(add(&client, 1), count));
    eventually("replica 2 has left view 0", || {
        members.replicas[2].as_ref().is_some_and(|replica| replica.status().view > 0)
    });
    members.stop_one(2);
    copy(&backup, &data);
    members.start_one(2);
    let stopped = members.replicas[2].take().expect("it starts").wait();
    let stopped = stopped.expect_err("it is told that its disk is old");
    assert!(matches!(stopped, Stopped::OldLog { view: 1.. }), "{stopped}");
    assert!(stopped.to_string().contains("`--recover`"), "{stopped}");
    // It stays stopped, and takes part again as one that has lost its log.
    members.start_one(0);
    let refused = Replica::spawn(members.config(2), SinglePage(common::Counter::default()));
    let refused = refused.expect_err("the log is still old");
    assert!(matches!(refused, SpawnError::OldLog(_)), "{refused}");
    assert!(refused.to_string().contains("`--recover`"), "{refused}");
    members.recover = true;
    members.start_one(2);
    let recovering =
        |members: &Members| members.replicas[2].as_ref().expect("it runs").status().recovering;
    assert!(recovering(&members), "it has no vote yet");
    eventually("it has recovered", || !recovering(&members));
    members.recover = false;
    members.stop_one(2);
    members.start_one(2);
    members.stop_one(1);
    (7..=9).for_each(|count| assert_eq!(add(&client, 1), count));
    members.wait_until_equal();
}
