//! The service that is replicated.

use quorate::{ClientId, Digest};
use std::fmt;

/// A deterministic service: equal states and equal operations give equal replies and states, on
/// every machine. No clock, no randomness, no map with a random order may leak into either.
pub trait Application: Send + 'static {
    /// Executes one operation. `reply` is empty at entry; what it holds afterwards is the reply.
    /// One longer than the cluster's `reply_bytes` reaches the client as
    /// [`Failure::ReplyTooLong`](crate::Failure::ReplyTooLong), from all replicas alike.
    fn execute(&mut self, client: ClientId, operation: &[u8], reply: &mut Vec<u8>);

    /// Answers an operation from the state as it is, without changing it: false if this operation
    /// is answered in order only, which is what a service says that has no fast reads. `reply` is
    /// empty at entry. What it holds afterwards must be what [`Application::execute`] would say,
    /// since an operation that was asked by [`Client::read`](crate::Client::read) may be ordered
    /// after all; and `execute` must then leave the state as it is.
    ///
    /// It is called only in clusters with [`Cluster::fast_reads`](crate::Cluster::fast_reads),
    /// between two batches, on the thread that executes.
    fn read(&self, client: ClientId, operation: &[u8], reply: &mut Vec<u8>) -> bool {
        let _ = (client, operation, reply);
        false
    }

    /// The whole state as bytes, canonical: equal states give equal bytes. It is taken every
    /// half window of batches, on the thread that executes.
    fn snapshot(&self) -> Vec<u8>;

    /// Replaces the state by one that [`Application::snapshot`] made, here or at another replica.
    ///
    /// # Errors
    /// The bytes are no snapshot. The replica stops: what it was given is certified by a quorum.
    fn restore(&mut self, snapshot: &[u8]) -> Result<(), RestoreError>;

    /// The digest of the state, for reports: [`Digest::of`] the snapshot. A service that keeps a
    /// digest up to date as it executes may return that instead; all replicas must do the same.
    fn digest(&self) -> Digest {
        Digest::of(&self.snapshot())
    }
}

/// Why a snapshot was not restored, in the application's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestoreError(String);

impl RestoreError {
    /// An error with this reason, a clause such as "the count is cut short".
    pub fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }
}

impl fmt::Display for RestoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the application cannot restore its snapshot: {}", self.0)
    }
}

impl std::error::Error for RestoreError {}
