//! An append-only file of records, each with its length and a CRC-32C before it.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

/// Length and checksum, four bytes each, little-endian.
const HEADER: usize = 8;

/// The journal of one process.
#[derive(Debug)]
pub struct Journal {
    file: File,
    /// Records that are not written yet.
    pending: Vec<u8>,
}

/// Why a journal cannot be used.
#[derive(Debug)]
pub enum JournalError {
    /// The file system's own words.
    Io(io::Error),
    /// A record in the middle is damaged.
    Corrupt {
        /// Where it begins, in bytes from the start of the file.
        at: usize,
    },
}

impl fmt::Display for JournalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::Corrupt { at } => {
                write!(f, "damaged at byte {at}, with records behind it: restore it from a copy")
            }
        }
    }
}

impl std::error::Error for JournalError {}

impl From<io::Error> for JournalError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl Journal {
    /// Opens a journal, or begins one, and hands each of its records to `replay`. A last record
    /// that is cut short was never acknowledged; it is dropped.
    ///
    /// # Errors
    /// It cannot be read, or a record other than the last is damaged.
    pub fn open(path: &Path, mut replay: impl FnMut(&[u8])) -> Result<Self, JournalError> {
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let mut rest = &bytes[..];
        while let Some((record, after)) = split(rest) {
            replay(record);
            rest = after;
        }
        let whole = bytes.len() - rest.len();
        if behind(rest) {
            return Err(JournalError::Corrupt { at: whole });
        }
        if !rest.is_empty() {
            file.set_len(whole as u64)?;
            file.sync_all()?;
        }
        file.seek(SeekFrom::Start(whole as u64))?;
        Ok(Self { file, pending: Vec::new() })
    }

    /// Adds a record; it is durable after [`Journal::sync`].
    pub fn append(&mut self, record: &[u8]) {
        let length = (record.len() as u32).to_le_bytes();
        self.pending.extend_from_slice(&length);
        self.pending.extend_from_slice(&checksum(&length, record).to_le_bytes());
        self.pending.extend_from_slice(record);
    }

    /// Writes what was added and waits until it is durable.
    ///
    /// # Errors
    /// It is not known to be durable; the journal is of no more use.
    pub fn sync(&mut self) -> io::Result<()> {
        self.file.write_all(&self.pending)?;
        self.pending.clear();
        self.file.sync_data()
    }
}

fn checksum(length: &[u8], record: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(length), record)
}

/// Splits a whole record off.
fn split(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    let (sum, rest) = rest.split_first_chunk::<4>()?;
    let (record, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
    (checksum(length, record) == u32::from_le_bytes(*sum)).then_some((record, rest))
}

/// Whether a whole record begins anywhere behind the head of some bytes that begin with none: if
/// so they are not the torn end of the last write.
fn behind(bytes: &[u8]) -> bool {
    let plausible = |at: usize| {
        let rest = bytes.get(at..).unwrap_or_default();
        rest.len() > HEADER && split(rest).is_some_and(|(record, _)| !record.is_empty())
    };
    (1..bytes.len()).any(plausible)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(path: &Path) -> Result<Vec<Vec<u8>>, JournalError> {
        let mut records = Vec::new();
        Journal::open(path, |record| records.push(record.to_vec()))?;
        Ok(records)
    }

    fn written(path: &Path) -> Vec<u8> {
        let mut journal = Journal::open(path, |_| ()).unwrap();
        for record in [&b"first"[..], b"second", b"third"] {
            journal.append(record);
        }
        journal.sync().unwrap();
        std::fs::read(path).unwrap()
    }

    #[test]
    fn a_torn_end_is_dropped_wherever_it_is_torn() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal");
        let bytes = written(&path);
        assert_eq!(records(&path).unwrap(), [&b"first"[..], b"second", b"third"]);
        let third = bytes.len() - HEADER - 5;
        for cut in third..bytes.len() {
            std::fs::write(&path, &bytes[..cut]).unwrap();
            assert_eq!(records(&path).unwrap(), [&b"first"[..], b"second"], "cut at {cut}");
            let mut journal = Journal::open(&path, |_| ()).unwrap();
            journal.append(b"next");
            journal.sync().unwrap();
            assert_eq!(records(&path).unwrap().len(), 3);
        }
    }

    #[test]
    fn damage_in_the_middle_is_not_taken_for_the_end() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("journal");
        let bytes = written(&path);
        for at in 0..HEADER + 5 {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0x40;
            std::fs::write(&path, &damaged).unwrap();
            assert!(matches!(records(&path), Err(JournalError::Corrupt { at: 0 })), "byte {at}");
        }
    }
}
