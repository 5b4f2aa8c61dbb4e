//! A gateway between a line and sockets: through it a replica of `quorate-std`, which speaks over
//! TCP, is a member among boards.
//!
//! Hellos and sealed frames are the core's, and the same on a line and on TCP. What is around them
//! differs: on a line a zero, addresses and a checksum, and frames may be lost and greetings
//! repeated; on TCP a length, one connection for each pair, and one greeting for each connection.
//! So a gateway changes envelopes and keeps the order of greetings ([`peer`]). It has no key: it
//! can lose frames, as a line can, and make none up.
//!
//! The server has the lowest id of the cluster, so it is dialled by all others, boards and clients,
//! and dials nobody: the gateway dials in their place.

mod peer;
#[cfg(test)]
mod tests;

use crate::wire::Port;
use anyhow::Result;
use cluster::{FRAME, MEMBERS, SEATS};
use peer::{Deed, Peer};
use quorate::Principal;
use quorate::link::Hello;
use quorate_embedded::{Arrival, Link as _, Stream};
use std::collections::BTreeMap;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// How long the server is left alone after a connection to it has ended.
const PAUSE: Duration = Duration::from_millis(200);
/// Frames that may wait for a connection; more are lost, as on a line.
const QUEUE: usize = 64;
/// Connections of one peer, and of all, that may be under way. One that is let go of still is, for
/// as long as the server is left alone. Each peer has use for two, the one that serves and the one
/// that takes its place; whoever greets ever anew has some more, and leaves all others theirs.
const EACH: usize = 4;
const ALL: usize = 2 * (MEMBERS - 2) + EACH;
/// How often a line that is silent is looked at, to see whether it is there yet.
const GLANCE: Duration = Duration::from_secs(1);

/// A gateway at work. Dropped, it ends all connections.
#[derive(Debug)]
pub(crate) struct Gateway(Arc<Desk>);

#[derive(Debug)]
struct Desk {
    me: Principal,
    work: Mutex<Work>,
}

#[derive(Debug)]
struct Work {
    /// The line, to be written to.
    line: Port,
    /// Where the server listens.
    server: Option<SocketAddr>,
    peers: BTreeMap<Principal, Peer>,
    open: BTreeMap<(Principal, u64), SyncSender<Vec<u8>>>,
    /// How many connections of each peer there are, those included that begin and those that end.
    under_way: BTreeMap<Principal, usize>,
    over: bool,
}

/// A connection that is to be made, and what is to be said over it.
#[derive(Debug)]
struct Call {
    key: (Principal, u64),
    server: Option<SocketAddr>,
    hello: [u8; Hello::LEN],
    frames: Receiver<Vec<u8>>,
}

impl Gateway {
    /// A gateway of a member, on this line. It leads nowhere yet.
    ///
    /// # Errors
    /// There is no second handle of the line to be had, or no thread.
    pub(crate) fn new(me: Principal, line: UnixStream) -> Result<Self> {
        let ear = Port::new(line.try_clone()?);
        let (peers, open, under_way) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let line = Port::new(line);
        let work = Work { line, server: None, peers, open, under_way, over: false };
        let desk = Arc::new(Desk { me, work: Mutex::new(work) });
        let listener = Arc::clone(&desk);
        thread::Builder::new().spawn(move || listener.listen(&ear))?;
        Ok(Self(desk))
    }

    /// Leads to a server that listens there, or will soon.
    pub(crate) fn lead_to(&self, server: SocketAddr) {
        self.0.work().server = Some(server);
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let mut work = self.0.work();
        (work.over, work.open) = (true, BTreeMap::new());
    }
}

impl Desk {
    fn work(&self) -> MutexGuard<'_, Work> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes what comes over the line until that ends.
    fn listen(self: &Arc<Self>, port: &Port) {
        let (mut link, mut buffer) = (Stream::new(port, self.me, FRAME), vec![0; FRAME]);
        while !self.work().over {
            match link.try_receive(&mut buffer) {
                Ok(Some(Arrival { from, length })) => {
                    // Whoever makes names up takes no memory.
                    if SEATS.row(from).is_some() && from != self.me {
                        self.ask(from, |peer| peer.on_line(&buffer[..length]));
                    }
                }
                Ok(None) if link.has_more() => {}
                Ok(None) => {
                    if port.wait(GLANCE).is_err() {
                        return;
                    }
                }
                Err(_) => return,
            }
        }
    }

