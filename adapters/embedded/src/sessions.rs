//! Sessions with all peers over a link that loses frames, and peers that lose their power.
//!
//! Each side draws a nonce for the next session with a peer and says it in a hello; the two
//! hellos make the session. A session that two hellos made is only a candidate, since anybody can
//! send a hello: it takes the place of the one before when a frame of the peer opens in it. A
//! nonce is used for one session and no other, so a hello that is replayed opens nothing.
//!
//! Nodes greet each other until they have a session, at first every interval, later less often.
//! Who gets a new hello answers with its own, if that was not said yet, and with an empty frame
//! of the candidate, its proof. Who gets what it cannot open says hello and proof again: the peer
//! may have lost one of them, or its memory. Answers are limited to eight an interval for each
//! peer.

use crate::peer::{Peer, Which};
use crate::proof::Proofs;
use crate::seats::Seats;
use core::fmt;
use core::time::Duration;
use quorate::auth::LinkError;
use quorate::link::Hello;
use quorate::{Digest, Instant, Principal};

/// How often the time between two greetings doubles.
const DOUBLINGS: u8 = 4;

/// Bytes of the longest frame that opens a session.
pub(crate) const OPENING: usize = 96;

/// What a frame turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opened<'f> {
    /// Something said by this principal.
    Payload(Principal, &'f [u8]),
    /// A part of opening a session.
    Opening,
    /// Nothing that can be believed.
    Nothing,
}

/// The sessions of one member, `P` rows.
pub(crate) struct Sessions<X: Proofs, const P: usize> {
    peers: [Peer<X>; P],
    seats: Seats,
    /// What all own hellos have in common.
    hello: Hello,
    interval: Duration,
    /// All nonces come from it.
    seed: [u8; 32],
    drawn: u64,
}

impl<X: Proofs, const P: usize> Sessions<X, P> {
    /// No session yet. `seed` was never used before.
    pub(crate) fn new(hello: Hello, seats: Seats, interval: Duration, seed: [u8; 32]) -> Self {
        let peers = core::array::from_fn(|_| Peer::new());
        let mut sessions = Self { peers, seats, hello, interval, seed, drawn: 0 };
        for row in 0..P {
            let nonce = sessions.draw();
            if let Some(peer) = sessions.peers.get_mut(row) {
                peer.renew(nonce);
            }
        }
        sessions
    }

    fn draw(&mut self) -> [u8; 32] {
        self.drawn += 1;
        let mut bytes = [0; 40];
        let (seed, count) = bytes.split_at_mut(32);
        seed.copy_from_slice(&self.seed);
        count.copy_from_slice(&self.drawn.to_le_bytes());
        Digest::of(&bytes).0
    }

