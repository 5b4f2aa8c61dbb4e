//! A recording of a real replica, read back: what it began with, and every input of its core.
//!
//! The format is that of `quorate-std`: a header, `QUORREC\n` and the version (4 bytes), then
//! frames of kind (1), length (4), CRC-32C (4) of place, kind, length and body, and body; all
//! numbers little-endian. A frame that goes on beyond the end of the file was never written whole
//! and is dropped: a recording ends where its replica was killed. One that is all there and has
//! another checksum is damaged, which is told and not passed over.
//!
//! A recording may come from anybody. What it is read into is a small multiple of its own length,
//! at most [`LARGEST_FILE`]; the replica that it asks for has at most [`LARGEST_REPLICA`] bytes;
//! and what it takes to play it is bounded by its length too: each frame is one step or one
//! admission, with at most one signature to verify for each 78 bytes.

use crate::pbft::Memory;
use core::time::Duration;
use quorate::auth::{Scope, Verifier};
use quorate::ed25519::Ed25519;
use quorate::pbft::{Config, Dimensions, Part, Place, Sequence, Sought, Switches};
use quorate::{ClientId, Digest, Instant, NodeId, Principal, PublicKey};
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Bytes of the largest file that is read as a recording.
pub const LARGEST_FILE: u64 = 1 << 30;
/// Bytes of the largest replica that a recording is played with: its slots, batches, client table
/// and so on, as they follow from the sizes of its cluster.
pub const LARGEST_REPLICA: u64 = 1 << 30;

/// A recording in memory.
#[derive(Clone, Debug)]
pub struct Recording {
    /// Its replica's settings.
    pub config: Config,
    /// The sizes of the cluster.
    pub sizes: Dimensions,
    /// The keys of the replicas, then of the clients.
    pub keys: (Vec<PublicKey>, Vec<PublicKey>),
    /// When the replica began.
    pub begun: Instant,
    /// What there was of it before.
    pub origin: Origin,
    /// The checkpoint that it began with: sequence, digest of the state, client table.
    pub snapshot: Option<(Sequence, Digest, Vec<u8>)>,
    /// The records that it began with.
    pub records: Vec<Vec<u8>>,
    /// What it was told.
    pub events: Vec<Event>,
    /// Bytes of a torn end that were dropped.
    pub torn: usize,
}

/// What there was of a replica before it began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A log.
    Log,
    /// An empty log, with the nonce of its question to the others.
    Unsure(u64),
    /// A log that it lost, with the same.
    Lost(u64),
}

/// Something that a replica was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// An input of a step.
    Step {
        /// When.
        now: Instant,
        /// The first eight bytes of the digest of what the step put out.
        digest: [u8; 8],
        /// The input.
        input: Told,
    },
    /// A message that asked for admission.
    Admission {
        /// When.
        now: Instant,
        /// 0: verify, 1: known, 2: refused, 3: later.
        answer: u8,
        /// Who sent it.
        from: Principal,
        /// Its bytes.
        payload: Vec<u8>,
    },
}

/// The input of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// Time has passed.
    Wake,
    /// A request was executed.
    Executed(ClientId, Vec<u8>),
    /// A checkpoint was captured.
    Captured(Sequence, Digest),
    /// A read was answered, or not.
    Answered(ClientId, Option<Vec<u8>>),
    /// The host lacks these pieces of a state.
    Seek(Sequence, Vec<Sought>),
    /// A state was installed; its client table.
    Installed(Sequence, Vec<u8>),
    /// A message, from its authentic sender.
    Message(Principal, Vec<u8>),
}

/// Why bytes are no recording that can be played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// They do not begin as a recording does.
    NotOne,
    /// Another version of the format.
    Version(u32),
    /// It ends before the replica was made.
    Short,
    /// A frame whose checksum is right holds what nobody writes.
    Frame {
        /// Its place in the file.
        at: usize,
    },
    /// A frame that is all there has another checksum than its bytes.
    Damaged {
        /// Its place in the file.
        at: usize,
    },
    /// The system does not let it be read.
    File(io::ErrorKind),
    /// It is longer than [`LARGEST_FILE`].
    TooLong,
    /// Its replica would be larger than [`LARGEST_REPLICA`].
    TooLarge {
        /// Bytes of its memory; `u64::MAX` if they are more.
        bytes: u64,
    },
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotOne => f.write_str("this is no recording: it does not begin as one"),
            Self::Version(version) => {
                write!(f, "a recording of version {version}; this program reads version {VERSION}")
            }
            Self::Short => f.write_str("the recording ends before its replica had begun"),
            Self::Frame { at } => {
                write!(f, "the frame at byte {at} was written by another version of this software")
            }
            Self::Damaged { at } => write!(
                f,
                "the frame at byte {at} is damaged; what stands before it is whole: cut the file \
                 there (head -c {at}) to play that much"
            ),
            Self::File(kind) => write!(f, "it cannot be read: {kind}"),
            Self::TooLong => {
                write!(f, "it is longer than {LARGEST_FILE} bytes, the most that is read")
            }
            Self::TooLarge { bytes } => {
                write!(
                    f,
                    "its replica needs {bytes} bytes of memory; {LARGEST_REPLICA} is the most that \
                     a recording is played with"
                )
            }
        }
    }
}

