//! A log that is there and not to be trusted: it is set aside, and its replica starts as one that
//! has lost it. Checkpoints stay: what they hold is old at worst, and they save fetching.

use super::restart::{decoded, recovery};
use super::stopped::SpawnError;
use crate::disk::{Checkpoints, Directory, DiskError, Log, Recovered};
use quorate::pbft::{Record, View};

/// The file that says that the log is older than what the replica has said.
const MARK: &str = "old-log";
/// The name of the log that was set aside. There is one at most, so that a replica that is started
/// with `--recover` for ever does not start over each time.
const ASIDE: &str = "set-aside-log";

/// Remembers that the log is old: the replica does not start with it again.
pub(crate) fn mark(directory: &Directory) -> Result<(), DiskError> {
    directory.write_whole(MARK, &[]).map(drop)
}

/// Refuses a log that is marked.
pub(crate) fn check(directory: &Directory) -> Result<(), SpawnError> {
    if is_there(directory, MARK)? { Err(SpawnError::OldLog(directory.file(MARK))) } else { Ok(()) }
}

/// Puts a log in the place of the newest one that knows of nothing but a loss, unless the replica
/// recovers already or its log is empty. What the operator is told of it, if it was done.
///
/// A crash leaves the old log as it was, or the new one in its place.
pub(crate) fn set_aside(directory: &Directory, nonce: u64) -> Result<Option<String>, SpawnError> {
    let keep = match Recovered::open(directory) {
        Ok(Some(recovered)) => {
            let records = decoded(&recovered)?;
            records.is_empty() || recovery(&records).is_some()
        }
        Ok(None) => Checkpoints(directory).sequences()?.is_empty(),
        Err(DiskError::Damaged { .. }) => false,
        Err(error) => return Err(error.into()),
    };
    let mut note = None;
    if !keep {
        if is_there(directory, ASIDE)? {
            return Err(SpawnError::SetAside(directory.file(ASIDE)));
        }
        let lost = Record::Recovering { nonce, lost: true, signed: View(0) };
        if Log::replace(directory, &lost, ASIDE)? {
            let path = directory.file(ASIDE);
            let path = path.display();
            note = Some(format!("the log was set aside as {path}: delete it when you like"));
        }
    }
    if is_there(directory, MARK)? {
        Directory::delete(&directory.file(MARK))?;
    }
    Ok(note)
}

fn is_there(directory: &Directory, name: &str) -> Result<bool, DiskError> {
    let path = directory.file(name);
    path.try_exists().map_err(DiskError::io("look for", &path))
}
