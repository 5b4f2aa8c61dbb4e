//! Who we are on a link, and the two halves of its session.

use crate::cluster::EPOCH;
use quorate::ed25519::{self, SecretKey};
use quorate::hmac::{self, PairKey};
use quorate::link::{Hello, LinkError, Opener as _, Proof, Sealer as _};
use quorate::{Digest, Principal, PublicKey, Roster};
use std::collections::HashMap;
use std::fmt;

/// One principal of this process, with its key.
#[derive(Debug)]
pub(crate) struct Identity {
    pub(crate) me: Principal,
    pub(crate) key: SecretKey,
}

/// Everybody whom this process can be or talk to.
pub(crate) struct Identities {
    own: Vec<Identity>,
    roster: Roster<Vec<PublicKey>>,
    proof: Proof,
    /// Keys agreed on so far: at most one for each pair, so that hellos, which anybody can
    /// send, cost one key agreement a pair and not one each.
    pairs: HashMap<(usize, Principal), PairKey>,
}

impl fmt::Debug for Identities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identities").field("own", &self.own).finish_non_exhaustive()
    }
}

impl Identities {
    pub(crate) fn new(own: Vec<Identity>, roster: Roster<Vec<PublicKey>>, proof: Proof) -> Self {
        Self { own, roster, proof, pairs: HashMap::new() }
    }

    /// The hello of one of ours to a peer.
    pub(crate) fn hello(&self, local: usize, to: Principal, nonce: [u8; 32]) -> Hello {
        Hello {
            cluster: self.cluster(),
            epoch: EPOCH,
            from: self.own[local].me,
            to,
            nonce,
            proof: self.proof,
        }
    }

    /// Which of ours a peer's hello is to, if it is one of this cluster that we can answer.
    pub(crate) fn addressed(&self, theirs: &Hello) -> Result<usize, LinkError> {
        if theirs.cluster != self.cluster() {
            return Err(LinkError::OtherCluster);
        }
        if theirs.proof != self.proof {
            return Err(LinkError::OtherProof);
        }
        let known = self.roster.key(theirs.from).is_some();
        let local = self.own.iter().position(|own| own.me == theirs.to);
        local.filter(|_| known).ok_or(LinkError::WrongPeer)
    }

    /// Opens the session of two hellos.
    pub(crate) fn session(
        &mut self,
        local: usize,
        mine: &Hello,
        theirs: &Hello,
    ) -> Result<Session, LinkError> {
        let peer = *self.roster.key(theirs.from).ok_or(LinkError::WrongPeer)?;
        let key = &self.own[local].key;
        match self.proof {
            Proof::Ed25519 => {
                let (sealer, opener) = ed25519::session(key, &peer, mine, theirs)?;
                Ok((Sealer::Ed25519(sealer), Opener::Ed25519(opener)))
            }
            Proof::Hmac => {
                let pair = match self.pairs.entry((local, theirs.from)) {
                    std::collections::hash_map::Entry::Occupied(pair) => pair.into_mut(),
                    std::collections::hash_map::Entry::Vacant(room) => {
                        room.insert(key.agree(&peer)?)
                    }
                };
                let (sealer, opener) = hmac::session(pair, mine, theirs)?;
                Ok((Sealer::Hmac(sealer), Opener::Hmac(opener)))
            }
        }
    }

    fn cluster(&self) -> Digest {
        self.roster.scope().cluster
    }
}

/// Both halves of a session.
pub(crate) type Session = (Sealer, Opener);

/// The most bytes that a frame is longer than its payload.
pub(crate) const OVERHEAD: usize = {
    let (hmac, ed25519) = (hmac::Sealer::OVERHEAD, ed25519::Sealer::OVERHEAD);
    if hmac > ed25519 { hmac } else { ed25519 }
};

/// The sending half of a session of either kind.
#[derive(Debug)]
pub(crate) enum Sealer {
    Hmac(hmac::Sealer),
    Ed25519(ed25519::Sealer),
}

impl Sealer {
    /// Appends the frame of a payload, its length first, to what waits to be written.
    pub(crate) fn append(&mut self, payload: &[u8], out: &mut Vec<u8>) -> Result<(), LinkError> {
        let overhead = match self {
            Self::Hmac(_) => hmac::Sealer::OVERHEAD,
            Self::Ed25519(_) => ed25519::Sealer::OVERHEAD,
        };
        let length = payload.len() + overhead;
        super::frame::put_length(length, out);
        let at = out.len();
        out.resize(at + length, 0);
        let frame = &mut out[at..];
        let written = match self {
            Self::Hmac(sealer) => sealer.seal(payload, frame)?,
            Self::Ed25519(sealer) => sealer.seal(payload, frame)?,
        };
        debug_assert_eq!(written, length);
        Ok(())
    }
}

/// The receiving half of a session of either kind.
#[derive(Debug)]
pub(crate) enum Opener {
    Hmac(hmac::Opener),
    Ed25519(ed25519::Opener),
}

impl Opener {
    /// The payload of a frame, if it is the peer's and new.
    pub(crate) fn open<'f>(&mut self, frame: &'f [u8]) -> Result<&'f [u8], LinkError> {
        match self {
            Self::Hmac(opener) => opener.open(frame),
            Self::Ed25519(opener) => opener.open(frame),
        }
    }
}