impl std::error::Error for Unreadable {}

const MAGIC: [u8; 8] = *b"QUORREC\n";
const VERSION: u32 = 1;
const HEAD: usize = 1 + 4 + 4;
/// Bytes of the name of the format and its version.
const BEGIN: u64 = 8 + 4;

impl Recording {
    /// Reads a recording from a file.
    ///
    /// # Errors
    /// There is none, or it is too long.
    pub fn load(path: &Path) -> Result<Self, Unreadable> {
        Self::load_within(path, LARGEST_FILE)
    }

    fn load_within(path: &Path, limit: u64) -> Result<Self, Unreadable> {
        let failed = |error: io::Error| Unreadable::File(error.kind());
        let mut file = File::open(path).map_err(failed)?;
        let mut bytes = Vec::new();
        // What does not begin as one may have no end: a device, a pipe.
        file.by_ref().take(BEGIN).read_to_end(&mut bytes).map_err(failed)?;
        begun(&bytes)?;
        file.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(failed)?;
        if bytes.len() as u64 > limit { Err(Unreadable::TooLong) } else { Self::read(&bytes) }
    }

    /// Reads a recording.
    ///
    /// # Errors
    /// The bytes are none.
    pub fn read(bytes: &[u8]) -> Result<Self, Unreadable> {
        begun(bytes)?;
        let mut at = MAGIC.len() + 4;
        let first = frame(bytes, at)?.filter(|(kind, _)| *kind == 1);
        let (_, body) = first.ok_or(Unreadable::Short)?;
        let mut recording = cluster(&mut Fields(body)).ok_or(Unreadable::Frame { at })?;
        let bytes_of_replica = Memory::bytes(recording.sizes);
        if bytes_of_replica > LARGEST_REPLICA {
            return Err(Unreadable::TooLarge { bytes: bytes_of_replica });
        }
        at += HEAD + body.len();
        let mut ready = false;
        while let Some((kind, body)) = frame(bytes, at)? {
            let taken = recording.take(kind, &mut Fields(body), &mut ready);
            taken.ok_or(Unreadable::Frame { at })?;
            at += HEAD + body.len();
        }
        recording.torn = bytes.len() - at;
        if ready { Ok(recording) } else { Err(Unreadable::Short) }
    }

    fn take(&mut self, kind: u8, fields: &mut Fields<'_>, ready: &mut bool) -> Option<()> {
        match (kind, *ready) {
            (2, false) => {
                self.begun = fields.instant()?;
                let (how, nonce) = (fields.array::<1>()?, fields.u64()?);
                self.origin = match how {
                    [0] => Origin::Log,
                    [1] => Origin::Unsure(nonce),
                    [2] => Origin::Lost(nonce),
                    _ => return None,
                };
            }
            (3, false) => {
                let (sequence, state) = (Sequence(fields.u64()?), Digest(fields.array()?));
                self.snapshot = Some((sequence, state, fields.rest()));
            }
            (4, false) => self.records.push(fields.rest()),
            (5, false) => *ready = true,
            (6, true) => {
                let (now, digest) = (fields.instant()?, fields.array()?);
                let input = fields.told()?;
                self.events.push(Event::Step { now, digest, input });
            }
            (7, true) => {
                let (now, [answer]) = (fields.instant()?, fields.array()?);
                let from = Principal::from_bytes(fields.array()?)?;
                let payload = fields.rest();
                self.events.push(Event::Admission { now, answer, from, payload });
            }
            _ => return None,
        }
        Some(())
    }
}

/// Checks how it begins: with the name of the format and its version.
fn begun(bytes: &[u8]) -> Result<(), Unreadable> {
    let rest = bytes.strip_prefix(&MAGIC).ok_or(Unreadable::NotOne)?;
    match rest.first_chunk().map(|version| u32::from_le_bytes(*version)) {
        Some(VERSION) => Ok(()),
        other => Err(other.map_or(Unreadable::Short, Unreadable::Version)),
    }
}

/// The whole frame at a place, if there is one: its kind and its body.
fn frame(bytes: &[u8], at: usize) -> Result<Option<(u8, &[u8])>, Unreadable> {
    let Some((head, body)) = split(bytes, at) else { return Ok(None) };
    let mut crc = crc32c::crc32c(&(at as u64).to_le_bytes());
    crc = crc32c::crc32c_append(crc, &head[..5]);
    crc = crc32c::crc32c_append(crc, body);
    if crc.to_le_bytes() != head[5..] {
        return Err(Unreadable::Damaged { at });
    }
    Ok(Some((head[0], body)))
}

