//! From a data directory to a replica: its newest captured checkpoint, then its log.

use super::archive::Shelf;
use super::arrival::Core;
use super::distrust;
use super::stopped::SpawnError;
use crate::application::Application;
use crate::disk::{Checkpoint, Checkpoints, Directory, DiskError, Log, Recovered};
use crate::heap::Heap;
use crate::recording::{Beginning, Origin};
use quorate::pbft::{Config, Part, Record, RecoverError, Sequence, Snapshot, View};
use quorate::{Digest, Instant, wire};
use std::io;
use std::sync::Arc;

/// What the operator is told of a replica without its log.
pub(crate) const LOST: &str =
    "the log was lost: silent until a checkpoint above all that was said before";

/// A replica as its data directory has it.
#[derive(Debug)]
pub(crate) struct Restarted {
    pub(crate) core: Core,
    pub(crate) log: Log,
    pub(crate) notes: Vec<String>,
    /// Pages of the application's state, none of which has changed since the newest checkpoint.
    pub(crate) pages: u32,
    pub(crate) shelf: Shelf,
}

/// Makes the replica of an empty directory, or continues the one that is there.
pub(crate) fn restart<A: Application>(
    config: Config,
    memory: Heap,
    directory: &Arc<Directory>,
    application: &mut A,
    now: Instant,
    recover: bool,
    note: impl FnOnce(&Beginning<'_>),
) -> Result<Restarted, SpawnError> {
    let aside = if recover {
        distrust::set_aside(directory, nonce()?)?
    } else {
        distrust::check(directory)?;
        None
    };
    let Some(recovered) = Recovered::open(directory)? else {
        if let Some(sequence) = Checkpoints(directory).sequences()?.last() {
            let path = directory.file("log-1");
            let why = format!("checkpoint-{} is there", sequence.0);
            return Err(DiskError::Missing { path, why }.into());
        }
        let origin = empty(recover)?;
        note(&Beginning { config, now, origin });
        let log = Log::create(directory)?;
        return begin(config, memory, directory, log, origin);
    };
    let mut records = decoded(&recovered)?;
    // It may not have been sure, and its operator is; and the log may be an old one of a replica
    // that recovered. The core writes it down before anything else.
    if recover && recovery(&records).is_some() {
        records.push(Record::Recovering { nonce: nonce()?, lost: true, signed: View(0) });
    }
    if records.is_empty() {
        let origin = empty(recover)?;
        if Checkpoints(directory).sequences()?.is_empty() {
            note(&Beginning { config, now, origin });
            return begin(config, memory, directory, recovered.log, origin);
        }
        // A whole log says something before a checkpoint is captured: this one was cut back.
        let Origin::Lost { nonce } = origin else { return Err(cut_back(&recovered.log)) };
        records.push(Record::Recovering { nonce, lost: true, signed: View(0) });
    }
    let mut notes: Vec<String> = recovered.note.iter().cloned().chain(aside).collect();
    let checkpoint = newest(directory, last_stable(&records), &mut notes)?;
    let (mut clients, mut state, mut pages) = (Vec::new(), Digest::ZERO, 0);
    if let Some(checkpoint) = &checkpoint {
        restore(checkpoint, application)?;
        (clients, state) = (checkpoint.clients()?, checkpoint.image().roots().state());
        pages = checkpoint.counts.state;
    }
    let snapshot = checkpoint.as_ref().map(|checkpoint| Snapshot {
        sequence: checkpoint.sequence,
        clients: &clients,
        state,
    });
    let origin = Origin::Log { snapshot, records: &records };
    note(&Beginning { config, now, origin });
    let core = Core::recover(config, memory, now, snapshot, records).map_err(refused)?;
    let newest = checkpoint.map_or(Sequence(0), |checkpoint| checkpoint.sequence);
    let shelf = Shelf::open(directory, newest)?;
    Ok(Restarted { core, log: recovered.log, notes, pages, shelf })
}

/// Gives the application all pages of a checkpoint.
fn restore<A: Application>(checkpoint: &Checkpoint, application: &mut A) -> Result<(), SpawnError> {
    application.resize(checkpoint.counts.state).map_err(SpawnError::Restore)?;
    for index in 0..checkpoint.counts.state {
        let page = checkpoint.page(Part::State, index)?;
        application.install(index, &page).map_err(SpawnError::Restore)?;
    }
    application.finish().map_err(SpawnError::Restore)?;
    application.changed(&mut |_| {});
    Ok(())
}

fn nonce() -> Result<u64, SpawnError> {
    getrandom::u64().map_err(|error| SpawnError::System(io::Error::other(error)))
}

/// How a replica without a record begins: its nonce comes from the system.
fn empty(lost: bool) -> Result<Origin<'static>, SpawnError> {
    let nonce = nonce()?;
    Ok(if lost { Origin::Lost { nonce } } else { Origin::Unsure { nonce } })
}

