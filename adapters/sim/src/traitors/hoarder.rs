//! Proposes at once, but lets nothing be agreed on until just before the timeout.

use crate::engine::Payload;
use crate::traitor::{Rights, Traitor};
use core::time::Duration;
use quorate::pbft::{Message, Sequence};
use quorate::{NodeId, Principal, wire};

/// A traitor that, as primary, keeps each proposal from every other replica for a while, from
/// those for one sequence and from these for the next, and every eighth one from all, so that
/// there is a hole below the rest; its COMMITs too. It is correct otherwise.
#[derive(Clone, Copy, Debug)]
pub struct Hoarder {
    delay: Duration,
    /// Whether what it said last is kept back.
    keeps: bool,
}

impl Hoarder {
    /// Keeps back for so long.
    #[must_use]
    pub const fn by(delay: Duration) -> Self {
        Self { delay, keeps: false }
    }
}

/// Whether a node gets a proposal late.
fn is_left_out(node: NodeId, sequence: Sequence) -> bool {
    sequence.0 % 8 == 1 || (sequence.0 + u64::from(node.0)).is_multiple_of(2)
}

impl Traitor for Hoarder {
    fn name(&self) -> &'static str {
        "hoarder"
    }

    fn holds_back(&self, _: &[u8]) -> Duration {
        if self.keeps { self.delay } else { Duration::ZERO }
    }

    fn utter(
        &mut self,
        _: Rights<'_>,
        to: Principal,
        payload: &Payload,
        out: &mut Vec<(Principal, Payload)>,
    ) {
        self.keeps = match (wire::decode(payload), to) {
            (Ok(Message::PrePrepare { sequence, .. }), Principal::Node(node)) => {
                is_left_out(node, sequence)
            }
            (Ok(Message::Commit(_)), _) => true,
            _ => false,
        };
        out.push((to, Payload::clone(payload)));
    }
}
