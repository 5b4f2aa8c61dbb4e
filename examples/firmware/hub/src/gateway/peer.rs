//! What the gateway knows of one peer of its server, and the rules by which frames pass.
//!
//! A board greets for as long as it likes, may repeat itself, and is not heard when a frame is
//! lost. A replica on TCP is told one hello and one proof a connection, and hangs up on whatever
//! does not open. Between them:
//!
//! * A hello of the peer with a nonce that is new dials the server: a connection for each.
//! * What the server answers with goes to the peer, and the proof that the peer gives after its
//!   own answer goes to the server, once. Only when the server has proved itself too does the new
//!   connection take the place of the one before, so a hello that anybody made up displaces none.
//! * A peer that keeps a session which the server has lost does not know that yet. Counters of
//!   frames tell: those of the session before are higher than any seen, those of the new one begin
//!   with 1. Frames of the one before are held back, and the peer is told the server's proof again,
//!   which opens the new one.
//! * A server that was away is dialled again with the hello that is known. The peer answers it with
//!   a nonce that it has not used, and so they meet.

use quorate::hmac;
use quorate::link::{Hello, Sealer as _};

/// The payload of a frame that says nothing but who sent it.
const PROOF: &[u8] = &[2];
/// Where the proof of a frame begins, counted from its end.
const TAG: usize = hmac::Sealer::OVERHEAD - hmac::Sealer::PAYLOAD;

/// What is to be done, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Deed {
    /// Connect to the server, and say this.
    Dial { serial: u64, hello: [u8; Hello::LEN] },
    /// End a connection.
    HangUp(u64),
    /// Send a frame to the server over a connection.
    Serve(u64, Vec<u8>),
    /// Send a frame to the peer.
    Tell(Vec<u8>),
}

/// A connection on which both have proved themselves.
#[derive(Debug)]
struct Live {
    serial: u64,
    nonce: [u8; 32],
    /// The server's proof.
    proof: Vec<u8>,
    /// A frame with a higher counter than that is of the session before; `None`: the peer is in
    /// the new one.
    before: Option<u64>,
}

/// A connection that may become one.
#[derive(Debug)]
struct Next {
    serial: u64,
    nonce: [u8; 32],
    /// The server's hello.
    answer: Option<Vec<u8>>,
    /// Whether the peer has said hello since it was told that.
    heard: bool,
    /// Whether its proof was passed on.
    proved: bool,
}

/// One peer: its newest hello, and the connections that were dialled for it.
#[derive(Debug, Default)]
pub(super) struct Peer {
    hello: Option<[u8; Hello::LEN]>,
    live: Option<Live>,
    next: Option<Next>,
    /// Connections so far.
    dialled: u64,
    /// The counter of its last frame that was no first proof.
    counter: u64,
}

impl Peer {
    /// The peer sent this.
    pub(super) fn on_line(&mut self, frame: &[u8]) -> Vec<Deed> {
        match (Hello::from_bytes(frame), frame.first_chunk()) {
            (Ok(hello), Some(bytes)) => self.on_hello(&hello, bytes),
            _ => self.on_sealed(frame),
        }
    }

    fn on_hello(&mut self, hello: &Hello, bytes: &[u8; Hello::LEN]) -> Vec<Deed> {
        if let Some(live) = self.live.as_ref().filter(|live| live.nonce == hello.nonce) {
            // The server has heard it. The peer, it seems, has not heard the server.
            return vec![Deed::Tell(live.proof.clone())];
        }
        self.hello = Some(*bytes);
        match &mut self.next {
            Some(next) if next.nonce == hello.nonce => {
                let Some(answer) = &next.answer else { return Vec::new() };
                let again = std::mem::replace(&mut next.heard, true);
                if again { vec![Deed::Tell(answer.clone())] } else { Vec::new() }
            }
            _ => self.dial(),
        }
    }

    fn dial(&mut self) -> Vec<Deed> {
        let Some(hello) = self.hello else { return Vec::new() };
        let Ok(Hello { nonce, .. }) = Hello::from_bytes(&hello) else { return Vec::new() };
        self.dialled += 1;
        let serial = self.dialled;
        let next = Next { serial, nonce, answer: None, heard: false, proved: false };
        let old = self.next.replace(next);
        let end = old.map(|old| Deed::HangUp(old.serial));
        end.into_iter().chain([Deed::Dial { serial, hello }]).collect()
    }

