//! Peers made by hand: they prove who they are, and then say what they like, as fast as told.

use crate::{NODES, TRAITOR, client_key, node_key};
use quorate::ed25519::SecretKey;
use quorate::hmac;
use quorate::link::{Hello, Opener as _, PROTOCOL, Proof, Sealer as _};
use quorate::pbft::{Message, Request, Sequence, Status, View, Vote};
use quorate::wire::{self, Bytes};
use quorate::{ClientId, Digest, NodeId, Principal, Signature};
use quorate_std::Cluster;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How often an attacker sends what is due.
const BEAT: Duration = Duration::from_millis(5);

/// What attackers say.
pub(crate) enum Flood {
    /// One replica: votes for everything in the window, and questions.
    Votes,
    /// These clients: requests with bad signatures.
    Forgeries(Range<usize>),
}

/// Attackers at work, until they are dropped.
pub(crate) struct Attackers {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
    streams: Vec<TcpStream>,
}

impl Attackers {
    /// Connects to every replica that there is, and begins: each of them hears `rate` messages a
    /// second, if it reads them.
    ///
    /// # Errors
    /// A replica does not accept the connection.
    pub(crate) fn begin(cluster: &Cluster, flood: Flood, rate: f64) -> io::Result<Self> {
        let mut attackers = Self { stop: Arc::default(), threads: Vec::new(), streams: Vec::new() };
        match flood {
            Flood::Votes => {
                for to in 0..TRAITOR {
                    let from = Principal::Node(NodeId(TRAITOR as u8));
                    let peer = Peer::prove(cluster, from, &node_key(TRAITOR), to)?;
                    attackers.spawn(peer, rate, vote)?;
                }
            }
            Flood::Forgeries(clients) => {
                let rate = rate / clients.len().max(1) as f64;
                for id in clients {
                    for to in 0..NODES {
                        let who = ClientId(id as u16);
                        let from = Principal::Client(who);
                        let peer = Peer::prove(cluster, from, &client_key(id), to)?;
                        attackers.spawn(peer, rate, move |number| forgery(who, number))?;
                    }
                }
            }
        }
        Ok(attackers)
    }

    fn spawn(
        &mut self,
        mut peer: Peer,
        rate: f64,
        mut say: impl FnMut(u64) -> Vec<u8> + Send + 'static,
    ) -> io::Result<()> {
        self.streams.push(peer.stream.try_clone()?);
        let (stop, begin) = (Arc::clone(&self.stop), Instant::now());
        let work = move || {
            let (mut said, mut out) = (0u64, Vec::new());
            while !stop.load(Ordering::Relaxed) {
                let due = (begin.elapsed().as_secs_f64() * rate) as u64;
                out.clear();
                // What was not taken in time is not caught up with: a second's worth at most.
                said = said.max(due.saturating_sub(rate as u64));
                while said < due && out.len() < 64 << 10 {
                    said += 1;
                    peer.seal(&say(said), &mut out);
                }
                if peer.stream.write_all(&out).is_err() {
                    return;
                }
                if said == due {
                    std::thread::sleep(BEAT);
                }
            }
        };
        self.threads.push(std::thread::spawn(work));
        Ok(())
    }
}

impl Drop for Attackers {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for stream in &self.streams {
            // One whose replica is gone is down already.
            let _ = stream.shutdown(std::net::Shutdown::Both);
        }
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

fn payload(message: &Message<'_>) -> Vec<u8> {
    let mut payload = vec![PROTOCOL; 1 + wire::encoded_len(message)];
    wire::encode(message, &mut payload[1..]).expect("as long as it says");
    payload
}

/// Another vote each time, or a question.
fn vote(number: u64) -> Vec<u8> {
    let sequence = Sequence(number / 3 % 4096 + 1);
    let digest = Digest::of(&number.to_le_bytes());
    let vote = Vote { view: View(0), sequence, digest };
    payload(&match number % 3 {
        0 => Message::Prepare(vote),
        1 => Message::Commit(vote),
        _ => Message::Status(Status { wanting: true, active: true, ..Status::default() }),
    })
}

fn forgery(client: ClientId, number: u64) -> Vec<u8> {
    payload(&Message::Request(Request {
        client,
        timestamp: number,
        operation: Bytes(&[7; 64]),
        signature: Signature::ZERO,
    }))
}

/// A proved link, made by hand.
struct Peer {
    stream: TcpStream,
    sealer: hmac::Sealer,
}

impl Peer {
    fn prove(cluster: &Cluster, from: Principal, key: &SecretKey, to: usize) -> io::Result<Self> {
        let mut stream = TcpStream::connect(cluster.addresses[to])?;
        stream.set_nodelay(true)?;
        let mut nonce = [0; 32];
        nonce[..8].copy_from_slice(&(stream.local_addr()?.port() as u64).to_le_bytes());
        let receiver = Principal::Node(NodeId(to as u8));
        let (cluster_id, epoch, proof) = (cluster.id(), 0, Proof::Hmac);
        let mine = Hello { cluster: cluster_id, epoch, from, to: receiver, nonce, proof };
        stream.write_all(&framed(&mine.to_bytes()))?;
        let theirs = Hello::from_bytes(&read(&mut stream)?).map_err(io::Error::other)?;
        let pair = key.agree(&cluster.nodes[to]).map_err(io::Error::other)?;
        let session = hmac::session(&pair, &mine, &theirs).map_err(io::Error::other)?;
        let (sealer, mut opener) = session;
        let mut peer = Self { stream, sealer };
        let mut proof = Vec::new();
        peer.seal(&[2], &mut proof);
        peer.stream.write_all(&proof)?;
        opener.open(&read(&mut peer.stream)?).map_err(io::Error::other)?;
        Ok(peer)
    }

    fn seal(&mut self, payload: &[u8], out: &mut Vec<u8>) {
        let length = payload.len() + hmac::Sealer::OVERHEAD;
        out.extend_from_slice(&(length as u32).to_le_bytes());
        let at = out.len();
        out.resize(at + length, 0);
        self.sealer.seal(payload, &mut out[at..]).expect("there is room");
    }
}

/// A frame on the stream: its length, then its bytes.
fn framed(frame: &[u8]) -> Vec<u8> {
    [&(frame.len() as u32).to_le_bytes()[..], frame].concat()
}

fn read(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let mut frame = vec![0; u32::from_le_bytes(length) as usize];
    stream.read_exact(&mut frame)?;
    Ok(frame)
}
