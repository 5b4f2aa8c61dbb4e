//! A replica from its records, one at a time: for hosts without room for all of them at once.

use super::config::Config;
use super::decision::Record;
use super::message::Sequence;
use super::recover::{RecoverError, Snapshot};
use super::replica::Replica;
use super::rules::Rules;
use super::storage::Storage;
use crate::time::Instant;

/// A replica that is on its way back: what [`Replica::recover`] does, record by record.
///
/// A record is borrowed only while it is taken, so a host may read one after the other into the
/// same buffer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovery<S> {
    replica: Replica<S>,
}

#[cfg(feature = "defmt")]
impl<S> defmt::Format for Recovery<S> {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "Recovery({})", self.replica);
    }
}

impl<S: Storage> Recovery<S> {
    /// Begins, in empty memory.
    ///
    /// # Errors
    /// Settings that cannot work.
    pub fn begin(config: Config, storage: S, now: Instant) -> Result<Self, RecoverError> {
        let mut replica = Replica::new(config, storage).map_err(RecoverError::Config)?;
        replica.node.now = now;
        Ok(Self { replica })
    }

    /// Takes the next record, in the order in which they were made.
    ///
    /// # Errors
    /// It does not follow from the ones before it.
    pub fn take(&mut self, record: &Record<'_>) -> Result<(), RecoverError> {
        let mut rules = self.rules();
        rules.replay(record)?;
        // A record that contradicts another may have a rule complain: to nobody, here.
        rules.node.effects.clear();
        Ok(())
    }

    /// The last stable checkpoint of the records so far.
    #[must_use]
    pub const fn stable(&self) -> Sequence {
        self.replica.node.stable
    }

    /// All records were taken: the replica continues where they end. `snapshot` is as in
    /// [`Replica::recover`].
    ///
    /// # Errors
    /// A snapshot and records that do not fit together.
    pub fn finish(mut self, snapshot: Option<Snapshot<'_>>) -> Result<Replica<S>, RecoverError> {
        let mut rules = self.rules();
        rules.restore(snapshot)?;
        rules.resume();
        if let Some(recovering) = rules.node.recovering {
            rules.begin_recovery(recovering.nonce.wrapping_add(1), recovering.lost);
        }
        Ok(self.replica)
    }

    fn rules(&mut self) -> Rules<'_> {
        let Replica { node, storage } = &mut self.replica;
        Rules { node, memory: storage.parts() }
    }
}
