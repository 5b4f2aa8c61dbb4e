//! Captured checkpoints: the pages of application state and client table at a sequence, one file
//! each. A header, the pages, then a list of their lengths and digests: a page is read alone, and
//! checked by its digest.

use super::directory::{Directory, Owner};
use super::error::DiskError;
use crate::image::Image;
use quorate::Digest;
use quorate::pbft::merkle::page_digest;
use quorate::pbft::{Part, Sequence};
use std::fs::{self, File};
use std::io::{BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

const MAGIC: [u8; 8] = *b"QUORCKP\n";
const VERSION: u32 = 2;
/// Magic, version, replica, cluster, sequence, pages of the table, pages of the state, CRC.
const HEADER: usize = 8 + 4 + 4 + 32 + 8 + 4 + 4 + 4;
/// Length and digest of a page.
const ENTRY: usize = 8 + 32;
const PREFIX: &str = "checkpoint-";

/// How many pages there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) clients: u32,
    pub(crate) state: u32,
}

impl Counts {
    /// All pages, in the order in which they lie in the file.
    pub(crate) fn places(self) -> impl Iterator<Item = (Part, u32)> {
        let clients = (0..self.clients).map(|at| (Part::Clients, at));
        clients.chain((0..self.state).map(|at| (Part::State, at)))
    }
}

/// A captured checkpoint: its pages stay on disk.
#[derive(Debug)]
pub(crate) struct Checkpoint {
    pub(crate) sequence: Sequence,
    pub(crate) counts: Counts,
    path: PathBuf,
    file: File,
    /// Where each page begins, how long it is, and its digest.
    entries: Vec<(u64, u64, Digest)>,
}

impl Checkpoint {
    /// The bytes of a page; it must be one of them.
    pub(crate) fn page(&self, part: Part, index: u32) -> Result<Vec<u8>, DiskError> {
        let (begin, length, digest) = self.entries[self.position(part, index)];
        let mut file = &self.file;
        let read = DiskError::io("read", &self.path);
        let mut bytes = vec![0; length as usize];
        let done = file.seek(SeekFrom::Start(begin)).and_then(|_| file.read_exact(&mut bytes));
        done.map_err(read)?;
        if page_digest(part, index, &bytes) != digest {
            return Err(DiskError::damaged(&self.path, begin, "a page does not have its digest"));
        }
        Ok(bytes)
    }

    /// The digests of its pages under their trees.
    pub(crate) fn image(&self) -> Image {
        let digests: Vec<Digest> = self.entries.iter().map(|(_, _, digest)| *digest).collect();
        let (clients, state) = digests.split_at(self.counts.clients as usize);
        Image::of(clients.to_vec(), state.to_vec())
    }

    /// The client table, whole.
    pub(crate) fn clients(&self) -> Result<Vec<u8>, DiskError> {
        let pages = (0..self.counts.clients).map(|at| self.page(Part::Clients, at));
        Ok(pages.collect::<Result<Vec<_>, _>>()?.concat())
    }

    fn position(&self, part: Part, index: u32) -> usize {
        let before = if part == Part::Clients { 0 } else { self.counts.clients };
        before as usize + index as usize
    }

