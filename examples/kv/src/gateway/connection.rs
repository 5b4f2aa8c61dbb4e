//! One connection: what came in, what waits, what goes out.

use crate::bundle::append_command;
use crate::command::{self, Place, Spec};
use crate::local::{self, Facts, Session};
use crate::reply::{Protocol, Reply, translate};
use crate::request::Reader;
use mio::net::TcpStream;
use std::collections::VecDeque;
use std::io::{self, Read, Write};

/// Bytes that are read from a connection before others have their turn.
const TURN: usize = 64 * 1024;

/// Bytes of commands that may wait before no more are read.
const MAX_STAGED: usize = 256 * 1024;

/// Commands that may wait before no more are read.
const MAX_SLOTS: usize = 8 * 1024;

/// Bytes of replies that may wait for the client before no more commands are read.
const MAX_OUTPUT: usize = 1024 * 1024;

/// A buffer larger than this is given back when it is empty.
const KEPT: usize = 64 * 1024;

/// The answer to a command that is not given yet.
#[derive(Debug)]
enum Slot {
    /// By the backend; the bytes that the command takes in a bundle, and how to word the reply.
    Store { len: usize, protocol: Protocol },
    /// By the gateway: it is ready and waits for those before it.
    Ready(Vec<u8>),
}

/// Whether a connection goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Open,
    Closed,
}

/// One client's connection.
#[derive(Debug)]
pub(super) struct Connection {
    stream: TcpStream,
    session: Session,
    /// What was read and not yet parsed.
    input: Vec<u8>,
    reader: Reader,
    /// What the client waits for, in order.
    slots: VecDeque<Slot>,
    /// The encoded commands of all `Slot::Store`, in order.
    staged: Vec<u8>,
    /// How many of the first `Slot::Store` are in a bundle.
    flying: usize,
    output: Vec<u8>,
    sent: usize,
    readable: bool,
    ended: bool,
    /// Bytes of the longest command.
    limit: usize,
    /// Whether it is in the gateway's queue of those that wait for a bundle.
    pub(super) queued: bool,
    /// Whether it is in the gateway's list of those to look after in this turn.
    pub(super) touched: bool,
}

impl Connection {
    /// A connection whose commands are at most `limit` bytes long.
    pub(super) fn new(stream: TcpStream, id: usize, limit: usize) -> Self {
        Self {
            stream,
            session: Session { id, ..Session::default() },
            input: Vec::new(),
            reader: Reader::default(),
            slots: VecDeque::new(),
            staged: Vec::new(),
            flying: 0,
            output: Vec::new(),
            sent: 0,
            readable: true,
            ended: false,
            limit,
            queued: false,
            touched: false,
        }
    }

    pub(super) fn stream(&mut self) -> &mut TcpStream {
        &mut self.stream
    }

    /// There may be more to read.
    pub(super) fn set_readable(&mut self) {
        self.readable = true;
    }

    /// Whether commands wait for a bundle, and none is in one.
    pub(super) fn waits(&self) -> bool {
        self.flying == 0 && !self.staged.is_empty()
    }

