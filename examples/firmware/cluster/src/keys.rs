//! The keys of the cluster.
//!
//! This is a demonstration: every secret is made of its owner's name, so that one image does for
//! all boards. Real boards have a secret each, in a place that nothing else reads.

use crate::liar::Tongue;
use crate::settings::{CLIENTS, DIMENSIONS, MEMBERS, NODES};
use core::array::from_fn;
use quorate::ed25519::{Ed25519, SecretKey};
use quorate::hmac::PairKey;
use quorate::link::LinkError;
use quorate::pbft::Switches;
use quorate::{ClientId, Digest, NodeId, Principal, PublicKey, Roster};
use quorate_embedded::{Member, PairKeys};

/// A member with its keys.
pub type Board =
    Member<Tongue<PairKeys<[PairKey; MEMBERS]>>, [PublicKey; NODES], SecretKey, Ed25519>;

/// The name of the cluster.
pub const NAME: &str = "boards";

/// The secret of a member.
#[must_use]
pub fn secret(of: Principal) -> SecretKey {
    let mut name = *b"a member of the cluster: 000";
    if let Some(end) = name.last_chunk_mut::<3>() {
        *end = of.to_bytes();
    }
    SecretKey::from_seed(Digest::of(&name).0)
}

/// The public keys of all nodes, and of all clients.
#[must_use]
pub fn keys() -> ([PublicKey; NODES], [PublicKey; CLIENTS]) {
    let node = |id| secret(Principal::Node(NodeId(id as u8))).public();
    let client = |id| secret(Principal::Client(ClientId(id as u16))).public();
    (from_fn(node), from_fn(client))
}

fn cluster_id(nodes: &[PublicKey], clients: &[PublicKey]) -> Digest {
    DIMENSIONS.cluster_id(NAME.as_bytes(), nodes, clients, Switches::default())
}

/// A member of the cluster; `lies` makes a traitor of it.
///
/// # Errors
/// A key that is none, which no secret here has.
pub fn member(me: Principal, lies: bool) -> Result<Board, LinkError> {
    let (nodes, clients) = keys();
    let cluster = cluster_id(&nodes, &clients);
    let roster = Roster::new(cluster, 0, nodes, clients, &Ed25519);
    let roster = roster.map_err(|_| LinkError::BadKey)?;
    let signer = secret(me);
    let proofs = Tongue { proofs: PairKeys::agreed(&signer, &roster)?, lies };
    Ok(Member { me, roster, proofs, signer, verifier: Ed25519 })
}

/// A nonce of one start of one member in one run: `run` is another one each time.
#[must_use]
pub fn nonce(me: Principal, run: u64, start: u32) -> [u8; 32] {
    let mut bytes = [0; 3 + 8 + 4];
    let parts = me.to_bytes().into_iter().chain(run.to_le_bytes()).chain(start.to_le_bytes());
    bytes.iter_mut().zip(parts).for_each(|(place, byte)| *place = byte);
    Digest::of(&bytes).0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::SEATS;

    #[test]
    fn everybody_is_a_member_of_the_same_cluster() {
        let scope = *member(Principal::Node(NodeId(0)), false).unwrap().roster.scope();
        for who in (0..MEMBERS).filter_map(|row| SEATS.principal(row)) {
            let member = member(who, false).unwrap();
            assert_eq!(*member.roster.scope(), scope);
            assert_eq!(member.roster.key(who), Some(&member.signer.public()));
        }
    }

    #[test]
    fn no_two_starts_have_one_nonce() {
        let me = Principal::Node(NodeId(1));
        let other = Principal::Client(ClientId(1));
        let nonces = [nonce(me, 1, 1), nonce(me, 1, 2), nonce(me, 2, 1), nonce(other, 1, 1)];
        for (at, nonce) in nonces.iter().enumerate() {
            assert!(!nonces[..at].contains(nonce));
        }
    }
}
