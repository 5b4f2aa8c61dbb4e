//! Serves all clients but one.

use crate::traitor::Traitor;
use quorate::pbft::Message;
use quorate::{ClientId, wire};

/// A traitor that is deaf to one client, whoever passes its requests on, and correct otherwise.
/// As primary it proposes what all the others ask for.
#[derive(Clone, Copy, Debug)]
pub struct Unfair {
    victim: ClientId,
}

impl Unfair {
    /// Deaf to this client.
    #[must_use]
    pub const fn to(victim: ClientId) -> Self {
        Self { victim }
    }
}

impl Traitor for Unfair {
    fn name(&self) -> &'static str {
        "unfair"
    }

    fn ignores(&self, payload: &[u8]) -> bool {
        let message = wire::decode(payload);
        matches!(message, Ok(Message::Request(request)) if request.client == self.victim)
    }
}
