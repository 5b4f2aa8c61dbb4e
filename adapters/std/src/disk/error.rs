//! What can go wrong with a data directory, and what its operator should do.

use std::fmt;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// What was wrong with a data directory: where, what, and what to do about it.
#[derive(Debug)]
pub enum DiskError {
    /// The system refused an operation.
    Io {
        /// What was being done.
        doing: &'static str,
        /// With which file or directory.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// Another process owns the directory.
    Locked(PathBuf),
    /// The file was written for another cluster, replica or version.
    Foreign {
        /// Which file.
        path: PathBuf,
        /// In what it differs.
        what: &'static str,
    },
    /// A file has other bytes than were made durable.
    Damaged {
        /// Which file.
        path: PathBuf,
        /// Where in it.
        offset: u64,
        /// What is wrong there.
        what: &'static str,
    },
    /// A file that must be there is not.
    Missing {
        /// Which file.
        path: PathBuf,
        /// Why it must be there.
        why: String,
    },
}

impl DiskError {
    pub(crate) fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |error| Self::Io { doing, path: path.to_owned(), error }
    }

    pub(crate) fn damaged(path: &Path, offset: u64, what: &'static str) -> Self {
        Self::Damaged { path: path.to_owned(), offset, what }
    }
}

/// What to do when the memory of a replica is lost.
const LOST: &str = "This replica must not vote without its memory: start it with `--recover`, as \
                    one that has lost its log, or with `--recover` on an empty directory if it \
                    still refuses. Never start it from a backup without that";

impl fmt::Display for DiskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { doing, path, error } => {
                write!(f, "cannot {doing} {}: {error}. ", path.display())?;
                f.write_str(match error.kind() {
                    ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
                        "The disk is full: free some space, then start the replica again"
                    }
                    ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
                        "Give this user the right to write there, then start the replica again"
                    }
                    _ => "Check the disk, then start the replica again: what it sent is durable",
                })
            }
            Self::Locked(path) => write!(
                f,
                "another process uses {}: stop it, or give this replica a directory of its own",
                path.display()
            ),
            Self::Foreign { path, what } => write!(
                f,
                "{} was written {what}: give each replica of each cluster a directory of its own",
                path.display()
            ),
            Self::Damaged { path, offset, what } => {
                write!(f, "{} is damaged at byte {offset}: {what}. {LOST}", path.display())
            }
            Self::Missing { path, why } => {
                write!(f, "{} is missing, but {why}. {LOST}", path.display())
            }
        }
    }
}

impl std::error::Error for DiskError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { error, .. } => Some(error),
            _ => None,
        }
    }
}
