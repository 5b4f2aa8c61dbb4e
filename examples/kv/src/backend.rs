//! What executes bundles: a cluster, or one process.

use std::fmt;

/// Why a bundle got no reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Nobody answered in time. It may have been executed, or may yet be.
    TimedOut,
    /// It will not be executed; the sentence says why.
    Refused(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TimedOut => f.write_str("no answer in time"),
            Self::Refused(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for Failure {}

/// Called once with the reply to a bundle, on any thread.
pub type Done = Box<dyn FnOnce(Result<Vec<u8>, Failure>) + Send>;

/// Something that executes bundles in an order that everybody sees.
pub trait Backend: Send + 'static {
    /// What it is, in a few words.
    fn describe(&self) -> String;

    /// Bytes of the longest bundle.
    fn bundle_bytes(&self) -> usize;

    /// How many bundles it takes at a time.
    fn sessions(&self) -> usize;

    /// Takes a bundle and returns at once. Bundles that are under way together may be executed
    /// in any order.
    fn submit(&self, bundle: Vec<u8>, done: Done);
}
