//! The last request and reply of each client: part of the replicated state.

use super::outcome::Outcome;
use crate::auth::Digest;
use crate::node::ClientId;
use sha2::{Digest as _, Sha256};

/// What is remembered of one client.
#[derive(Clone, Copy, Debug, Default)]
pub struct ClientRow {
    /// The timestamp of its last executed request; 0 if there is none.
    pub(crate) timestamp: u64,
    pub(crate) outcome: Outcome,
    /// Bytes of its last reply.
    pub(crate) reply_len: u32,
}

impl ClientRow {
    /// A request is with the host: nothing older of this client executes any more.
    pub(crate) const fn begin(&mut self, timestamp: u64) {
        *self = Self { timestamp, ..Self::EMPTY };
    }

    pub(crate) const EMPTY: Self = Self { timestamp: 0, outcome: Outcome::Executed, reply_len: 0 };
}

/// The client table at one moment, borrowed from the replica.
///
/// Its bytes are, for each client in order: timestamp (8), outcome (1), length (4), reply.
#[derive(Clone, Copy, Debug)]
pub struct ClientTable<'a> {
    pub(crate) rows: &'a [ClientRow],
    pub(crate) replies: &'a [u8],
    pub(crate) reply_bytes: usize,
}

/// Bytes of one row beside its reply.
const ROW: usize = 8 + 1 + 4;

impl<'a> ClientTable<'a> {
    /// The last executed request of a client and its reply; `None` before the first.
    #[must_use]
    pub fn get(&self, client: ClientId) -> Option<(u64, Outcome, &'a [u8])> {
        let row = self.rows.get(client.index()).filter(|row| row.timestamp != 0)?;
        Some((row.timestamp, row.outcome, self.reply(client.index(), row)))
    }

    /// How many bytes [`ClientTable::encode`] writes.
    #[must_use]
    pub fn encoded_len(&self) -> usize {
        self.rows.iter().map(|row| ROW + row.reply_len as usize).sum()
    }

    /// Writes the table to the front of `buffer` and returns its length; `None` if it is too
    /// short.
    pub fn encode(&self, buffer: &mut [u8]) -> Option<usize> {
        let mut at = 0usize;
        self.each_field(|field| {
            let end = at.saturating_add(field.len());
            if let Some(room) = buffer.get_mut(at..end) {
                room.copy_from_slice(field);
            }
            at = end;
        });
        (at <= buffer.len()).then_some(at)
    }

    /// The digest of the table's bytes.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let mut hash = Sha256::new();
        self.each_field(|field| hash.update(field));
        Digest(hash.finalize().into())
    }

    fn each_field(&self, mut field: impl FnMut(&[u8])) {
        for (at, row) in self.rows.iter().enumerate() {
            field(&row.timestamp.to_le_bytes());
            field(&[row.outcome as u8]);
            field(&row.reply_len.to_le_bytes());
            field(self.reply(at, row));
        }
    }

    fn reply(&self, at: usize, row: &ClientRow) -> &'a [u8] {
        let mut replies = self.replies.chunks_exact(self.reply_bytes.max(1));
        let room = replies.nth(at).unwrap_or_default();
        room.get(..row.reply_len as usize).unwrap_or_default()
    }
}

/// Enters a reply: "each replica maintains the last reply it sent to each client" (Castro-Liskov
/// 1999, section 4.1). One that is too long is replaced by [`Outcome::ReplyTooLong`].
pub(crate) fn remember(
    rows: &mut [ClientRow],
    replies: &mut [u8],
    reply_bytes: usize,
    client: ClientId,
    timestamp: u64,
    reply: &[u8],
) {
    let start = client.index().saturating_mul(reply_bytes);
    let fits = reply.len() <= reply_bytes;
    let reply = if fits { reply } else { &[] };
    let end = start.saturating_add(reply.len());
    if let Some(room) = replies.get_mut(start..end) {
        room.copy_from_slice(reply);
    }
    if let Some(row) = rows.get_mut(client.index()) {
        row.timestamp = timestamp;
        row.outcome = if fits { Outcome::Executed } else { Outcome::ReplyTooLong };
        row.reply_len = u32::try_from(reply.len()).unwrap_or(0);
    }
}

/// Replaces a table by an encoded one; `None`, with nothing changed, if the bytes are no table
/// of these sizes.
pub(crate) fn install(
    rows: &mut [ClientRow],
    replies: &mut [u8],
    reply_bytes: usize,
    bytes: &[u8],
) -> Option<()> {
    let mut rest = bytes;
    for _ in 0..rows.len() {
        let (_, reply, more) = split(rest)?;
        if reply.len() > reply_bytes {
            return None;
        }
        rest = more;
    }
    if !rest.is_empty() {
        return None;
    }
    rest = bytes;
    let mut rooms = replies.chunks_exact_mut(reply_bytes.max(1));
    for row in rows.iter_mut() {
        let (read, reply, more) = split(rest)?;
        *row = read;
        if let Some(room) = rooms.next().and_then(|room| room.get_mut(..reply.len())) {
            room.copy_from_slice(reply);
        }
        rest = more;
    }
    Some(())
}

fn split(bytes: &[u8]) -> Option<(ClientRow, &[u8], &[u8])> {
    let (timestamp, rest) = bytes.split_first_chunk::<8>()?;
    let (outcome, rest) = rest.split_first()?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let reply_len = u32::from_le_bytes(*length);
    let (reply, rest) = rest.split_at_checked(usize::try_from(reply_len).ok()?)?;
    let outcome = match outcome {
        0 => Outcome::Executed,
        1 => Outcome::ReplyTooLong,
        _ => return None,
    };
    Some((ClientRow { timestamp: u64::from_le_bytes(*timestamp), outcome, reply_len }, reply, rest))
}

#[cfg(feature = "defmt")]
impl defmt::Format for ClientTable<'_> {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "table of {} clients", self.rows.len());
    }
}
