//! Which requests are authentic: a pure function of their bytes.

use crate::auth::{PublicKey, Roster, Tag, Verifier};
use crate::node::Principal;
use crate::service::Request;

/// Tells whether a request in an agreed proposal is its client's.
///
/// All generals must say the same of the same bytes, so there is nothing here to look at but
/// the request: no clock and no state of the node.
pub trait Authority {
    /// Whether the client that the request names signed it.
    fn is_authentic(&self, request: &Request<'_>) -> bool;
}

/// The keys of the clients, and the scheme of their signatures.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Clients<K, V> {
    /// Who has which key.
    pub roster: Roster<K>,
    /// The scheme.
    pub verifier: V,
}

impl<K: AsRef<[PublicKey]>, V: Verifier> Authority for Clients<K, V> {
    fn is_authentic(&self, request: &Request<'_>) -> bool {
        let statement = request.statement(Tag::LockstepRequest, self.roster.scope());
        let client = Principal::Client(request.client);
        self.roster.check(&self.verifier, client, &statement, &request.signature).is_ok()
    }
}