    /// Reads everything but the pages.
    fn open(owner: Owner, sequence: Sequence, path: &Path) -> Result<Self, DiskError> {
        let mut file = File::open(path).map_err(DiskError::io("open", path))?;
        let damaged = |what| DiskError::damaged(path, 0, what);
        let size = file.metadata().map_err(DiskError::io("read", path))?.len();
        let mut header = [0; HEADER];
        file.read_exact(&mut header).map_err(|_| damaged("it is cut short"))?;
        if header[..8] != MAGIC || header[8..12] != VERSION.to_le_bytes() {
            return Err(damaged("it does not begin as a checkpoint does"));
        }
        let number = |at: usize| header[at..].first_chunk().map_or(0, |n| u32::from_le_bytes(*n));
        let counts = Counts { clients: number(HEADER - 12), state: number(HEADER - 8) };
        let pages = u64::from(counts.clients) + u64::from(counts.state);
        let list = pages * ENTRY as u64;
        let begin = size.checked_sub(list).filter(|begin| *begin >= HEADER as u64);
        let begin = begin.ok_or_else(|| damaged("it is shorter than it says"))?;
        let mut bytes = vec![0; list as usize];
        let read = file.seek(SeekFrom::Start(begin)).and_then(|_| file.read_exact(&mut bytes));
        read.map_err(DiskError::io("read", path))?;
        let crc = crc32c::crc32c_append(crc32c::crc32c(&header[..HEADER - 4]), &bytes);
        if crc.to_le_bytes() != header[HEADER - 4..] {
            return Err(damaged("it does not have its checksum"));
        }
        if header[12..56] != fields(owner, sequence)[12..] {
            let what = "for another cluster, replica or sequence";
            return Err(DiskError::Foreign { path: path.to_owned(), what });
        }
        let mut at = HEADER as u64;
        let entries = bytes.chunks_exact(ENTRY).map(|entry| {
            let length = entry.first_chunk().map_or(0, |n| u64::from_le_bytes(*n));
            let digest = entry.last_chunk().map_or(Digest::ZERO, |digest| Digest(*digest));
            at = at.saturating_add(length);
            (at.saturating_sub(length), length, digest)
        });
        let entries = entries.collect();
        if at != begin {
            return Err(damaged("its pages are not as long as it says"));
        }
        Ok(Self { sequence, counts, path: path.to_owned(), file, entries })
    }
}

/// The begin of a header, up to the numbers of pages.
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
    /// Makes a checkpoint durable, page by page. Returns only then.
    pub(crate) fn store(
        &self,
        sequence: Sequence,
        counts: Counts,
        mut page: impl FnMut(Part, u32) -> Result<Vec<u8>, DiskError>,
    ) -> Result<Checkpoint, DiskError> {
        let path = self.path(sequence);
        let failed = || DiskError::io("write", &path);
        let mut header = fields(self.0.owner(), sequence);
        header.extend_from_slice(&counts.clients.to_le_bytes());
        header.extend_from_slice(&counts.state.to_le_bytes());
        self.0.write_with(&Self::name(sequence), |file| {
            let mut out = BufWriter::new(file);
            out.write_all(&[0; HEADER]).map_err(failed())?;
            let mut list = Vec::new();
            for (part, index) in counts.places() {
                let bytes = page(part, index)?;
                out.write_all(&bytes).map_err(failed())?;
                list.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
                list.extend_from_slice(&page_digest(part, index, &bytes).0);
            }
            out.write_all(&list).map_err(failed())?;
            let crc = crc32c::crc32c_append(crc32c::crc32c(&header), &list);
            header.extend_from_slice(&crc.to_le_bytes());
            out.seek(SeekFrom::Start(0)).map_err(failed())?;
            out.write_all(&header).and_then(|()| out.flush()).map_err(failed())
        })?;
        Checkpoint::open(self.0.owner(), sequence, &path)
    }

    /// Opens a checkpoint; `None` if there is none of this sequence.
    pub(crate) fn load(&self, sequence: Sequence) -> Result<Option<Checkpoint>, DiskError> {
        let path = self.path(sequence);
        if !path.exists() {
            return Ok(None);
        }
        Checkpoint::open(self.0.owner(), sequence, &path).map(Some)
    }

    /// The same, with a look at every page: one that is returned can be restored.
    pub(crate) fn load_whole(&self, sequence: Sequence) -> Result<Option<Checkpoint>, DiskError> {
        let Some(checkpoint) = self.load(sequence)? else { return Ok(None) };
        for (part, index) in checkpoint.counts.places() {
            checkpoint.page(part, index)?;
        }
        Ok(Some(checkpoint))
    }

    /// The sequences that are there, ascending.
    pub(crate) fn sequences(&self) -> Result<Vec<Sequence>, DiskError> {
        let files = self.0.numbered(PREFIX)?;
        Ok(files.into_iter().map(|(sequence, _)| Sequence(sequence)).collect())
    }

    /// Deletes those below a sequence but for some.
    pub(crate) fn forget_below(&self, stable: Sequence, but: &[Sequence]) -> Result<(), DiskError> {
        for (sequence, path) in self.0.numbered(PREFIX)? {
            if Sequence(sequence) < stable && !but.contains(&Sequence(sequence)) {
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
