//! The last request and reply of each client: part of the replicated state.

use super::outcome::Outcome;
use crate::auth::Digest;
use crate::node::ClientId;
use core::ops::Range;
use sha2::{Digest as _, Sha256};

/// What is remembered of one client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
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

/// A page holds as many rows as surely fit in so many bytes, or one.
const PAGE: usize = 1024;

/// Rows of a page.
const fn rows_of_a_page(reply_bytes: usize) -> usize {
    let rows = PAGE / ROW.saturating_add(reply_bytes);
    if rows == 0 { 1 } else { rows }
}

/// Bytes of the longest page of a client table.
pub(crate) const fn longest_page(reply_bytes: usize) -> usize {
    rows_of_a_page(reply_bytes).saturating_mul(ROW.saturating_add(reply_bytes))
}

/// Pages of the table of so many clients.
#[allow(clippy::cast_possible_truncation, reason = "there are at most 65536 clients")]
pub(crate) const fn count_pages(clients: usize, reply_bytes: usize) -> u32 {
    let pages = clients.div_ceil(rows_of_a_page(reply_bytes)) as u32;
    if pages == 0 { 1 } else { pages }
}

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

    /// How many pages the table has: a constant of the cluster. Page after page its bytes are
    /// those that [`ClientTable::encode`] writes; a row is never in two pages.
    #[must_use]
    pub const fn pages(&self) -> u32 {
        count_pages(self.rows.len(), self.reply_bytes)
    }

    /// How many bytes a page has; none if there is no such page.
    #[must_use]
    pub fn page_len(&self, page: u32) -> usize {
        let rows = self.rows.get(self.rows_of(page)).unwrap_or_default();
        rows.iter().map(|row| ROW + row.reply_len as usize).sum()
    }

    /// Writes a page to the front of `buffer` and returns its length; `None` if it is too short.
    pub fn encode_page(&self, page: u32, buffer: &mut [u8]) -> Option<usize> {
        let mut at = 0usize;
        self.page_fields(page, |field| {
            let end = at.saturating_add(field.len());
            if let Some(room) = buffer.get_mut(at..end) {
                room.copy_from_slice(field);
            }
            at = end;
        });
        (at <= buffer.len()).then_some(at)
    }

    /// Hands out a page, piece by piece.
    pub(crate) fn page_fields(&self, page: u32, field: impl FnMut(&[u8])) {
        self.fields(self.rows_of(page), field);
    }

    fn rows_of(&self, page: u32) -> Range<usize> {
        let rows = rows_of_a_page(self.reply_bytes);
        let first = usize::try_from(page).unwrap_or(usize::MAX).saturating_mul(rows);
        let first = first.min(self.rows.len());
        first..first.saturating_add(rows).min(self.rows.len())
    }

    fn each_field(&self, field: impl FnMut(&[u8])) {
        self.fields(0..self.rows.len(), field);
    }

    fn fields(&self, rows: Range<usize>, mut field: impl FnMut(&[u8])) {
        let numbered = self.rows.iter().enumerate();
        for (at, row) in numbered.take(rows.end).skip(rows.start) {
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

/// The pages of an encoded client table. Bytes that are no table have fewer, or other ones.
#[derive(Clone, Debug)]
pub(crate) struct EncodedPages<'a> {
    rest: &'a [u8],
    reply_bytes: usize,
}

impl<'a> EncodedPages<'a> {
    pub(crate) const fn of(bytes: &'a [u8], reply_bytes: usize) -> Self {
        Self { rest: bytes, reply_bytes }
    }
}

impl<'a> Iterator for EncodedPages<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let mut rest = self.rest;
        for _ in 0..rows_of_a_page(self.reply_bytes) {
            let Some((_, _, more)) = split(rest) else { break };
            rest = more;
        }
        let page = self.rest.get(..self.rest.len().saturating_sub(rest.len()));
        self.rest = rest;
        page.filter(|page| !page.is_empty())
    }
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
