//! Asks for the next view, whatever happens in this one.

use crate::engine::Payload;
use crate::traitor::{Rights, Traitor};
use quorate::pbft::{Histories, Message, Pairs, Sequence, View, ViewChange};
use quorate::{Digest, Principal, Signature, wire};

/// A traitor that does its work and, with each STATUS and each vote, asks everybody to leave the
/// view that it speaks of, with a well-formed VIEW-CHANGE of a replica that has done nothing yet.
/// Alone, or as one of f, it must be followed by nobody.
#[derive(Clone, Copy, Debug, Default)]
pub struct Agitator;

/// The view that a message of routine speaks of.
fn view_of(payload: &[u8]) -> Option<View> {
    match wire::decode(payload) {
        Ok(Message::Prepare(vote) | Message::Commit(vote)) => Some(vote.view),
        Ok(Message::PrePrepare { view, .. }) => Some(view),
        Ok(Message::Status(status)) => Some(status.view),
        _ => None,
    }
}

impl Traitor for Agitator {
    fn name(&self) -> &'static str {
        "agitator"
    }

    fn utter(
        &mut self,
        rights: Rights<'_>,
        to: Principal,
        payload: &Payload,
        out: &mut Vec<(Principal, Payload)>,
    ) {
        out.push((to, Payload::clone(payload)));
        let Some(view) = view_of(payload).and_then(View::next) else { return };
        // C begins with the stable checkpoint: that of the beginning.
        let checkpoints = [[0; 8].as_slice(), &Digest::ZERO.0].concat();
        let change = ViewChange {
            author: rights.me,
            view,
            stable: Sequence(0),
            checkpoints: Pairs::from_bytes(&checkpoints),
            histories: Histories::default(),
            signature: Signature::ZERO,
        };
        out.push((to, rights.seal(Message::ViewChange(change))));
    }
}
