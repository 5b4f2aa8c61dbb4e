//! The application that is replicated.

use core::fmt;
use quorate::ClientId;

/// A deterministic service on a board: equal states and equal operations give equal replies and
/// states, on every machine. No clock, no randomness and no address may leak into either.
pub trait Application {
    /// Executes one operation.
    fn execute(&mut self, client: ClientId, operation: &[u8], reply: &mut Reply<'_>);

    /// Answers an operation without changing anything: false if it is answered in order only,
    /// which is what a service says that has no fast reads. What it answers must be what
    /// [`Application::execute`] would say.
    fn read(&self, client: ClientId, operation: &[u8], reply: &mut Reply<'_>) -> bool {
        let _ = (client, operation, reply);
        false
    }

    /// Writes the whole state to the front of `page`, canonical (equal states have equal bytes),
    /// and returns its length.
    ///
    /// # Errors
    /// It is longer than the [layout](super::Layout) says: the replica stops.
    fn snapshot(&self, page: &mut [u8]) -> Result<usize, Refused>;

    /// Replaces the state by one that [`Application::snapshot`] made, here or at another replica.
    ///
    /// # Errors
    /// The bytes are no state: the replica stops, since a quorum vouches for them.
    fn restore(&mut self, page: &[u8]) -> Result<(), Refused>;
}

/// The application cannot do what it must.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Refused;

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the state is too long, or these bytes are none")
    }
}

impl core::error::Error for Refused {}

/// Where a reply is written, a piece at a time.
#[derive(Debug)]
pub struct Reply<'r> {
    room: &'r mut [u8],
    length: usize,
}

impl<'r> Reply<'r> {
    /// An empty reply in this room: for tests of an application by itself.
    pub const fn new(room: &'r mut [u8]) -> Self {
        Self { room, length: 0 }
    }

    /// Appends bytes. A reply that gets longer than the cluster's constant reaches the client as
    /// [`Failure::ReplyTooLong`](quorate::pbft::Failure::ReplyTooLong), from all replicas alike.
    pub fn write(&mut self, bytes: &[u8]) {
        let end = self.length.saturating_add(bytes.len());
        if let Some(room) = self.room.get_mut(self.length..end) {
            room.copy_from_slice(bytes);
        }
        self.length = end;
    }

    /// What was written; `None` if it was too long.
    #[must_use]
    pub fn written(&self) -> Option<&[u8]> {
        self.room.get(..self.length)
    }

    pub(super) const fn length(&self) -> usize {
        self.length
    }
}

#[cfg(feature = "defmt")]
impl defmt::Format for Reply<'_> {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "Reply({} bytes)", self.length);
    }
}

impl fmt::Write for Reply<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.write(text.as_bytes());
        Ok(())
    }
}
