//! A traitor: a board that lies in every vote and every reply.
//!
//! It is no part of the core. It sits where frames are sealed, so that all the rest of the board
//! is as on an honest one: what it says of others' batches, of its own state and to clients is
//! another thing than what it holds for true, and correctly sealed.

use crate::settings::FRAME;
use quorate::Digest;
use quorate::link::{Hello, LinkError, PROTOCOL, Proof, Sealer};
use quorate::pbft::Message;
use quorate::wire::{self, Bytes};
use quorate_embedded::Proofs;

/// How a board proves its frames, and whether they say the truth.
#[derive(Clone, Debug)]
pub struct Tongue<X> {
    pub(crate) proofs: X,
    pub(crate) lies: bool,
}

impl<X: Proofs> Proofs for Tongue<X> {
    type Sealer = Mouth<X::Sealer>;
    type Opener = X::Opener;
    const PROOF: Proof = X::PROOF;

    fn session(
        &self,
        mine: &Hello,
        theirs: &Hello,
    ) -> Result<(Self::Sealer, Self::Opener), LinkError> {
        let (sealer, opener) = self.proofs.session(mine, theirs)?;
        Ok((Mouth { sealer, lies: self.lies }, opener))
    }
}

/// The sending half of a session of a board that may lie.
#[derive(Clone, Debug)]
pub struct Mouth<S> {
    sealer: S,
    lies: bool,
}

impl<S: Sealer> Sealer for Mouth<S> {
    const OVERHEAD: usize = S::OVERHEAD;
    const PAYLOAD: usize = S::PAYLOAD;

    fn seal_in_place(&mut self, frame: &mut [u8], length: usize) -> Result<usize, LinkError> {
        let mut room = [0; FRAME];
        let payload = frame.get(S::PAYLOAD..).and_then(|rest| rest.get(..length));
        let said = payload.filter(|_| self.lies).and_then(|it| retold(it, &mut room));
        match said {
            Some(lie) => self.sealer.seal(lie, frame),
            None => self.sealer.seal_in_place(frame, length),
        }
    }

    fn seal(&mut self, payload: &[u8], frame: &mut [u8]) -> Result<usize, LinkError> {
        let mut room = [0; FRAME];
        let said = Some(payload).filter(|_| self.lies).and_then(|it| retold(it, &mut room));
        self.sealer.seal(said.unwrap_or(payload), frame)
    }
}

/// A payload that says something else; `None` if there is nothing to lie about.
fn retold<'r>(payload: &[u8], room: &'r mut [u8; FRAME]) -> Option<&'r [u8]> {
    let [PROTOCOL, said @ ..] = payload else { return None };
    let lie = twist(wire::decode(said).ok()?)?;
    let (channel, rest) = room.split_first_mut()?;
    *channel = PROTOCOL;
    let length = 1 + wire::encode(&lie, rest).ok()?.len();
    room.get(..length)
}

/// What a liar says where an honest board says this; `None` if it says the same.
#[must_use]
pub fn twist(message: Message<'_>) -> Option<Message<'_>> {
    let mut lie = message;
    match &mut lie {
        Message::Prepare(vote) | Message::Commit(vote) => vote.digest = another(vote.digest),
        Message::Checkpoint { digest, .. } => *digest = another(*digest),
        Message::Reply(reply) => reply.reply = Bytes(b"a lie...".as_slice()),
        _ => return None,
    }
    Some(lie)
}

fn another(digest: Digest) -> Digest {
    // Of a lie that is told again it makes another one, not the truth.
    Digest::of(&digest.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::member;
    use quorate::link::Opener as _;
    use quorate::pbft::{Outcome, Reply, Sequence, View, Vote};
    use quorate::{ClientId, NodeId, Principal};

    const SAID: [Message<'_>; 5] = [
        Message::Prepare(Vote { view: View(1), sequence: Sequence(2), digest: Digest([3; 32]) }),
        Message::Commit(Vote { view: View(1), sequence: Sequence(2), digest: Digest([3; 32]) }),
        Message::Checkpoint { sequence: Sequence(4), digest: Digest([5; 32]) },
        Message::Reply(Reply {
            view: View(1),
            client: ClientId(0),
            timestamp: 9,
            outcome: Outcome::Executed,
            reply: Bytes(b"the sum."),
        }),
        Message::FetchBatch { sequence: Sequence(2), digest: Digest([3; 32]) },
    ];

    /// What board 0 hears when board 1 says this.
    fn heard(lies: bool, said: Message<'_>) -> Vec<u8> {
        let [zero, one] = [0, 1].map(|id| Principal::Node(NodeId(id)));
        let speaker = member(one, lies).unwrap();
        let listener = member(zero, false).unwrap();
        let hello = |from, to, nonce| {
            let cluster = speaker.roster.scope().cluster;
            Hello { cluster, epoch: 0, from, to, nonce: [nonce; 32], proof: Proof::Hmac }
        };
        let (mine, theirs) = (hello(one, zero, 1), hello(zero, one, 2));
        let (mut mouth, _) = speaker.proofs.session(&mine, &theirs).unwrap();
        let (_, mut ear) = listener.proofs.session(&theirs, &mine).unwrap();
        let (mut payload, mut frame) = ([PROTOCOL; FRAME], [0; FRAME]);
        let length = 1 + wire::encode(&said, &mut payload[1..]).unwrap().len();
        let length = mouth.seal(&payload[..length], &mut frame).unwrap();
        ear.open(&frame[..length]).unwrap()[1..].to_vec()
    }

    #[test]
    fn a_liar_lies_in_votes_and_replies_and_seals_it_well() {
        for (at, said) in SAID.into_iter().enumerate() {
            let truth = heard(false, said);
            assert_eq!(wire::decode(&truth), Ok(said));
            let told = heard(true, said);
            assert_eq!(wire::decode(&told), Ok(twist(said).unwrap_or(said)));
            assert_eq!(told == truth, at == 4, "{said:?}");
        }
    }
}
