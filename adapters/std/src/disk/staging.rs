//! Pages of a checkpoint that is being fetched: one file each, named after its digest. They are
//! not synced, since a page that a crash has torn does not have its digest and is fetched again.

use super::directory::Directory;
use super::error::DiskError;
use quorate::Digest;
use quorate::pbft::merkle::page_digest;
use quorate::pbft::{Place, Sought};
use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

const PREFIX: &str = "page-";

/// The staged pages of a directory.
#[derive(Debug)]
pub(crate) struct Staging {
    directory: Arc<Directory>,
    staged: BTreeSet<Digest>,
}

impl Staging {
    /// Finds what an interrupted transfer has left.
    pub(crate) fn open(directory: Arc<Directory>) -> Result<Self, DiskError> {
        let staged = directory.list(|name| parse(name.strip_prefix(PREFIX)?))?;
        let staged = staged.into_iter().map(|(digest, _)| digest).collect();
        Ok(Self { directory, staged })
    }

    /// How many pages there are.
    pub(crate) fn len(&self) -> usize {
        self.staged.len()
    }

    /// Keeps a page.
    pub(crate) fn keep(&mut self, place: Place, bytes: &[u8]) -> Result<(), DiskError> {
        let digest = page_digest(place.part, place.index, bytes);
        let path = self.path(digest);
        fs::write(&path, bytes).map_err(DiskError::io("write", &path))?;
        self.staged.insert(digest);
        Ok(())
    }

    /// The page, if it is there and whole.
    pub(crate) fn page(&mut self, sought: &Sought) -> Option<Vec<u8>> {
        let Sought { place, digest } = sought;
        if !self.staged.contains(digest) {
            return None;
        }
        let bytes = fs::read(self.path(*digest)).ok();
        let whole = bytes.filter(|it| page_digest(place.part, place.index, it) == *digest);
        if whole.is_none() {
            self.staged.remove(digest);
        }
        whole
    }

    /// Deletes all pages.
    pub(crate) fn clear(&mut self) -> Result<(), DiskError> {
        for (_, path) in self.directory.list(|name| parse(name.strip_prefix(PREFIX)?))? {
            Directory::delete(&path)?;
        }
        self.staged.clear();
        Ok(())
    }

    fn path(&self, digest: Digest) -> PathBuf {
        let mut name = String::from(PREFIX);
        for byte in digest.0 {
            let _ = write!(name, "{byte:02x}");
        }
        self.directory.file(&name)
    }
}

fn parse(hex: &str) -> Option<Digest> {
    let mut digest = Digest::ZERO;
    let whole = hex.len() == 64 && hex.is_ascii();
    for (at, byte) in digest.0.iter_mut().enumerate() {
        *byte = u8::from_str_radix(hex.get(2 * at..2 * at + 2).filter(|_| whole)?, 16).ok()?;
    }
    Some(digest)
}
