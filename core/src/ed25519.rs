//! The built-in signature scheme, Ed25519 (RFC 8032), and links proved by it.
//!
//! Signatures are verified cofactored; keys and `R` of small order, non-canonical points and
//! `S >= L` are rejected. Which edge cases are accepted is fixed by the exact version of the
//! crate that does the arithmetic, and is named in [`Ed25519`]'s profile.

use crate::auth::{Digest, PublicKey, Signature, Signer, Statement, Tag, Verifier};
use crate::hmac::PairKey;
use crate::link::{Direction, HEADER, Hello, LinkError, Proof, signed_prefix};
use core::fmt;
use ed25519_compact::{KeyPair, Seed, x25519};

/// Bytes of a signature.
const SIGNATURE: usize = 64;

/// A node's or a client's identity: the secret half.
///
/// Debug output does not show it, and it is overwritten when it is dropped.
#[derive(Clone)]
pub struct SecretKey(ed25519_compact::SecretKey);

impl SecretKey {
    /// The key that belongs to a seed of 32 random bytes.
    ///
    /// # Panics
    /// If the seed is all zeros: that is a seed that was never drawn. Where it comes from a file
    /// use [`SecretKey::try_from_seed`].
    #[must_use]
    pub fn from_seed(seed: [u8; 32]) -> Self {
        assert!(seed != [0; 32], "the seed of a secret key must be random, and this one is zero");
        Self(KeyPair::from_seed(Seed::new(seed)).sk)
    }

    /// The key that belongs to a seed; `None` if the seed is all zeros.
    #[must_use]
    pub fn try_from_seed(seed: [u8; 32]) -> Option<Self> {
        KeyPair::try_from_seed(Seed::new(seed)).ok().map(|pair| Self(pair.sk))
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        PublicKey(*self.0.public_key())
    }

    /// The key that this principal shares with the owner of `peer`: X25519 between the two
    /// identity keys, hashed together with both public keys.
    ///
    /// # Errors
    /// [`LinkError::BadKey`] if the peer's key is not a point, or of small order.
    pub fn agree(&self, peer: &PublicKey) -> Result<PairKey, LinkError> {
        let theirs = ed25519_compact::PublicKey::new(peer.0);
        theirs.validate().map_err(|_| LinkError::BadKey)?;
        let theirs = x25519::PublicKey::from_ed25519(&theirs).map_err(|_| LinkError::BadKey)?;
        let mine = x25519::SecretKey::from_ed25519(&self.0).map_err(|_| LinkError::BadKey)?;
        let shared = theirs.dh(&mine).map_err(|_| LinkError::BadKey)?;
        let (me, peer) = (self.public(), *peer);
        let (low, high) = if me < peer { (me, peer) } else { (peer, me) };
        let key = Statement::unscoped(Tag::Pair)
            .bytes(Ed25519::PROFILE.as_bytes())
            .bytes(&low.0)
            .bytes(&high.0)
            .bytes(&shared[..])
            .finish();
        Ok(PairKey::from_bytes(key.0))
    }
}

impl Signer for SecretKey {
    fn sign(&self, statement: &Digest) -> Signature {
        Signature::from_bytes(*self.0.sign(statement.0, None))
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey(.., public {:?})", self.public())
    }
}

#[cfg(feature = "defmt")]
impl defmt::Format for SecretKey {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "SecretKey(.., public {})", self.public());
    }
}

/// The verifier of Ed25519 signatures. It has no state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Ed25519;

impl Verifier for Ed25519 {
    const PROFILE: &'static str = "ed25519-compact-2.6.0";

    fn verify(&self, key: &PublicKey, statement: &Digest, signature: &Signature) -> bool {
        let signature = ed25519_compact::Signature::new(signature.to_bytes());
        ed25519_compact::PublicKey::new(key.0).verify(statement.0, &signature).is_ok()
    }

    fn validate(&self, key: &PublicKey) -> bool {
        ed25519_compact::PublicKey::new(key.0).validate().is_ok()
    }
}

/// Opens a session in which every frame is signed: what we send is sealed by the first half,
/// what the peer sends is opened by the second.
///
/// # Errors
/// The hellos do not belong together, or the peer's key is not valid, see [`LinkError`].
pub fn session(
    secret: &SecretKey,
    peer: &PublicKey,
    mine: &Hello,
    theirs: &Hello,
) -> Result<(Sealer, Opener), LinkError> {
    Hello::check(mine, theirs, Proof::Ed25519)?;
    if !Ed25519.validate(peer) {
        return Err(LinkError::BadKey);
    }
    let sealer = Sealer {
        direction: Direction::new(Proof::Ed25519, mine.from),
        prefix: signed_prefix(Ed25519::PROFILE, mine, theirs),
        secret: secret.clone(),
    };
    let opener = Opener {
        direction: Direction::new(Proof::Ed25519, theirs.from),
        prefix: signed_prefix(Ed25519::PROFILE, theirs, mine),
        peer: *peer,
    };
    Ok((sealer, opener))
}

/// The digest that the sender of a frame signs.
fn statement(prefix: &Statement, header: &[u8; HEADER], payload: &[u8]) -> Digest {
    prefix.clone().bytes(header).bytes(payload).finish()
}

/// The sending half of a session.
#[derive(Clone)]
pub struct Sealer {
    direction: Direction,
    prefix: Statement,
    secret: SecretKey,
}

/// The receiving half of a session.
#[derive(Clone)]
pub struct Opener {
    direction: Direction,
    prefix: Statement,
    peer: PublicKey,
}

impl crate::link::Sealer for Sealer {
    const OVERHEAD: usize = HEADER + SIGNATURE;
    const PAYLOAD: usize = HEADER;

    fn seal_in_place(&mut self, frame: &mut [u8], length: usize) -> Result<usize, LinkError> {
        let Self { direction, prefix, secret } = self;
        direction.seal(frame, length, |header, payload| {
            secret.sign(&statement(prefix, header, payload)).to_bytes()
        })
    }
}

impl crate::link::Opener for Opener {
    fn open<'f>(&mut self, frame: &'f [u8]) -> Result<&'f [u8], LinkError> {
        let Self { direction, prefix, peer } = self;
        direction.open(frame, |header, payload, signature: &[u8; SIGNATURE]| {
            let digest = statement(prefix, header, payload);
            Ed25519.verify(peer, &digest, &Signature::from_bytes(*signature))
        })
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ed25519::Sealer")
            .field("direction", &self.direction)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Opener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ed25519::Opener")
            .field("direction", &self.direction)
            .finish_non_exhaustive()
    }
}

#[cfg(feature = "defmt")]
impl defmt::Format for Sealer {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "ed25519::Sealer({})", self.direction);
    }
}

#[cfg(feature = "defmt")]
impl defmt::Format for Opener {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "ed25519::Opener({})", self.direction);
    }
}
