//! The log of records: appended in memory, made durable once for many.
//!
//! A file is a header of 68 bytes and records. Header, little-endian: magic (8), version (4),
//! replica (4), cluster (32), generation (8), salt (8), CRC-32C of those (4). Record: magic
//! (4), length (4), synced (8), life (4), CRC of the head (4), CRC of the body (4), body: one
//! [`Record`](quorate::pbft::Record) in its wire encoding. `synced` says up to which byte the
//! file was durable when the record was appended: that is how damage is told from a torn tail.
//! Both CRCs begin with the salt, the generation and the place of the record in the file, so
//! that no misplaced bytes, and none that a client sent, pass for a record. `life` says how often
//! the log had been opened: after a torn tail other records come to the same places, and a sector
//! that holds what was there before is of an earlier life than what stands before it. A record
//! of length 0 is a mark: it follows what is known to be durable at the begin of a log, after a
//! restart and at an orderly stop, so that damage to anything before it is noticed.

use super::directory::{Directory, Owner};
use super::error::DiskError;
use quorate::wire;
use serde::Serialize;
use std::fs::File;
use std::io::Write;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

pub(super) const MAGIC: [u8; 8] = *b"QUORLOG\n";
pub(super) const VERSION: u32 = 1;
pub(super) const HEADER: usize = 8 + 4 + 4 + 32 + 8 + 8 + 4;
pub(super) const RECORD_MAGIC: [u8; 4] = [0xf5, b'Q', b'R', 0x0a];
pub(super) const RECORD_HEAD: usize = 4 + 4 + 8 + 4 + 4 + 4;

/// The begin of every log's name.
pub(super) const PREFIX: &str = "log-";

/// Proof that every record appended so far is durable. Only [`Log::commit`] makes one, so
/// whoever must show one before it sends cannot send too early; and it borrows the log, so that
/// nothing can be appended between the proof and its use: a message that is held when the proof
/// is shown depends on no record that is not durable.
#[derive(Debug)]
#[must_use = "what waits for it can leave"]
pub(crate) struct Durable<'l>(PhantomData<&'l mut Log>);

/// What the CRCs of one file begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Seal {
    pub(super) generation: u64,
    pub(super) salt: u64,
}

/// The head of one record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) length: u32,
    pub(super) synced: u64,
    pub(super) life: u32,
    pub(super) body_crc: u32,
}

impl Seal {
    pub(super) fn crc(&self, offset: u64, bytes: &[u8]) -> u32 {
        let mut crc = crc32c::crc32c(&self.salt.to_le_bytes());
        for number in [self.generation, offset] {
            crc = crc32c::crc32c_append(crc, &number.to_le_bytes());
        }
        crc32c::crc32c_append(crc, bytes)
    }

    pub(super) fn head(&self, offset: u64, head: Head) -> [u8; RECORD_HEAD] {
        let mut bytes = [0; RECORD_HEAD];
        bytes[..4].copy_from_slice(&RECORD_MAGIC);
        bytes[4..8].copy_from_slice(&head.length.to_le_bytes());
        bytes[8..16].copy_from_slice(&head.synced.to_le_bytes());
        bytes[16..20].copy_from_slice(&head.life.to_le_bytes());
        bytes[24..].copy_from_slice(&head.body_crc.to_le_bytes());
        let covered: Vec<u8> = [&bytes[..20], &bytes[24..]].concat();
        bytes[20..24].copy_from_slice(&self.crc(offset, &covered).to_le_bytes());
        bytes
    }

    pub(super) fn header(&self, owner: Owner) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        let fields: [&[u8]; 6] = [
            &MAGIC,
            &VERSION.to_le_bytes(),
            &u32::from(owner.node.0).to_le_bytes(),
            &owner.cluster.0,
            &self.generation.to_le_bytes(),
            &self.salt.to_le_bytes(),
        ];
        let mut at = 0;
        for field in fields {
            bytes[at..at + field.len()].copy_from_slice(field);
            at += field.len();
        }
        let crc = crc32c::crc32c(&bytes[..at]);
        bytes[at..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }
}

/// The log that is appended to.
#[derive(Debug)]
pub(crate) struct Log {
    pub(super) path: PathBuf,
    pub(super) file: File,
    pub(super) seal: Seal,
    /// How often it was opened before.
    pub(super) life: u32,
    /// Bytes of the file that are durable, which is all that is written.
    pub(super) synced: u64,
    /// Records appended since.
    pub(super) buffer: Vec<u8>,
}

impl Log {
    /// Begins the first log of a directory.
    pub(crate) fn create(directory: &Directory) -> Result<Self, DiskError> {
        Self::generation(directory, 1, std::iter::empty::<()>())
    }

