//! Four replicas on loopback: requests, the loss of the primary, restarts, catching up.

mod common;

use common::{Members, add, cluster, eventually};
use quorate::{Digest, NodeId};
use quorate_std::{Failure, Links, ReplicaHandle};
use std::sync::mpsc::sync_channel;
use std::time::Duration;

#[test]
fn requests_complete_and_all_replicas_agree() {
    for links in [Links::Hmac, Links::Ed25519] {
        let members = Members::start("agree", cluster(4, 4, links));
        let client = members.client(4);
        let mut sum = 0;
        for number in 1..=50 {
            sum += number;
            assert_eq!(add(&client, number), sum);
        }
        members.wait_until_equal();
        let report = client.status(NodeId(2), common::PATIENCE).expect("replica 2 answers");
        assert_eq!((report.node, report.view, report.active), (NodeId(2), 0, true));
        assert_eq!(report.faults, []);
        assert!(report.digest.is_some() && report.executed > 0 && report.log_bytes > 0);
        assert!(report.peers.iter().all(|peer| peer.connected), "{:?}", report.peers);
    }
}

#[test]
fn many_threads_use_one_client() {
    let members = Members::start("threads", cluster(4, 8, Links::Hmac));
    let client = members.client(8);
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| (0..25).fold(0, |last, _| add(&client, 1).max(last)));
        }
    });
    assert_eq!(add(&client, 0), 400);
    assert_eq!(client.free_sessions(), 8);
    members.wait_until_equal();
}

#[test]
fn the_cluster_survives_the_loss_of_its_primary_and_takes_it_back() {
    let mut members = Members::start("primary", cluster(4, 2, Links::Hmac));
    let client = members.client(2);
    let mut sum = 0;
    let mut add_some = |client| {
        for number in 0..20 {
            sum += number;
            assert_eq!(add(client, number), sum);
        }
    };
    add_some(&client);
    members.stop_one(0);
    add_some(&client);
    assert!(members.running().any(|replica| replica.status().view > 0));
    members.start_one(0);
    add_some(&client);
    members.wait_until_equal();
}

#[test]
fn one_that_missed_more_than_the_window_fetches_the_state() {
    let mut members = Members::start_with("transfer", cluster(4, 2, Links::Hmac), 1 << 20);
    let client = members.client(2);
    assert_eq!(add(&client, 1), 1);
    members.wait_until_equal();
    members.stop_one(3);
    let missed = 5 * members.cluster.window as u64;
    for at in 0..missed {
        assert_eq!(add(&client, 1), at + 2);
    }
    members.start_one(3);
    members.wait_until_equal();
    let report = members.replicas[3].as_ref().expect("it runs").status();
    assert!(report.executed > missed, "executed {}", report.executed);
}

#[test]
fn everybody_restarts_and_nothing_is_lost() {
    let mut members = Members::start("restart", cluster(4, 2, Links::Hmac));
    members.log_bytes = 16 << 10;
    let mut expected = 0;
    for round in 0..4 {
        let client = members.client(2);
        for _ in 0..30 {
            expected += 1;
            assert_eq!(add(&client, 1), expected, "round {round}");
        }
        members.wait_until_equal();
        let digests = || -> Vec<Option<Digest>> {
            members.running().map(|replica| replica.status().digest).collect()
        };
        let before = digests();
        drop(client);
        for id in 0..4 {
            members.stop_one(id);
        }
        for id in 0..4 {
            members.start_one(id);
        }
        let digests = || -> Vec<Option<Digest>> {
            members.running().map(|replica| replica.status().digest).collect()
        };
        eventually("all are again where they were", || digests() == before);
    }
}

#[test]
fn each_replica_in_turn_is_restarted_under_load() {
    let mut members = Members::start("rolling", cluster(4, 4, Links::Hmac));
    members.log_bytes = 16 << 10;
    let client = members.client(4);
    let (stop, stopped) = sync_channel::<()>(1);
    let load = {
        let client = client.clone();
        std::thread::spawn(move || {
            let mut count = 0u64;
            while stopped.try_recv().is_err() {
                count += 1;
                assert_eq!(add(&client, 1), count);
            }
            count
        })
    };
    for id in 0..4 {
        members.stop_one(id);
        let others = || members.running().map(|replica| replica.status().executed).max();
        let begin = others();
        eventually("the others go on", || others() > begin.map(|executed| executed + 5));
        members.start_one(id);
        members.wait_until_caught_up(id);
    }
    stop.send(()).expect("the load runs");
    let count = load.join().expect("the load ends well");
    assert_eq!(add(&client, 0), count);
    members.wait_until_equal();
}

#[test]
fn an_operation_that_is_too_long_is_refused_at_once() {
    let members = Members::start("long", cluster(4, 1, Links::Hmac));
    let client = members.client(1);
    let limit = members.cluster.dimensions().operation_bytes();
    assert_eq!(client.invoke(&vec![0; limit + 1]), Err(Failure::TooLong { limit }));
    assert!(client.invoke(&vec![0; limit]).is_ok());
}

#[test]
fn a_client_that_nobody_answers_says_so() {
    let mut members = Members::start("silence", cluster(4, 1, Links::Hmac));
    for id in 0..4 {
        members.stop_one(id);
    }
    let keys = vec![(quorate::ClientId(0), common::client_key(0))];
    let options = quorate_std::ClientOptions {
        retry: Duration::from_millis(20),
        give_up: Duration::from_millis(200),
        ..Default::default()
    };
    let client = quorate_std::Client::spawn(members.cluster.clone(), keys, options)
        .expect("a client starts without its cluster");
    assert_eq!(client.invoke(b"anybody?"), Err(Failure::TimedOut));
    let status = client.status(NodeId(0), Duration::from_millis(50));
    assert_eq!(status, Err(quorate_std::StatusError::TimedOut(NodeId(0))));
}

#[test]
fn a_stopped_replica_still_tells_where_it_stood() {
    let mut members = Members::start("last", cluster(4, 1, Links::Hmac));
    let client = members.client(1);
    assert_eq!(add(&client, 3), 3);
    members.wait_until_equal();
    let replica = members.replicas[1].take().expect("it runs");
    let before = ReplicaHandle::status(&replica);
    assert_eq!(before.executed, 1);
}
