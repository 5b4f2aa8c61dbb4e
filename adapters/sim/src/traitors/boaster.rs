//! Claims to have prepared what nobody proposed.

use super::bent::misreport;
use super::heard::encode;
use super::scripted::Change;
use crate::engine::Payload;
use crate::traitor::{Rights, Traitor};
use quorate::pbft::{Message, View};
use quorate::{Principal, wire};

/// A traitor whose VIEW-CHANGEs report, beside what is true, that a batch of a request that it
/// heard was prepared in the view before: one of an even number right above all that it knows of,
/// where nothing was proposed, another one where others have prepared something else. It tells all
/// the same lie, so that a NEW-VIEW may follow from it.
#[derive(Clone, Debug, Default)]
pub struct Boaster {
    /// The last request that it heard, as a batch of it alone.
    request: Vec<u8>,
    /// The view that it lied about last, and the lie.
    lie: Option<(View, Payload)>,
}

impl Boaster {
    fn lie(&self, rights: &Rights<'_>, payload: &Payload) -> Option<(View, Payload)> {
        let Ok(Message::ViewChange(mut change)) = wire::decode(payload) else { return None };
        if change.author != rights.me {
            return None;
        }
        if let Some((_, lie)) = self.lie.as_ref().filter(|(view, _)| *view == change.view) {
            return Some((change.view, Payload::clone(lie)));
        }
        let known: Vec<u64> = change.histories.iter().map(|it| it.sequence.0).collect();
        let any = known.get(change.view.0 as usize % known.len().max(1));
        let sequence = if rights.me.0.is_multiple_of(2) {
            known.last().map_or(change.stable.0, |last| *last) + 1
        } else {
            any.map_or(change.stable.0 + 1, |one| *one)
        };
        let view = change.view.0.checked_sub(1)?;
        let claim = Change::Claim { sequence, view, batch: Vec::new() };
        let mut room = Vec::new();
        misreport(&mut change, &claim, &self.request, &mut room)?;
        Some((change.view, rights.seal(Message::ViewChange(change))))
    }
}

impl Traitor for Boaster {
    fn name(&self) -> &'static str {
        "boaster"
    }

    fn overhear(&mut self, _: Principal, payload: &[u8]) {
        if let Ok(Message::Request(request)) = wire::decode(payload) {
            self.request = encode(&request);
        }
    }

    fn utter(
        &mut self,
        rights: Rights<'_>,
        to: Principal,
        payload: &Payload,
        out: &mut Vec<(Principal, Payload)>,
    ) {
        let lie = self.lie(&rights, payload);
        out.push((to, lie.as_ref().map_or_else(|| payload.clone(), |(_, lie)| lie.clone())));
        self.lie = lie.or(self.lie.take());
    }
}
