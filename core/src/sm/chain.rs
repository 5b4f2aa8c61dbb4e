//! An order with the signatures under it: the paper's `v : 0 : j1 : ... : jk`.

use super::endorsement::{Endorsement, Endorsements};
use super::statement::statement;
use crate::auth::{PublicKey, Roster, Scope, Signer, Verifier};
use crate::fault::Fault;
use crate::node::{NodeId, NodeSet, Principal};
use crate::rounds::Instance;
use crate::value::Value;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// An order and everybody who endorsed it, the commander first, the sender of the frame last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[serde(bound(serialize = "V: Serialize", deserialize = "V: DeserializeOwned"))]
pub struct Chain<'a, V> {
    /// The order.
    pub value: V,
    /// Who endorsed it before the sender: nobody if the sender commands.
    #[serde(borrow)]
    pub earlier: Endorsements<'a>,
    /// The sender's own endorsement.
    pub last: Endorsement,
    /// Whether it is not worth a verification. This is the receiver's note, and not sent.
    #[serde(skip)]
    struck: bool,
}

impl<'a, V> Chain<'a, V> {
    /// A chain of these endorsements. Nothing is checked.
    #[must_use]
    pub const fn new(value: V, earlier: Endorsements<'a>, last: Endorsement) -> Self {
        Self { value, earlier, last, struck: false }
    }

    /// How many endorsements it has: one at least.
    #[must_use]
    #[allow(clippy::len_without_is_empty, reason = "there is always the last one")]
    pub const fn len(&self) -> usize {
        self.earlier.len().saturating_add(1)
    }

    /// Who endorsed it, the first signer first.
    pub fn signers(&self) -> impl Iterator<Item = NodeId> + Clone + use<'a, V> {
        self.earlier.signers().chain([self.last.signer])
    }

    /// Whether the receiver found it not worth a verification.
    #[must_use]
    pub const fn is_struck(&self) -> bool {
        self.struck
    }

    pub(super) const fn strike(&mut self) {
        self.struck = true;
    }

    /// The endorsements, the first signer's first.
    pub(super) fn endorsements(&self) -> impl Iterator<Item = Endorsement> + use<'a, V> {
        self.earlier.iter().chain([self.last])
    }

    /// Checks what needs no key: that all signers are among the `nodes` generals, that the sender
    /// signed last, the commander first, and nobody twice. Returns the signers.
    pub(super) fn check(
        &self,
        commander: NodeId,
        from: NodeId,
        nodes: usize,
    ) -> Result<NodeSet, Fault> {
        if self.len() > nodes || self.signers().any(|signer| signer.index() >= nodes) {
            return Err(Fault::OutOfBounds);
        }
        if self.last.signer != from {
            return Err(Fault::Impersonation);
        }
        if self.signers().next() != Some(commander) {
            return Err(Fault::BadChain);
        }
        let signers: NodeSet = self.signers().collect();
        if signers.len() != self.len() && !canary!("repeated_signers") {
            return Err(Fault::BadChain);
        }
        Ok(signers)
    }
}

impl<V: Value> Chain<'_, V> {
    /// Adds the signature of the last endorsement.
    pub(super) fn sign<S: Signer>(&mut self, instance: Instance, scope: &Scope, signer: &S) {
        let Self { value, earlier, last, .. } = self;
        let statement = statement(scope, instance, value, earlier.signers(), last.signer);
        last.signature = signer.sign(&statement);
    }

    /// Verifies every signature.
    pub(super) fn verify<K: AsRef<[PublicKey]>, C: Verifier>(
        &self,
        instance: Instance,
        roster: &Roster<K>,
        verifier: &C,
    ) -> Result<(), Fault> {
        for (endorsement, before) in self.endorsements().zip(0..) {
            let Endorsement { signer, signature } = endorsement;
            let earlier = self.earlier.signers().take(before);
            let statement = statement(roster.scope(), instance, &self.value, earlier, signer);
            roster.check(verifier, Principal::Node(signer), &statement, &signature)?;
        }
        Ok(())
    }
}
