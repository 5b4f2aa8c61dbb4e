//! Authentic links: every frame between two principals proves who sent it.
//!
//! A link is opened by two [`Hello`]s, one from each side, that are not authenticated by
//! themselves. Both sides derive a session from them, [`hmac::session`](crate::hmac::session)
//! or [`ed25519::session`](crate::ed25519::session), and each frame of the session carries a
//! proof that depends on everything in both: cluster, epoch, who speaks to whom, and a fresh
//! nonce of each side. A peer is who its Hello says as soon as one frame of it has opened, and
//! not before: until then a host keeps the session that it had with this peer, since anybody can
//! send a Hello.
//!
//! A frame is, in this order: version (1 byte), kind of proof (1), sender
//! ([`Principal::to_bytes`], 3), counter (8, little-endian), payload, proof. The counter rises
//! with every frame of a direction, and a frame whose counter does not rise is not opened: what
//! was recorded cannot be replayed, neither within its session nor into another.

use crate::auth::{Digest, Scope, Statement, Tag};
use crate::node::Principal;
use core::fmt;

/// The version of hellos and frames.
const VERSION: u8 = 1;

/// The first byte of a payload that is a message of the protocol; the message follows, and
/// nothing after it. Adapters use other values for what they say themselves. Only a frame that
/// begins so can be evidence of what its sender said, see [`crate::fault::SignedFrame`].
pub const PROTOCOL: u8 = 0;

/// The sending half of an authentic link to one peer.
pub trait Sealer {
    /// How many bytes a frame is longer than its payload.
    const OVERHEAD: usize;
    /// Where in a frame its payload begins.
    const PAYLOAD: usize;

    /// Makes a frame at the front of `frame` around the payload of `length` bytes that lies there
    /// already, from [`Sealer::PAYLOAD`] on, and returns the frame's length. The payload stays as
    /// it is: the same buffer can be sealed for the next peer, so that no other one is needed.
    ///
    /// # Errors
    /// The buffer is too short, or the session has used up its counter. Neither uses a counter.
    fn seal_in_place(&mut self, frame: &mut [u8], length: usize) -> Result<usize, LinkError>;

    /// Writes the frame for `payload` to the front of `frame` and returns its length.
    ///
    /// # Errors
    /// The buffer is too short, or the session has used up its counter. Neither uses a counter.
    fn seal(&mut self, payload: &[u8], frame: &mut [u8]) -> Result<usize, LinkError> {
        let rest = frame.get_mut(Self::PAYLOAD..).ok_or(LinkError::BufferTooShort)?;
        let room = rest.get_mut(..payload.len()).ok_or(LinkError::BufferTooShort)?;
        room.copy_from_slice(payload);
        self.seal_in_place(frame, payload.len())
    }
}

/// The receiving half of an authentic link from one peer.
pub trait Opener {
    /// Returns the payload if the frame is the peer's, meant for us, of this session, and new.
    ///
    /// # Errors
    /// Why it is none of that; the link's state has not changed and stays usable.
    fn open<'f>(&mut self, frame: &'f [u8]) -> Result<&'f [u8], LinkError>;
}

/// How the frames of a link prove their sender. Both ends use the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[repr(u8)]
pub enum Proof {
    /// HMAC-SHA256 under a key that the two ends share: fast, and of no worth to a third party.
    Hmac = 1,
    /// An Ed25519 signature on every frame.
    Ed25519 = 2,
}

/// What the two ends of a link tell each other before its first frame. It is not authenticated
/// by itself; the proofs of all frames depend on every field of both hellos.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Hello {
    /// The id of the cluster.
    pub cluster: Digest,
    /// The epoch of the cluster.
    pub epoch: u32,
    /// Who says hello.
    pub from: Principal,
    /// To whom.
    pub to: Principal,
    /// Never used before by this sender: from its random source, or from a boot counter that was
    /// made durable before its use.
    pub nonce: [u8; 32],
    /// How the frames of the session prove their sender.
    pub proof: Proof,
}

impl Hello {
    /// Bytes of a hello: version, 0 where frames have their kind, proof, from, to, epoch,
    /// cluster, nonce.
    pub const LEN: usize = 1 + 1 + 1 + 3 + 3 + 4 + 32 + 32;

