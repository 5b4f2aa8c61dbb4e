//! Reads over sockets: without order where the cluster has fast reads, ordered elsewhere.

mod common;

use common::{Members, add, cluster};
use quorate_std::{Client, Cluster, Links};

fn fast() -> Cluster {
    Cluster { fast_reads: true, ..cluster(4, 4, Links::Hmac) }
}

/// The sum, read.
fn sum(client: &Client) -> u64 {
    let answer = client.read(&[]).expect("the cluster answers");
    u64::from_le_bytes(answer.try_into().expect("a sum is eight bytes"))
}

/// The furthest that a replica has executed.
fn executed(members: &Members) -> u64 {
    members.running().map(|replica| replica.status().executed).max().unwrap_or_default()
}

#[test]
fn reads_see_every_write_that_ended_and_take_no_sequence() {
    let members = Members::start("reads", fast());
    let client = members.client(4);
    let mut written = 0;
    for number in 1..=50 {
        written += number;
        assert_eq!(add(&client, number), written);
        assert_eq!(sum(&client), written);
    }
    members.wait_until_equal();
    let before = executed(&members);
    for _ in 0..100 {
        assert_eq!(sum(&client), written);
    }
    assert_eq!(executed(&members), before, "nothing was ordered");
    assert!(members.running().all(|replica| replica.status().faults.is_empty()));
}

#[test]
fn reads_are_answered_with_f_replicas_gone_and_after_their_return() {
    let mut members = Members::start("reads-lost", fast());
    let client = members.client(4);
    assert_eq!(add(&client, 5), 5);
    members.stop_one(0);
    assert_eq!(sum(&client), 5);
    assert_eq!(add(&client, 6), 11);
    assert_eq!(sum(&client), 11);
    members.start_one(0);
    members.wait_until_caught_up(0);
    assert_eq!(sum(&client), 11);
}

#[test]
fn an_operation_that_the_service_does_not_read_is_ordered() {
    let members = Members::start("reads-ordered", fast());
    let client = members.client(4);
    let answer = client.read(&7u64.to_le_bytes()).expect("it is executed");
    assert_eq!(answer, 7u64.to_le_bytes());
    assert_eq!(sum(&client), 7);
    assert!(executed(&members) > 0);
}

#[test]
fn without_fast_reads_a_read_is_ordered() {
    let members = Members::start("reads-off", cluster(4, 4, Links::Hmac));
    let client = members.client(4);
    assert_eq!(add(&client, 3), 3);
    assert_eq!(sum(&client), 3);
    assert!(executed(&members) >= 2);
}

#[test]
fn members_that_do_not_agree_on_fast_reads_are_not_of_one_cluster() {
    let mut one = cluster(4, 4, Links::Hmac);
    let ordered = one.id();
    one.fast_reads = true;
    assert_ne!(one.id(), ordered);
}
