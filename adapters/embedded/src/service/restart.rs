//! A replica and its host from what a journal kept.

use super::application::Application;
use super::host::{Service, ServiceError};
use super::layout::Layout;
use super::room::Room;
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
    /// Both are moved several times until they are where they stay. On a board whose stack has no
    /// room for that use [`Service::new`] and [`Service::resume`].
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
        let mut room = Room::new();
        service.resume(&mut room, (config, storage), now, origin).await?;
        Ok((room.into_replica().ok_or(StartError::Malformed)?, service))
    }

    /// The same for a host that was just made, and is where it stays: its replica is made in the
    /// room where it stays too. A [`Node`](crate::Node) of both takes the replica as
    /// [`Elsewhere`](crate::Elsewhere), and the host as a reference.
    ///
    /// # Errors
    /// As [`Service::start`]. The host, its application too, is of no use then.
    pub async fn resume<'r, S: Storage>(
        &mut self,
        room: &'r mut Room<S>,
        (config, storage): (Config, S),
        now: Instant,
        origin: Origin,
    ) -> Result<&'r mut Replica<S>, StartError<J::Error>> {
        if self.journal().is_empty() {
            if let Origin::Lost { nonce } = origin {
                // A loss that is known is durable before anything is said.
                let lost = Record::Recovering { nonce, lost: true, signed: View(0) };
                let begun = self.ledger.append(&lost).await;
                begun.map_err(ServiceError::Journal)?;
            }
            room.first(config, storage, origin).map_err(StartError::Recover)?;
            return room.replica().ok_or(StartError::Malformed);
        }
        room.begin(config, storage, now).map_err(StartError::Recover)?;
        self.replay(room.returning().ok_or(StartError::Malformed)?).await?;
        let newest = self.shelf.newest(self.memory.as_ref());
        let snapshot = newest.map(|kept| Snapshot {
            sequence: kept.sequence,
            clients: kept.clients,
            state: Shelf::state_digest(&kept),
        });
        let restores = snapshot.is_some();
        room.finish(snapshot).map_err(StartError::Recover)?;
        let replica = room.replica().ok_or(StartError::Malformed)?;
        if restores {
            self.restore()?;
        }
        self.make_room(replica).await?;
        Ok(replica)
    }

    /// Takes all that the journal has.
    async fn replay<S: Storage>(
        &mut self,
        recovery: &mut Recovery<S>,
    ) -> Result<(), StartError<J::Error>> {
        let Self { ledger, memory, shelf, layout, .. } = self;
        let (layout, memory) = (*layout, memory.as_mut());
        let mut returning = Returning { recovery, layout, shelf, memory, writing: None };
        let visited = ledger.journal_mut().recall(&mut returning).await;
        visited.map_err(StartError::Journal)?.map_err(|unfit| match unfit {
            Unfit::Malformed => StartError::Malformed,
            Unfit::Recover(error) => StartError::Recover(error),
        })
    }
}

/// What comes back of a replica.
struct Returning<'m, S> {
    recovery: &'m mut Recovery<S>,
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
