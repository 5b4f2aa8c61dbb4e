//! What a trial tells.

use crate::work::Work;
use core::fmt;
use quorate::Digest;

/// The figures of one trial.
#[derive(Clone, Copy, Debug)]
pub struct Figures {
    /// Which trial.
    pub name: &'static str,
    /// Batches or orders that every node agreed on.
    pub decisions: u64,
    /// Bytes of the state of one node of the protocol, its memory included.
    pub protocol_ram: usize,
    /// Bytes of that and of its links, keys and buffers.
    pub ram: usize,
    /// Bytes of stack, at the deepest.
    pub stack: usize,
    /// Instructions of the busiest node for all decisions together.
    pub(crate) busiest: Work,
    /// Frames that were sent.
    pub frames: u64,
    /// Their bytes.
    pub wire: u64,
    /// Bytes of the records that one node has to keep.
    pub records: u64,
    /// The digest of every frame, every decision and every record, in order.
    pub transcript: Digest,
}

impl fmt::Display for Figures {
    /// One JSON object on one line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, decisions, protocol_ram, ram, stack, busiest, .. } = self;
        let Work { all, links, signatures, steps, longest_step } = busiest;
        write!(f, "{{\"name\":\"{name}\",\"decisions\":{decisions},")?;
        write!(f, "\"protocol_ram\":{protocol_ram},\"ram\":{ram},\"stack\":{stack},")?;
        write!(f, "\"instructions\":{all},\"links\":{links},\"signatures\":{signatures},")?;
        write!(f, "\"steps\":{steps},\"longest_step\":{longest_step},")?;
        let Self { frames, wire, records, transcript, .. } = self;
        write!(f, "\"frames\":{frames},\"wire\":{wire},\"records\":{records},")?;
        write!(f, "\"transcript\":\"{transcript}\"}}")
    }
}
