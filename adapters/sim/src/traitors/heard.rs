//! Requests that a traitor heard, to make batches of what clients really asked for.

use quorate::pbft::{Message, Request};
use quorate::{ClientId, wire};

/// The last request of each client, as a batch of it alone, the newest last.
#[derive(Clone, Debug, Default)]
pub(super) struct Heard(Vec<(ClientId, Vec<u8>)>);

impl Heard {
    /// Of nobody.
    pub(super) const NOTHING: Self = Self(Vec::new());

    /// A message goes by.
    pub(super) fn overhear(&mut self, payload: &[u8]) {
        if let Ok(Message::Request(request)) = wire::decode(payload) {
            self.keep(&request);
        }
    }

    pub(super) fn keep(&mut self, request: &Request<'_>) {
        self.0.retain(|(client, _)| *client != request.client);
        self.0.push((request.client, encode(request)));
    }

    /// The batches and whose requests they are of, the newest first.
    pub(super) fn newest(&self) -> impl Iterator<Item = (ClientId, &[u8])> {
        self.0.iter().rev().map(|(client, batch)| (*client, batch.as_slice()))
    }
}

/// A request as it stands in a batch.
pub(crate) fn encode(request: &Request<'_>) -> Vec<u8> {
    let length = u32::try_from(request.operation.0.len()).expect("requests are short");
    [
        &request.client.0.to_le_bytes()[..],
        &request.timestamp.to_le_bytes(),
        &length.to_le_bytes(),
        request.operation.0,
        &request.signature.to_bytes(),
    ]
    .concat()
}
