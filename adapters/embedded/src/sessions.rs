//! Sessions with all peers over a link that loses frames, and peers that lose their power.
//!
//! Each side draws a nonce for the next session with a peer and says it in a hello; the two
//! hellos make the session. A session that two hellos made is only a candidate, since anybody can
//! send a hello: it takes the place of the one before when a frame of the peer opens in it. A
//! nonce is used for one session and no other, so a hello that is replayed opens nothing.
//!
//! Nodes greet each other until they have a session, at first every interval, later less often.
//! Who gets a new hello answers with its own and with an empty frame of the candidate, its proof.
//! Who gets what it cannot open says hello and proof again: the peer may have lost one of them, or
//! its memory.
//!
//! Everybody is listened to, whatever a liar said before: the newest hello makes the candidate.
//! Limited is what it costs. Answers to a peer leave eight times an interval, and those that are
//! owed earlier wait; frames are tried in a candidate, whose keys are made each time, sixteen at
//! once and 64 an interval. What names another sender than the link tells is not looked at.
//!
//! What a client has signed costs a verification each time that it is said, of use or not. So each
//! client's frames are opened at a pace, and what was executed lets them be ahead of it.

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

/// Answers of an interval, and how many may leave at once beside the first.
const ANSWERS: (u32, u32) = (8, 1);

/// Frames that are tried in a candidate in an interval, and how many at once beside the first.
const TRIES: (u32, u32) = (64, 15);

/// Frames that led to nothing: each is borne once a millisecond, and so many at once. It is many
/// times what a correct peer sends.
pub(crate) const BORNE: (Duration, u32) = (Duration::from_millis(1), 1024);

/// Beside that, frames for each batch that was executed: late votes of a replica that is slower
/// than the others are nobody's wrong.
const A_BATCH: u32 = 4;

/// What a client may be ahead of its time for each batch that was executed: one with a single
/// request under way has at most one in each.
const A_REQUEST: u32 = 1;

/// What a frame turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opened<'f> {
    /// Something said by this principal.
    Payload(Principal, &'f [u8]),
    /// The proof of a session.
    Proof,
    /// A hello. It costs nothing but its answer, which waits for its turn.
    Hello,
    /// Nothing that can be believed.
    Nothing,
    /// Nothing that can be believed, which was seen without any work.
    Stray,
    /// Not looked at: its sender has to wait.
    Ignored,
}

/// The sessions of one member, `P` rows.
pub(crate) struct Sessions<X: Proofs, const P: usize> {
    peers: [Peer<X>; P],
    seats: Seats,
    /// What all own hellos have in common.
    hello: Hello,
    interval: Duration,
    /// Between two frames of a client, and how many at once.
    clients: (Duration, u32),
    /// All nonces come from it.
    seed: [u8; 32],
    drawn: u64,
    /// Batches that were executed when a message was last stepped.
    executed: u64,
}

