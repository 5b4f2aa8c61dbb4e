//! The data directory: one owner, and files that are there whole or not at all.

use super::error::DiskError;
use quorate::{Digest, NodeId};
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

/// The end of the name of a file that is being written.
const UNFINISHED: &str = ".new";

/// Whose data a file holds; part of every header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Owner {
    pub(crate) cluster: Digest,
    pub(crate) node: NodeId,
}

/// A data directory that this process owns until the value is dropped.
#[derive(Debug)]
pub(crate) struct Directory {
    path: PathBuf,
    owner: Owner,
    /// Open and locked as long as we own the directory.
    _lock: File,
}

impl Directory {
    /// Makes the directory if need be, locks it, and deletes unfinished files.
    pub(crate) fn open(path: &Path, owner: Owner) -> Result<Self, DiskError> {
        fs::create_dir_all(path).map_err(DiskError::io("make the directory", path))?;
        let lock_path = path.join("lock");
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&lock_path)
            .map_err(DiskError::io("open", &lock_path))?;
        match fs4::FileExt::try_lock(&lock) {
            Ok(()) => {}
            Err(fs4::TryLockError::WouldBlock) => return Err(DiskError::Locked(path.to_owned())),
            Err(fs4::TryLockError::Error(error)) => {
                return Err(DiskError::io("lock", &lock_path)(error));
            }
        }
        let directory = Self { path: path.to_owned(), owner, _lock: lock };
        for (_, path) in directory.list(|name| name.ends_with(UNFINISHED).then_some(()))? {
            fs::remove_file(&path).map_err(DiskError::io("delete", &path))?;
        }
        Ok(directory)
    }

    /// Whose data is here.
    pub(crate) const fn owner(&self) -> Owner {
        self.owner
    }

    /// The path of a file in it.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// The files whose name is `prefix` and a number, ascending by number.
    pub(crate) fn numbered(&self, prefix: &str) -> Result<Vec<(u64, PathBuf)>, DiskError> {
        let mut files = self.list(|name| {
            let digits = name.strip_prefix(prefix)?;
            digits.bytes().all(|digit| digit.is_ascii_digit()).then(|| digits.parse().ok())?
        })?;
        files.sort_unstable();
        Ok(files)
    }

    /// The files whose names `name` makes something of.
    pub(crate) fn list<T>(
        &self,
        name: impl Fn(&str) -> Option<T>,
    ) -> Result<Vec<(T, PathBuf)>, DiskError> {
        let failed = || DiskError::io("list", &self.path);
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.path).map_err(failed())? {
            let entry = entry.map_err(failed())?;
            if let Some(found) = entry.file_name().to_str().and_then(&name) {
                files.push((found, entry.path()));
            }
        }
        Ok(files)
    }

    /// Writes a file that appears under its name only when all of it is durable. Returns it,
    /// positioned at its end.
    pub(crate) fn write_whole(&self, name: &str, parts: &[&[u8]]) -> Result<File, DiskError> {
        self.write_with(name, |file| {
            let path = self.file(name);
            let mut parts = parts.iter();
            parts.try_for_each(|part| file.write_all(part)).map_err(DiskError::io("write", &path))
        })
    }

    /// The same with a file that `write` fills.
    pub(crate) fn write_with(
        &self,
        name: &str,
        write: impl FnOnce(&mut File) -> Result<(), DiskError>,
    ) -> Result<File, DiskError> {
        let unfinished = self.file(&format!("{name}{UNFINISHED}"));
        let mut file = File::create(&unfinished).map_err(DiskError::io("create", &unfinished))?;
        write(&mut file)?;
        file.sync_all().map_err(DiskError::io("sync", &unfinished))?;
        let path = self.file(name);
        fs::rename(&unfinished, &path).map_err(DiskError::io("rename a file to", &path))?;
        self.sync()?;
        Ok(file)
    }

    /// Gives a file another name.
    pub(crate) fn rename(&self, path: &Path, name: &str) -> Result<(), DiskError> {
        let named = self.file(name);
        fs::rename(path, &named).map_err(DiskError::io("rename a file to", &named))?;
        self.sync()
    }

    /// Deletes a file that nothing needs any more.
    pub(crate) fn delete(path: &Path) -> Result<(), DiskError> {
        fs::remove_file(path).map_err(DiskError::io("delete", path))
    }

    /// Makes the names in the directory durable.
    fn sync(&self) -> Result<(), DiskError> {
        let directory = File::open(&self.path).map_err(DiskError::io("open", &self.path))?;
        directory.sync_all().map_err(DiskError::io("sync", &self.path))
    }
}
