//! Reading a log back: what is whole is returned, what was never durable is cut off, and what
//! is damaged stops the replica.

use super::directory::{Directory, Owner};
use super::error::DiskError;
use super::log::{HEADER, Head, Log, MAGIC, PREFIX, RECORD_HEAD, RECORD_MAGIC, Seal, VERSION};
use std::fs::{self, OpenOptions};
use std::io::{Seek, SeekFrom};
use std::ops::Range;
use std::path::Path;

/// A log that was read back and can be appended to.
#[derive(Debug)]
pub(crate) struct Recovered {
    pub(crate) log: Log,
    /// What the operator should know.
    pub(crate) note: Option<String>,
    bytes: Vec<u8>,
    bodies: Vec<Range<usize>>,
}

impl Recovered {
    /// Opens the newest log of a directory; `None` if there is none.
    pub(crate) fn open(directory: &Directory) -> Result<Option<Self>, DiskError> {
        let mut logs = directory.numbered(PREFIX)?;
        let Some((generation, path)) = logs.pop() else { return Ok(None) };
        let recovered = Self::read(directory.owner(), generation, &path)?;
        for (_, old) in logs {
            Directory::delete(&old)?;
        }
        Ok(Some(recovered))
    }

    /// The encoded records, in order, and where each stands in the file.
    pub(crate) fn records(&self) -> impl Iterator<Item = (u64, &[u8])> {
        self.bodies.iter().map(|body| (body.start as u64, &self.bytes[body.clone()]))
    }

    fn read(owner: Owner, generation: u64, path: &Path) -> Result<Self, DiskError> {
        let mut bytes = fs::read(path).map_err(DiskError::io("read", path))?;
        let seal = header(owner, generation, path, &bytes)?;
        let Contents { bodies, end, life } = contents(seal, &bytes);
        if later_record(seal, &bytes, end) {
            let what = "a record that was durable does not have its checksum";
            return Err(DiskError::damaged(path, end as u64, what));
        }
        let torn = bytes.len() - end;
        bytes.truncate(end);
        let mut file =
            OpenOptions::new().write(true).open(path).map_err(DiskError::io("open", path))?;
        file.set_len(end as u64).map_err(DiskError::io("cut the tail of", path))?;
        file.seek(SeekFrom::End(0)).map_err(DiskError::io("seek in", path))?;
        file.sync_all().map_err(DiskError::io("sync", path))?;
        let note = (torn > 0).then(|| {
            format!(
                "{}: {torn} bytes at the end were never durable, as a crash leaves them; cut off",
                path.display()
            )
        });
        let synced = end as u64;
        let life = life.saturating_add(1);
        let mut log = Log { path: path.to_owned(), file, seal, life, synced, buffer: Vec::new() };
        log.mark()?;
        Ok(Self { log, note, bytes, bodies })
    }
}

/// Checks the header.
fn header(owner: Owner, generation: u64, path: &Path, bytes: &[u8]) -> Result<Seal, DiskError> {
    let damaged = |what| DiskError::damaged(path, 0, what);
    let foreign = |what| DiskError::Foreign { path: path.to_owned(), what };
    let header = bytes.first_chunk::<HEADER>().ok_or_else(|| damaged("its header is cut short"))?;
    if header[..8] != MAGIC {
        return Err(damaged("it does not begin as a log does"));
    }
    let (fields, crc) = header.split_at(HEADER - 4);
    if crc32c::crc32c(fields).to_le_bytes() != crc {
        return Err(damaged("its header does not have its checksum"));
    }
    if header[8..12] != VERSION.to_le_bytes() {
        return Err(foreign("by another version of this software, which alone can read it"));
    }
    let salt = u64_at(header, HEADER - 12);
    let seal = Seal { generation: u64_at(header, HEADER - 20), salt };
    let expected = seal.header(owner);
    if header[16..48] != expected[16..48] {
        return Err(foreign("for another cluster, or for this one with other constants"));
    }
    if header[12..16] != expected[12..16] {
        return Err(foreign("for another replica of this cluster"));
    }
    if seal.generation != generation {
        return Err(damaged("its name and its header tell different generations"));
    }
    Ok(seal)
}

/// What a log holds.
struct Contents {
    /// Where its records are.
    bodies: Vec<Range<usize>>,
    /// Its first byte that belongs to none.
    end: usize,
    /// The life of the last one.
    life: u32,
}

/// Reads a log up to the first bytes that are no record, or one of an earlier life.
fn contents(seal: Seal, bytes: &[u8]) -> Contents {
    let mut contents = Contents { bodies: Vec::new(), end: HEADER, life: 0 };
    while let Some(head) = head_at(seal, bytes, contents.end) {
        let body = contents.end + RECORD_HEAD..contents.end + RECORD_HEAD + head.length as usize;
        let read = bytes.get(body.clone());
        let whole = read.is_some_and(|it| seal.crc(contents.end as u64, it) == head.body_crc);
        if !whole || head.life < contents.life {
            break;
        }
        (contents.end, contents.life) = (body.end, head.life);
        if head.length > 0 {
            contents.bodies.push(body);
        }
    }
    contents
}

/// The head of a record at this offset, if it is one.
fn head_at(seal: Seal, bytes: &[u8], offset: usize) -> Option<Head> {
    let head = bytes.get(offset..)?.first_chunk::<RECORD_HEAD>()?;
    if head[..4] != RECORD_MAGIC {
        return None;
    }
    let read = Head {
        length: u32_at(head, 4),
        synced: u64_at(head, 8),
        life: u32_at(head, 16),
        body_crc: u32_at(head, 24),
    };
    (seal.head(offset as u64, read) == *head).then_some(read)
}

/// Whether a record follows that was appended after the byte at `end` had become durable. If
/// one does, what is wrong at `end` is no torn tail.
fn later_record(seal: Seal, bytes: &[u8], end: usize) -> bool {
    (end..bytes.len()).any(|at| {
        bytes[at] == RECORD_MAGIC[0]
            && head_at(seal, bytes, at).is_some_and(|head| head.synced > end as u64)
    })
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |n| u32::from_le_bytes(*n))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |n| u64::from_le_bytes(*n))
}
