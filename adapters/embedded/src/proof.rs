//! How the frames of sessions prove their sender.

use crate::seats::Seats;
use core::fmt;
use quorate::auth::{Opener, Sealer};
use quorate::hmac::{self, PairKey};
use quorate::link::{Hello, LinkError, Proof};
#[cfg(feature = "ed25519")]
use quorate::{
    Principal, PublicKey, Roster,
    ed25519::{self, SecretKey},
};

/// Opens sessions: keys in memory, or a chip that has them.
pub trait Proofs {
    /// The sending half of a session.
    type Sealer: Sealer;
    /// The receiving half of a session.
    type Opener: Opener;
    /// What hellos name.
    const PROOF: Proof;

    /// Opens the session of two hellos.
    ///
    /// # Errors
    /// The hellos do not belong together, or there is no key for this peer.
    fn session(
        &self,
        mine: &Hello,
        theirs: &Hello,
    ) -> Result<(Self::Sealer, Self::Opener), LinkError>;
}

/// HMAC-SHA256 under a key for each peer.
///
/// Neither `Debug` nor `defmt` shows a key.
#[derive(Clone)]
pub struct PairKeys<K> {
    seats: Seats,
    keys: K,
}

impl<K: AsRef<[PairKey]>> PairKeys<K> {
    /// One key for each [row](Seats::row); that in one's own row is not used.
    pub const fn new(seats: Seats, keys: K) -> Self {
        Self { seats, keys }
    }
}

impl<K: AsRef<[PairKey]>> Proofs for PairKeys<K> {
    type Sealer = hmac::Sealer;
    type Opener = hmac::Opener;
    const PROOF: Proof = Proof::Hmac;

    fn session(
        &self,
        mine: &Hello,
        theirs: &Hello,
    ) -> Result<(hmac::Sealer, hmac::Opener), LinkError> {
        let row = self.seats.row(theirs.from).ok_or(LinkError::WrongPeer)?;
        let key = self.keys.as_ref().get(row).ok_or(LinkError::WrongPeer)?;
        hmac::session(key, mine, theirs)
    }
}

#[cfg(feature = "ed25519")]
impl<const P: usize> PairKeys<[PairKey; P]> {
    /// The keys that `secret` shares with everybody in a roster of `P` principals, by X25519: as
    /// all adapters of this library agree on them. It takes a moment for each; do it once.
    ///
    /// # Errors
    /// [`LinkError::BadKey`] if a key is none, [`LinkError::WrongPeer`] if `P` is another number.
    pub fn agreed<K: AsRef<[PublicKey]>>(
        secret: &SecretKey,
        roster: &Roster<K>,
    ) -> Result<Self, LinkError> {
        let seats = Seats { nodes: roster.nodes(), clients: roster.clients() };
        if seats.count() != P {
            return Err(LinkError::WrongPeer);
        }
        let mine = secret.public();
        let mut keys = [const { PairKey::from_bytes([0; 32]) }; P];
        for (row, key) in keys.iter_mut().enumerate() {
            let who = seats.principal(row).and_then(|who| roster.key(who));
            let theirs = who.ok_or(LinkError::WrongPeer)?;
            // There is nothing to share with oneself.
            if *theirs != mine {
                *key = secret.agree(theirs)?;
            }
        }
        Ok(Self { seats, keys })
    }
}

impl<K> fmt::Debug for PairKeys<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PairKeys(..)")
    }
}

#[cfg(feature = "defmt")]
impl<K> defmt::Format for PairKeys<K> {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "PairKeys(..)");
    }
}

/// An Ed25519 signature on every frame: slow on a small board, and worth something to a third
/// party.
///
/// Neither `Debug` nor `defmt` shows the secret key.
#[cfg(feature = "ed25519")]
#[derive(Clone)]
pub struct Signatures<K> {
    secret: SecretKey,
    nodes: K,
    clients: K,
}

#[cfg(feature = "ed25519")]
impl<K: AsRef<[PublicKey]>> Signatures<K> {
    /// One's own key, and those of nodes and clients.
    pub const fn new(secret: SecretKey, nodes: K, clients: K) -> Self {
        Self { secret, nodes, clients }
    }
}

#[cfg(feature = "ed25519")]
impl<K: AsRef<[PublicKey]>> Proofs for Signatures<K> {
    type Sealer = ed25519::Sealer;
    type Opener = ed25519::Opener;
    const PROOF: Proof = Proof::Ed25519;

    fn session(
        &self,
        mine: &Hello,
        theirs: &Hello,
    ) -> Result<(ed25519::Sealer, ed25519::Opener), LinkError> {
        let key = match theirs.from {
            Principal::Node(node) => self.nodes.as_ref().get(node.index()),
            Principal::Client(client) => self.clients.as_ref().get(client.index()),
        };
        ed25519::session(&self.secret, key.ok_or(LinkError::WrongPeer)?, mine, theirs)
    }
}

#[cfg(feature = "ed25519")]
impl<K> fmt::Debug for Signatures<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signatures(..)")
    }
}

#[cfg(all(feature = "ed25519", feature = "defmt"))]
impl<K> defmt::Format for Signatures<K> {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "Signatures(..)");
    }
}
