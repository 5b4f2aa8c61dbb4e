//! Four generals, one on each board, who agree on an order although one of them is a traitor.

mod mind;
mod said;
mod told;

pub use mind::{Mind, Retold};
pub use said::Said;
pub use told::Told;

use crate::keys::secret;
use core::array::from_fn;
use core::str::FromStr;
use quorate::ed25519::{Ed25519, SecretKey};
use quorate::hmac::{self, PairKey};
use quorate::link::{Hello, LinkError, Sealer as _};
use quorate::rounds::{Config, Instance};
use quorate::{Digest, NodeId, Principal, PublicKey, Roster, king, om, sm};
use quorate_embedded::{Member, PairKeys};

/// Generals.
pub const GENERALS: usize = 4;
/// Traitors that they withstand.
pub const TRAITORS: usize = 1;

/// The order of a loyal commander.
pub const ATTACK: u8 = b'A';
/// What is done where there is no order.
pub const RETREAT: u8 = b'R';

/// Bytes of an order.
const VALUE: usize = 1;

/// How generals agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// By word of mouth: OM(1).
    Om,
    /// By signed orders: SM(1).
    Sm,
    /// By the phase king.
    King,
}

impl Protocol {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Om, Self::Sm, Self::King];

    /// What arguments call it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Om => "om",
            Self::Sm => "sm",
            Self::King => "king",
        }
    }

    /// Rounds of an agreement.
    #[must_use]
    pub const fn rounds(self) -> u8 {
        match self {
            Self::Om => om::rounds(TRAITORS),
            Self::Sm => sm::rounds(TRAITORS),
            Self::King => king::rounds(TRAITORS),
        }
    }
}

impl FromStr for Protocol {
    type Err = &'static str;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let mut all = Self::ALL.into_iter();
        all.find(|it| it.name() == name).ok_or("a protocol is om, sm or king")
    }
}

/// The memory of a general of OM(1).
pub type OralMemory = om::Fixed<u8, GENERALS, TRAITORS, { om::slots(GENERALS, TRAITORS) }>;
/// The memory of a general of SM(1).
pub type SignedMemory = sm::Fixed<GENERALS, TRAITORS, { sm::slots(GENERALS, TRAITORS) }>;
/// The memory of a general of the phase king.
pub type KingMemory = king::Fixed<u8, GENERALS, TRAITORS, { king::slots(GENERALS, TRAITORS) }>;

/// Bytes of the longest frame of any of the protocols: the channel, the message, the proof.
pub const GENERAL_FRAME: usize = {
    let payloads = [
        om::frame_bytes(GENERALS, TRAITORS, VALUE) as usize,
        sm::frame_bytes(TRAITORS, VALUE) as usize,
        king::frame_bytes(VALUE) as usize,
    ];
    let (mut longest, mut at) = (Hello::LEN, 0);
    while at < payloads.len() {
        let frame = 1 + payloads[at] + hmac::Sealer::OVERHEAD;
        longest = if frame > longest { frame } else { longest };
        at += 1;
    }
    longest
};

/// Public keys: those of the generals, or of their clients, of whom there are none.
#[derive(Clone, Debug)]
pub struct Keys([PublicKey; GENERALS], usize);

impl AsRef<[PublicKey]> for Keys {
    fn as_ref(&self) -> &[PublicKey] {
        self.0.get(..self.1).unwrap_or_default()
    }
}

/// A general with its keys.
pub type General = Member<PairKeys<[PairKey; GENERALS]>, Keys, SecretKey, Ed25519>;

/// One of the generals. What is said in one protocol means nothing in another.
///
/// # Errors
/// A key that is none, which no secret here has.
pub fn general(protocol: Protocol, me: NodeId) -> Result<General, LinkError> {
    let keys = from_fn(|id| secret(Principal::Node(NodeId(id as u8))).public());
    let cluster = Digest::of(match protocol {
        Protocol::Om => b"generals: om".as_slice(),
        Protocol::Sm => b"generals: sm",
        Protocol::King => b"generals: king",
    });
    let roster = Roster::new(cluster, 0, Keys(keys, GENERALS), Keys(keys, 0), &Ed25519);
    let roster = roster.map_err(|_| LinkError::BadKey)?;
    let me = Principal::Node(me);
    let signer = secret(me);
    let proofs = PairKeys::agreed(&signer, &roster)?;
    Ok(Member { me, roster, proofs, signer, verifier: Ed25519 })
}

/// The place of a general in the agreement of one run. No two runs have the same number.
#[must_use]
pub const fn place(told: &Told) -> Config {
    let instance = Instance { number: told.run, commander: told.commander };
    Config { me: told.me, nodes: GENERALS, traitors: TRAITORS, instance }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generals_of_two_protocols_are_two_clusters() {
        let scopes = Protocol::ALL.map(|it| *general(it, NodeId(0)).unwrap().roster.scope());
        assert_ne!(scopes[0], scopes[1]);
        assert_ne!(scopes[1], scopes[2]);
        let other = general(Protocol::Om, NodeId(3)).unwrap();
        assert_eq!(*other.roster.scope(), scopes[0]);
        assert_eq!((other.seats().nodes, other.seats().clients), (GENERALS, 0));
    }

    #[test]
    fn a_protocol_is_called_by_its_name() {
        for protocol in Protocol::ALL {
            assert_eq!(protocol.name().parse(), Ok(protocol));
        }
        assert!("pbft".parse::<Protocol>().is_err());
    }
}
