//! What travels between generals: one frame to each peer in a round, with one chain or two.

use super::chain::Chain;
use crate::auth::{Digest, PublicKey, Roster, Scope, Signed, Signer, Verifier};
use crate::fault::Fault;
use crate::node::Principal;
use crate::rounds::Instance;
use crate::value::Value;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// Everything that one general says to one peer in one round: a chain, or two of them. There is
/// no frame without a chain, and none with three: a loyal general relays two orders at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[serde(bound(serialize = "V: Serialize", deserialize = "V: DeserializeOwned"))]
pub struct Message<'a, V> {
    /// Which agreement.
    pub instance: Instance,
    /// An order.
    #[serde(borrow)]
    pub first: Chain<'a, V>,
    /// Another one.
    #[serde(borrow)]
    pub second: Option<Chain<'a, V>>,
}

impl<'a, V> Message<'a, V> {
    /// A frame of one chain.
    #[must_use]
    pub const fn new(instance: Instance, chain: Chain<'a, V>) -> Self {
        Self { instance, first: chain, second: None }
    }

    /// The chains.
    pub fn chains(&self) -> impl Iterator<Item = &Chain<'a, V>> + Clone {
        core::iter::once(&self.first).chain(&self.second)
    }

    pub(super) fn chains_mut(&mut self) -> impl Iterator<Item = &mut Chain<'a, V>> {
        core::iter::once(&mut self.first).chain(&mut self.second)
    }

    /// Which chains the receiver found not worth a verification: bit 0 for the first, bit 1 for
    /// the second.
    #[must_use]
    pub fn struck(&self) -> u8 {
        let bits = self.chains().zip([1, 2]);
        bits.filter(|(chain, _)| chain.is_struck()).map(|(_, bit)| bit).sum()
    }

    /// Strikes these chains, as [`Message::struck`] told of the same frame when it was decoded
    /// before. Who decodes a frame anew after its verification has to do this: a chain that
    /// was struck was not verified.
    pub fn strike(&mut self, bits: u8) {
        for (chain, bit) in self.chains_mut().zip([1, 2]) {
            if bits & bit != 0 {
                chain.strike();
            }
        }
    }
}

impl<V: Value> Signed for Message<'_, V> {
    /// Signs the last endorsement of each chain, if it is to be `me`'s.
    fn sign<S: Signer>(&mut self, me: Principal, scope: &Scope, signer: &S) {
        let instance = self.instance;
        for chain in self.chains_mut() {
            if Principal::Node(chain.last.signer) == me {
                chain.sign(instance, scope, signer);
            }
        }
    }

    /// Verifies every signature of the chains that are not struck, after the form of all.
    fn verify<K: AsRef<[PublicKey]>, C: Verifier>(
        &self,
        from: Principal,
        roster: &Roster<K>,
        verifier: &C,
    ) -> Result<Digest, Fault> {
        let Principal::Node(from) = from else {
            return Err(Fault::NotAllowed);
        };
        for chain in self.chains() {
            chain.check(self.instance.commander, from, roster.nodes())?;
        }
        for chain in self.chains().filter(|chain| !chain.is_struck()) {
            chain.verify(self.instance, roster, verifier)?;
        }
        Ok(Digest::ZERO)
    }
}
