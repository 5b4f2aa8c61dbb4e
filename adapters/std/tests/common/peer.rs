//! The other end of a link, byte by byte: for peers that do what no correct one does.

use quorate::ed25519::SecretKey;
use quorate::hmac;
use quorate::link::{Hello, Opener, Proof, Sealer};
use quorate::{NodeId, Principal};
use quorate_std::Cluster;
use std::io::{Read, Write};
use std::net::TcpStream;

/// A proved link, made by hand.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) stream: TcpStream,
    sealer: hmac::Sealer,
    opener: hmac::Opener,
    /// Everything that was sent to prove who we are.
    pub(crate) handshake: Vec<u8>,
}

/// A frame on the stream: its length, then its bytes.
pub(crate) fn framed(frame: &[u8]) -> Vec<u8> {
    [&(frame.len() as u32).to_le_bytes()[..], frame].concat()
}

/// Connects and does nothing else.
pub(crate) fn connect(cluster: &Cluster, to: usize) -> TcpStream {
    let stream = TcpStream::connect(cluster.addresses[to]).expect("somebody listens");
    stream.set_read_timeout(Some(super::PATIENCE)).expect("a hang guard");
    stream
}

/// The hello of a peer of this cluster.
pub(crate) fn hello(cluster: &Cluster, from: Principal, to: usize) -> Hello {
    Hello {
        cluster: cluster.id(),
        epoch: 0,
        from,
        to: Principal::Node(NodeId(to as u8)),
        nonce: [9; 32],
        proof: Proof::Hmac,
    }
}

/// Reads one frame; `None` if the other end has closed the connection.
pub(crate) fn read_frame(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut length = [0; 4];
    stream.read_exact(&mut length).ok()?;
    let mut frame = vec![0; u32::from_le_bytes(length) as usize];
    stream.read_exact(&mut frame).ok()?;
    Some(frame)
}

/// Waits until the other end has closed the connection.
pub(crate) fn is_closed(stream: &mut TcpStream) -> bool {
    let mut rest = [0; 1024];
    loop {
        match stream.read(&mut rest) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(error) => return error.kind() != std::io::ErrorKind::WouldBlock,
        }
    }
}

impl Peer {
    /// Connects to a replica and proves to be `from`.
    pub(crate) fn prove(cluster: &Cluster, from: Principal, key: &SecretKey, to: usize) -> Self {
        let mut stream = connect(cluster, to);
        let mine = hello(cluster, from, to);
        let mut handshake = framed(&mine.to_bytes());
        stream.write_all(&handshake).expect("our hello is sent");
        let theirs = read_frame(&mut stream).expect("their hello comes");
        let theirs = Hello::from_bytes(&theirs).expect("it is a hello");
        let pair = key.agree(&cluster.nodes[to]).expect("the keys are good");
        let (sealer, opener) = hmac::session(&pair, &mine, &theirs).expect("the hellos fit");
        let mut peer = Self { stream, sealer, opener, handshake: Vec::new() };
        let proof = peer.seal(&[2]);
        peer.stream.write_all(&proof).expect("our proof is sent");
        handshake.extend_from_slice(&proof);
        peer.handshake = handshake;
        assert_eq!(peer.receive().as_deref(), Some(&[2][..]), "their proof comes");
        peer
    }

    /// The bytes of a payload on the stream.
    pub(crate) fn seal(&mut self, payload: &[u8]) -> Vec<u8> {
        let mut frame = vec![0; payload.len() + hmac::Sealer::OVERHEAD];
        self.sealer.seal(payload, &mut frame).expect("there is room");
        framed(&frame)
    }

    /// Sends a payload.
    pub(crate) fn send(&mut self, payload: &[u8]) {
        let bytes = self.seal(payload);
        self.stream.write_all(&bytes).expect("the frame is sent");
    }

    /// The next payload; `None` if the other end has closed the connection.
    pub(crate) fn receive(&mut self) -> Option<Vec<u8>> {
        let frame = read_frame(&mut self.stream)?;
        Some(self.opener.open(&frame).expect("the replica seals well").to_vec())
    }

    /// The payload that asks for a report.
    pub(crate) fn question(number: u8) -> [u8; 3] {
        assert!(number < 128, "numbers of one byte only");
        [1, 0, number]
    }

    /// Waits for the answer to a question.
    pub(crate) fn expect_answer(&mut self, number: u8) {
        loop {
            let payload = self.receive().expect("the link stays up");
            if payload[..2] == [1, 1] && payload[2] == number {
                return;
            }
        }
    }
}
