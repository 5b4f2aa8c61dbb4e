//! A primary that proposes as late as it dares, and one that is deaf to a client, are replaced.

mod common;

use common::{Counter, Members, add, client_key, cluster, eventually};
use quorate::pbft::Message;
use quorate::{ClientId, NodeId, Principal, Target};
use quorate_std::{Client, ClientOptions, Links, Replica, ReplicaConfig, ReplicaHandle};
use quorate_std::{SinglePage, Tamper};
use std::time::Duration;

/// The victim of the one that is deaf.
const VICTIM: ClientId = ClientId(3);

/// Keeps each proposal back for so long.
#[derive(Debug)]
struct Slow(Duration);

impl Tamper for Slow {
    fn outgoing(&mut self, to: Target, message: &mut Message<'_>) {
        let first = to == Target::Node(NodeId(1));
        if first && matches!(message, Message::PrePrepare { .. }) {
            std::thread::sleep(self.0);
        }
    }
}

/// Hears nothing of what the victim asks for, whoever passes it on.
#[derive(Debug)]
struct Deaf;

impl Tamper for Deaf {
    fn outgoing(&mut self, _: Target, _: &mut Message<'_>) {}

    fn ignores(&mut self, _: Principal, message: &Message<'_>) -> bool {
        matches!(message, Message::Request(request) if request.client == VICTIM)
    }
}

/// Starts replica 0, the primary, again with a tamper; the others know nothing of it.
fn betray(members: &mut Members, tamper: impl Tamper + 'static) -> ReplicaHandle {
    members.stop_one(0);
    let tamper = Some(Box::new(tamper) as Box<dyn Tamper>);
    let config = ReplicaConfig { tamper, ..members.config(0) };
    Replica::spawn(config, SinglePage(Counter::default())).expect("it starts")
}

/// Waits until all correct replicas are in the same view after the first, and says how often any
/// of them has left a view by itself.
fn wait_until_replaced(members: &Members) -> u64 {
    eventually("the primary is replaced", || {
        let first = members.running().next().map(|replica| replica.status().view);
        members.running().all(|replica| {
            let status = replica.status();
            status.active && status.view > 0 && Some(status.view) == first
        })
    });
    let departures = members.running().map(|replica| replica.status().departures);
    departures.map(|why| why.slow + why.unfair + why.timer).sum()
}

#[test]
fn a_primary_that_keeps_each_proposal_back_is_replaced() {
    let mut members = Members::start("slow", cluster(4, 2, Links::Hmac));
    let delay = members.config(0).timeout * 9 / 10;
    let slow = betray(&mut members, Slow(delay));
    let client = members.client(1);
    let mut sum = 0;
    while members.running().any(|replica| replica.status().view == 0) {
        sum += 1;
        assert_eq!(add(&client, 1), sum);
        assert!(sum < 1_000, "it is never replaced");
    }
    assert!(wait_until_replaced(&members) > 0);
    for _ in 0..3 * members.cluster.window {
        sum += 1;
        assert_eq!(add(&client, 1), sum, "the next one serves");
    }
    members.wait_until_equal();
    slow.stop();
}

#[test]
fn a_client_that_the_primary_is_deaf_to_is_served_by_the_next_one() {
    let mut members = Members::start("deaf", cluster(4, 4, Links::Hmac));
    let deaf = betray(&mut members, Deaf);
    let others = members.client(2);
    assert_eq!(add(&others, 1), 1, "others are served");
    let keys = vec![(VICTIM, client_key(VICTIM.index()))];
    let options = ClientOptions { retry: Duration::from_millis(100), ..ClientOptions::default() };
    let victim = Client::spawn(members.cluster.clone(), keys, options).expect("it starts");
    assert_eq!(add(&victim, 1), 2);
    assert!(wait_until_replaced(&members) > 0);
    assert_eq!(add(&others, 1), 3);
    deaf.stop();
}
