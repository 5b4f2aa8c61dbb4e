//! A replica and its host from what a journal kept.

use super::application::Application;
use super::host::{Service, ServiceError};
use super::layout::Layout;
use super::shelf::{Label, Shelf};
use crate::ledger::Kept;
use crate::recall::{Recall, Visit};
use core::fmt;
use quorate::pbft::{
    Config, Record, RecoverError, Recovery, Replica, Sequence, Snapshot, Storage, View,
};
use quorate::{Instant, wire};

/// How a replica begins whose journal is empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Origin {
    /// The cluster is new.
    New,
    /// It may have had a journal. It asks the others whether they know of it.
    Unsure {
        /// Never used before by this replica.
        nonce: u64,
    },
    /// It has lost its journal, and votes on nothing until it cannot contradict itself.
    Lost {
        /// Never used before by this replica.
        nonce: u64,
    },
}

/// Why a replica does not start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum StartError<E> {
    /// The host cannot be made, or cannot go on.
    Service(ServiceError<E>),
    /// The journal cannot be read.
    Journal(E),
    /// What it kept does not make a replica.
    Recover(RecoverError),
    /// A record that is none, or a checkpoint of other sizes.
    Malformed,
}

impl<E: fmt::Debug> fmt::Display for StartError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Service(error) => error.fmt(f),
            Self::Journal(error) => write!(f, "the journal cannot be read: {error:?}"),
            Self::Recover(error) => error.fmt(f),
            Self::Malformed => f.write_str("the journal has something of other sizes in it"),
        }
    }
}

impl<E: fmt::Debug> core::error::Error for StartError<E> {}

impl<E> From<ServiceError<E>> for StartError<E> {
    fn from(error: ServiceError<E>) -> Self {
        Self::Service(error)
    }
}

impl<A: Application, J: Recall, M: AsRef<[u8]> + AsMut<[u8]>> Service<A, J, M> {
    /// A replica and its host: they go on where the journal ends, or begin as `origin` says if it
    /// is empty. The application is at the initial state of the cluster; if there is a checkpoint
    /// it is given that one's.
    ///
    /// # Errors
    /// Why they do not go on. What is wrong with a journal does not get better by trying again.
    pub async fn start<S: Storage>(
        (application, journal, memory): (A, J, M),
        layout: Layout,
        (config, storage): (Config, S),
        now: Instant,
        origin: Origin,
    ) -> Result<(Replica<S>, Self), StartError<J::Error>> {
        let mut service = Self::new(application, journal, memory, layout)?;
        if service.journal().is_empty() {
            if let Origin::Lost { nonce } = origin {
                // A loss that is known is durable before anything is said.
                let lost = Record::Recovering { nonce, lost: true, signed: View(0) };
                let begun = service.ledger.append(&lost).await;
                begun.map_err(ServiceError::Journal)?;
            }
            let replica = first(config, storage, origin).map_err(StartError::Recover)?;
            return Ok((replica, service));
        }
        let Self { ledger, memory, shelf, .. } = &mut service;
        let mut returning = Returning {
            recovery: Recovery::begin(config, storage, now).map_err(StartError::Recover)?,
            layout,
            shelf,
            memory: memory.as_mut(),
            writing: None,
        };
        let visited = ledger.journal_mut().recall(&mut returning).await;
        visited.map_err(StartError::Journal)?.map_err(|unfit| match unfit {
            Unfit::Malformed => StartError::Malformed,
            Unfit::Recover(error) => StartError::Recover(error),
        })?;
        let Returning { recovery, .. } = returning;
        let newest = service.shelf.newest(service.memory.as_ref());
        let snapshot = newest.map(|kept| Snapshot {
            sequence: kept.sequence,
            clients: kept.clients,
            state: Shelf::state_digest(&kept),
        });
        let restores = snapshot.is_some();
        let replica = finish(recovery, snapshot).map_err(StartError::Recover)?;
        if restores {
            service.restore()?;
        }
        service.make_room(&replica).await?;
        Ok((replica, service))
    }
}

/// A replica without a journal. A function of its own, as is [`finish`]: there would be room for
/// several replicas on the stack of who starts one otherwise, and small boards have none.
#[inline(never)]
fn first<S: Storage>(
    config: Config,
    storage: S,
    origin: Origin,
) -> Result<Replica<S>, RecoverError> {
    let replica = match origin {
        Origin::New => Replica::new(config, storage),
        Origin::Unsure { nonce } => Replica::unsure(config, storage, nonce),
        Origin::Lost { nonce } => Replica::amnesiac(config, storage, nonce),
    };
    replica.map_err(RecoverError::Config)
}

/// A replica of which all records were taken.
#[inline(never)]
fn finish<S: Storage>(
    recovery: Recovery<S>,
    snapshot: Option<Snapshot<'_>>,
) -> Result<Replica<S>, RecoverError> {
    recovery.finish(snapshot)
}

/// What comes back of a replica.
struct Returning<'m, S> {
    recovery: Recovery<S>,
    layout: Layout,
    shelf: &'m mut Shelf,
    memory: &'m mut [u8],
    /// The checkpoint that is being read: its place, and what it will be.
    writing: Option<(usize, Label)>,
}

/// Why something that was kept is refused.
enum Unfit {
    Malformed,
    Recover(RecoverError),
}

impl<S: Storage> Visit for Returning<'_, S> {
    type Error = Unfit;

    fn record(&mut self, record: &[u8]) -> Result<(), Unfit> {
        let record = wire::decode::<Record<'_>>(record).map_err(|_| Unfit::Malformed)?;
        self.recovery.take(&record).map_err(Unfit::Recover)
    }

    fn checkpoint(&mut self, at: usize, part: &[u8], last: bool) -> Result<(), Unfit> {
        let mut part = part;
        if at == 0 {
            let (head, rest) =
                part.split_first_chunk::<{ Kept::HEAD }>().ok_or(Unfit::Malformed)?;
            let [a, b, c, d, e, f, g, h, clients @ ..] = *head;
            let sequence = Sequence(u64::from_le_bytes([a, b, c, d, e, f, g, h]));
            let clients = u32::from_le_bytes(clients) as usize;
            if clients > self.layout.table_bytes() {
                return Err(Unfit::Malformed);
            }
            let place = self.shelf.clear(None);
            self.writing = Some((place, Label { sequence, clients, state: 0 }));
            part = rest;
        }
        let Some((place, mut label)) = self.writing else { return Err(Unfit::Malformed) };
        let regions = self.layout.split(self.memory);
        let (table, page) = self.shelf.room(regions.places, place).ok_or(Unfit::Malformed)?;
        let from = (at.max(Kept::HEAD)) - Kept::HEAD;
        let table = table.get_mut(..label.clients).unwrap_or_default();
        let split = label.clients.saturating_sub(from).min(part.len());
        let (clients, state) = part.split_at_checked(split).ok_or(Unfit::Malformed)?;
        if !clients.is_empty() {
            let room = table.get_mut(from..from + split).ok_or(Unfit::Malformed)?;
            room.copy_from_slice(clients);
        }
        let room = page.get_mut(label.state..label.state + state.len());
        room.ok_or(Unfit::Malformed)?.copy_from_slice(state);
        label.state += state.len();
        self.writing = Some((place, label));
        if last {
            self.shelf.put(place, label);
            self.writing = None;
        }
        Ok(())
    }
}