    fn on_sealed(&mut self, frame: &[u8]) -> Vec<Deed> {
        let Some((head, rest)) = frame.split_at_checked(hmac::Sealer::PAYLOAD) else {
            return Vec::new();
        };
        let Some(counter) = head.last_chunk().map(|bytes| u64::from_le_bytes(*bytes)) else {
            return Vec::new();
        };
        let proves = rest.len().checked_sub(TAG).and_then(|end| rest.get(..end)) == Some(PROOF);
        if proves && counter == 1 {
            let Some(next) = self.next.as_mut().filter(|it| it.heard && !it.proved) else {
                return Vec::new();
            };
            next.proved = true;
            return vec![Deed::Serve(next.serial, frame.to_vec())];
        }
        self.counter = counter;
        let Some(live) = &mut self.live else { return Vec::new() };
        if live.before.is_some_and(|before| counter > before) {
            return vec![Deed::Tell(live.proof.clone())];
        }
        live.before = None;
        // The server knows who it is, and has no use for more proofs.
        if proves { Vec::new() } else { vec![Deed::Serve(live.serial, frame.to_vec())] }
    }

    /// The server sent this over a connection.
    pub(super) fn on_answer(&mut self, serial: u64, frame: Vec<u8>) -> Vec<Deed> {
        if self.live.as_ref().is_some_and(|live| live.serial == serial) {
            return vec![Deed::Tell(frame)];
        }
        let Some(mut next) = self.next.take_if(|next| next.serial == serial) else {
            return Vec::new();
        };
        let tell = Deed::Tell(frame.clone());
        if next.answer.is_none() {
            next.answer = Some(frame);
            self.next = Some(next);
            return vec![tell];
        }
        let Next { serial, nonce, .. } = next;
        let before = Some(self.counter).filter(|counter| *counter > 0);
        let old = self.live.replace(Live { serial, nonce, proof: frame, before });
        let end = old.map(|old| Deed::HangUp(old.serial));
        end.into_iter().chain([tell]).collect()
    }

    /// A connection has ended.
    pub(super) fn on_end(&mut self, serial: u64) {
        self.live.take_if(|live| live.serial == serial);
        self.next.take_if(|next| next.serial == serial);
    }

