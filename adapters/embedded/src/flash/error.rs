//! What can be wrong with a log on flash.

use core::fmt;
use sequential_storage::Error;

/// Why a log on flash cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum FlashError<E> {
    /// The flash says so.
    Flash(E),
    /// There is no room for a record until the next checkpoint is stable: the region is too small.
    Full,
    /// A record is longer than the buffer of the log.
    TooLong,
    /// The region does not consist of an even number of the flash's pages, or its pages are too
    /// small or their words too large.
    Region,
    /// The log is another replica's, or another cluster's, or of another epoch.
    OtherOwner,
    /// Something is missing that was durable. The log must not be gone on with: erase it, and
    /// start the replica as one that has lost it.
    Damaged(&'static str),
}

impl<E> From<Error<E>> for FlashError<E> {
    fn from(error: Error<E>) -> Self {
        match error {
            Error::Storage { value, .. } => Self::Flash(value),
            Error::FullStorage => Self::Full,
            Error::ItemTooBig | Error::BufferTooSmall(_) | Error::BufferTooBig => Self::TooLong,
            _ => Self::Damaged("the pages of the log contradict each other"),
        }
    }
}

impl<E: fmt::Debug> fmt::Display for FlashError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flash(error) => write!(f, "the flash failed: {error:?}"),
            Self::Full => f.write_str("the region is too small: nothing more fits in"),
            Self::TooLong => f.write_str("a record is longer than the buffer of the log"),
            Self::Region => f.write_str("a log takes an even number of pages that are not tiny"),
            Self::OtherOwner => f.write_str("the log is another replica's, cluster's or epoch's"),
            Self::Damaged(what) => write!(f, "the log is damaged: {what}"),
        }
    }
}

impl<E: fmt::Debug> core::error::Error for FlashError<E> {}
