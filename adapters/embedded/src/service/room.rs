//! Where a replica is made, and lies from then on.
//!
//! Whatever makes a replica has two or three copies of it on the stack. So each step that does is a
//! function of its own and is over when the next one begins: there would be room for several
//! replicas in the frame of who starts one otherwise, and small boards have none.

use super::restart::Origin;
use core::fmt;
use quorate::Instant;
use quorate::pbft::{Config, RecoverError, Recovery, Replica, Snapshot, Storage};

/// Memory in which a replica is made, and lies from then on, in a `StaticCell` or on the stack.
pub struct Room<S>(Stage<S>);

enum Stage<S> {
    Empty,
    Returning(Recovery<S>),
    Whole(Replica<S>),
}

impl<S> Room<S> {
    /// Nothing is in it.
    #[must_use]
    pub const fn new() -> Self {
        Self(Stage::Empty)
    }

    /// The replica, if one was made.
    pub const fn replica(&mut self) -> Option<&mut Replica<S>> {
        match &mut self.0 {
            Stage::Whole(replica) => Some(replica),
            Stage::Empty | Stage::Returning(_) => None,
        }
    }

    /// Takes the replica out, if one was made.
    #[must_use]
    pub fn into_replica(self) -> Option<Replica<S>> {
        match self.0 {
            Stage::Whole(replica) => Some(replica),
            Stage::Empty | Stage::Returning(_) => None,
        }
    }

    /// The replica that is on its way back.
    pub(super) const fn returning(&mut self) -> Option<&mut Recovery<S>> {
        match &mut self.0 {
            Stage::Returning(recovery) => Some(recovery),
            Stage::Empty | Stage::Whole(_) => None,
        }
    }
}

impl<S: Storage> Room<S> {
    /// A replica without a journal.
    pub(super) fn first(
        &mut self,
        config: Config,
        storage: S,
        origin: Origin,
    ) -> Result<(), RecoverError> {
        match origin {
            Origin::New => self.new_one(config, storage),
            Origin::Unsure { nonce } => self.unsure(config, storage, nonce),
            Origin::Lost { nonce } => self.amnesiac(config, storage, nonce),
        }
    }

    #[inline(never)]
    fn new_one(&mut self, config: Config, storage: S) -> Result<(), RecoverError> {
        self.0 = Stage::Whole(Replica::new(config, storage).map_err(RecoverError::Config)?);
        Ok(())
    }

    #[inline(never)]
    fn unsure(&mut self, config: Config, storage: S, nonce: u64) -> Result<(), RecoverError> {
        let replica = Replica::unsure(config, storage, nonce);
        self.0 = Stage::Whole(replica.map_err(RecoverError::Config)?);
        Ok(())
    }

    #[inline(never)]
    fn amnesiac(&mut self, config: Config, storage: S, nonce: u64) -> Result<(), RecoverError> {
        let replica = Replica::amnesiac(config, storage, nonce);
        self.0 = Stage::Whole(replica.map_err(RecoverError::Config)?);
        Ok(())
    }

    /// A replica whose records follow.
    #[inline(never)]
    pub(super) fn begin(
        &mut self,
        config: Config,
        storage: S,
        now: Instant,
    ) -> Result<(), RecoverError> {
        self.0 = Stage::Returning(Recovery::begin(config, storage, now)?);
        Ok(())
    }

    /// A replica of which all records were taken. There is nothing in the room if it fails.
    #[inline(never)]
    pub(super) fn finish(&mut self, snapshot: Option<Snapshot<'_>>) -> Result<(), RecoverError> {
        if let Stage::Returning(recovery) = core::mem::replace(&mut self.0, Stage::Empty) {
            self.0 = Stage::Whole(recovery.finish(snapshot)?);
        }
        Ok(())
    }
}

impl<S> Default for Room<S> {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> Room<S> {
    const fn stage(&self) -> &'static str {
        match self.0 {
            Stage::Empty => "empty",
            Stage::Returning(_) => "returning",
            Stage::Whole(_) => "whole",
        }
    }
}

impl<S> fmt::Debug for Room<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Room({})", self.stage())
    }
}

#[cfg(feature = "defmt")]
impl<S> defmt::Format for Room<S> {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "Room({=str})", self.stage());
    }
}