    /// Reads and parses what fits; says how many commands came, and whether there may be more to
    /// read right away. `scratch` is memory to read into, the same for all connections.
    pub(super) fn take_in(&mut self, facts: &Facts, scratch: &mut [u8]) -> (u64, bool) {
        let (mut commands, mut taken) = (self.parse(facts), 0);
        while self.readable && self.open_for_input() {
            if taken >= TURN {
                return (commands, true);
            }
            match self.read(scratch) {
                Ok(0) => self.readable = false,
                Ok(len) => {
                    taken += len;
                    commands += self.parse(facts);
                }
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock => self.readable = false,
                    io::ErrorKind::Interrupted => {}
                    _ => {
                        self.readable = false;
                        self.end();
                    }
                },
            }
        }
        (commands, false)
    }

    fn open_for_input(&self) -> bool {
        !self.ended
            && self.staged.len() < MAX_STAGED
            && self.slots.len() < MAX_SLOTS
            && self.output.len() - self.sent < MAX_OUTPUT
    }

    fn read(&mut self, scratch: &mut [u8]) -> io::Result<usize> {
        // An unfinished command that has no more room was refused by `parse`.
        let room = (self.limit + 1).saturating_sub(self.input.len()).clamp(1, scratch.len());
        let read = self.stream.read(&mut scratch[..room])?;
        self.input.extend_from_slice(&scratch[..read]);
        self.ended |= read == 0;
        Ok(read)
    }

    /// Nothing more is read; what was read already is not parsed.
    fn end(&mut self) {
        self.ended = true;
        self.input.clear();
    }

    fn parse(&mut self, facts: &Facts) -> u64 {
        let (mut input, mut used, mut commands) = (std::mem::take(&mut self.input), 0, 0);
        while !self.session.closing && self.slots.len() < MAX_SLOTS {
            if self.staged.len() >= MAX_STAGED || self.output.len() - self.sent >= MAX_OUTPUT {
                break;
            }
            match self.reader.next(&input[used..]) {
                Ok(Some(len)) => {
                    let reader = std::mem::take(&mut self.reader);
                    if reader.arguments(&input[used..]).len() > 0 {
                        self.accept(reader.arguments(&input[used..]), facts);
                        commands += 1;
                    }
                    self.reader = reader;
                    used += len;
                }
                Ok(None) if input.len() - used > self.limit => {
                    self.abort(&format!("ERR Protocol error: more than {} bytes", self.limit));
                }
                Ok(None) => break,
                Err(error) => self.abort(&error.to_string()),
            }
        }
        if self.session.closing {
            self.ended = true;
            input.clear();
        } else {
            input.drain(..used);
        }
        if input.is_empty() && input.capacity() > KEPT {
            input = Vec::new();
        }
        self.input = input;
        commands
    }

    fn abort(&mut self, sentence: &str) {
        self.session.closing = true;
        self.reply_error(sentence.as_bytes());
    }

    /// Takes one command: answers it, or stages it for the backend.
    fn accept<'a>(
        &mut self,
        mut arguments: impl ExactSizeIterator<Item = &'a [u8]>,
        facts: &Facts,
    ) {
        let count = arguments.len();
        let Some(name) = arguments.next() else { return };
        let spec = match command::find(name) {
            None => return self.reply_error(&command::unknown(name)),
            Some(spec) if !spec.takes(count) => {
                return self.reply_error(&command::wrong_arity(spec));
            }
            Some(spec) => spec,
        };
        match spec.place {
            Place::Store(_) => self.stage(spec, arguments),
            Place::Gateway(local) => {
                let arguments: Vec<&[u8]> = arguments.collect();
                let session = &mut self.session;
                let mut reply = Vec::new();
                local::answer(local, &arguments, session, facts, &mut reply);
                self.reply(reply);
            }
        }
    }

    fn stage<'a>(&mut self, spec: &Spec, arguments: impl ExactSizeIterator<Item = &'a [u8]>) {
        let start = self.staged.len();
        append_command(&mut self.staged, Named { name: spec.name.as_bytes(), arguments, at: 0 });
        let len = self.staged.len() - start;
        if len > self.limit {
            self.staged.truncate(start);
            let sentence = format!("ERR the command is longer than {} bytes", self.limit);
            return self.reply_error(sentence.as_bytes());
        }
        self.slots.push_back(Slot::Store { len, protocol: self.session.protocol });
    }

    fn reply_error(&mut self, sentence: &[u8]) {
        let mut reply = Vec::new();
        // There is room without end, so no reply fails.
        let _ = Reply::new(&mut reply, usize::MAX).error(sentence);
        self.reply(reply);
    }

    /// Gives a ready reply its place in the order.
    fn reply(&mut self, reply: Vec<u8>) {
        if self.slots.is_empty() {
            self.output.extend_from_slice(&reply);
        } else {
            self.slots.push_back(Slot::Ready(reply));
        }
    }

    /// Appends the first waiting commands to a bundle, as many as fit into `room` bytes; returns
    /// how many. Until they are answered no others of this connection leave.
    pub(super) fn load(&mut self, bundle: &mut Vec<u8>, room: usize) -> usize {
        let (mut bytes, mut count) = (0, 0);
        for slot in &self.slots {
            let Slot::Store { len, .. } = slot else { continue };
            if bytes + len > room {
                break;
            }
            bytes += len;
            count += 1;
        }
        bundle.extend_from_slice(&self.staged[..bytes]);
        self.flying = count;
        count
    }

    /// The bytes of the first waiting command.
    pub(super) fn first_len(&self) -> usize {
        let len = |slot: &Slot| match slot {
            Slot::Store { len, .. } => Some(*len),
            Slot::Ready(_) => None,
        };
        self.slots.iter().find_map(len).unwrap_or(0)
    }

    /// Answers the commands that were in a bundle. Those for which there is no reply were not
    /// executed and wait again.
    pub(super) fn land<'a>(&mut self, replies: impl Iterator<Item = &'a [u8]>) {
        let mut landed = 0;
        let mut replies = replies.take(self.flying);
        while let Some(slot) = self.slots.pop_front() {
            match slot {
                Slot::Ready(reply) => self.output.extend_from_slice(&reply),
                Slot::Store { len, protocol } => {
                    let Some(reply) = replies.next() else {
                        self.slots.push_front(Slot::Store { len, protocol });
                        break;
                    };
                    translate(reply, protocol, &mut self.output);
                    landed += len;
                }
            }
        }
        self.staged.drain(..landed);
        if self.staged.is_empty() && self.staged.capacity() > KEPT {
            self.staged = Vec::new();
        }
        self.flying = 0;
    }

    /// Sends what can be sent, and says whether the connection goes on.
    pub(super) fn put_out(&mut self) -> Fate {
        while self.sent < self.output.len() {
            match self.stream.write(&self.output[self.sent..]) {
                Ok(0) => return Fate::Closed,
                Ok(len) => self.sent += len,
                Err(error) => match error.kind() {
                    io::ErrorKind::WouldBlock => return Fate::Open,
                    io::ErrorKind::Interrupted => {}
                    _ => return Fate::Closed,
                },
            }
        }
        self.output.clear();
        self.sent = 0;
        if self.output.capacity() > KEPT {
            self.output = Vec::new();
        }
        if self.ended && self.slots.is_empty() { Fate::Closed } else { Fate::Open }
    }
}

/// The arguments of a command with its name, in the case of the table, before them.
struct Named<I> {
    name: &'static [u8],
    arguments: I,
    at: usize,
}

impl<'a, I: ExactSizeIterator<Item = &'a [u8]>> Iterator for Named<I> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        self.at += 1;
        if self.at == 1 { Some(self.name) } else { self.arguments.next() }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let len = self.arguments.len() + usize::from(self.at == 0);
        (len, Some(len))
    }
}

impl<'a, I: ExactSizeIterator<Item = &'a [u8]>> ExactSizeIterator for Named<I> {}
