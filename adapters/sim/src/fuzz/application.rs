//! The application that is fuzzed.

use crate::pbft::Journal;
use quorate::ClientId;

/// A deterministic application, as the cluster under the fuzzer needs it. Equal states and equal
/// operations give equal replies and states; equal states give equal snapshots.
///
/// Operations are any bytes: a client may be a traitor.
pub trait Application {
    /// Executes one operation and returns the reply.
    fn execute(&mut self, client: ClientId, operation: &[u8]) -> Vec<u8>;

    /// The whole state as bytes.
    fn snapshot(&self) -> Vec<u8>;

    /// Replaces the state by one that [`Application::snapshot`] made, here or at another replica.
    fn restore(&mut self, snapshot: &[u8]);
}

impl Application for Journal {
    fn execute(&mut self, client: ClientId, operation: &[u8]) -> Vec<u8> {
        Self::execute(self, client, operation)
    }

    fn snapshot(&self) -> Vec<u8> {
        Self::snapshot(self)
    }

    fn restore(&mut self, snapshot: &[u8]) {
        *self = Self::restore(snapshot).expect("captured here");
    }
}
