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
    /// How frames prove their sender; `None`: not at all.
    proof: Option<Proof>,
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
    pub(crate) fn new(
        own: Vec<Identity>,
        roster: Roster<Vec<PublicKey>>,
        proof: Option<Proof>,
    ) -> Self {
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
            proof: self.named_proof(),
        }
    }

    /// Which of ours a peer's hello is to, if it is one of this cluster that we can answer.
    pub(crate) fn addressed(&self, theirs: &Hello) -> Result<usize, LinkError> {
        if theirs.cluster != self.cluster() {
            return Err(LinkError::OtherCluster);
        }
        if theirs.proof != self.named_proof() {
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
            None => plain(mine, theirs),
            Some(Proof::Ed25519) => {
                let (sealer, opener) = ed25519::session(key, &peer, mine, theirs)?;
                let hellos = Box::new([*theirs, *mine]);
                Ok((Sealer::Ed25519(sealer), Opener::Ed25519(opener, hellos)))
            }
            Some(Proof::Hmac) => {
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

    /// The proof that hellos name. They have no word for "none": those who use none are told
    /// apart by the id of their cluster.
    fn named_proof(&self) -> Proof {
        self.proof.unwrap_or(Proof::Hmac)
    }

    fn cluster(&self) -> Digest {
        self.roster.scope().cluster
    }
}

/// Both halves of a session.
pub(crate) type Session = (Sealer, Opener);

/// The session of two hellos that nothing has to prove.
fn plain(mine: &Hello, theirs: &Hello) -> Result<Session, LinkError> {
    if theirs.cluster != mine.cluster {
        return Err(LinkError::OtherCluster);
    }
    if theirs.epoch != mine.epoch {
        return Err(LinkError::OtherEpoch);
    }
    if mine.from == mine.to {
        return Err(LinkError::ToSelf);
    }
    if (theirs.from, theirs.to) != (mine.to, mine.from) {
        return Err(LinkError::WrongPeer);
    }
    Ok((Sealer::Plain, Opener::Plain))
}

/// The most bytes that a frame is longer than its payload.
pub(crate) const OVERHEAD: usize = {
    let (hmac, ed25519) = (hmac::Sealer::OVERHEAD, ed25519::Sealer::OVERHEAD);
    if hmac > ed25519 { hmac } else { ed25519 }
};

/// The sending half of a session of any kind.
#[derive(Debug)]
pub(crate) enum Sealer {
    /// Nothing proves who sent a frame: it is its payload.
    Plain,
    Hmac(hmac::Sealer),
    Ed25519(ed25519::Sealer),
}

impl Sealer {
    /// Appends the frame of a payload, its length first, to what waits to be written.
    pub(crate) fn append(&mut self, payload: &[u8], out: &mut Vec<u8>) -> Result<(), LinkError> {
        let overhead = match self {
            Self::Plain => 0,
            Self::Hmac(_) => hmac::Sealer::OVERHEAD,
            Self::Ed25519(_) => ed25519::Sealer::OVERHEAD,
        };
        let length = payload.len() + overhead;
        super::frame::put_length(length, out);
        let at = out.len();
        out.resize(at + length, 0);
        let frame = &mut out[at..];
        let written = match self {
            Self::Plain => {
                frame.copy_from_slice(payload);
                length
            }
            Self::Hmac(sealer) => sealer.seal(payload, frame)?,
            Self::Ed25519(sealer) => sealer.seal(payload, frame)?,
        };
        debug_assert_eq!(written, length);
        Ok(())
    }
}

/// The receiving half of a session of any kind.
#[derive(Debug)]
pub(crate) enum Opener {
    /// Who sent a frame is taken on trust.
    Plain,
    Hmac(hmac::Opener),
    /// With the hellos that its signatures cover: the peer's, then ours.
    Ed25519(ed25519::Opener, Box<[Hello; 2]>),
}

impl Opener {
    /// The hellos of the session, the peer's first, if its frames are signed.
    pub(crate) fn signed(&self) -> Option<&[Hello; 2]> {
        if let Self::Ed25519(_, hellos) = self { Some(hellos) } else { None }
    }

    /// The payload of a frame, if it is the peer's and new.
    pub(crate) fn open<'f>(&mut self, frame: &'f [u8]) -> Result<&'f [u8], LinkError> {
        match self {
            Self::Plain => Ok(frame),
            Self::Hmac(opener) => opener.open(frame),
            Self::Ed25519(opener, _) => opener.open(frame),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate::NodeId;
    use quorate::ed25519::Ed25519;

    const NODES: [Principal; 3] =
        [Principal::Node(NodeId(0)), Principal::Node(NodeId(1)), Principal::Node(NodeId(2))];

    fn identities(me: Principal, cluster: &[u8], proof: Option<Proof>) -> Identities {
        let key = |id: u8| SecretKey::from_seed([id; 32]);
        let keys = (1..=3).map(|id| key(id).public()).collect();
        let roster = Roster::new(Digest::of(cluster), EPOCH, keys, Vec::new(), &Ed25519);
        let at = NODES.iter().position(|node| *node == me).expect("one of three") as u8;
        let own = vec![Identity { me, key: key(at + 1) }];
        Identities::new(own, roster.expect("good keys"), proof)
    }

    #[test]
    fn plain_links_carry_frames_as_they_are() {
        let mut one = identities(NODES[1], b"army", None);
        let two = identities(NODES[0], b"army", None);
        let (mine, theirs) = (one.hello(0, NODES[0], [1; 32]), two.hello(0, NODES[1], [2; 32]));
        assert_eq!(two.addressed(&mine), Ok(0));
        let (mut sealer, mut opener) = one.session(0, &mine, &theirs).expect("they fit");
        let mut out = Vec::new();
        sealer.append(b"frame", &mut out).expect("nothing to prove");
        assert_eq!(out, b"\x05\0\0\0frame");
        assert_eq!(opener.open(b"frame"), Ok(&b"frame"[..]));
    }

    #[test]
    fn plain_hellos_have_to_fit_each_other_all_the_same() {
        let mut one = identities(NODES[1], b"army", None);
        let mine = one.hello(0, NODES[0], [1; 32]);
        let good = Hello { from: NODES[0], to: NODES[1], nonce: [2; 32], ..mine };
        assert!(one.session(0, &mine, &good).is_ok());
        let stranger = Principal::Node(NodeId(3));
        let wrong = [
            (Hello { cluster: Digest::of(b"other"), ..good }, LinkError::OtherCluster),
            (Hello { epoch: EPOCH + 1, ..good }, LinkError::OtherEpoch),
            (Hello { from: NODES[2], ..good }, LinkError::WrongPeer),
            (Hello { from: stranger, ..good }, LinkError::WrongPeer),
            (Hello { to: NODES[2], ..good }, LinkError::WrongPeer),
        ];
        for (theirs, error) in wrong {
            assert_eq!(one.session(0, &mine, &theirs).map(drop), Err(error), "{theirs:?}");
        }
        let own = Hello { to: NODES[1], ..mine };
        assert_eq!(one.session(0, &own, &own).map(drop), Err(LinkError::ToSelf));
    }
}
