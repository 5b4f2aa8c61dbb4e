//! Primaries that keep to the protocol but for one thing.

use quorate::pbft::Message;
use quorate::{ClientId, NodeId, Principal, Target};
use quorate_std::Tamper;
use std::time::Duration;

/// Keeps each proposal back for so long.
pub(crate) struct Slow(pub(crate) Duration);

impl Tamper for Slow {
    fn outgoing(&mut self, to: Target, message: &mut Message<'_>) {
        let first = to == Target::Node(NodeId(1));
        if first && matches!(message, Message::PrePrepare { .. }) {
            std::thread::sleep(self.0);
        }
    }
}

/// Is deaf to a client, whoever passes its requests on.
pub(crate) struct Deaf(pub(crate) ClientId);

impl Tamper for Deaf {
    fn outgoing(&mut self, _: Target, _: &mut Message<'_>) {}

    fn ignores(&mut self, _: Principal, message: &Message<'_>) -> bool {
        matches!(message, Message::Request(request) if request.client == self.0)
    }
}
