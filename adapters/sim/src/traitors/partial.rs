//! Helps some and starves others, with nothing but true votes.

use crate::engine::Payload;
use crate::traitor::{Rights, Traitor};
use quorate::pbft::Message;
use quorate::{Digest, Principal, wire};

/// A traitor that brings all replicas but one to prepare, and one to commit, which it also tells
/// too early that it is settled; each batch others. It vouches for no state. All traitors in a
/// cluster choose the same ones, which the batch's digest decides: together they are as many as
/// they can be.
#[derive(Clone, Copy, Debug)]
pub struct Partial;

/// Whether this receiver is the one of `nodes` that a byte of the digest chooses.
fn is_chosen(to: Principal, nodes: usize, byte: u8) -> bool {
    matches!(to, Principal::Node(node) if usize::from(byte) % nodes == node.index())
}

impl Traitor for Partial {
    fn name(&self) -> &'static str {
        "partial"
    }

    fn utter(
        &mut self,
        rights: Rights<'_>,
        to: Principal,
        payload: &Payload,
        out: &mut Vec<(Principal, Payload)>,
    ) {
        let prepares = |digest: &Digest| !is_chosen(to, rights.nodes, digest.0[0]);
        let commits = |digest: &Digest| is_chosen(to, rights.nodes, digest.0[1]);
        let (heard, early) = match wire::decode(payload) {
            Ok(Message::Prepare(vote)) => {
                let word = Message::Settled { sequence: vote.sequence, digest: vote.digest };
                let early = commits(&vote.digest).then(|| rights.seal(word));
                (prepares(&vote.digest), early)
            }
            Ok(Message::Commit(vote)) => (commits(&vote.digest), None),
            Ok(Message::Settled { digest, .. }) => (commits(&digest), None),
            // Or those who starve would fetch the state of those who got on.
            Ok(Message::Checkpoint { .. } | Message::State { .. }) => (false, None),
            _ => (true, None),
        };
        out.extend(heard.then(|| (to, Payload::clone(payload))));
        out.extend(early.map(|word| (to, word)));
    }
}
