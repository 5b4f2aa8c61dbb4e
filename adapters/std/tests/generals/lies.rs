//! What the traitors do to what they should have said.

use quorate::auth::{Scope, Signed};
use quorate::ed25519::SecretKey;
use quorate::sm::{Chain, Endorsement, Endorsements};
use quorate::{NodeId, Principal, king, om, sm, wire};
use quorate_std::general::Tamper;
use serde::Serialize;

/// The traitor's hand: its own key, and nobody else's.
pub(crate) struct Lie {
    pub(crate) scope: Scope,
    pub(crate) me: NodeId,
    pub(crate) key: SecretKey,
}

/// The hook of this part in this protocol.
pub(crate) fn tamper(lie: Lie, part: &str, protocol: &str) -> Option<Tamper> {
    match (part, protocol) {
        ("loyal", _) => None,
        ("silent", _) => Some(Box::new(|_, _| None)),
        (_, "om") => Some(Box::new(move |to, frame| Some(lie.orally(to, &frame)))),
        (_, "sm") => Some(Box::new(move |to, frame| lie.signed(to, frame))),
        (_, "king") => Some(Box::new(move |to, frame| Some(lie.as_king(to, &frame)))),
        // A vector loses its end on its way to some.
        _ => Some(Box::new(|to, mut frame| {
            frame.truncate(frame.len() - usize::from(to.0 & 1));
            Some(frame)
        })),
    }
}

impl Lie {
    fn seal<M: Signed + Serialize>(&self, message: M) -> Vec<u8> {
        let mut frame = vec![0; wire::encoded_len(&message)];
        let me = Principal::Node(self.me);
        wire::seal(message, me, &self.scope, &self.key, &mut frame).expect("there is room");
        frame
    }

    /// Another order for each receiver, along every path.
    fn orally(&self, to: NodeId, frame: &[u8]) -> Vec<u8> {
        let message: om::Message<'_, u8> = wire::decode(frame).expect("its own frame");
        let om::Message::Wave { instance, round, orders } = message else {
            panic!("a general sends waves");
        };
        let lies: Vec<_> = orders.orders().map(|_| Some(100 + to.0)).collect();
        let orders = om::Wave::from_orders(&lies);
        self.seal(om::Message::Wave { instance, round, orders })
    }

    /// A commander signs another order for the odd ones; a lieutenant, who can sign no order but
    /// with the commander's signature under it, keeps it from them.
    fn signed(&self, to: NodeId, frame: Vec<u8>) -> Option<Vec<u8>> {
        let sm::Message::<'_, u8> { instance, .. } = wire::decode(&frame).expect("its own frame");
        if to.0.is_multiple_of(2) {
            return Some(frame);
        }
        let mine = Endorsement::unsigned(self.me);
        let other = sm::Message::new(instance, Chain::new(99u8, Endorsements::NONE, mine));
        (instance.commander == self.me).then(|| self.seal(other))
    }

    /// Another opinion for each receiver.
    fn as_king(&self, to: NodeId, frame: &[u8]) -> Vec<u8> {
        let message: king::Message<u8> = wire::decode(frame).expect("its own frame");
        let opinion = king::Opinion::Order(100 + to.0);
        self.seal(king::Message { opinion, ..message })
    }
}