/// The head at a place and as many bytes after it as it says, if they are there.
fn split(bytes: &[u8], at: usize) -> Option<(&[u8; HEAD], &[u8])> {
    let (head, rest) = bytes.get(at..)?.split_first_chunk::<HEAD>()?;
    let length = u32::from_le_bytes(*head[1..].first_chunk()?);
    Some((head, rest.get(..usize::try_from(length).ok()?)?))
}

fn cluster(fields: &mut Fields<'_>) -> Option<Recording> {
    let me = NodeId(fields.array::<1>()?[0]);
    let epoch = u32::from_le_bytes(fields.array()?);
    let cluster = Digest(fields.array()?);
    let mut size = || usize::try_from(fields.u64()?).ok();
    let (nodes, window, batch_bytes) = (size()?, size()?, size()?);
    let (clients, reply_bytes) = (size()?, size()?);
    let sizes = Dimensions { nodes, window, batch_bytes, clients, reply_bytes };
    if sizes.problem().is_some() {
        return None;
    }
    let mut span = || Some(Duration::from_micros(fields.u64()?));
    let (batch_delay, timeout, timeout_cap) = (span()?, span()?, span()?);
    let (status_interval, watch_window, budget_interval) = (span()?, span()?, span()?);
    let batch_requests = usize::try_from(fields.u64()?).ok()?;
    let switches = Switches { fast_reads: fields.array::<1>()? == [1] };
    let scope = Scope { cluster, epoch, profile: Ed25519::PROFILE };
    let config = Config {
        batch_delay,
        batch_requests,
        timeout,
        timeout_cap,
        status_interval,
        watch_window,
        budget_interval,
        switches,
        ..Config::new(me, scope)
    };
    let mut keys = |count: usize| -> Option<Vec<PublicKey>> {
        (0..count).map(|_| Some(PublicKey(fields.array()?))).collect()
    };
    let keys = (keys(nodes)?, keys(clients)?);
    let (begun, origin, snapshot) = (Instant::ZERO, Origin::Log, None);
    let (records, events, torn) = (Vec::new(), Vec::new(), 0);
    Some(Recording { config, sizes, keys, begun, origin, snapshot, records, events, torn })
}

/// What is left of a body.
struct Fields<'b>(&'b [u8]);

impl Fields<'_> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*array)
    }

    fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    fn instant(&mut self) -> Option<Instant> {
        self.u64().map(Instant::from_micros)
    }

    fn rest(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.0).to_vec()
    }

    fn sought(&mut self) -> Option<Sought> {
        let [part, level] = self.array()?;
        let part = [Part::Roots, Part::Clients, Part::State].get(usize::from(part)).copied()?;
        let index = u32::from_le_bytes(self.array()?);
        Some(Sought { place: Place { part, level, index }, digest: Digest(self.array()?) })
    }

    fn told(&mut self) -> Option<Told> {
        Some(match self.array::<1>()? {
            [0] => Told::Wake,
            [1] => Told::Executed(ClientId(u16::from_le_bytes(self.array()?)), self.rest()),
            [2] => Told::Captured(Sequence(self.u64()?), Digest(self.array()?)),
            [3] => Told::Message(Principal::from_bytes(self.array()?)?, self.rest()),
            [5] => {
                let sequence = Sequence(self.u64()?);
                let mut pieces = Vec::new();
                while !self.0.is_empty() {
                    pieces.push(self.sought()?);
                }
                Told::Seek(sequence, pieces)
            }
            [6] => Told::Installed(Sequence(self.u64()?), self.rest()),
            [4] => {
                let client = ClientId(u16::from_le_bytes(self.array()?));
                let is_answered = self.array::<1>()? == [1];
                let answer = self.rest();
                Told::Answered(client, is_answered.then_some(answer))
            }
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_read_of_a_file_than_the_limit() {
        let path = std::env::temp_dir().join(format!("quorate-long-{}", std::process::id()));
        let mut bytes = MAGIC.to_vec();
        bytes.extend(VERSION.to_le_bytes());
        bytes.extend([0; 88]);
        std::fs::write(&path, &bytes).unwrap();
        let read = |limit| Recording::load_within(&path, limit).map(drop);
        assert_eq!(read(99), Err(Unreadable::TooLong));
        assert_eq!(read(100), Err(Unreadable::Damaged { at: 12 }));
        std::fs::write(&path, &bytes[..10]).unwrap();
        assert_eq!(read(100), Err(Unreadable::Short));
        std::fs::remove_file(&path).unwrap();
        assert_eq!(read(100), Err(Unreadable::File(io::ErrorKind::NotFound)));
    }

    #[cfg(unix)]
    #[test]
    fn a_file_without_an_end_is_refused_by_its_beginning() {
        let endless = Recording::load(Path::new("/dev/zero")).map(drop);
        assert_eq!(endless, Err(Unreadable::NotOne));
    }
}
