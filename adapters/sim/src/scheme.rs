//! A signature scheme for simulations: as deterministic as a real one and a hundred times
//! faster, and worth nothing outside of a simulation, because its verifier knows all secrets.

use quorate::{ClientId, Digest, NodeId, Principal, PublicKey, Signature, Signer, Verifier};
use std::collections::BTreeMap;
use std::fmt;

/// The secret of one principal. Who holds it can sign in that principal's name, nobody else can.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Key {
    secret: [u8; 32],
}

impl Key {
    /// The key of a principal in the run of a seed. Clusters hand out each to its own principal,
    /// and nobody else can ask for one.
    #[must_use]
    pub(crate) fn new(seed: u64, who: Principal) -> Self {
        let mut bytes = *b"quorate-sim key 0123456789a";
        bytes[16..24].copy_from_slice(&seed.to_le_bytes());
        bytes[24..].copy_from_slice(&who.to_bytes());
        Self { secret: Digest::of(&bytes).0 }
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        PublicKey(Digest::of(&self.secret).0)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "secret of {:?}", self.public())
    }
}

impl Signer for Key {
    /// The SHA-256 of secret and statement, twice.
    fn sign(&self, statement: &Digest) -> Signature {
        let mut bytes = [0; 64];
        bytes[..32].copy_from_slice(&self.secret);
        bytes[32..].copy_from_slice(&statement.0);
        let half = Digest::of(&bytes).0;
        bytes[..32].copy_from_slice(&half);
        bytes[32..].copy_from_slice(&half);
        Signature::from_bytes(bytes)
    }
}

/// The verifier: it knows every key of the run.
#[derive(Clone, Debug)]
pub struct Scheme {
    keys: BTreeMap<PublicKey, Key>,
    nodes: Vec<PublicKey>,
    clients: Vec<PublicKey>,
}

impl Scheme {
    /// The scheme of a run with so many nodes and clients.
    ///
    /// # Panics
    /// More than 256 nodes or 65536 clients.
    #[must_use]
    pub fn new(seed: u64, nodes: usize, clients: usize) -> Self {
        let node = |id| Principal::Node(NodeId(u8::try_from(id).expect("at most 256 nodes")));
        let client =
            |id| Principal::Client(ClientId(u16::try_from(id).expect("at most 65536 clients")));
        let node_keys = (0..nodes).map(|id| Key::new(seed, node(id)));
        let client_keys = (0..clients).map(|id| Key::new(seed, client(id)));
        Self {
            keys: node_keys.clone().chain(client_keys.clone()).map(|k| (k.public(), k)).collect(),
            nodes: node_keys.map(|key| key.public()).collect(),
            clients: client_keys.map(|key| key.public()).collect(),
        }
    }

    /// The public keys of the nodes.
    #[must_use]
    pub fn nodes(&self) -> &[PublicKey] {
        &self.nodes
    }

    /// The public keys of the clients.
    #[must_use]
    pub fn clients(&self) -> &[PublicKey] {
        &self.clients
    }
}

impl Verifier for Scheme {
    const PROFILE: &'static str = "simulation-1";

    fn verify(&self, key: &PublicKey, statement: &Digest, signature: &Signature) -> bool {
        self.keys.get(key).is_some_and(|key| key.sign(statement) == *signature)
    }

    fn validate(&self, key: &PublicKey) -> bool {
        self.keys.contains_key(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_holder_of_a_key_signs_for_it() {
        let scheme = Scheme::new(3, 4, 2);
        let statement = Digest::of(b"attack at dawn");
        let signature = Key::new(3, Principal::Node(NodeId(1))).sign(&statement);
        assert!(scheme.verify(&scheme.nodes()[1], &statement, &signature));
        assert!(!scheme.verify(&scheme.nodes()[2], &statement, &signature));
        assert!(!scheme.verify(&scheme.nodes()[1], &Digest::of(b"retreat"), &signature));
        for bit in 0..512 {
            let mut bytes = signature.to_bytes();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let bent = Signature::from_bytes(bytes);
            assert!(!scheme.verify(&scheme.nodes()[1], &statement, &bent), "bit {bit}");
        }
    }
}