/// A replica without a record: one that lost its log, or one that asks the others whether it did.
/// A loss that is known is durable before anything is said, so that a second start knows it too.
fn begin(
    config: Config,
    memory: Heap,
    directory: &Arc<Directory>,
    mut log: Log,
    origin: Origin<'_>,
) -> Result<Restarted, SpawnError> {
    let mut notes = Vec::new();
    let core = match origin {
        Origin::Lost { nonce } => {
            log.append(&Record::Recovering { nonce, lost: true, signed: View(0) });
            let _ = log.commit()?;
            notes.push(LOST.to_owned());
            Core::amnesiac(config, memory, nonce)
        }
        Origin::Unsure { nonce } => Core::unsure(config, memory, nonce),
        Origin::Log { .. } => Core::new(config, memory),
    };
    let core = core.map_err(SpawnError::Config)?;
    let shelf = Shelf::open(directory, Sequence(0))?;
    Ok(Restarted { core, log, notes, pages: 0, shelf })
}

/// There are a log and a checkpoint, and nothing is in the log.
fn cut_back(log: &Log) -> SpawnError {
    let what = "it holds no record, but a checkpoint is there";
    DiskError::damaged(log.path(), log.bytes(), what).into()
}

/// Whether a replica with these records recovers, and if so, whether it knows of a loss.
pub(crate) fn recovery(records: &[Record<'_>]) -> Option<bool> {
    let last = records.iter().rev().find_map(|record| match record {
        Record::Recovering { lost, .. } => Some(Some(*lost)),
        Record::Recovered { .. } => Some(None),
        _ => None,
    });
    last.flatten()
}

/// The records of a log.
pub(crate) fn decoded(recovered: &Recovered) -> Result<Vec<Record<'_>>, SpawnError> {
    let decoded = recovered.records().map(|(offset, bytes)| {
        wire::decode::<Record<'_>>(bytes)
            .map_err(|error| SpawnError::Records(format!("at byte {offset}: {error}")))
    });
    decoded.collect()
}

fn last_stable(records: &[Record<'_>]) -> Sequence {
    let stable = records.iter().rev().find_map(|record| match record {
        Record::Stable { sequence, .. } => Some(*sequence),
        _ => None,
    });
    stable.unwrap_or_default()
}

/// The newest whole checkpoint that is not older than the last stable one.
fn newest(
    directory: &Directory,
    stable: Sequence,
    notes: &mut Vec<String>,
) -> Result<Option<Checkpoint>, DiskError> {
    let checkpoints = Checkpoints(directory);
    let mut damage = None;
    for sequence in checkpoints.sequences()?.into_iter().rev().filter(|at| *at >= stable) {
        match checkpoints.load_whole(sequence) {
            Ok(Some(checkpoint)) => {
                notes.extend(damage.map(|error| format!("an older checkpoint is used: {error}")));
                return Ok(Some(checkpoint));
            }
            Ok(None) => {}
            Err(error @ DiskError::Damaged { .. }) => damage = damage.or(Some(error)),
            Err(error) => return Err(error),
        }
    }
    if let Some(error) = damage {
        return Err(error);
    }
    if stable == Sequence(0) {
        return Ok(None);
    }
    let why = format!("the log begins at the stable checkpoint {}", stable.0);
    Err(DiskError::Missing { path: checkpoints.path(stable), why })
}

fn refused(error: RecoverError) -> SpawnError {
    match error {
        RecoverError::Config(error) => SpawnError::Config(error),
        other => SpawnError::Records(other.to_string()),
    }
}
