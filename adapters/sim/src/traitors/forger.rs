//! Puts words into the mouths of others, whose keys it does not have.

use super::heard::encode;
use crate::engine::Payload;
use crate::traitor::{Rights, Traitor};
use quorate::pbft::{Batch, Message, NewView, Pairs, View, ViewChange};
use quorate::wire::{self, Bytes};
use quorate::{NodeId, Principal};

/// A traitor that tells the truth and, now and then, something that another is to have said:
/// a request that its client never made, with the signature of another one; a VIEW-CHANGE of
/// another replica, moved to another view, or of its own and in the name of another; a NEW-VIEW
/// of another primary. As primary it proposes requests that were tampered with.
#[derive(Clone, Debug, Default)]
pub struct Forger {
    /// The last request and the last VIEW-CHANGE of somebody else.
    request: Option<Payload>,
    change: Option<Payload>,
}

impl Forger {
    fn forge(&self, rights: &mut Rights<'_>, said: &Message<'_>) -> Option<Payload> {
        if let Message::PrePrepare { view, sequence, batch } = *said {
            let mut request = batch.iter().next()?;
            request.operation = Bytes(b"never asked for");
            let bytes = encode(&request);
            let batch = Batch::from_bytes(&bytes);
            return Some(rights.seal(Message::PrePrepare { view, sequence, batch }));
        }
        let other = NodeId(rights.random.below(rights.nodes as u64) as u8);
        match rights.random.below(4) {
            0 => {
                let Ok(Message::Request(mut request)) = wire::decode(self.request.as_ref()?) else {
                    return None;
                };
                request.timestamp += 1 + rights.random.below(3);
                request.operation = Bytes(b"never asked for");
                Some(rights.seal(Message::Request(request)))
            }
            1 => {
                let Ok(Message::ViewChange(mut change)) = wire::decode(self.change.as_ref()?)
                else {
                    return None;
                };
                change.view = View(change.view.0 + 1 + rights.random.below(3));
                Some(rights.seal(Message::ViewChange(change)))
            }
            2 => {
                let Message::ViewChange(change) = *said else { return None };
                Some(rights.seal(Message::ViewChange(ViewChange { author: other, ..change })))
            }
            _ => {
                let Ok(Message::ViewChange(change)) = wire::decode(self.change.as_ref()?) else {
                    return None;
                };
                let view = View(change.view.0 + rights.random.below(2));
                Some(rights.seal(Message::NewView(NewView {
                    author: view.primary(rights.nodes),
                    view,
                    view_changes: Pairs::from_bytes(&[]),
                    chosen: Pairs::from_bytes(&[]),
                    signature: change.signature,
                })))
            }
        }
    }
}

impl Traitor for Forger {
    fn name(&self) -> &'static str {
        "forger"
    }

    fn overhear(&mut self, _: Principal, payload: &[u8]) {
        match wire::decode(payload) {
            Ok(Message::Request(_)) => self.request = Some(Payload::from(payload)),
            Ok(Message::ViewChange(_)) => self.change = Some(Payload::from(payload)),
            _ => {}
        }
    }

    fn utter(
        &mut self,
        mut rights: Rights<'_>,
        to: Principal,
        payload: &Payload,
        out: &mut Vec<(Principal, Payload)>,
    ) {
        out.push((to, Payload::clone(payload)));
        let Ok(said) = wire::decode::<Message<'_>>(payload) else { return };
        if matches!(to, Principal::Node(_)) && rights.random.chance(250) {
            out.extend(self.forge(&mut rights, &said).map(|forgery| (to, forgery)));
        }
    }
}
