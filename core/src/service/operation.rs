//! What a client's host asks, and how it ends.

use core::time::Duration;

/// What the host asks of its client.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum ClientCommand<'a> {
    /// Have this operation ordered and executed.
    Submit {
        /// The operation, in the application's own terms.
        operation: &'a [u8],
        /// The wall clock in microseconds. The timestamp of the request is this or one above the
        /// client's last, whichever is later, so that a client that lost its memory goes on above
        /// what it used before. Zero if there is no clock and no loss.
        wall_micros: u64,
    },
    /// Have this operation answered; it changes nothing. Where the protocol has fast reads and
    /// the cluster uses them it is answered without order if possible, else, and otherwise
    /// always, it is ordered and executed as with `Submit`.
    Read {
        /// The operation, in the application's own terms.
        operation: &'a [u8],
        /// The wall clock, as with `Submit`.
        wall_micros: u64,
    },
}

/// How an operation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum ClientDecision<'a> {
    /// Enough equal replies of distinct nodes: one of them is correct.
    Done {
        /// The application's reply.
        reply: &'a [u8],
    },
    /// There is no reply to be had.
    Failed(Failure),
}

/// Why an operation has no reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Failure {
    /// It was executed; its reply was longer than the cluster's constants allow.
    ReplyTooLong,
    /// A later request of this client was executed: somebody else uses its key, or its clock was
    /// set back.
    Stale,
    /// No answer in time. It may have been executed, or may yet be.
    TimedOut,
    /// The cluster has no room for it now, weak replicas say: try again later. It may have been
    /// executed all the same, or may yet be.
    Busy {
        /// When there may be room.
        retry_after: Duration,
    },
}

impl core::fmt::Display for Failure {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::ReplyTooLong => "executed, but the reply is longer than the cluster allows",
            Self::Stale => "not executed: a later request of this client was executed before",
            Self::Busy { .. } => "the cluster is busy: it may or may not have been executed",
            Self::TimedOut => "no answer in time: it may or may not have been executed",
        })
    }
}

impl core::error::Error for Failure {}
