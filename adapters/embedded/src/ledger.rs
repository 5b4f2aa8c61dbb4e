//! Nothing is said before what it depends on is durable.

use core::fmt;
use core::marker::PhantomData;
use quorate::pbft::Sequence;
use serde::Serialize;

/// Where records are kept over a loss of power.
///
/// [`FlashLog`](crate::flash::FlashLog) is one over flash. Another one (an FRAM, an SD card) takes
/// the same care: what a function has returned from is there after a loss of power, and what it
/// has not returned from is there as a whole or not at all.
#[allow(async_fn_in_trait, reason = "boards run one executor: nobody asks for Send")]
pub trait Journal {
    /// What can go wrong.
    type Error: fmt::Debug;

    /// Makes a record durable.
    ///
    /// # Errors
    /// It may be there, or not.
    async fn append<R: Serialize>(&mut self, record: &R) -> Result<(), Self::Error>;

    /// Makes a checkpoint durable: it is the newest from then on, even if its sequence is not.
    ///
    /// # Errors
    /// It may be there, or not.
    async fn keep(&mut self, checkpoint: Kept<'_>) -> Result<(), Self::Error>;

    /// Whether so much is kept that it is time to rotate, once a checkpoint has become stable.
    fn is_long(&self) -> bool;

    /// Whether so much is kept that it must be rotated now. Then it is long, too.
    fn is_nearly_full(&self) -> bool {
        false
    }

    /// Replaces everything by these checkpoints and records: at any loss of power all of the old
    /// or all of the new is there.
    ///
    /// # Errors
    /// The old may be there, or the new.
    async fn rotate<'k, R: Serialize>(
        &mut self,
        checkpoints: impl Iterator<Item = Kept<'k>>,
        records: impl Iterator<Item = R>,
    ) -> Result<(), Self::Error>;
}

/// A checkpoint as it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Kept<'a> {
    /// The last sequence that the state includes.
    pub sequence: Sequence,
    /// The client table: its pages one after the other.
    pub clients: &'a [u8],
    /// The application's state.
    pub state: &'a [u8],
}

/// No memory over a loss of power: for protocols that make no records, and for replicas of
/// [`Durability::None`](quorate::pbft::Durability::None).
#[derive(Clone, Copy, Debug, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Forgetful;

/// A replica of [`Durability::Log`](quorate::pbft::Durability::Log) was given no log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct NoLog;

impl fmt::Display for NoLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the replica makes records and has no log: its durability must be `None`")
    }
}

impl core::error::Error for NoLog {}

impl Journal for Forgetful {
    type Error = NoLog;

    async fn append<R: Serialize>(&mut self, _record: &R) -> Result<(), NoLog> {
        Err(NoLog)
    }

    async fn keep(&mut self, _checkpoint: Kept<'_>) -> Result<(), NoLog> {
        Ok(())
    }

    fn is_long(&self) -> bool {
        false
    }

    async fn rotate<'k, R: Serialize>(
        &mut self,
        _checkpoints: impl Iterator<Item = Kept<'k>>,
        _records: impl Iterator<Item = R>,
    ) -> Result<(), NoLog> {
        Ok(())
    }
}

/// Proof that everything that was appended so far is durable. Only [`Ledger::durable`] makes one,
/// and what is sent must show one, so nothing can be sent too early; and it borrows the ledger,
/// so that nothing is appended between the proof and its use.
///
/// ```compile_fail
/// // Nobody else makes one.
/// let proof = quorate_embedded::Durable { .. };
/// ```
///
/// ```compile_fail
/// use quorate_embedded::{Forgetful, Ledger};
///
/// async fn append_after_the_proof(ledger: &mut Ledger<Forgetful>) {
///     let proof = ledger.durable();
///     let _ = ledger.append(&1u8).await;
///     drop(proof);
/// }
/// ```
#[derive(Debug)]
#[must_use = "what waits for it can be sent"]
pub struct Durable<'l>(PhantomData<&'l mut ()>);

#[cfg(feature = "defmt")]
impl defmt::Format for Durable<'_> {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "Durable");
    }
}

/// A journal, and whether all that it was given is in it.
#[derive(Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Ledger<J> {
    journal: J,
    /// Whether a write was begun that did not end well: what is there is not known any more.
    broken: bool,
}

impl<J: Journal> Ledger<J> {
    /// Everything that is in the journal is durable.
    pub const fn new(journal: J) -> Self {
        Self { journal, broken: false }
    }

    /// Appends a record. If it fails, or is given up half way, there is no proof any more.
    ///
    /// # Errors
    /// [`Broken`].
    pub async fn append<R: Serialize>(&mut self, record: &R) -> Result<(), Broken<J::Error>> {
        self.begin()?;
        let done = self.journal.append(record).await;
        self.end(done)
    }

    /// Keeps a checkpoint, with the same care.
    ///
    /// # Errors
    /// [`Broken`].
    pub async fn keep(&mut self, checkpoint: Kept<'_>) -> Result<(), Broken<J::Error>> {
        self.begin()?;
        let done = self.journal.keep(checkpoint).await;
        self.end(done)
    }

    /// Rotates the journal if it is long.
    ///
    /// # Errors
    /// [`Broken`].
    pub async fn shorten<'k, R: Serialize>(
        &mut self,
        checkpoints: impl Iterator<Item = Kept<'k>>,
        records: impl Iterator<Item = R>,
    ) -> Result<(), Broken<J::Error>> {
        if !self.journal.is_long() {
            return Ok(());
        }
        self.begin()?;
        let done = self.journal.rotate(checkpoints, records).await;
        self.end(done)
    }

    /// The proof that everything that was appended is durable; none once something went wrong.
    pub fn durable(&mut self) -> Option<Durable<'_>> {
        (!self.broken).then_some(Durable(PhantomData))
    }

    /// The journal, to look at.
    pub const fn journal(&self) -> &J {
        &self.journal
    }

    /// The journal, before anything was appended.
    pub(crate) const fn journal_mut(&mut self) -> &mut J {
        &mut self.journal
    }

    /// Gives the journal back.
    pub fn into_journal(self) -> J {
        self.journal
    }

    fn begin(&mut self) -> Result<(), Broken<J::Error>> {
        if core::mem::replace(&mut self.broken, true) { Err(Broken(None)) } else { Ok(()) }
    }

    fn end(&mut self, done: Result<(), J::Error>) -> Result<(), Broken<J::Error>> {
        self.broken = done.is_err();
        done.map_err(|error| Broken(Some(error)))
    }
}

/// The journal cannot be relied on any more: what it holds is not known. The node says nothing
/// more. Start it again, from what the journal holds then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Broken<E>(
    /// What went wrong, where it went wrong; `None` from then on.
    pub Option<E>,
);

impl<E: fmt::Debug> fmt::Display for Broken<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(error) => write!(f, "the journal failed: {error:?}"),
            None => f.write_str("the journal failed before, or a write to it was given up"),
        }
    }
}

impl<E: fmt::Debug> core::error::Error for Broken<E> {}
