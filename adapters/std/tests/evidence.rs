//! A replica that signs what no correct one signs is shown to anybody to have done so.

mod common;

use common::{Members, add, cluster, eventually};
use quorate::ed25519::Ed25519;
use quorate::fault::{Evidence, verify};
use quorate::pbft::{Histories, Message, Pairs, Sequence, View, ViewChange};
use quorate::{Digest, NodeId, Principal, Signature, Target, wire};
use quorate_std::{Links, ProofStatus, Replica, ReplicaConfig, Tamper};

const LIAR: NodeId = NodeId(2);

/// Commits to something else before it commits, and asks for a view in a VIEW-CHANGE that holds
/// no checkpoint, instead of telling where it stands.
#[derive(Debug)]
struct TwoFaced;

impl Tamper for TwoFaced {
    fn outgoing(&mut self, _: Target, message: &mut Message<'_>) {
        match *message {
            Message::Prepare(mut vote) => {
                vote.digest = Digest::of(b"something else");
                *message = Message::Commit(vote);
            }
            Message::Status(_) => {
                *message = Message::ViewChange(ViewChange {
                    author: LIAR,
                    view: View(7),
                    stable: Sequence(0),
                    checkpoints: Pairs::from_bytes(&[]),
                    histories: Histories::from_bytes(&[]),
                    signature: Signature::ZERO,
                });
            }
            _ => {}
        }
    }
}

/// What a replica shows, judged by somebody who has the roster and its files.
fn shown(members: &Members, id: usize) -> Vec<(String, bool)> {
    let Some(replica) = &members.replicas[id] else { return Vec::new() };
    let judge = |proof: ProofStatus| {
        let path = members.config(id).data.join(&proof.file);
        let bytes = std::fs::read(path).expect("the file is there");
        let evidence = wire::decode::<Evidence<'_>>(&bytes).expect("it is evidence");
        let found = verify(&evidence, &members.cluster.roster(), &Ed25519).expect("it holds");
        assert_eq!(found.who, Principal::Node(LIAR), "only the liar is shown");
        assert_eq!(proof.who, found.who);
        assert_eq!(proof.excuse, found.excuse.map(|excuse| format!("{excuse:?}")));
        assert_eq!(proof.fault, format!("{:?}", found.fault));
        (proof.fault, proof.excuse.is_some())
    };
    let mut shown: Vec<_> = replica.status().proofs.into_iter().map(judge).collect();
    shown.sort();
    shown
}

fn run(name: &str, links: Links) -> Members {
    let mut members = Members::start(name, cluster(4, 2, links));
    members.stop_one(LIAR.index());
    let config = ReplicaConfig { tamper: Some(Box::new(TwoFaced)), ..members.config(LIAR.index()) };
    let liar = Replica::spawn(config, quorate_std::SinglePage(common::Counter::default()))
        .expect("it starts");
    let client = members.client(2);
    for at in 1..=2 * members.cluster.window as u64 {
        assert_eq!(add(&client, 1), at);
    }
    let (equivocated, malformed) = ("Equivocation".to_owned(), "BadViewChange".to_owned());
    let mut wanted = vec![(malformed, false)];
    if links == Links::Ed25519 {
        wanted.push((equivocated, false));
    }
    eventually("every other replica can show what the liar did", || {
        [0, 1, 3].into_iter().all(|id| shown(&members, id) == wanted)
    });
    liar.stop();
    members
}

#[test]
fn over_signed_links_votes_are_evidence_too_and_a_restart_forgets_none() {
    let mut members = run("evidence-signed", Links::Ed25519);
    let before = shown(&members, 1);
    members.stop_one(1);
    members.start_one(1);
    assert_eq!(shown(&members, 1), before);
}

#[test]
fn over_macs_only_what_was_signed_for_others_is_evidence() {
    run("evidence-macs", Links::Hmac);
}