    /// Asks the rules of a peer what is to be done, and does it before anybody else asks.
    fn ask(self: &Arc<Self>, who: Principal, rule: impl FnOnce(&mut Peer) -> Vec<Deed>) {
        let mut work = self.work();
        if work.over {
            return;
        }
        let deeds = rule(work.peers.entry(who).or_default());
        for deed in deeds {
            match deed {
                Deed::Dial { serial, hello } => {
                    let key = (who, serial);
                    if self.begin(&mut work, key, hello).is_none() {
                        // Not now: whoever is not answered greets again.
                        work.end(key);
                    }
                }
                Deed::HangUp(serial) => drop(work.open.remove(&(who, serial))),
                Deed::Serve(serial, frame) => {
                    if let Some(connection) = work.open.get(&(who, serial)) {
                        // A server that is slow misses some, as on a line.
                        let _ = connection.try_send(frame);
                    }
                }
                Deed::Tell(frame) => {
                    // One that is broken ends the listener too.
                    let _ = Stream::new(&work.line, self.me, FRAME).send(who, &frame);
                }
            }
        }
    }

    /// Begins a connection of a peer; `None` if it has too many, or there is no thread to be had.
    fn begin(
        self: &Arc<Self>,
        work: &mut Work,
        (who, serial): (Principal, u64),
        hello: [u8; Hello::LEN],
    ) -> Option<()> {
        let all: usize = work.under_way.values().sum();
        let its = work.under_way.entry(who).or_default();
        if *its >= EACH || all >= ALL {
            return None;
        }
        *its += 1;
        let (desk, call) = (Arc::clone(self), work.call((who, serial), hello));
        let thread = thread::Builder::new().spawn(move || desk.converse(call));
        if thread.is_err() {
            work.leave(who);
        }
        thread.ok().map(drop)
    }

    /// A connection from its begin to its end, and some time after it; then the next one, if the
    /// peer has none.
    fn converse(self: &Arc<Self>, mut call: Call) {
        loop {
            let key @ (who, _) = call.key;
            // However it ended, there is no connection any more.
            let _ = self.serve(call);
            self.work().end(key);
            thread::sleep(PAUSE);
            let mut work = self.work();
            let next = work.peers.get_mut(&who).map(Peer::on_pause).unwrap_or_default().pop();
            match next {
                Some(Deed::Dial { serial, hello }) if !work.over => {
                    call = work.call((who, serial), hello);
                }
                _ => return work.leave(who),
            }
        }
    }

    fn serve(self: &Arc<Self>, call: Call) -> io::Result<()> {
        let Call { key: (who, serial), server, hello, frames } = call;
        let mut stream = TcpStream::connect(server.ok_or(ErrorKind::NotConnected)?)?;
        stream.set_nodelay(true)?;
        put(&mut stream, &hello)?;
        let out = stream.try_clone()?;
        thread::Builder::new().spawn(move || write(out, &frames))?;
        loop {
            let frame = take(&mut stream)?;
            self.ask(who, |peer| peer.on_answer(serial, frame));
        }
    }
}

impl Work {
    /// A connection that is to be made.
    fn call(&mut self, key: (Principal, u64), hello: [u8; Hello::LEN]) -> Call {
        let (sender, frames) = sync_channel(QUEUE);
        self.open.insert(key, sender);
        Call { key, server: self.server, hello, frames }
    }

    /// A connection has ended, or did not begin.
    fn end(&mut self, key @ (who, serial): (Principal, u64)) {
        self.open.remove(&key);
        if let Some(peer) = self.peers.get_mut(&who) {
            peer.on_end(serial);
        }
    }

    /// A connection is not under way any more.
    fn leave(&mut self, who: Principal) {
        let its = self.under_way.entry(who).or_default();
        *its = its.saturating_sub(1);
    }
}

/// Writes what is sent to a connection until it ends at either side.
fn write(mut stream: TcpStream, frames: &Receiver<Vec<u8>>) {
    while let Ok(frame) = frames.recv() {
        if put(&mut stream, &frame).is_err() {
            break;
        }
    }
    // It has ended already, then.
    let _ = stream.shutdown(Shutdown::Both);
}

/// Writes a frame, its length before it.
fn put(stream: &mut TcpStream, frame: &[u8]) -> io::Result<()> {
    let length = u32::try_from(frame.len()).map_err(io::Error::other)?;
    stream.write_all(&[&length.to_le_bytes()[..], frame].concat())
}

/// Reads a frame, no longer than a line carries.
fn take(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let length = usize::try_from(u32::from_le_bytes(length)).map_err(io::Error::other)?;
    if length > FRAME {
        return Err(ErrorKind::FileTooLarge.into());
    }
    let mut frame = vec![0; length];
    stream.read_exact(&mut frame)?;
    Ok(frame)
}