    /// Begins a log of one record after all those of a directory, durably, and gives the newest of
    /// these another name. Whether there was one.
    pub(crate) fn replace<R: Serialize>(
        directory: &Directory,
        record: &R,
        aside: &str,
    ) -> Result<bool, DiskError> {
        let newest = directory.numbered(PREFIX)?.pop();
        let before = newest.as_ref().map_or(0, |(generation, _)| *generation);
        Self::generation(directory, before + 1, std::iter::once(record))?;
        match newest {
            Some((_, path)) => directory.rename(&path, aside).map(|()| true),
            None => Ok(false),
        }
    }

    /// Makes a durable log of this generation that holds these records.
    fn generation<R: Serialize>(
        directory: &Directory,
        generation: u64,
        records: impl Iterator<Item = R>,
    ) -> Result<Self, DiskError> {
        let name = format!("{PREFIX}{generation}");
        let path = directory.file(&name);
        let salt = getrandom::u64().map_err(|error| DiskError::Io {
            doing: "draw a random number for",
            path: path.clone(),
            error: std::io::Error::other(error),
        })?;
        let seal = Seal { generation, salt };
        let mut bytes = seal.header(directory.owner()).to_vec();
        for record in records {
            put(seal, Place::default(), &record, &mut bytes);
        }
        let place = Place { synced: bytes.len() as u64, ..Place::default() };
        put_mark(seal, place, &mut bytes);
        let file = directory.write_whole(&name, &[&bytes])?;
        let synced = bytes.len() as u64;
        Ok(Self { path, file, seal, life: 0, synced, buffer: Vec::new() })
    }

    /// Appends a record; it is durable after the next [`Log::commit`].
    pub(crate) fn append<R: Serialize>(&mut self, record: &R) {
        put(self.seal, self.place(), record, &mut self.buffer);
    }

    /// Makes everything that was appended durable, by one write and one sync, or none if
    /// nothing was appended. After an error the log is not to be used again: what is on disk is
    /// not known.
    pub(crate) fn commit(&mut self) -> Result<Durable<'_>, DiskError> {
        if !self.buffer.is_empty() {
            self.file.write_all(&self.buffer).map_err(DiskError::io("write", &self.path))?;
            self.file.sync_data().map_err(DiskError::io("sync", &self.path))?;
            self.synced += self.buffer.len() as u64;
            self.buffer.clear();
        }
        Ok(Durable(PhantomData))
    }

    /// Replaces the log by one of the next generation that holds only these records. Everything
    /// that was appended must be committed.
    pub(crate) fn rotate<R: Serialize>(
        &mut self,
        directory: &Directory,
        records: impl Iterator<Item = R>,
    ) -> Result<(), DiskError> {
        let next = Self::generation(directory, self.seal.generation + 1, records)?;
        let old = std::mem::replace(self, next);
        Directory::delete(&old.path)
    }

    /// Commits, and marks everything before as durable: damage to any of it will be noticed.
    pub(crate) fn mark(&mut self) -> Result<(), DiskError> {
        let _ = self.commit()?;
        put_mark(self.seal, self.place(), &mut self.buffer);
        self.commit().map(drop)
    }

    const fn place(&self) -> Place {
        Place { base: self.synced, synced: self.synced, life: self.life }
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes on disk.
    pub(crate) const fn bytes(&self) -> u64 {
        self.synced
    }
}

/// Where and when records are appended.
#[derive(Clone, Copy, Debug, Default)]
struct Place {
    /// Where in the file the buffer begins that they are appended to.
    base: u64,
    /// Bytes of the file that are durable.
    synced: u64,
    life: u32,
}

/// Appends a mark to `bytes`.
fn put_mark(seal: Seal, place: Place, bytes: &mut Vec<u8>) {
    let Place { base, synced, life } = place;
    let offset = base + bytes.len() as u64;
    let head = Head { length: 0, synced, life, body_crc: seal.crc(offset, &[]) };
    bytes.extend_from_slice(&seal.head(offset, head));
}

/// Appends a record to `bytes`.
fn put<R: Serialize>(seal: Seal, place: Place, record: &R, bytes: &mut Vec<u8>) {
    let Place { base, synced, life } = place;
    let length = wire::encoded_len(record);
    let start = bytes.len();
    bytes.resize(start + RECORD_HEAD + length, 0);
    let (head, body) = bytes[start..].split_at_mut(RECORD_HEAD);
    let written = wire::encode(record, body).map_or(0, <[u8]>::len);
    assert!(written == length && length > 0, "a record is as long as it said");
    let offset = base + start as u64;
    let length = u32::try_from(length).expect("a record is shorter than 4 GiB");
    let body_crc = seal.crc(offset, body);
    head.copy_from_slice(&seal.head(offset, Head { length, synced, life, body_crc }));
}
