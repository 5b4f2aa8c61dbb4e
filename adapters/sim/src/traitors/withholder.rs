//! Keeps the bodies of batches to itself.

use crate::engine::Payload;
use crate::traitor::{Rights, Traitor};
use quorate::pbft::Message;
use quorate::{NodeSet, Principal, wire};

/// A traitor that proposes to everybody but its victims, and answers nobody who asks for the
/// body of a batch. It votes as if nothing were the matter, so that the victims see a quorum
/// for what they do not have.
#[derive(Clone, Copy, Debug)]
pub struct Withholder {
    victims: NodeSet,
}

impl Withholder {
    /// These do not get its proposals.
    #[must_use]
    pub const fn from(victims: NodeSet) -> Self {
        Self { victims }
    }
}

impl Traitor for Withholder {
    fn name(&self) -> &'static str {
        "withholder"
    }

    fn utter(
        &mut self,
        _: Rights<'_>,
        to: Principal,
        payload: &Payload,
        out: &mut Vec<(Principal, Payload)>,
    ) {
        let victim = matches!(to, Principal::Node(node) if self.victims.contains(node));
        match wire::decode(payload) {
            Ok(Message::Batch { .. }) => {}
            Ok(Message::PrePrepare { .. }) if victim => {}
            _ => out.push((to, Payload::clone(payload))),
        }
    }
}
