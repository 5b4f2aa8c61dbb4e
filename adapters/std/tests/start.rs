//! Starting and stopping: what is wrong is said in a sentence, and what is lost is not hidden.

mod common;

use common::{Counter, Members, add, client_key, cluster, eventually, node_key};
use quorate::{ClientId, NodeId, PublicKey};
use quorate_std::{
    Client, ClientError, ClientOptions, ClusterError, DiskError, Links, Replica, ReplicaConfig,
    SinglePage, SpawnError, Stopped,
};
use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;

/// A stopped cluster that has executed enough to have stable checkpoints.
fn worn(name: &str) -> Members {
    let mut members = Members::start(name, cluster(4, 1, Links::Hmac));
    let client = members.client(1);
    for _ in 0..3 * members.cluster.window {
        add(&client, 1);
    }
    members.wait_until_equal();
    eventually("checkpoints are stable", || {
        members.running().all(|replica| replica.status().stable >= 32)
    });
    (0..4).for_each(|id| members.stop_one(id));
    members
}

fn refusal(config: ReplicaConfig) -> SpawnError {
    Replica::spawn(config, SinglePage(Counter::default())).expect_err("it must not start")
}

fn files(members: &Members, begin: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(members.scratch.path().join("node0")).expect("there is data");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let named = |path: &PathBuf| {
        path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(begin))
    };
    paths.filter(named).collect()
}

#[test]
fn wrong_constants_and_keys_are_refused_with_a_sentence() {
    let good = cluster(4, 2, Links::Hmac);
    let scratch = common::Scratch::new("wrong");
    let spawn = |cluster, me, key: usize| {
        refusal(ReplicaConfig::new(cluster, NodeId(me), node_key(key), scratch.path().join("data")))
    };
    let three = quorate_std::Cluster { nodes: good.nodes[..3].to_vec(), ..good.clone() };
    assert!(spawn(three, 0, 0).to_string().contains("4 to 64 replicas"));
    let mut twice = good.clone();
    twice.nodes[2] = twice.nodes[1];
    assert!(spawn(twice, 0, 0).to_string().contains("the same public key"));
    let mut invalid = good.clone();
    invalid.clients[1] = PublicKey([0; 32]);
    assert!(spawn(invalid, 0, 0).to_string().contains("not a valid key"));
    let fewer = quorate_std::Cluster { addresses: vec![good.addresses[0]], ..good.clone() };
    assert!(spawn(fewer, 0, 0).to_string().contains("1 addresses for 4 replicas"));
    let mut shared = good.clone();
    shared.addresses[3] = shared.addresses[0];
    let error = spawn(shared, 0, 0);
    assert!(matches!(error, SpawnError::Cluster(ClusterError::DuplicateAddress(_))), "{error}");
    assert!(matches!(spawn(good.clone(), 4, 0), SpawnError::NoSuchNode { nodes: 4, .. }));
    assert!(spawn(good.clone(), 1, 0).to_string().contains("not that of replica 1"));
    let sessions = vec![(ClientId(0), client_key(1))];
    let client = Client::spawn(good.clone(), sessions, ClientOptions::default());
    assert!(matches!(client, Err(ClientError::WrongKey(ClientId(0)))));
    let sessions = vec![(ClientId(0), client_key(0)), (ClientId(0), client_key(0))];
    let client = Client::spawn(good.clone(), sessions, ClientOptions::default());
    assert!(matches!(client, Err(ClientError::DuplicateSession(ClientId(0)))));
    let client = Client::spawn(good, Vec::new(), ClientOptions::default());
    assert!(matches!(client, Err(ClientError::NoSession)));
}

#[test]
fn an_address_in_use_is_named() {
    let good = cluster(4, 1, Links::Hmac);
    let _taken = TcpListener::bind(good.addresses[0]).expect("the port was free");
    let scratch = common::Scratch::new("taken");
    let address = good.addresses[0].to_string();
    let error = refusal(ReplicaConfig::new(good, NodeId(0), node_key(0), scratch.path()));
    assert!(matches!(error, SpawnError::Listen { .. }), "{error}");
    assert!(error.to_string().contains(&address), "{error}");
}

