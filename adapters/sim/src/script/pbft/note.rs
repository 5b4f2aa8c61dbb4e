//! A record that a script writes into the log of a replica that is down.

use super::super::words::{Words, Wrong};
use crate::traitors::encode;
use quorate::pbft::{Batch, Record, Request, Sequence, View};
use quorate::wire::Bytes;
use quorate::{ClientId, Signature};

/// What the record says: that a batch of one request was accepted, or that it was settled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Note {
    settled: bool,
    view: View,
    sequence: Sequence,
    operation: Vec<u8>,
}

impl Note {
    /// Reads `settled view 0 seq 1 batch "A"`, or `accepted ...`.
    pub(super) fn read(words: &mut Words) -> Result<Self, Wrong> {
        let settled = words.take("settled");
        if !settled && !words.take("accepted") {
            return Err(words.instead("`settled` or `accepted`"));
        }
        words.need("view")?;
        let view = View(words.number("")?);
        words.need("seq")?;
        let sequence = Sequence(words.number("")?);
        words.need("batch")?;
        Ok(Self { settled, view, sequence, operation: words.text()? })
    }

    /// The record, to whoever writes it.
    pub(super) fn with_record(&self, write: impl FnOnce(&Record<'_>)) {
        let (view, sequence, operation) = (self.view, self.sequence, Bytes(&self.operation));
        let client = ClientId(0);
        let bytes =
            encode(&Request { client, timestamp: 1, operation, signature: Signature::ZERO });
        let batch = Batch::from_bytes(&bytes);
        write(&if self.settled {
            Record::Committed { view, sequence, batch }
        } else {
            Record::PrePrepared { view, sequence, batch }
        });
    }
}
