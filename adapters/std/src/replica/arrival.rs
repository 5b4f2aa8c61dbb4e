//! What the step thread is told.

use super::load::Ticket;
use super::stopped::Stopped;
use crate::heap::Heap;
use crate::net::LinkId;
use crate::status::StatusReport;
use quorate::auth::Checked;
use quorate::pbft::{self, Sequence, Sought};
use quorate::{Digest, Fault, Principal};
use std::sync::mpsc::SyncSender;

/// The replica that is driven.
pub(crate) type Core = pbft::Replica<Heap>;

/// An input of the step thread. What peers send is bounded by their tickets.
#[derive(Debug)]
pub(crate) enum Arrival {
    /// A message that was verified.
    Checked { message: Checked<Vec<u8>, Core>, ticket: Ticket },
    /// A message with signatures in it, from an authentic link: worth verifying?
    Signed { from: Principal, payload: Vec<u8>, ticket: Ticket },
    /// A peer did wrong.
    Refused { from: Principal, fault: Fault },
    /// Evidence of what somebody signed, encoded.
    Proved { evidence: Vec<u8> },
    /// Somebody wants a report.
    Asked { by: Asker, _ticket: Option<Ticket> },
    /// A checkpoint is durable. One that was captured in an era that an installed state has
    /// ended is of no use any more.
    Captured { era: u64, sequence: Sequence, state: Digest },
    /// Pieces of a checkpoint that the disk thread lacks.
    Sought { sequence: Sequence, pieces: Vec<Sought> },
    /// Another thread cannot go on.
    Failed(Stopped),
    /// The host wants the replica to end.
    Stop,
}

/// Who wants a report.
#[derive(Debug)]
pub(crate) enum Asker {
    /// A principal at the other end of a link; the number comes back.
    Link(LinkId, u64),
    /// This process.
    Local(SyncSender<StatusReport>),
}