#[test]
fn a_data_directory_serves_one_replica_of_one_cluster() {
    let members = worn("owner");
    let first =
        Replica::spawn(members.config(0), SinglePage(Counter::default())).expect("it starts");
    let error = refusal(members.config(0));
    assert!(error.to_string().contains("another process uses"), "{error}");
    first.stop();
    let mut renamed = members.config(0);
    renamed.cluster.name = "another".into();
    let error = refusal(renamed).to_string();
    assert!(error.contains("another cluster") && error.contains("of its own"), "{error}");
    let data = members.config(0).data;
    let error = refusal(ReplicaConfig { data, ..members.config(1) });
    assert!(error.to_string().contains("another replica of this cluster"), "{error}");
}

#[test]
fn a_lost_log_is_not_taken_for_a_new_replica() {
    let members = worn("lost");
    for log in files(&members, "log-") {
        fs::remove_file(log).expect("the log is lost");
    }
    let error = refusal(members.config(0));
    assert!(matches!(error, SpawnError::Disk(DiskError::Missing { .. })), "{error}");
    assert!(error.to_string().contains("must not vote without its memory"), "{error}");
}

#[test]
fn a_lost_checkpoint_is_noticed() {
    let members = worn("gone");
    for checkpoint in files(&members, "checkpoint-") {
        fs::remove_file(checkpoint).expect("the checkpoint is lost");
    }
    let error = refusal(members.config(0));
    assert!(matches!(error, SpawnError::Disk(DiskError::Missing { .. })), "{error}");
}

#[test]
fn a_damaged_checkpoint_is_never_restored() {
    let members = worn("damaged");
    for checkpoint in files(&members, "checkpoint-") {
        let mut bytes = fs::read(&checkpoint).expect("it is there");
        *bytes.last_mut().expect("it is not empty") ^= 1;
        fs::write(&checkpoint, bytes).expect("a bit is flipped");
    }
    let error = refusal(members.config(0));
    assert!(matches!(error, SpawnError::Disk(DiskError::Damaged { .. })), "{error}");
}

#[test]
fn a_damaged_log_stops_the_replica_and_a_torn_one_is_noted() {
    let members = worn("torn");
    let log = files(&members, "log-").pop().expect("there is a log");
    let whole = fs::read(&log).expect("it is readable");
    let mut damaged = whole.clone();
    damaged[whole.len() / 2] ^= 1;
    fs::write(&log, damaged).expect("a bit is flipped");
    let error = refusal(members.config(0));
    assert!(matches!(error, SpawnError::Disk(DiskError::Damaged { .. })), "{error}");
    fs::write(&log, [&whole[..], b"torn"].concat()).expect("a tail is left");
    let replica =
        Replica::spawn(members.config(0), SinglePage(Counter::default())).expect("it starts");
    let notes = replica.status().notes;
    assert!(notes.len() == 1 && notes[0].contains("4 bytes"), "{notes:?}");
}

#[test]
fn a_disk_that_fails_stops_the_replica_loudly_and_the_others_go_on() {
    let mut members = Members::start("fails", cluster(4, 1, Links::Hmac));
    let client = members.client(1);
    add(&client, 1);
    members.wait_until_equal();
    assert!(members.replicas.iter().flatten().all(|replica| !replica.is_finished()));
    fs::remove_dir_all(members.config(2).data).expect("the directory goes away");
    for _ in 0..2 * members.cluster.window {
        add(&client, 1);
    }
    let failed = members.replicas[2].take().expect("it was started");
    eventually("it has ended", || failed.is_finished());
    let failed = failed.wait();
    let error = failed.expect_err("it cannot store its checkpoints");
    assert!(matches!(error, Stopped::Disk(DiskError::Io { .. })), "{error}");
    assert!(error.to_string().contains("checkpoint-"), "{error}");
    add(&client, 1);
}