    /// When somebody is to be greeted; `None`: not before something arrives.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let greeted = self.peers.iter().enumerate().filter(|(row, _)| self.greets(*row));
        greeted.map(|(_, peer)| peer.due).min()
    }

    /// Whether this peer is greeted before it has said anything: a node without a session.
    fn greets(&self, row: usize) -> bool {
        let who = self.seats.principal(row).filter(|who| *who != self.hello.from);
        let alone = self.peers.get(row).is_some_and(|peer| peer.session.is_none());
        alone && matches!(who, Some(Principal::Node(_)))
    }

    /// Greets those whose time has come.
    pub(crate) fn wake(&mut self, now: Instant) {
        for row in 0..P {
            let (greets, interval) = (self.greets(row), self.interval);
            if let Some(peer) = self.peers.get_mut(row).filter(|peer| greets && peer.due <= now) {
                peer.owe(Which::Candidate, true);
                peer.due = now.after(interval.saturating_mul(1 << peer.greetings));
                peer.greetings = peer.greetings.saturating_add(1).min(DOUBLINGS);
            }
        }
    }

    /// The next frame that is owed to open a session, and its receiver.
    pub(crate) fn next_opening(
        &mut self,
        proofs: &X,
        frame: &mut [u8; OPENING],
    ) -> Option<(Principal, usize)> {
        for (row, peer) in self.peers.iter_mut().enumerate() {
            let Some(to) = self.seats.principal(row) else { continue };
            let hello = Hello { to, ..self.hello };
            if let Some(length) = peer.next_opening(proofs, &hello, frame) {
                return Some((to, length));
            }
        }
        None
    }

    /// Opens a frame.
    pub(crate) fn open<'f>(&mut self, proofs: &X, now: Instant, frame: &'f [u8]) -> Opened<'f> {
        if let Ok(theirs) = Hello::from_bytes(frame) {
            return self.on_hello(now, &theirs);
        }
        let Some((from, row)) = sender(frame).and_then(|from| Some((from, self.seats.row(from)?)))
        else {
            return Opened::Nothing;
        };
        let answer = self.answer(now);
        let hello = Hello { to: from, ..self.hello };
        let Some(peer) = self.peers.get_mut(row).filter(|_| from != self.hello.from) else {
            return Opened::Nothing;
        };
        if now < peer.quiet {
            return Opened::Nothing;
        }
        let (opened, renewed) = peer.open(proofs, &hello, frame);
        if opened.is_none() && peer.again <= now {
            // It may have lost what was said, or its memory.
            let which = if peer.session.is_some() { Which::Current } else { Which::Candidate };
            peer.owe(which, true);
            peer.again = answer;
        }
        if renewed {
            let nonce = self.draw();
            if let Some(peer) = self.peers.get_mut(row) {
                peer.renew(nonce);
            }
        }
        match opened {
            Some([quorate::link::PROTOCOL, payload @ ..]) => Opened::Payload(from, payload),
            Some(_) => Opened::Opening,
            None => Opened::Nothing,
        }
    }

    fn on_hello<'f>(&mut self, now: Instant, theirs: &Hello) -> Opened<'f> {
        let Hello { cluster, epoch, from, to, proof, .. } = *theirs;
        let ours = self.hello;
        let meant = (cluster, epoch, proof, to)
            == (ours.cluster, ours.epoch, ours.proof, ours.from)
            && from != ours.from;
        let row = self.seats.row(from).filter(|_| meant);
        let answer = self.answer(now);
        let Some(peer) = row.and_then(|row| self.peers.get_mut(row)) else {
            return Opened::Nothing;
        };
        if now < peer.answer {
            return Opened::Nothing;
        }
        peer.answer = answer;
        peer.hear(theirs.nonce);
        Opened::Opening
    }

    fn answer(&self, now: Instant) -> Instant {
        now.after(self.interval / 8)
    }

    /// Seals a payload for a peer.
    ///
    /// # Errors
    /// There is no session with it, or the frame is too long.
    pub(crate) fn seal(
        &mut self,
        to: Principal,
        payload: &[u8],
        frame: &mut [u8],
    ) -> Result<usize, LinkError> {
        let row = self.seats.row(to);
        let peer = row.and_then(|row| self.peers.get_mut(row)).ok_or(LinkError::WrongPeer)?;
        peer.seal(payload, frame)
    }

    /// Looks at nothing of a peer before an instant.
    pub(crate) fn quiet(&mut self, whom: Principal, until: Instant) {
        let row = self.seats.row(whom);
        if let Some(peer) = row.and_then(|row| self.peers.get_mut(row)) {
            peer.quiet = peer.quiet.max(until);
        }
    }

    /// Whether there is a session with a peer.
    pub(crate) fn has(&self, whom: Principal) -> bool {
        let row = self.seats.row(whom);
        row.and_then(|row| self.peers.get(row)).is_some_and(|peer| peer.session.is_some())
    }

    pub(crate) const fn seats(&self) -> Seats {
        self.seats
    }
}

/// Who a frame says that it is from.
fn sender(frame: &[u8]) -> Option<Principal> {
    Principal::from_bytes(*frame.get(2..)?.first_chunk::<3>()?)
}

impl<X: Proofs, const P: usize> fmt::Debug for Sessions<X, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let open = self.peers.iter().filter(|peer| peer.session.is_some()).count();
        f.debug_struct("Sessions").field("open", &open).finish_non_exhaustive()
    }
}
