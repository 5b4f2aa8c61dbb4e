//! One peer: the session with it, and the one that may follow.

use crate::pace::Pace;
use crate::proof::Proofs;
use crate::sessions::{BORNE, OPENING};
use quorate::Instant;
use quorate::auth::{LinkError, Opener as _, Sealer as _};
use quorate::link::Hello;

/// The payload of a frame that says nothing but who sent it.
const PROOF: [u8; 1] = [2];

/// Which session hello and proof are of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    /// The one that frames are sealed for.
    Current,
    /// The one that the peer has not proved yet; the hello that may become one.
    Candidate,
}

/// What two hellos made.
pub(crate) struct Session<X: Proofs> {
    sealer: X::Sealer,
    opener: X::Opener,
    mine: [u8; 32],
    theirs: [u8; 32],
}

impl<X: Proofs> Session<X> {
    fn between(proofs: &X, mine: &Hello, theirs: [u8; 32]) -> Option<Self> {
        let answer = Hello { from: mine.to, to: mine.from, nonce: theirs, ..*mine };
        let (sealer, opener) = proofs.session(mine, &answer).ok()?;
        Some(Self { sealer, opener, mine: mine.nonce, theirs })
    }

    fn prove(&mut self, frame: &mut [u8]) -> Option<usize> {
        self.sealer.seal(&PROOF, frame).ok()
    }
}

/// What is known of one peer.
pub(crate) struct Peer<X: Proofs> {
    pub(crate) session: Option<Session<X>>,
    /// Of the next session, and of no other.
    nonce: [u8; 32],
    /// The nonce of the peer's newest hello, until a frame opens in the session that it makes.
    candidate: Option<[u8; 32]>,
    owes_hello: Option<Which>,
    owes_proof: Option<Which>,
    /// When to greet it, and how often that was done.
    pub(crate) due: Instant,
    pub(crate) greetings: u8,
    /// What it is told to open a session.
    pub(crate) told: Pace,
    /// Frames that are tried in the session that may come.
    pub(crate) tried: Pace,
    /// Frames of a client that opened.
    pub(crate) heard: Pace,
    /// What of it led to nothing.
    pub(crate) vain: Pace,
    /// Before that nothing of it is looked at.
    pub(crate) quiet: Instant,
}

impl<X: Proofs> Peer<X> {
    pub(crate) const fn new() -> Self {
        Self {
            session: None,
            nonce: [0; 32],
            candidate: None,
            owes_hello: None,
            owes_proof: None,
            due: Instant::ZERO,
            greetings: 0,
            told: Pace::new(),
            tried: Pace::new(),
            heard: Pace::new(),
            vain: Pace::new(),
            quiet: Instant::ZERO,
        }
    }

    /// A nonce for the next session.
    pub(crate) const fn renew(&mut self, nonce: [u8; 32]) {
        self.nonce = nonce;
    }

    /// The peer is to get the proof of a session, and the hello.
    pub(crate) const fn owe(&mut self, which: Which, hello: bool) {
        if hello {
            self.owes_hello = Some(which);
        }
        self.owes_proof = Some(which);
    }

    /// A hello of the peer, or of somebody in its name. The newest is always listened to, and
    /// answered with ours: the peer may know neither, and a liar's may have come in between.
    pub(crate) fn hear(&mut self, nonce: [u8; 32]) {
        if self.session.as_ref().is_some_and(|session| session.theirs == nonce) {
            self.candidate = None;
            // It has said something in this session, so it has had our hello. Two that answered
            // each other with hellos would never end.
            return self.owe(Which::Current, false);
        }
        self.candidate = Some(nonce);
        self.owe(Which::Candidate, true);
    }

    /// Something of it led to nothing. Says whether it has to wait.
    pub(crate) fn bear(&mut self, now: Instant) -> bool {
        let (each, at_once) = BORNE;
        self.vain.spend(now, each);
        let until = self.vain.due(each, at_once);
        self.quiet = self.quiet.max(until);
        now < until
    }

    /// Whether anything is owed to open a session.
    pub(crate) const fn is_owed(&self) -> bool {
        self.owes_hello.is_some() || self.owes_proof.is_some()
    }

    /// Writes the next frame that is owed. `hello` is ours but for its nonce.
    pub(crate) fn next_opening(
        &mut self,
        proofs: &X,
        hello: &Hello,
        frame: &mut [u8; OPENING],
    ) -> Option<usize> {
        if let Some(which) = self.owes_hello.take() {
            let current = self.session.as_ref().filter(|_| which == Which::Current);
            let nonce = current.map_or(self.nonce, |session| session.mine);
            let bytes = Hello { nonce, ..*hello }.to_bytes();
            frame.get_mut(..Hello::LEN)?.copy_from_slice(&bytes);
            return Some(Hello::LEN);
        }
        match self.owes_proof.take()? {
            Which::Current => self.session.as_mut()?.prove(frame),
            Which::Candidate => self.candidate_session(proofs, hello)?.prove(frame),
        }
    }

    /// The session that may come: made anew each time that it is needed, since that is seldom
    /// and two sessions for each peer would take twice the memory.
    fn candidate_session(&self, proofs: &X, hello: &Hello) -> Option<Session<X>> {
        Session::between(proofs, &Hello { nonce: self.nonce, ..*hello }, self.candidate?)
    }

    /// Opens a frame of the session.
    ///
    /// # Errors
    /// There is none, or it is not one of it.
    pub(crate) fn open<'f>(&mut self, frame: &'f [u8]) -> Result<&'f [u8], LinkError> {
        self.session.as_mut().ok_or(LinkError::WrongPeer)?.opener.open(frame)
    }

    pub(crate) const fn has_candidate(&self) -> bool {
        self.candidate.is_some()
    }

    /// Opens a frame of the candidate, which has become the session if there is a payload: then
    /// another nonce is needed.
    pub(crate) fn enter<'f>(
        &mut self,
        proofs: &X,
        hello: &Hello,
        frame: &'f [u8],
    ) -> Option<&'f [u8]> {
        let mut session = self.candidate_session(proofs, hello)?;
        let payload = session.opener.open(frame).ok()?;
        // The proof, which may have been sent already, has the first counter.
        let _ = session.prove(&mut [0; OPENING]);
        if self.owes_proof.is_some() {
            self.owes_proof = Some(Which::Current);
        }
        if self.owes_hello.is_some() {
            self.owes_hello = Some(Which::Current);
        }
        self.session = Some(session);
        (self.candidate, self.greetings) = (None, 0);
        Some(payload)
    }

    pub(crate) fn seal(&mut self, payload: &[u8], frame: &mut [u8]) -> Result<usize, LinkError> {
        let session = self.session.as_mut().ok_or(LinkError::WrongPeer)?;
        session.sealer.seal(payload, frame)
    }
}
