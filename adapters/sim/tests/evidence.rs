//! What correct replicas can show of a traitor, and of nobody else.

use quorate::pbft::{Histories, Message, Pairs, ViewChange};
use quorate::{ClientId, Instant, NodeId, Principal, wire};
use quorate_sim::Plan;
use quorate_sim::engine::Payload;
use quorate_sim::pbft::Cluster;
use quorate_sim::plan::Role;
use quorate_sim::traitor::{Rights, Traitor};

/// Follows each of its VIEW-CHANGEs by another one for the same view, or by one that contradicts
/// itself.
#[derive(Clone, Debug)]
struct TwoTongued {
    malformed: bool,
}

impl Traitor for TwoTongued {
    fn name(&self) -> &'static str {
        "two tongues"
    }

    fn utter(
        &mut self,
        rights: Rights<'_>,
        to: Principal,
        payload: &Payload,
        out: &mut Vec<(Principal, Payload)>,
    ) {
        out.push((to, Payload::clone(payload)));
        let Ok(Message::ViewChange(change)) = wire::decode::<Message<'_>>(payload) else { return };
        if Principal::Node(change.author) != Principal::Node(rights.me) {
            return;
        }
        let first = change.checkpoints.bytes().get(..Pairs::ENTRY).unwrap_or_default();
        let mut digest = first.to_vec();
        digest[Pairs::ENTRY - 1] ^= 1;
        let checkpoints = if self.malformed { &[][..] } else { &digest };
        let second = ViewChange {
            checkpoints: Pairs::from_bytes(checkpoints),
            histories: Histories::from_bytes(&[]),
            ..change
        };
        out.push((to, rights.seal(Message::ViewChange(second))));
    }
}

#[test]
fn a_traitor_that_signs_two_view_changes_or_a_malformed_one_is_shown_by_all() {
    for malformed in [true, false] {
        let traitors = vec![(NodeId(6), Role::Liar)];
        let quiet = Plan { clients: 1, requests: 0, window: 16, ..Plan::quiet(11, 7) };
        let mut cluster = Cluster::new(Plan { traitors, ..quiet }, false);
        cluster.corrupt(NodeId(6), Box::new(TwoTongued { malformed }));
        cluster.crash(NodeId(0));
        cluster.submit(ClientId(0), b"one");
        // The checkers object to evidence that does not hold, or that names anybody else.
        cluster.run_until(Instant::from_micros(20_000_000)).unwrap();
        assert_eq!(cluster.replies(ClientId(0)).len(), 1);
        assert!(cluster.statistics().proofs >= 5, "malformed: {malformed}");
    }
}
