//! Everybody's keys: made from their ids, so that every run is the same.

use super::tongue::{ANOTHER, NUMBER};
use crate::problem::Problem;
use crate::word::Word;
use quorate::auth::Scope;
use quorate::ed25519::{Ed25519, SecretKey};
use quorate::rounds::Instance;
use quorate::{Digest, NodeId, Principal, PublicKey, Roster, Signature, Signer, sm};

/// The secret keys of all generals, and the roster of the public ones.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    secrets: Vec<SecretKey>,
    pub(super) roster: Roster<Vec<PublicKey>>,
}

impl Keys {
    pub(super) fn new(n: usize) -> Result<Self, Problem> {
        let seed = |id: u8| Digest::of(&[b"general ".as_slice(), &[id]].concat());
        let secrets: Vec<_> = (0u8..).take(n).map(|id| SecretKey::from_seed(seed(id).0)).collect();
        let public = secrets.iter().map(SecretKey::public).collect();
        let cluster = Digest::of(b"quorate-generals");
        let roster = Roster::new(cluster, 0, public, vec![], &Ed25519);
        Ok(Self { secrets, roster: roster.map_err(Problem::configuration)? })
    }

    pub(super) const fn scope(&self) -> &Scope {
        self.roster.scope()
    }

    /// Signs and encodes what a general says.
    pub(super) fn seal<M>(&self, from: NodeId, message: M) -> Vec<u8>
    where
        M: quorate::auth::Signed + serde::Serialize,
    {
        let mut buffer = vec![0; quorate::wire::encoded_len(&message)];
        let me = Principal::Node(from);
        let secret = &self.secrets[from.index()];
        let sealed = quorate::wire::seal(message, me, self.scope(), secret, &mut buffer);
        let length = sealed.map_or(0, <[u8]>::len);
        buffer.truncate(length);
        buffer
    }

    /// A general's signature under an order, after these signers.
    pub(super) fn endorse(
        &self,
        commander: NodeId,
        word: Word,
        earlier: &[NodeId],
        signer: NodeId,
    ) -> Signature {
        self.sign(Instance { number: NUMBER, commander }, word, earlier, signer)
    }

    /// The same in another agreement under this commander.
    pub(super) fn endorse_elsewhere(
        &self,
        commander: NodeId,
        word: Word,
        earlier: &[NodeId],
        signer: NodeId,
    ) -> Signature {
        self.sign(Instance { number: ANOTHER, commander }, word, earlier, signer)
    }

    fn sign(&self, at: Instance, word: Word, earlier: &[NodeId], signer: NodeId) -> Signature {
        let earlier = earlier.iter().copied();
        self.secrets[signer.index()].sign(&sm::statement(self.scope(), at, &word, earlier, signer))
    }
}
