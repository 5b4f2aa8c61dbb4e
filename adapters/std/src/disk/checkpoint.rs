//! Captured checkpoints: application state and client table at a sequence, one file each.

use super::directory::{Directory, Owner};
use super::error::DiskError;
use quorate::pbft::Sequence;
use std::fs;
use std::path::{Path, PathBuf};

const MAGIC: [u8; 8] = *b"QUORCKP\n";
const VERSION: u32 = 1;
/// Magic, version, replica, cluster, sequence, length of the table, length of the state, CRC.
const HEADER: usize = 8 + 4 + 4 + 32 + 8 + 8 + 8 + 4;
const PREFIX: &str = "checkpoint-";

/// A captured checkpoint, read back whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Checkpoint {
    pub(crate) sequence: Sequence,
    bytes: Vec<u8>,
    split: usize,
}

impl Checkpoint {
    /// The client table as captured.
    pub(crate) fn clients(&self) -> &[u8] {
        &self.bytes[HEADER..self.split]
    }

    /// The application's snapshot as captured.
    pub(crate) fn state(&self) -> &[u8] {
        &self.bytes[self.split..]
    }

    fn read(owner: Owner, sequence: Sequence, path: &Path) -> Result<Self, DiskError> {
        let bytes = fs::read(path).map_err(DiskError::io("read", path))?;
        let damaged = |what| DiskError::damaged(path, 0, what);
        let header = bytes.first_chunk::<HEADER>().ok_or_else(|| damaged("it is cut short"))?;
        if header[..8] != MAGIC || header[8..12] != VERSION.to_le_bytes() {
            return Err(damaged("it does not begin as a checkpoint does"));
        }
        let length = |at: usize| {
            let number = header[at..].first_chunk().map_or(0, |n| u64::from_le_bytes(*n));
            usize::try_from(number).ok()
        };
        let (clients, state) = (length(HEADER - 20), length(HEADER - 12));
        let split = clients.and_then(|clients| clients.checked_add(HEADER));
        let split = split
            .filter(|split| state.and_then(|state| state.checked_add(*split)) == Some(bytes.len()));
        let split = split.ok_or_else(|| damaged("it is shorter or longer than it says"))?;
        let crc = crc32c::crc32c_append(crc32c::crc32c(&header[..HEADER - 4]), &bytes[HEADER..]);
        if crc.to_le_bytes() != header[HEADER - 4..] {
            return Err(damaged("it does not have its checksum"));
        }
        if header[12..56] != fields(owner, sequence)[12..] {
            let what = "for another cluster, replica or sequence";
            return Err(DiskError::Foreign { path: path.to_owned(), what });
        }
        Ok(Self { sequence, bytes, split })
    }
}

/// The begin of a header, up to the lengths.
fn fields(owner: Owner, sequence: Sequence) -> Vec<u8> {
    let fields: [&[u8]; 5] = [
        &MAGIC,
        &VERSION.to_le_bytes(),
        &u32::from(owner.node.0).to_le_bytes(),
        &owner.cluster.0,
        &sequence.0.to_le_bytes(),
    ];
    fields.concat()
}

/// The captured checkpoints of a directory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Checkpoints<'d>(pub(crate) &'d Directory);

impl Checkpoints<'_> {
    /// Makes a checkpoint durable. Returns only then.
    pub(crate) fn store(
        &self,
        sequence: Sequence,
        clients: &[u8],
        state: &[u8],
    ) -> Result<(), DiskError> {
        let mut header = fields(self.0.owner(), sequence);
        for part in [clients, state] {
            header.extend_from_slice(&(part.len() as u64).to_le_bytes());
        }
        let mut crc = crc32c::crc32c(&header);
        for part in [clients, state] {
            crc = crc32c::crc32c_append(crc, part);
        }
        header.extend_from_slice(&crc.to_le_bytes());
        self.0.write_whole(&Self::name(sequence), &[&header, clients, state]).map(drop)
    }

    /// Reads a checkpoint; `None` if there is none of this sequence.
    pub(crate) fn load(&self, sequence: Sequence) -> Result<Option<Checkpoint>, DiskError> {
        let path = self.path(sequence);
        if !path.exists() {
            return Ok(None);
        }
        Checkpoint::read(self.0.owner(), sequence, &path).map(Some)
    }

    /// The sequences that are there, ascending.
    pub(crate) fn sequences(&self) -> Result<Vec<Sequence>, DiskError> {
        let files = self.0.numbered(PREFIX)?;
        Ok(files.into_iter().map(|(sequence, _)| Sequence(sequence)).collect())
    }

    /// Deletes those below a sequence.
    pub(crate) fn forget_below(&self, stable: Sequence) -> Result<(), DiskError> {
        for (sequence, path) in self.0.numbered(PREFIX)? {
            if Sequence(sequence) < stable {
                Directory::delete(&path)?;
            }
        }
        Ok(())
    }

    /// Deletes those above a sequence.
    pub(crate) fn forget_above(&self, sequence: Sequence) -> Result<(), DiskError> {
        for (other, path) in self.0.numbered(PREFIX)? {
            if Sequence(other) > sequence {
                Directory::delete(&path)?;
            }
        }
        Ok(())
    }

    /// Bytes of one of them; 0 if it is not there.
    pub(crate) fn size(&self, sequence: Sequence) -> u64 {
        fs::metadata(self.path(sequence)).map_or(0, |file| file.len())
    }

    /// Bytes of all of them.
    pub(crate) fn bytes(&self) -> Result<u64, DiskError> {
        let files = self.0.numbered(PREFIX)?;
        Ok(files
            .iter()
            .filter_map(|(_, path)| fs::metadata(path).ok())
            .map(|file| file.len())
            .sum())
    }

    /// Where a checkpoint is, or would be.
    pub(crate) fn path(&self, sequence: Sequence) -> PathBuf {
        self.0.file(&Self::name(sequence))
    }

    fn name(sequence: Sequence) -> String {
        format!("{PREFIX}{}", sequence.0)
    }
}
