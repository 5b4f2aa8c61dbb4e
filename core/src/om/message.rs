//! What generals say to each other.

use super::path::Path;
use super::wave::Wave;
use crate::auth::{Digest, PublicKey, Roster, Scope, Signed, Signer, Verifier};
use crate::fault::Fault;
use crate::node::Principal;
use crate::rounds::Instance;
use crate::value::Value;
use serde::{Deserialize, Serialize};

/// A frame of oral messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[serde(bound(serialize = "V: Value", deserialize = "V: Value"))]
pub enum Message<'a, V: Value> {
    /// All that the sender has to say to the receiver in one round: what generals send.
    Wave {
        /// Which agreement.
        instance: Instance,
        /// In which round, counted from 1.
        round: u8,
        /// One order for each path.
        #[serde(borrow)]
        orders: Wave<'a, V>,
    },
    /// One message of the paper, for links that carry only tiny frames. What it says belongs to
    /// the round that is as long as its path.
    Oral {
        /// Which agreement.
        instance: Instance,
        /// The way that the order took, from the commander to the sender.
        path: Path,
        /// The order; `None`: the sender received none.
        order: Option<V>,
    },
}

impl<V: Value> Message<'_, V> {
    /// Which agreement it is about.
    #[must_use]
    pub const fn instance(&self) -> Instance {
        match self {
            Self::Wave { instance, .. } | Self::Oral { instance, .. } => *instance,
        }
    }

    /// The round to which it belongs.
    #[must_use]
    pub const fn round(&self) -> u8 {
        match self {
            Self::Wave { round, .. } => *round,
            Self::Oral { path, .. } => path.round(),
        }
    }
}

/// Nothing in it is signed: that the link is authentic is all there is.
impl<V: Value> Signed for Message<'_, V> {
    fn sign<S: Signer>(&mut self, _: Principal, _: &Scope, _: &S) {}

    fn verify<K: AsRef<[PublicKey]>, W: Verifier>(
        &self,
        from: Principal,
        _: &Roster<K>,
        _: &W,
    ) -> Result<Digest, Fault> {
        match from {
            Principal::Node(_) => Ok(Digest::ZERO),
            Principal::Client(_) => Err(Fault::NotAllowed),
        }
    }
}
