//! The two kinds of links, and who has which key.

use quorate::auth::{Scope, Statement, Tag};
use quorate::ed25519::{self, Ed25519, SecretKey};
use quorate::hmac::{self, PairKey};
use quorate::link::{Hello, LinkError, Opener, Proof, Sealer};
use quorate::{Digest, Principal, Verifier};

/// A kind of link.
pub(crate) trait Bond {
    type Sealer: Sealer;
    type Opener: Opener;
    const PROOF: Proof;

    /// One end of a link, from both hellos.
    fn tie(mine: &Hello, theirs: &Hello) -> Result<(Self::Sealer, Self::Opener), LinkError>;
}

/// Frames proved by HMAC under a key that the pair was given.
#[derive(Debug)]
pub(crate) struct Hmac;

impl Bond for Hmac {
    type Sealer = hmac::Sealer;
    type Opener = hmac::Opener;
    const PROOF: Proof = Proof::Hmac;

    fn tie(mine: &Hello, theirs: &Hello) -> Result<(hmac::Sealer, hmac::Opener), LinkError> {
        let (low, high) = (mine.from.min(theirs.from), mine.from.max(theirs.from));
        let key = Statement::unscoped(Tag::Pair).bytes(&low.to_bytes()).bytes(&high.to_bytes());
        hmac::session(&PairKey::from_bytes(key.finish().0), mine, theirs)
    }
}

/// Frames signed by their sender.
#[derive(Debug)]
pub(crate) struct Signed;

impl Bond for Signed {
    type Sealer = ed25519::Sealer;
    type Opener = ed25519::Opener;
    const PROOF: Proof = Proof::Ed25519;

    fn tie(mine: &Hello, theirs: &Hello) -> Result<(ed25519::Sealer, ed25519::Opener), LinkError> {
        ed25519::session(&secret(mine.from), &secret(theirs.from).public(), mine, theirs)
    }
}

/// One end of a link.
#[derive(Debug)]
pub(crate) struct Link<L: Bond> {
    pub(crate) sealer: L::Sealer,
    pub(crate) opener: L::Opener,
}

impl<L: Bond> Link<L> {
    /// The end of `me` of the link to `peer`.
    pub(crate) fn between(me: Principal, peer: Principal) -> Self {
        let (mine, theirs) = (hello::<L>(me, peer), hello::<L>(peer, me));
        let Ok((sealer, opener)) = L::tie(&mine, &theirs) else {
            panic!("hellos of one cluster, and valid keys")
        };
        Self { sealer, opener }
    }
}

fn hello<L: Bond>(from: Principal, to: Principal) -> Hello {
    let Scope { cluster, epoch, .. } = scope();
    let nonce = Digest::of(&from.to_bytes()).0;
    Hello { cluster, epoch, from, to, nonce, proof: L::PROOF }
}

/// The cluster of all trials.
pub(crate) fn scope() -> Scope {
    Scope { cluster: Digest::of(b"trials"), epoch: 1, profile: Ed25519::PROFILE }
}

/// The key of a principal, the same in all trials.
pub(crate) fn secret(who: Principal) -> SecretKey {
    SecretKey::from_seed(Digest::of(&who.to_bytes()).0)
}
