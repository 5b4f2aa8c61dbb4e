//! What the threads that use a client and the thread that is the client have in common.

use super::error::Failure;
use crate::net::Post;
use crate::status::StatusReport;
use quorate::NodeId;
use std::collections::VecDeque;
use std::fmt;
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// What becomes of an operation.
pub(crate) type Done = Box<dyn FnOnce(Result<Vec<u8>, Failure>) + Send>;

/// An operation that waits for a session.
pub(crate) struct Job {
    pub(crate) operation: Vec<u8>,
    /// Whether it changes nothing and need not be ordered.
    pub(crate) read: bool,
    pub(crate) done: Done,
}

/// A question for a replica's report.
#[derive(Debug)]
pub(crate) struct Question {
    pub(crate) node: NodeId,
    pub(crate) until: Instant,
    pub(crate) answer: SyncSender<StatusReport>,
}

/// Work for the client's thread.
#[derive(Default)]
pub(crate) struct Work {
    pub(crate) jobs: VecDeque<Job>,
    pub(crate) questions: Vec<Question>,
    /// Sessions with no operation under way.
    pub(crate) free: usize,
    pub(crate) closed: bool,
}

/// Work, and how to wake the thread that does it.
pub(crate) struct Shared {
    work: Mutex<Work>,
    pub(crate) post: Arc<Post>,
}

impl Shared {
    pub(crate) fn new(sessions: usize, post: Arc<Post>) -> Arc<Self> {
        let work = Work { free: sessions, ..Work::default() };
        Arc::new(Self { work: Mutex::new(work), post })
    }

    /// No user code runs under this lock, so nothing in it is ever half done.
    pub(crate) fn work(&self) -> MutexGuard<'_, Work> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let work = self.work();
        f.debug_struct("Shared")
            .field("waiting", &work.jobs.len())
            .field("free", &work.free)
            .finish_non_exhaustive()
    }
}
