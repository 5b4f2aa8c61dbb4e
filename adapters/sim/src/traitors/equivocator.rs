//! Proposes one batch to some and another to others, or both to one, and votes for both.

use super::heard::{Heard, encode};
use crate::engine::Payload;
use crate::traitor::{Rights, Traitor};
use quorate::pbft::{Batch, Message, Sequence, View, Vote};
use quorate::{Digest, NodeSet, Principal, wire};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

/// What the equivocators of one run agreed on among themselves.
///
/// The nodes of one half hear the truth, and so do the traitors themselves; those of the other
/// half hear a second story. Its batches are made of authentic requests too: the same in another
/// order, or another request that a client made.
#[derive(Clone, Debug)]
pub struct Plot {
    other_half: NodeSet,
    /// The second digest of each place that has one.
    second: Rc<RefCell<BTreeMap<Place, Digest>>>,
}

/// A proposal of the first story.
type Place = (View, Sequence, Digest);

impl Plot {
    /// A plot in which these nodes hear the second story.
    #[must_use]
    pub fn against(other_half: NodeSet) -> Self {
        Self { other_half, second: Rc::default() }
    }
}

/// A traitor that equivocates as a primary, and votes both ways as a backup. Now and then it tells
/// one receiver both stories, one right after the other.
#[derive(Clone, Debug)]
pub struct Equivocator {
    plot: Plot,
    requests: Heard,
}

impl Equivocator {
    /// A member of the plot.
    #[must_use]
    pub const fn new(plot: Plot) -> Self {
        Self { plot, requests: Heard::NOTHING }
    }

    /// Another batch of authentic requests; `None` if not one is known.
    fn another(&self, batch: Batch<'_>) -> Option<Vec<u8>> {
        let mut requests: Vec<Vec<u8>> = batch.iter().map(|r| encode(&r)).collect();
        if requests.len() > 1 {
            requests.reverse();
            return Some(requests.concat());
        }
        let same = batch.iter().next()?.client;
        let mut newest = self.requests.newest();
        newest.find(|(client, _)| *client != same).map(|(_, batch)| batch.to_vec())
    }

    fn second_vote(&self, mut vote: Vote) -> Vote {
        let place = (vote.view, vote.sequence, vote.digest);
        if let Some(digest) = self.plot.second.borrow().get(&place) {
            vote.digest = *digest;
        }
        vote
    }
}

impl Traitor for Equivocator {
    fn name(&self) -> &'static str {
        "equivocator"
    }

    fn overhear(&mut self, _: Principal, payload: &[u8]) {
        self.requests.overhear(payload);
    }

    fn utter(
        &mut self,
        rights: Rights<'_>,
        to: Principal,
        payload: &Payload,
        out: &mut Vec<(Principal, Payload)>,
    ) {
        let honest = (to, Payload::clone(payload));
        let other_half = matches!(to, Principal::Node(node) if self.plot.other_half.contains(node));
        let message = wire::decode::<Message<'_>>(payload);
        let Some(message) = message.ok().filter(|_| other_half) else { return out.push(honest) };
        let lie = match message {
            Message::PrePrepare { view, sequence, batch } => {
                let Some(bytes) = self.another(batch) else { return out.push(honest) };
                let second = Batch::from_bytes(&bytes);
                let place = (view, sequence, batch.digest());
                self.plot.second.borrow_mut().insert(place, second.digest());
                rights.seal(Message::PrePrepare { view, sequence, batch: second })
            }
            Message::Prepare(vote) => rights.seal(Message::Prepare(self.second_vote(vote))),
            Message::Commit(vote) => rights.seal(Message::Commit(self.second_vote(vote))),
            _ => return out.push(honest),
        };
        out.push((to, lie));
        if rights.random.chance(BOTH) {
            out.push(honest);
        }
    }
}

/// How many of a thousand who hear the second story hear the first one too.
const BOTH: u32 = 100;

#[cfg(test)]
mod tests {
    use super::*;
    use quorate::pbft::Request;
    use quorate::wire::Bytes;
    use quorate::{ClientId, Signature};

    fn request(client: u16) -> Request<'static> {
        Request {
            client: ClientId(client),
            timestamp: 7,
            operation: Bytes(b"op"),
            signature: Signature::ZERO,
        }
    }

    #[test]
    fn the_second_story_is_a_well_formed_batch_of_authentic_requests() {
        let mut equivocator = Equivocator::new(Plot::against(NodeSet::EMPTY));
        let [one, two] = [1, 2].map(|client| encode(&request(client)));
        assert_eq!(equivocator.another(Batch::from_bytes(&one)), None);
        equivocator.requests.keep(&request(2));
        assert_eq!(equivocator.another(Batch::from_bytes(&one)), Some(two.clone()));
        let both = [one.clone(), two.clone()].concat();
        let second = equivocator.another(Batch::from_bytes(&both)).unwrap();
        assert_eq!(second, [two, one].concat());
        assert_eq!(Batch::from_bytes(&second).check(3), Ok(()));
    }
}
