//! One TCP connection: what is read and not taken, what is sealed and not written.

use super::frame::Inbound;
use super::handshake::Handshake;
use super::session::Session;
use super::{LinkId, Payload, Post};
use mio::net::TcpStream;
use quorate::link::LinkError;
use std::io::{self, ErrorKind, Write};
use std::time::Instant;

/// Sealed bytes that may wait in a connection before more is taken from its link's queue.
const CHUNK: usize = 256 << 10;

/// Bytes written in one round before other connections have their turn.
const WRITTEN_A_ROUND: usize = 4 * CHUNK;

/// A buffer that stays this small is kept; a larger one is given back when it is empty.
const KEPT: usize = 1 << 20;

#[derive(Debug)]
pub(crate) struct Connection {
    /// Tells this connection from others that had or will have its place.
    pub(crate) serial: u64,
    pub(crate) stream: TcpStream,
    /// The link that it was dialled for, whatever becomes of its handshake: it is dialled again.
    dialled: Option<LinkId>,
    pub(crate) phase: Phase,
    pub(crate) inbound: Inbound,
    /// Whether there may be something to read; told by the poll, taken back by a read.
    pub(crate) readable: bool,
    /// Whether the poll is not to tell of what arrives.
    pub(crate) muted: bool,
    /// Whether there may be room to write.
    pub(crate) writable: bool,
    /// When the last whole frame came.
    pub(crate) heard: Instant,
    pub(crate) out: Vec<u8>,
    written: usize,
    /// How much of `out` the [`Post`] was told of.
    told: usize,
}

/// How far a connection is.
#[derive(Debug)]
pub(crate) enum Phase {
    /// Dialled, not connected yet.
    Connecting(LinkId),
    /// In its handshake; `None` only while a frame of it is being looked at.
    Greeting(Option<Handshake>),
    /// Proved.
    Live { link: LinkId, session: Box<Session> },
}

/// What a round of work on a connection left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Left {
    /// Nothing: wait for the poll.
    Nothing,
    /// More that can be done at once.
    More,
}

/// Why a connection ends. Nobody is told but the debugger: the peer is not proved, or gone.
#[derive(Debug)]
pub(crate) enum Ended {
    ByPeer,
    Socket,
    Frame,
    Link,
}

impl From<io::Error> for Ended {
    fn from(_: io::Error) -> Self {
        Self::Socket
    }
}

impl From<LinkError> for Ended {
    fn from(_: LinkError) -> Self {
        Self::Link
    }
}

impl Connection {
    pub(crate) fn new(serial: u64, stream: TcpStream, phase: Phase) -> Self {
        let dialled = match &phase {
            Phase::Connecting(link) => Some(*link),
            _ => None,
        };
        Self {
            serial,
            stream,
            dialled,
            phase,
            inbound: Inbound::default(),
            readable: false,
            muted: false,
            writable: false,
            heard: Instant::now(),
            out: Vec::new(),
            written: 0,
            told: 0,
        }
    }

    /// The link that this connection is, or is dialled to be.
    pub(crate) fn link(&self) -> Option<LinkId> {
        match &self.phase {
            Phase::Live { link, .. } => Some(*link),
            Phase::Connecting(_) | Phase::Greeting(_) => self.dialled,
        }
    }

    /// Whether its peer is not proved yet.
    pub(crate) const fn is_half_open(&self) -> bool {
        !matches!(self.phase, Phase::Live { .. })
    }

    /// Reads what is there once; `false` if nothing is.
    pub(crate) fn fill(&mut self, scratch: &mut [u8]) -> Result<bool, Ended> {
        loop {
            match self.inbound.fill(&mut self.stream, scratch) {
                Ok(0) => return Err(Ended::ByPeer),
                Ok(_) => return Ok(true),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.readable = false;
                    return Ok(false);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Seals what waits on its link and writes as much as the socket takes, within bounds.
    pub(crate) fn flush(&mut self, post: &Post, taken: &mut Vec<Payload>) -> Result<Left, Ended> {
        let left = self.write(post, taken)?;
        let unwritten = self.out.len() - self.written;
        if let Phase::Live { link, .. } = self.phase
            && unwritten != self.told
        {
            self.told = unwritten;
            post.set_sealed(link, unwritten);
        }
        Ok(left)
    }

    fn write(&mut self, post: &Post, taken: &mut Vec<Payload>) -> Result<Left, Ended> {
        let mut budget = WRITTEN_A_ROUND;
        while self.writable {
            if let Phase::Live { link, session } = &mut self.phase {
                let waiting = self.out.len() - self.written;
                if waiting < CHUNK {
                    post.take(*link, CHUNK - waiting, taken);
                    for payload in taken.drain(..) {
                        session.0.append(&payload, &mut self.out)?;
                    }
                }
            }
            let rest = &self.out[self.written..];
            if rest.is_empty() {
                self.out.clear();
                self.written = 0;
                if self.out.capacity() > KEPT {
                    self.out = Vec::new();
                }
                return Ok(Left::Nothing);
            }
            if budget == 0 {
                return Ok(Left::More);
            }
            match self.stream.write(rest) {
                Ok(0) => return Err(Ended::Socket),
                Ok(count) => {
                    self.written += count;
                    budget = budget.saturating_sub(count);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.writable = false,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
            self.forget_written();
        }
        Ok(Left::Nothing)
    }

    /// Moves the rest down once most of the buffer has been written.
    fn forget_written(&mut self) {
        if self.written >= CHUNK && self.written * 2 >= self.out.len() {
            self.out.drain(..self.written);
            self.written = 0;
        }
    }
}