    /// The bytes of the hello.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; Self::LEN] {
        let mut bytes = [0; Self::LEN];
        let fields: [&[u8]; 6] = [
            &[VERSION, 0, self.proof as u8],
            &self.from.to_bytes(),
            &self.to.to_bytes(),
            &self.epoch.to_le_bytes(),
            &self.cluster.0,
            &self.nonce,
        ];
        for (to, from) in bytes.iter_mut().zip(fields.iter().copied().flatten()) {
            *to = *from;
        }
        bytes
    }

    /// The inverse of [`Hello::to_bytes`].
    ///
    /// # Errors
    /// [`LinkError::WrongLength`], or [`LinkError::Unknown`] for another version, proof or kind
    /// of principal.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, LinkError> {
        let bytes: &[u8; Self::LEN] = bytes.try_into().map_err(|_| LinkError::WrongLength)?;
        Self::parse(bytes).ok_or(LinkError::Unknown)
    }

    fn parse(bytes: &[u8; Self::LEN]) -> Option<Self> {
        let (head, rest) = bytes.split_first_chunk::<3>()?;
        let proof = match head {
            [VERSION, 0, 1] => Proof::Hmac,
            [VERSION, 0, 2] => Proof::Ed25519,
            _ => return None,
        };
        let (from, rest) = rest.split_first_chunk::<3>()?;
        let (to, rest) = rest.split_first_chunk::<3>()?;
        let (epoch, rest) = rest.split_first_chunk::<4>()?;
        let (cluster, nonce) = rest.split_first_chunk::<32>()?;
        Some(Self {
            cluster: Digest(*cluster),
            epoch: u32::from_le_bytes(*epoch),
            from: Principal::from_bytes(*from)?,
            to: Principal::from_bytes(*to)?,
            nonce: *nonce.first_chunk::<32>()?,
            proof,
        })
    }

    /// Whether `mine` and `theirs` open a link with this kind of proof.
    pub(crate) fn check(mine: &Self, theirs: &Self, proof: Proof) -> Result<(), LinkError> {
        if mine.proof != proof || theirs.proof != proof {
            return Err(LinkError::OtherProof);
        }
        if mine.cluster != theirs.cluster {
            return Err(LinkError::OtherCluster);
        }
        if mine.epoch != theirs.epoch {
            return Err(LinkError::OtherEpoch);
        }
        if mine.from == mine.to {
            return Err(LinkError::ToSelf);
        }
        if (mine.from, mine.to) != (theirs.to, theirs.from) {
            return Err(LinkError::WrongPeer);
        }
        Ok(())
    }
}

/// Why a link was not opened, or a frame of it was not accepted or could not be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum LinkError {
    /// Shorter than a header and a proof.
    TooShort,
    /// A hello of another length than [`Hello::LEN`].
    WrongLength,
    /// A version, kind or flag that this version does not know.
    Unknown,
    /// From another principal than the one at the other end of this link.
    WrongSender,
    /// The proof does not verify.
    Forged,
    /// A counter that was used before, a replay; or one 64 or more behind the highest.
    Replayed,
    /// The buffer for the frame is too short.
    BufferTooShort,
    /// The counter of the session is used up; a new session is needed.
    Exhausted,
    /// The peer's key cannot be used for key agreement.
    BadKey,
    /// One of the two hellos asks for another kind of proof than this link has.
    OtherProof,
    /// The peer belongs to another cluster, or to this one with other constants.
    OtherCluster,
    /// The peer is in another epoch of the cluster.
    OtherEpoch,
    /// A hello to its own sender.
    ToSelf,
    /// The peer's hello is not from whom ours is to, or not to whom ours is from.
    WrongPeer,
}

impl fmt::Display for LinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooShort => "the frame is shorter than a header and a proof",
            Self::WrongLength => "the hello is shorter or longer than a hello",
            Self::Unknown => "the hello or frame is of an unknown version or kind",
            Self::WrongSender => "the frame names another sender than the peer of this link",
            Self::Forged => "the frame's proof does not verify",
            Self::Replayed => "the frame was received before",
            Self::BufferTooShort => "the buffer is too short for the frame",
            Self::Exhausted => "the session's counter is used up: open a new session",
            Self::BadKey => "the peer's key cannot be used: not a point, or of small order",
            Self::OtherProof => "the two ends do not use the same kind of link proof",
            Self::OtherCluster => "the peer belongs to a cluster of another id",
            Self::OtherEpoch => "the peer is in another epoch of the cluster",
            Self::ToSelf => "a link leads to another principal, not back to oneself",
            Self::WrongPeer => "the peer's hello is not the answer to ours",
        })
    }
}

impl core::error::Error for LinkError {}

/// What all signed statements of one direction of a session begin with: `from` is the hello of
/// the sender of the frames, `to` that of their receiver.
pub(crate) fn signed_prefix(profile: &'static str, from: &Hello, to: &Hello) -> Statement {
    let Hello { cluster, epoch, .. } = *from;
    Statement::new(Tag::Frame, &Scope { cluster, epoch, profile }, from.from)
        .bytes(&from.to_bytes())
        .bytes(&to.to_bytes())
}

/// Bytes before the payload of a frame.
pub(crate) const HEADER: usize = 1 + 1 + 3 + 8;

/// One direction of a session: whose frames they are, the highest counter of one, and which of
/// those below were seen.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub(crate) struct Direction {
    proof: Proof,
    sender: Principal,
    last: u64,
    /// Bit i: the counter i below the highest was seen.
    seen: u64,
}

impl Direction {
    pub(crate) const fn new(proof: Proof, sender: Principal) -> Self {
        // No frame has the counter 0.
        Self { proof, sender, last: 0, seen: 1 }
    }