impl<X: Proofs, const P: usize> Sessions<X, P> {
    /// No session yet. `seed` was never used before.
    pub(crate) fn new(
        hello: Hello,
        seats: Seats,
        (interval, clients): (Duration, (Duration, u32)),
        seed: [u8; 32],
    ) -> Self {
        let peers = core::array::from_fn(|_| Peer::new());
        let (drawn, executed) = (0, 0);
        let mut sessions = Self { peers, seats, hello, interval, clients, seed, drawn, executed };
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

    /// When somebody is to be greeted or answered; `None`: not before something arrives.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let (step, more) = (self.interval / ANSWERS.0, ANSWERS.1);
        let owed = self.peers.iter().filter(|peer| peer.is_owed());
        let owed = owed.map(|peer| peer.told.due(step, more));
        let greeted = self.peers.iter().enumerate().filter(|(row, _)| self.greets(*row));
        owed.chain(greeted.map(|(_, peer)| peer.due)).min()
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

    /// The next frame that is owed to open a session and may leave, and its receiver.
    pub(crate) fn next_opening(
        &mut self,
        proofs: &X,
        now: Instant,
        frame: &mut [u8; OPENING],
    ) -> Option<(Principal, usize)> {
        let (step, more) = (self.interval / ANSWERS.0, ANSWERS.1);
        for (row, peer) in self.peers.iter_mut().enumerate() {
            let Some(to) = self.seats.principal(row) else { continue };
            if !peer.is_owed() || now < peer.told.due(step, more) {
                continue;
            }
            let hello = Hello { to, ..self.hello };
            let next = peer.next_opening(proofs, &hello, frame);
            if !peer.is_owed() {
                peer.told.spend(now, step);
            }
            if let Some(length) = next {
                return Some((to, length));
            }
        }
        None
    }

    /// Opens a frame that came from this principal, as the link tells.
    pub(crate) fn open<'f>(
        &mut self,
        proofs: &X,
        now: Instant,
        (from, frame): (Principal, &'f [u8]),
    ) -> Opened<'f> {
        if claimed(frame) != Some(from) || from == self.hello.from {
            return Opened::Stray;
        }
        if let Ok(theirs) = Hello::from_bytes(frame) {
            return self.on_hello(&theirs);
        }
        let (hello, step) = (Hello { to: from, ..self.hello }, self.interval / TRIES.0);
        let Some(row) = self.seats.row(from) else { return Opened::Stray };
        let Some(peer) = self.peers.get_mut(row) else { return Opened::Stray };
        // What a client signed is verified although it is of no use: so before any work on it.
        let paced = matches!(from, Principal::Client(_)).then_some(self.clients);
        let early = |(each, burst): (_, u32)| now < peer.heard.due(each, burst.saturating_sub(1));
        if now < peer.quiet || paced.is_some_and(early) {
            return Opened::Ignored;
        }
        let opened = match peer.open(frame) {
            Err(LinkError::Replayed) => {
                peer.bear(now);
                return Opened::Nothing;
            }
            current => current.ok(),
        };
        let tries = opened.is_none() && peer.has_candidate();
        let tries = tries && peer.tried.due(step, TRIES.1) <= now;
        let next = if tries { peer.enter(proofs, &hello, frame) } else { None };
        let renewed = next.is_some();
        if tries && !renewed {
            peer.tried.spend(now, step);
        }
        let opened = opened.or(next);
        // What does not open is somebody else's, perhaps, and borne for itself.
        if let (Some(_), Some((each, _))) = (opened, paced) {
            peer.heard.spend(now, each);
        }
        let said = matches!(opened, Some([quorate::link::PROTOCOL, ..]));
        // A proof has done its work once a session has begun.
        if !said && !renewed {
            peer.bear(now);
        }
        if opened.is_none() {
            // It may have lost what was said, or its memory.
            let current = peer.session.is_some() && !peer.has_candidate();
            peer.owe(if current { Which::Current } else { Which::Candidate }, true);
        }
        if renewed {
            let nonce = self.draw();
            if let Some(peer) = self.peers.get_mut(row) {
                peer.renew(nonce);
            }
        }
        match opened {
            Some([quorate::link::PROTOCOL, payload @ ..]) => Opened::Payload(from, payload),
            Some(_) => Opened::Proof,
            None => Opened::Nothing,
        }
    }

    fn on_hello<'f>(&mut self, theirs: &Hello) -> Opened<'f> {
        let Hello { cluster, epoch, from, to, proof, .. } = *theirs;
        let ours = self.hello;
        let meant =
            (cluster, epoch, proof, to) == (ours.cluster, ours.epoch, ours.proof, ours.from);
        let row = self.seats.row(from).filter(|_| meant);
        let Some(peer) = row.and_then(|row| self.peers.get_mut(row)) else {
            return Opened::Stray;
        };
        peer.hear(theirs.nonce);
        Opened::Hello
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

    /// So many batches were executed: the more, the more peers may say.
    pub(crate) fn advance(&mut self, executed: u64) {
        let batches = u32::try_from(executed.saturating_sub(self.executed)).unwrap_or(u32::MAX);
        self.executed = executed;
        if batches == 0 {
            return;
        }
        self.excuse(batches.saturating_mul(A_BATCH));
        let requests = self.clients.0.saturating_mul(batches.saturating_mul(A_REQUEST));
        self.peers.iter_mut().for_each(|peer| peer.heard.excuse(requests));
    }

    /// What a peer said led to nothing. Says whether it has to wait.
    pub(crate) fn bear(&mut self, whom: Principal, now: Instant) -> bool {
        let row = self.seats.row(whom);
        row.and_then(|row| self.peers.get_mut(row)).is_some_and(|peer| peer.bear(now))
    }

    /// All were asked something: answers of so many frames are borne.
    pub(crate) fn asked(&mut self, answers: u32) {
        self.excuse(answers);
    }

    fn excuse(&mut self, frames: u32) {
        for peer in &mut self.peers {
            peer.vain.excuse(BORNE.0.saturating_mul(frames));
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

/// Who a frame or a hello says that it is from: what a link puts into an
/// [`Arrival`](crate::Arrival) that cannot tell by itself who sent a frame.
#[must_use]
pub fn claimed(frame: &[u8]) -> Option<Principal> {
    // A hello has a zero where a frame has the kind of its proof, and that after it.
    let at = if *frame.get(1)? == 0 { 3 } else { 2 };
    Principal::from_bytes(*frame.get(at..)?.first_chunk::<3>()?)
}

impl<X: Proofs, const P: usize> fmt::Debug for Sessions<X, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let open = self.peers.iter().filter(|peer| peer.session.is_some()).count();
        f.debug_struct("Sessions").field("open", &open).finish_non_exhaustive()
    }
}
