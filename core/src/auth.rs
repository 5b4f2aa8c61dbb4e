//! Who said it: digests, signatures, statements, the roster, and authentic links.
//!
//! A *link* proves who sent a frame ([`Sealer`], [`Opener`]); a *statement* is signed, for a third
//! party too ([`Statement`], [`Signer`], [`Verifier`]). A protocol sees only what is [`Verified`].

pub use crate::link::{LinkError, Opener, Sealer};
pub use crate::statement::{Scope, Statement, Tag};

use crate::fault::Fault;
use crate::node::{ClientId, MAX_NODES, NodeId, Principal};
use crate::protocol::Protocol;
use crate::wire::{self, EncodeError};
use core::fmt;
use core::marker::PhantomData;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// A SHA-256 digest.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Digest(#[serde(deserialize_with = "wire::array")] pub [u8; 32]);

impl Digest {
    /// All zeros: the digest of nothing that was ever hashed.
    pub const ZERO: Self = Self([0; 32]);

    /// The plain SHA-256 of some bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }
}

impl fmt::Debug for Digest {
    /// The first eight bytes are enough to tell digests apart in a trace.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g, h, i, ..] = self.0;
        write!(f, "{:016x}", u64::from_be_bytes([a, b, c, d, e, g, h, i]))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in &self.0 {
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

/// A signature of 64 bytes.
#[derive(Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Signature(#[serde(deserialize_with = "wire::halves")] [[u8; 32]; 2]);

impl Signature {
    /// The bytes of a signature in a message that is not signed yet.
    pub const ZERO: Self = Self([[0; 32]; 2]);

    /// A signature from its bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 64]) -> Self {
        let (mut low, mut high) = ([0; 32], [0; 32]);
        let (first, second) = bytes.split_at(32);
        low.copy_from_slice(first);
        high.copy_from_slice(second);
        Self([low, high])
    }

    /// The bytes of the signature.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 64] {
        let mut bytes = [0; 64];
        bytes.copy_from_slice(self.0.as_flattened());
        bytes
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, ..] = self.0[0];
        write!(f, "sig:{a:02x}{b:02x}{c:02x}{d:02x}")
    }
}

/// A public key of 32 bytes.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct PublicKey(#[serde(deserialize_with = "wire::array")] pub [u8; 32]);

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, ..] = self.0;
        write!(f, "key:{a:02x}{b:02x}{c:02x}{d:02x}")
    }
}

/// Something that can sign a statement with a node's or a client's key: software, a secure
/// element, a remote service. Signing must be deterministic: the same statement is signed again
/// when it is sent again.
pub trait Signer {
    /// Signs the digest of a statement.
    fn sign(&self, statement: &Digest) -> Signature;
}

/// Something that can check signatures and keys.
pub trait Verifier {
    /// Names the exact set of signatures that are accepted. Nodes that disagree about one
    /// signature disagree about everything, so it is part of every statement.
    const PROFILE: &'static str;

    /// Whether `signature` is `key`'s under the statement.
    fn verify(&self, key: &PublicKey, statement: &Digest, signature: &Signature) -> bool;

    /// Whether the key may be used at all: on the curve, not of small order, canonical.
    fn validate(&self, key: &PublicKey) -> bool;
}

impl<S: Signer + ?Sized> Signer for &S {
    fn sign(&self, statement: &Digest) -> Signature {
        (**self).sign(statement)
    }
}

impl<V: Verifier> Verifier for &V {
    const PROFILE: &'static str = V::PROFILE;

    fn verify(&self, key: &PublicKey, statement: &Digest, signature: &Signature) -> bool {
        (**self).verify(key, statement, signature)
    }

    fn validate(&self, key: &PublicKey) -> bool {
        (**self).validate(key)
    }
}

/// Who has which key. The lists are whatever the host keeps them in: arrays, slices, vectors.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Roster<K> {
    scope: Scope,
    nodes: K,
    clients: K,
}

