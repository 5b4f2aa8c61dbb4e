//! What all generals of an army must agree on before they begin.

use crate::cluster::EPOCH;
use quorate::auth::{Roster, RosterError, Scope, Statement, Tag, Verifier};
use quorate::ed25519::Ed25519;
use quorate::link::Proof;
use quorate::{Digest, PublicKey};
use std::fmt;
use std::net::SocketAddr;

/// Whether the links between generals prove who sent a frame. All generals use the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Links {
    /// Each frame proves its sender.
    Authentic(crate::Links),
    /// A peer is whoever its connection claims to be: for signed messages only, and for networks
    /// that no stranger has access to; see the [chapter](crate::general).
    Plain,
}

impl Default for Links {
    fn default() -> Self {
        Self::Authentic(crate::Links::default())
    }
}

impl Links {
    pub(crate) const fn proof(self) -> Option<Proof> {
        match self {
            Self::Authentic(links) => Some(links.proof()),
            Self::Plain => None,
        }
    }
}

/// The constants of an army. Name, keys and kind of links make its id, so that generals with
/// different constants do not even greet each other; addresses may differ from one to the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Army {
    /// Any name: it keeps two armies with the same keys apart.
    pub name: String,
    /// Public keys of the generals, at most 64; general i has the i-th.
    pub generals: Vec<PublicKey>,
    /// Where each general listens, in the order of `generals`.
    pub addresses: Vec<SocketAddr>,
    /// How links prove who sent a frame.
    pub links: Links,
}

impl Army {
    /// Checks keys and addresses.
    ///
    /// # Errors
    /// The first thing that cannot work.
    pub fn check(&self) -> Result<(), ArmyError> {
        self.roster().map(drop)
    }

    /// The id of the army: a digest of its name, its keys, and the kind of its links.
    #[must_use]
    pub fn id(&self) -> Digest {
        let links = self.links.proof().map_or(0, |proof| proof as u64);
        let id = Statement::unscoped(Tag::Cluster).bytes(b"generals");
        let id = id.bytes(self.name.as_bytes()).u64(links).u64(self.generals.len() as u64);
        self.generals.iter().fold(id, |id, key| id.bytes(&key.0)).finish()
    }

    /// The part of every signed statement that is the same in the whole army.
    #[must_use]
    pub fn scope(&self) -> Scope {
        Scope { cluster: self.id(), epoch: EPOCH, profile: Ed25519::PROFILE }
    }

    /// Who has which key, if everything else is well too.
    pub(crate) fn roster(&self) -> Result<Roster<Vec<PublicKey>>, ArmyError> {
        let (addresses, generals) = (self.addresses.len(), self.generals.len());
        if addresses != generals {
            return Err(ArmyError::AddressCount { addresses, generals });
        }
        for (at, address) in self.addresses.iter().enumerate() {
            if self.addresses.iter().skip(at + 1).any(|other| other == address) {
                return Err(ArmyError::DuplicateAddress(*address));
            }
        }
        let keys = self.generals.clone();
        Roster::new(self.id(), EPOCH, keys, Vec::new(), &Ed25519).map_err(ArmyError::Roster)
    }
}

/// Why an army cannot work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ArmyError {
    /// No generals or too many, or a key that is not valid or is there twice.
    Roster(RosterError),
    /// Not one address for each general.
    AddressCount {
        /// How many addresses there are.
        addresses: usize,
        /// How many generals there are.
        generals: usize,
    },
    /// Two generals at one address.
    DuplicateAddress(SocketAddr),
}

impl fmt::Display for ArmyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Roster(error) => error.fmt(f),
            Self::AddressCount { addresses, generals } => {
                write!(f, "{addresses} addresses for {generals} generals: each needs one")
            }
            Self::DuplicateAddress(address) => {
                write!(f, "two generals have the address {address}: give each its own")
            }
        }
    }
}

impl std::error::Error for ArmyError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Roster(error) => Some(error),
            Self::AddressCount { .. } | Self::DuplicateAddress(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate::ed25519::SecretKey;

    fn army() -> Army {
        let key = |id| SecretKey::from_seed([id; 32]).public();
        Army {
            name: "one".into(),
            generals: (1..=4).map(key).collect(),
            addresses: (1..=4).map(|port| SocketAddr::from(([127, 0, 0, 1], port))).collect(),
            links: Links::default(),
        }
    }

    #[test]
    fn armies_with_different_constants_have_different_ids() {
        let (one, key) = (army(), SecretKey::from_seed([9; 32]).public());
        let fewer = Army { generals: one.generals[..3].to_vec(), ..army() };
        let mut other_key = army();
        other_key.generals[2] = key;
        let mut all = vec![one, fewer, other_key, Army { name: "two".into(), ..army() }];
        for links in [Links::Authentic(crate::Links::Ed25519), Links::Plain] {
            all.push(Army { links, ..army() });
        }
        for (at, army) in all.iter().enumerate() {
            for other in all.iter().skip(at + 1) {
                assert_ne!(army.id(), other.id(), "{army:?} and {other:?}");
            }
        }
        let mut elsewhere = army();
        elsewhere.addresses[0].set_port(99);
        assert_eq!(elsewhere.id(), army().id(), "addresses may differ");
    }

    #[test]
    fn what_cannot_work_is_told() {
        assert_eq!(army().check(), Ok(()));
        let mut bad = army();
        bad.addresses.pop();
        let counts = ArmyError::AddressCount { addresses: 3, generals: 4 };
        assert_eq!(bad.check(), Err(counts));
        let mut bad = army();
        bad.addresses[3] = bad.addresses[1];
        assert_eq!(bad.check(), Err(ArmyError::DuplicateAddress(bad.addresses[1])));
        let mut bad = army();
        bad.generals[3] = bad.generals[1];
        assert!(matches!(bad.check(), Err(ArmyError::Roster(RosterError::DuplicateKey(..)))));
        let none = Army { generals: Vec::new(), addresses: Vec::new(), ..army() };
        assert_eq!(none.check(), Err(ArmyError::Roster(RosterError::NodeCount(0))));
    }
}
