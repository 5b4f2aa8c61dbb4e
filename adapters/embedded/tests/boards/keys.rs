//! The members of a cluster of boards.

use crate::scheme::{TestSigner, TestVerifier, key};
use quorate::hmac::PairKey;
use quorate::{ClientId, Digest, NodeId, Principal, PublicKey, Roster};
use quorate_embedded::{Member, PairKeys, Seats};

pub type Board = Member<PairKeys<Vec<PairKey>>, Vec<PublicKey>, TestSigner, TestVerifier>;

pub const fn node(id: usize) -> Principal {
    Principal::Node(NodeId(id as u8))
}

pub const fn client(id: usize) -> Principal {
    Principal::Client(ClientId(id as u16))
}

pub fn roster(seats: Seats) -> Roster<Vec<PublicKey>> {
    let nodes = (0..seats.nodes).map(|id| key(node(id))).collect();
    let clients = (0..seats.clients).map(|id| key(client(id))).collect();
    Roster::new(Digest::of(b"boards"), 1, nodes, clients, &TestVerifier).unwrap()
}

/// A key for each pair.
fn pair(one: Principal, other: Principal) -> PairKey {
    let (low, high) = if one < other { (one, other) } else { (other, one) };
    PairKey::from_bytes(Digest::of(&[low.to_bytes(), high.to_bytes()].concat()).0)
}

pub fn member(seats: Seats, me: Principal) -> Board {
    let keys = (0..seats.count()).map(|row| pair(me, seats.principal(row).unwrap()));
    let proofs = PairKeys::new(seats, keys.collect());
    let (roster, signer) = (roster(seats), TestSigner(me));
    Member { me, roster, proofs, signer, verifier: TestVerifier }
}

/// A nonce of one start of one member.
pub fn nonce(me: Principal, start: u64) -> [u8; 32] {
    Digest::of(&[&me.to_bytes()[..], &start.to_le_bytes()].concat()).0
}