/// Why a list of keys is no roster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum RosterError {
    /// No nodes, or more than [`MAX_NODES`].
    NodeCount(usize),
    /// More clients than ids.
    ClientCount(usize),
    /// A key that the verifier does not accept.
    InvalidKey(Principal),
    /// Two principals with one key.
    DuplicateKey(Principal, Principal),
}

impl fmt::Display for RosterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NodeCount(n) => write!(f, "{n} nodes: a cluster has 1 to {MAX_NODES}"),
            Self::ClientCount(n) => write!(f, "{n} clients: a cluster has at most 65536"),
            Self::InvalidKey(who) => write!(f, "the public key of {who:?} is not a valid key"),
            Self::DuplicateKey(a, b) => write!(f, "{a:?} and {b:?} have the same public key"),
        }
    }
}

impl core::error::Error for RosterError {}

impl<K: AsRef<[PublicKey]>> Roster<K> {
    /// Checks the keys and makes a roster of them.
    ///
    /// # Errors
    /// No nodes or too many, a key that does not validate, or one key for two principals.
    pub fn new<V: Verifier>(
        cluster: Digest,
        epoch: u32,
        nodes: K,
        clients: K,
        verifier: &V,
    ) -> Result<Self, RosterError> {
        let (n, c) = (nodes.as_ref().len(), clients.as_ref().len());
        if n == 0 || n > MAX_NODES {
            return Err(RosterError::NodeCount(n));
        }
        if c > usize::from(u16::MAX) + 1 {
            return Err(RosterError::ClientCount(c));
        }
        let roster = Self { scope: Scope { cluster, epoch, profile: V::PROFILE }, nodes, clients };
        for (at, (who, key)) in roster.iter().enumerate() {
            if !verifier.validate(key) {
                return Err(RosterError::InvalidKey(who));
            }
            if let Some((other, _)) = roster.iter().skip(at + 1).find(|(_, other)| *other == key) {
                return Err(RosterError::DuplicateKey(who, other));
            }
        }
        Ok(roster)
    }

    /// The part of every statement that is the same in the whole cluster.
    #[must_use]
    pub const fn scope(&self) -> &Scope {
        &self.scope
    }

    /// How many nodes there are.
    #[must_use]
    pub fn nodes(&self) -> usize {
        self.nodes.as_ref().len()
    }

    /// How many clients there are.
    #[must_use]
    pub fn clients(&self) -> usize {
        self.clients.as_ref().len()
    }

    /// The key of a principal; `None` if there is no such principal.
    #[must_use]
    pub fn key(&self, who: Principal) -> Option<&PublicKey> {
        match who {
            Principal::Node(node) => self.nodes.as_ref().get(node.index()),
            Principal::Client(client) => self.clients.as_ref().get(client.index()),
        }
    }

    /// Whether `signature` is the principal's under the statement.
    ///
    /// # Errors
    /// [`Fault::OutOfBounds`] if there is no such principal, [`Fault::Forged`] if it is not.
    pub fn check<V: Verifier>(
        &self,
        verifier: &V,
        who: Principal,
        statement: &Digest,
        signature: &Signature,
    ) -> Result<(), Fault> {
        let key = self.key(who).ok_or(Fault::OutOfBounds)?;
        let valid = verifier.verify(key, statement, signature) || canary!("signatures_unchecked");
        if valid { Ok(()) } else { Err(Fault::Forged) }
    }

    /// Verifies a decoded message that came from `from` over an authentic link, and everything
    /// that is signed in it.
    ///
    /// # Errors
    /// What the sender did wrong. The message is to be dropped and the sender blamed.
    pub fn verify<M: Signed, V: Verifier>(
        &self,
        verifier: &V,
        from: Principal,
        message: M,
    ) -> Result<Verified<M>, Fault> {
        if self.key(from).is_none() {
            return Err(Fault::OutOfBounds);
        }
        let digest = message.verify(from, self, verifier)?;
        Ok(Verified { from, digest, message })
    }

