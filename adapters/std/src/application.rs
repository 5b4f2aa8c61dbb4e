//! The service that is replicated.

use quorate::pbft::Part;
use quorate::pbft::merkle::page_digest;
use quorate::{ClientId, Digest};
use std::fmt;

/// A deterministic service: equal states and equal operations give equal replies and states, on
/// every machine. No clock, no randomness, no map with a random order may leak into either.
///
/// Its state is a list of pages. Every half window of batches those that have changed are written
/// to disk and their digests compared between replicas, and a replica that fell behind fetches
/// those that differ from its own. So pages should be small (a few kilobytes to some hundred),
/// and an operation should change few of them. [`SinglePage`] makes one page of a small state.
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

    /// How many pages the state has now, 1 or more: a function of the state, like their bytes.
    fn pages(&self) -> u32;

    /// Appends the bytes of a page to `page`, canonical: equal states have equal pages. A page may
    /// have any length up to the [`page_bytes`](crate::ReplicaConfig::page_bytes) of all
    /// replicas. Called on the thread that executes, between operations.
    fn page(&self, index: u32, page: &mut Vec<u8>);

    /// Tells `changed` of the pages that operations may have changed since the last call: pages
    /// that it is not told of are taken from the checkpoint before. The default tells of all.
    fn changed(&mut self, changed: &mut dyn FnMut(u32)) {
        (0..self.pages()).for_each(changed);
    }

    /// A state is about to be installed that has so many pages. No operation is executed before
    /// [`Application::finish`]. The default is for states whose number of pages never changes.
    ///
    /// # Errors
    /// No state has so many pages. The replica stops: what it was given is certified by a quorum.
    fn resize(&mut self, pages: u32) -> Result<(), RestoreError> {
        if pages == self.pages() {
            return Ok(());
        }
        Err(RestoreError::new(format!("a state of {pages} pages is none of this service")))
    }

    /// Replaces a page by one that [`Application::page`] made, here or at another replica. Pages
    /// that stay as they are may be left out, so whoever does not list them in
    /// [`Application::changed`] must not have touched them.
    ///
    /// # Errors
    /// The bytes are no page. The replica stops.
    fn install(&mut self, index: u32, bytes: &[u8]) -> Result<(), RestoreError>;

    /// All pages are installed: the next operation is executed on the new state.
    ///
    /// # Errors
    /// The pages do not go together. The replica stops.
    fn finish(&mut self) -> Result<(), RestoreError> {
        Ok(())
    }

    /// The digest of the state, for reports: by default over all pages. A service that keeps a
    /// digest up to date as it executes may return that instead; all replicas must do the same.
    fn digest(&self) -> Digest {
        let (mut page, mut all) = (Vec::new(), Vec::new());
        for index in 0..self.pages() {
            page.clear();
            self.page(index, &mut page);
            all.extend_from_slice(&page_digest(Part::State, index, &page).0);
        }
        Digest::of(&all)
    }
}

/// A deterministic service whose state is small enough to be one page: see [`SinglePage`].
pub trait Snapshot: Send + 'static {
    /// Executes one operation, as [`Application::execute`] does.
    fn execute(&mut self, client: ClientId, operation: &[u8], reply: &mut Vec<u8>);

    /// Answers an operation without changing anything, as [`Application::read`] does.
    fn read(&self, client: ClientId, operation: &[u8], reply: &mut Vec<u8>) -> bool {
        let _ = (client, operation, reply);
        false
    }

    /// The whole state as bytes, canonical: equal states give equal bytes. It is taken every
    /// half window of batches, on the thread that executes.
    fn snapshot(&self) -> Vec<u8>;

    /// Replaces the state by one that [`Snapshot::snapshot`] made, here or at another replica.
    ///
    /// # Errors
    /// The bytes are no snapshot. The replica stops: what it was given is certified by a quorum.
    fn restore(&mut self, snapshot: &[u8]) -> Result<(), RestoreError>;
}

/// A service whose state is one page. Whenever anything has changed, a replica that lags fetches
/// all of it: that is right for some hundred kilobytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SinglePage<S>(pub S);

impl<S: Snapshot> Application for SinglePage<S> {
    fn execute(&mut self, client: ClientId, operation: &[u8], reply: &mut Vec<u8>) {
        self.0.execute(client, operation, reply);
    }

    fn read(&self, client: ClientId, operation: &[u8], reply: &mut Vec<u8>) -> bool {
        self.0.read(client, operation, reply)
    }

    fn pages(&self) -> u32 {
        1
    }

    fn page(&self, _index: u32, page: &mut Vec<u8>) {
        page.extend_from_slice(&self.0.snapshot());
    }

    fn install(&mut self, _index: u32, bytes: &[u8]) -> Result<(), RestoreError> {
        self.0.restore(bytes)
    }
}

/// Why a state was not restored, in the application's words.
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
        write!(f, "the application cannot restore its state: {}", self.0)
    }
}

impl std::error::Error for RestoreError {}
