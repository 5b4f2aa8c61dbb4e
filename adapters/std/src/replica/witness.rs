//! What each replica signed on its links, kept for as long as it may contradict it.

use super::proofs;
use quorate::ed25519::Ed25519;
use quorate::fault::{Evidence, EvidenceError, SignedFrame, verify};
use quorate::link::Hello;
use quorate::pbft::Message;
use quorate::{NodeId, NodeSet, Principal, PublicKey, Roster};
use std::collections::BTreeMap;

/// The most frames that are kept of one replica.
const FRAMES: usize = 1024;
/// The most bytes of them.
const BYTES: usize = 4 << 20;

/// Remembers the signed frames of each replica that could be half of a contradiction. Links
/// without signatures prove nothing to others, so nothing of theirs is kept.
#[derive(Debug, Default)]
pub(crate) struct Witness {
    heard: BTreeMap<NodeId, Heard>,
    /// Of whom there is evidence already.
    convicted: NodeSet,
}

/// What one replica said: the latest of each kind at each sequence. It can push out its own
/// only, the lowest sequences first.
#[derive(Debug, Default)]
struct Heard {
    frames: BTreeMap<(u64, u8), Kept>,
    bytes: usize,
}

#[derive(Debug)]
struct Kept {
    frame: Vec<u8>,
    hellos: [Hello; 2],
}

impl Kept {
    fn signed(&self) -> Option<SignedFrame<'_>> {
        let [from, to] = &self.hellos;
        SignedFrame::of(&self.frame, from, to)
    }
}

impl Witness {
    /// Takes note of a frame that was opened. Returns evidence, encoded, if its sender
    /// contradicts with it what it said before.
    pub(crate) fn note(
        &mut self,
        frame: &[u8],
        hellos: &[Hello; 2],
        roster: &Roster<Vec<PublicKey>>,
    ) -> Option<Vec<u8>> {
        let [from, to] = hellos;
        let Principal::Node(sender) = from.from else { return None };
        if self.convicted.contains(sender) {
            return None;
        }
        let second = SignedFrame::of(frame, from, to)?;
        let place = place(&second.message)?;
        let heard = self.heard.entry(sender).or_default();
        if let Some(first) = heard.frames.get(&place).and_then(Kept::signed) {
            let evidence = Evidence::Frames(first, second);
            match verify(&evidence, roster, &Ed25519) {
                Ok(_) => {
                    let evidence = proofs::encode(&evidence);
                    self.convicted.insert(sender);
                    self.heard.remove(&sender);
                    return Some(evidence);
                }
                Err(EvidenceError::Equal) => return None,
                Err(_) => {}
            }
        }
        heard.keep(place, Kept { frame: frame.to_vec(), hellos: *hellos });
        None
    }
}

impl Heard {
    fn keep(&mut self, place: (u64, u8), kept: Kept) {
        self.bytes += kept.frame.len();
        let old = self.frames.insert(place, kept);
        self.bytes -= old.map_or(0, |old| old.frame.len());
        while self.frames.len() > FRAMES || self.bytes > BYTES {
            let Some((_, old)) = self.frames.pop_first() else { return };
            self.bytes -= old.frame.len();
        }
    }
}

/// Where a message is kept that another one can contradict.
const fn place(message: &Message<'_>) -> Option<(u64, u8)> {
    Some(match message {
        Message::PrePrepare { sequence, .. } => (sequence.0, 0),
        Message::Prepare(vote) => (vote.sequence.0, 1),
        Message::Commit(vote) => (vote.sequence.0, 2),
        Message::Checkpoint { sequence, .. } => (sequence.0, 3),
        _ => return None,
    })
}