    /// The same for a payload that is still encoded and may be owned: the result can be made on
    /// one thread and stepped on another.
    ///
    /// # Errors
    /// [`Fault::Malformed`] if it does not decode, else as [`Roster::verify`].
    pub fn check_payload<P, F, V>(
        &self,
        verifier: &V,
        from: Principal,
        payload: F,
    ) -> Result<Checked<F, P>, Fault>
    where
        P: Protocol,
        for<'a> P::Message<'a>: Signed,
        F: AsRef<[u8]>,
        V: Verifier,
    {
        let message: P::Message<'_> =
            wire::decode(payload.as_ref()).map_err(|_| Fault::Malformed)?;
        let digest = self.verify(verifier, from, message)?.digest;
        Ok(Checked { from, digest, payload, protocol: PhantomData })
    }

    fn iter(&self) -> impl Iterator<Item = (Principal, &PublicKey)> + Clone {
        let nodes = self.nodes.as_ref().iter().zip(0u8..);
        let clients = self.clients.as_ref().iter().zip(0u16..=u16::MAX);
        nodes
            .map(|(key, id)| (Principal::Node(NodeId(id)), key))
            .chain(clients.map(|(key, id)| (Principal::Client(ClientId(id)), key)))
    }
}

/// A message that carries statements.
pub trait Signed {
    /// Signs what `me` itself states in this message; what others signed stays as it is.
    fn sign<S: Signer>(&mut self, me: Principal, scope: &Scope, signer: &S);

    /// Signs as [`Signed::sign`] and encodes to the front of `buffer`: what
    /// [`wire::seal`] does. A message that packs many signed parts overrides
    /// it, to sign them one by one as they are written.
    ///
    /// # Errors
    /// The buffer is too short.
    fn seal<'b, S: Signer>(
        mut self,
        me: Principal,
        scope: &Scope,
        signer: &S,
        buffer: &'b mut [u8],
    ) -> Result<&'b [u8], EncodeError>
    where
        Self: Sized + Serialize,
    {
        self.sign(me, scope, signer);
        wire::encode(&self, buffer)
    }

    /// Checks the message by itself: that `from` may send it, that its lists are well formed,
    /// and that everything signed in it is signed by those it names. Returns the digest of its
    /// subject (batch, statement, state), so that the dearest hashing is done here too, or
    /// [`Digest::ZERO`] if it has none.
    ///
    /// # Errors
    /// What the sender did wrong.
    fn verify<K: AsRef<[PublicKey]>, V: Verifier>(
        &self,
        from: Principal,
        roster: &Roster<K>,
        verifier: &V,
    ) -> Result<Digest, Fault>;
}

/// A message whose sender and statements were verified. Only [`Roster`] makes one.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Verified<M> {
    pub(crate) from: Principal,
    pub(crate) digest: Digest,
    pub(crate) message: M,
}

impl<M> Verified<M> {
    /// Who sent it over the link.
    #[must_use]
    pub const fn from(&self) -> Principal {
        self.from
    }

    /// The message.
    #[must_use]
    pub const fn message(&self) -> &M {
        &self.message
    }
}

/// An encoded message that was verified: it keeps its bytes, so it can cross threads.
#[derive(Clone, Debug)]
pub struct Checked<F, P> {
    from: Principal,
    digest: Digest,
    payload: F,
    protocol: PhantomData<fn() -> P>,
}

#[cfg(feature = "defmt")]
impl<F, P> defmt::Format for Checked<F, P> {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "Checked(from {}, {})", self.from, self.digest);
    }
}

impl<F: AsRef<[u8]>, P: Protocol> Checked<F, P> {
    /// The message, ready to be stepped. `None` cannot happen unless `F` changes its bytes.
    #[must_use]
    pub fn message(&self) -> Option<Verified<P::Message<'_>>> {
        let message = wire::decode(self.payload.as_ref()).ok()?;
        Some(Verified { from: self.from, digest: self.digest, message })
    }

    /// Gives the bytes back, for their buffer to be used again.
    pub fn into_payload(self) -> F {
        self.payload
    }
}