    pub(crate) fn header(&self, counter: u64) -> [u8; HEADER] {
        let [a, b, c] = self.sender.to_bytes();
        let [d, e, f, g, h, i, j, k] = counter.to_le_bytes();
        [VERSION, self.proof as u8, a, b, c, d, e, f, g, h, i, j, k]
    }

    /// Makes the next frame around its payload of `length` bytes; `prove` makes its proof of
    /// header and payload.
    pub(crate) fn seal<const P: usize>(
        &mut self,
        frame: &mut [u8],
        length: usize,
        prove: impl FnOnce(&[u8; HEADER], &[u8]) -> [u8; P],
    ) -> Result<usize, LinkError> {
        let counter = self.last.checked_add(1).ok_or(LinkError::Exhausted)?;
        let (header, rest) =
            frame.split_first_chunk_mut::<HEADER>().ok_or(LinkError::BufferTooShort)?;
        let (payload, rest) = rest.split_at_mut_checked(length).ok_or(LinkError::BufferTooShort)?;
        let proof = rest.first_chunk_mut::<P>().ok_or(LinkError::BufferTooShort)?;
        *header = self.header(counter);
        *proof = prove(header, payload);
        self.last = counter;
        Ok(HEADER + length + P)
    }

    /// Opens a frame; `holds` says whether it is proved. The counter moves last of all.
    pub(crate) fn open<'f, const P: usize>(
        &mut self,
        frame: &'f [u8],
        holds: impl FnOnce(&[u8; HEADER], &[u8], &[u8; P]) -> bool,
    ) -> Result<&'f [u8], LinkError> {
        let (header, rest) = frame.split_first_chunk::<HEADER>().ok_or(LinkError::TooShort)?;
        let (payload, proof) = rest.split_last_chunk::<P>().ok_or(LinkError::TooShort)?;
        let [version, kind, a, b, c, counter @ ..] = header;
        if (*version, *kind) != (VERSION, self.proof as u8) {
            return Err(LinkError::Unknown);
        }
        if [*a, *b, *c] != self.sender.to_bytes() && !canary!("any_sender_on_a_link") {
            return Err(LinkError::WrongSender);
        }
        if !holds(header, payload, proof) {
            return Err(LinkError::Forged);
        }
        let counter = u64::from_le_bytes(*counter);
        let (last, seen) = self.after(counter).ok_or(LinkError::Replayed)?;
        (self.last, self.seen) = (last, seen);
        Ok(payload)
    }

    /// The highest counter and the window below it, with this one; `None` if it was seen, or is
    /// too far behind to tell.
    fn after(&self, counter: u64) -> Option<(u64, u64)> {
        let by = u32::try_from(counter.abs_diff(self.last)).unwrap_or(u32::MAX);
        if counter > self.last {
            let moved = self.seen.checked_shl(by).unwrap_or(0);
            return Some((counter, moved | 1));
        }
        if canary!("frames_replayed") {
            return Some((self.last, self.seen));
        }
        let behind = 1_u64.checked_shl(by);
        let bit = behind.filter(|bit| self.seen & bit == 0)?;
        Some((self.last, self.seen | bit))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::NodeId;

    #[test]
    fn a_used_up_counter_refuses_and_never_wraps() {
        let mut out = Direction::new(Proof::Hmac, Principal::Node(NodeId(0)));
        let mut into = out;
        out.last = u64::MAX - 1;
        let mut frame = [0; 64];
        let len = out.seal(&mut frame, 4, |_, _| [0; 8]).unwrap();
        assert_eq!(out.seal(&mut frame, 4, |_, _| [0; 8]), Err(LinkError::Exhausted));
        assert_eq!(out.last, u64::MAX);
        let last = frame.get(..len).unwrap();
        assert_eq!(into.open(last, |_, _, _: &[u8; 8]| true), Ok(&[0; 4][..]));
        assert_eq!(into.open(last, |_, _, _: &[u8; 8]| true), Err(LinkError::Replayed));
    }

    #[test]
    fn what_is_not_proved_moves_no_counter() {
        let mut out = Direction::new(Proof::Hmac, Principal::Node(NodeId(0)));
        let mut into = out;
        out.last = 9;
        let mut frame = [0; 64];
        let len = out.seal(&mut frame, 7, |_, _| [0; 8]).unwrap();
        let frame = frame.get(..len).unwrap();
        assert_eq!(into.open(frame, |_, _, _: &[u8; 8]| false), Err(LinkError::Forged));
        assert_eq!(into.last, 0);
        assert!(into.open(frame, |_, _, _: &[u8; 8]| true).is_ok());
        assert_eq!(into.last, 10);
    }

    #[test]
    fn a_frame_that_does_not_fit_uses_no_counter() {
        let mut out = Direction::new(Proof::Hmac, Principal::Node(NodeId(0)));
        for short in 0..HEADER + 4 + 8 {
            let mut frame = [0; HEADER + 4 + 8];
            let frame = frame.get_mut(..short).unwrap();
            assert_eq!(out.seal(frame, 4, |_, _| [0; 8]), Err(LinkError::BufferTooShort));
        }
        assert_eq!(out.last, 0);
    }
}
