//! Who one is: name, keys, and whom one knows.

use crate::proof::Proofs;
use crate::seats::Seats;
use core::fmt;
use quorate::{Principal, PublicKey, Roster, Signer, Verifier};

/// One member of a cluster, with everything that proves what it says and checks what others say.
///
/// Neither `Debug` nor `defmt` shows a key.
#[derive(Clone)]
pub struct Member<X, K, S, V> {
    /// A node or a client.
    pub me: Principal,
    /// Who has which key.
    pub roster: Roster<K>,
    /// How frames prove their sender: [`PairKeys`](crate::PairKeys) or one's own
    /// [`Proofs`](crate::Proofs).
    pub proofs: X,
    /// What signs statements: a key in memory, or a chip that has it.
    pub signer: S,
    /// What checks them.
    pub verifier: V,
}

impl<X, K: AsRef<[PublicKey]>, S, V> Member<X, K, S, V> {
    /// How many nodes and clients there are.
    #[must_use]
    pub fn seats(&self) -> Seats {
        Seats { nodes: self.roster.nodes(), clients: self.roster.clients() }
    }
}

/// The kinds of keys that a [`Member`] has, as one type. A `Member` is one, and so is a reference
/// to one.
pub trait Identity {
    /// What proves frames.
    type Proofs: Proofs;
    /// What the keys of nodes, and those of clients, are kept in.
    type Keys: AsRef<[PublicKey]>;
    /// What signs statements.
    type Signer: Signer;
    /// What checks them.
    type Verifier: Verifier;

    /// The member.
    fn member(&self) -> &Member<Self::Proofs, Self::Keys, Self::Signer, Self::Verifier>;
}

impl<X: Proofs, K: AsRef<[PublicKey]>, S: Signer, V: Verifier> Identity for Member<X, K, S, V> {
    type Proofs = X;
    type Keys = K;
    type Signer = S;
    type Verifier = V;

    fn member(&self) -> &Self {
        self
    }
}

impl<I: Identity> Identity for &I {
    type Proofs = I::Proofs;
    type Keys = I::Keys;
    type Signer = I::Signer;
    type Verifier = I::Verifier;

    fn member(&self) -> &Member<I::Proofs, I::Keys, I::Signer, I::Verifier> {
        (**self).member()
    }
}

impl<X, K, S, V> fmt::Debug for Member<X, K, S, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Member").field("me", &self.me).finish_non_exhaustive()
    }
}

#[cfg(feature = "defmt")]
impl<X, K, S, V> defmt::Format for Member<X, K, S, V> {
    fn format(&self, f: defmt::Formatter<'_>) {
        match self.me {
            Principal::Node(node) => defmt::write!(f, "Member({})", node),
            Principal::Client(client) => defmt::write!(f, "Member({})", client),
        }
    }
}
