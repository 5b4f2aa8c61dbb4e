//! One replica lies in everything it says; nobody believes it.

mod common;

use common::{Members, add, cluster, eventually, node_key};
use quorate::pbft::Message;
use quorate::wire::Bytes;
use quorate::{Digest, NodeId, Target};
use quorate_std::{Links, Replica, ReplicaConfig, Tamper};

/// Lies in every reply, vote and checkpoint, and tells each replica something else.
#[derive(Debug)]
struct Liar;

impl Tamper for Liar {
    fn outgoing(&mut self, to: Target, message: &mut Message<'_>) {
        let id = match to {
            Target::Node(node) => node.0,
            Target::Client(_) | Target::Nodes(_) | Target::All => 0xff,
        };
        match message {
            Message::Reply(reply) => reply.reply = Bytes(b"a lie!!!"),
            Message::Prepare(vote) | Message::Commit(vote) => vote.digest = Digest([id; 32]),
            Message::Checkpoint { digest, .. } => *digest = Digest([id; 32]),
            _ => {}
        }
    }
}

#[test]
fn a_liar_is_outvoted_and_named() {
    let mut members = Members::start("liar", cluster(4, 2, Links::Hmac));
    members.stop_one(2);
    let config = ReplicaConfig { tamper: Some(Box::new(Liar)), ..members.config(2) };
    assert_eq!(config.key.public(), node_key(2).public());
    let liar = Replica::spawn(config, quorate_std::SinglePage(common::Counter::default()))
        .expect("it starts");
    let client = members.client(2);
    for at in 1..=3 * members.cluster.window as u64 {
        assert_eq!(add(&client, 1), at);
    }
    members.wait_until_equal();
    eventually("a correct replica names the liar", || {
        members.running().any(|replica| {
            let faults = replica.status().faults;
            assert!(faults.iter().all(|(node, ..)| *node == NodeId(2)), "{faults:?}");
            !faults.is_empty()
        })
    });
    liar.stop();
}