    /// Some time has passed since one has.
    pub(super) fn on_pause(&mut self) -> Vec<Deed> {
        if self.live.is_some() || self.next.is_some() { Vec::new() } else { self.dial() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate::link::Proof;
    use quorate::{Digest, NodeId, Principal};

    fn hello(nonce: u8) -> Vec<u8> {
        let [from, to] = [1, 0].map(|id| Principal::Node(NodeId(id)));
        let (cluster, nonce) = (Digest::ZERO, [nonce; 32]);
        Hello { cluster, epoch: 0, from, to, nonce, proof: Proof::Hmac }.to_bytes().to_vec()
    }

    fn sealed(counter: u64, payload: &[u8]) -> Vec<u8> {
        [&[1, 1, 0, 0, 1][..], &counter.to_le_bytes(), payload, &[0; TAG]].concat()
    }

    fn first_proof() -> Vec<u8> {
        sealed(1, PROOF)
    }

    fn dial(serial: u64, nonce: u8) -> Deed {
        Deed::Dial { serial, hello: hello(nonce).try_into().unwrap() }
    }

    /// A peer that was just connected, with this nonce.
    fn connect(peer: &mut Peer, serial: u64, nonce: u8) -> Vec<Deed> {
        assert_eq!(peer.on_answer(serial, vec![nonce]), [Deed::Tell(vec![nonce])]);
        assert_eq!(peer.on_line(&hello(nonce)), []);
        assert_eq!(peer.on_line(&first_proof()), [Deed::Serve(serial, first_proof())]);
        peer.on_answer(serial, vec![nonce, nonce])
    }

    #[test]
    fn who_has_greeted_answered_and_proved_itself_is_passed_on() {
        let mut peer = Peer::default();
        assert_eq!(peer.on_line(&hello(1)), [dial(1, 1)]);
        assert_eq!(peer.on_line(&hello(1)), [], "the server has not answered yet");
        assert_eq!(connect(&mut peer, 1, 1), [Deed::Tell(vec![1, 1])]);
        let said = sealed(2, b"\0vote");
        assert_eq!(peer.on_line(&said), [Deed::Serve(1, said.clone())]);
        assert_eq!(peer.on_answer(1, vec![7]), [Deed::Tell(vec![7])]);
    }

    #[test]
    fn what_a_line_repeats_or_loses_does_not_reach_a_connection_twice() {
        let mut peer = Peer::default();
        peer.on_line(&hello(1));
        peer.on_answer(1, vec![1]);
        assert_eq!(peer.on_line(&first_proof()), [], "it may be of an earlier answer");
        assert_eq!(peer.on_line(&hello(1)), []);
        assert_eq!(peer.on_line(&hello(1)), [Deed::Tell(vec![1])], "the answer was lost");
        assert_eq!(peer.on_line(&first_proof()), [Deed::Serve(1, first_proof())]);
        assert_eq!(peer.on_line(&first_proof()), []);
        peer.on_answer(1, vec![2]);
        assert_eq!(peer.on_line(&hello(1)), [Deed::Tell(vec![2])], "the server's proof was lost");
        assert_eq!(peer.on_line(&sealed(2, PROOF)), []);
    }

    #[test]
    fn a_peer_that_was_started_again_takes_its_own_place_only_when_it_is_proved() {
        let mut peer = Peer::default();
        peer.on_line(&hello(1));
        connect(&mut peer, 1, 1);
        peer.on_line(&sealed(90, b"\0vote"));
        assert_eq!(peer.on_line(&hello(2)), [dial(2, 2)]);
        assert_eq!(peer.on_line(&sealed(91, b"\0")), [Deed::Serve(1, sealed(91, b"\0"))]);
        assert_eq!(connect(&mut peer, 2, 2), [Deed::HangUp(1), Deed::Tell(vec![2, 2])]);
        assert_eq!(peer.on_line(&sealed(2, b"\0")), [Deed::Serve(2, sealed(2, b"\0"))]);
        peer.on_end(1);
        assert_eq!(peer.on_pause(), [], "that one had ended already");
    }

    #[test]
    fn a_hello_that_leads_to_nothing_displaces_nobody() {
        let mut peer = Peer::default();
        peer.on_line(&hello(1));
        connect(&mut peer, 1, 1);
        assert_eq!(peer.on_line(&hello(9)), [dial(2, 9)]);
        assert_eq!(peer.on_line(&hello(8)), [Deed::HangUp(2), dial(3, 8)]);
        peer.on_end(3);
        assert_eq!(peer.on_pause(), []);
        assert_eq!(peer.on_line(&sealed(2, b"\0")), [Deed::Serve(1, sealed(2, b"\0"))]);
    }

    #[test]
    fn a_server_that_was_started_again_hears_nothing_of_the_session_before() {
        let mut peer = Peer::default();
        peer.on_line(&hello(1));
        connect(&mut peer, 1, 1);
        peer.on_line(&sealed(30, b"\0vote"));
        peer.on_end(1);
        assert_eq!(peer.on_line(&sealed(31, b"\0")), [], "nobody is there");
        assert_eq!(peer.on_pause(), [dial(2, 1)]);
        assert_eq!(peer.on_answer(2, vec![2]), [Deed::Tell(vec![2])]);
        assert_eq!(peer.on_line(&hello(3)), [Deed::HangUp(2), dial(3, 3)]);
        assert_eq!(peer.on_line(&first_proof()), [], "it is the answer to the one before");
        connect(&mut peer, 3, 3);
        assert_eq!(peer.on_line(&sealed(32, b"\0")), [Deed::Tell(vec![3, 3])]);
        assert_eq!(peer.on_line(&sealed(2, b"\0")), [Deed::Serve(3, sealed(2, b"\0"))]);
        assert_eq!(peer.on_line(&sealed(99, b"\0")), [Deed::Serve(3, sealed(99, b"\0"))]);
    }

    #[test]
    fn what_is_no_frame_is_dropped() {
        let mut peer = Peer::default();
        for noise in [&[][..], &[0; 12], &[1; Hello::LEN + 1]] {
            assert_eq!(peer.on_line(noise), []);
        }
        assert_eq!((peer.on_answer(1, vec![1]), peer.on_pause()), (Vec::new(), Vec::new()));
    }
}
