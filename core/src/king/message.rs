//! The one message of the phase king.

use super::opinion::Opinion;
use crate::auth::{Digest, PublicKey, Roster, Scope, Signed, Signer, Verifier};
use crate::fault::Fault;
use crate::node::Principal;
use crate::rounds::Instance;
use serde::{Deserialize, Serialize};

/// What one general says to another in one round: always the same few bytes.
///
/// Nothing in it is signed: it proves its sender by the link that it comes over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Message<V> {
    /// Which agreement it is about.
    pub instance: Instance,
    /// In which round it is said, counted from 1.
    pub round: u8,
    /// What is said.
    pub opinion: Opinion<V>,
}

impl<V> Signed for Message<V> {
    fn sign<S: Signer>(&mut self, _me: Principal, _scope: &Scope, _signer: &S) {}

    fn verify<K: AsRef<[PublicKey]>, C: Verifier>(
        &self,
        from: Principal,
        _roster: &Roster<K>,
        _verifier: &C,
    ) -> Result<Digest, Fault> {
        match from {
            Principal::Node(_) => Ok(Digest::ZERO),
            Principal::Client(_) => Err(Fault::NotAllowed),
        }
    }
}
