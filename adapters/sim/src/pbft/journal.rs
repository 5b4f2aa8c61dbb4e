//! The application of the simulation: it remembers everything, in a few bytes.

use crate::check::Service;
use quorate::{ClientId, Digest};

/// A chained hash of all operations, and a count of them for each client. Every reply depends
/// on the whole history, so that no divergence stays unseen.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Journal {
    chain: Digest,
    counts: Vec<u64>,
}

/// An operation that begins with this has a reply longer than any cluster allows.
pub(super) const LONG: &[u8] = b"long";

/// An operation that begins with this changes nothing: its reply is how many operations there
/// were that did, and eight bytes of the chain.
pub const READ: &[u8] = b"read";

/// Bytes of that reply.
const LONG_REPLY: usize = 4096;

impl Service for Journal {
    fn answer(&mut self, client: ClientId, operation: &[u8]) -> Vec<u8> {
        self.execute(client, operation)
    }
}

impl Journal {
    /// An empty journal for so many clients.
    #[must_use]
    pub fn new(clients: usize) -> Self {
        Self { chain: Digest::ZERO, counts: vec![0; clients] }
    }

    /// Executes an operation: the reply is how many operations there were, how many of this
    /// client, and eight bytes of the chain.
    pub fn execute(&mut self, client: ClientId, operation: &[u8]) -> Vec<u8> {
        if let Some(answer) = self.read(client, operation) {
            return answer;
        }
        let link = [&self.chain.0[..], &client.0.to_le_bytes(), operation].concat();
        self.chain = Digest::of(&link);
        self.counts[client.index()] += 1;
        let (all, own) = (self.counts.iter().sum::<u64>(), self.counts[client.index()]);
        let mut reply = [&all.to_le_bytes()[..], &own.to_le_bytes(), &self.chain.0[..8]].concat();
        if operation.starts_with(LONG) {
            reply.resize(LONG_REPLY, 0);
        }
        reply
    }

    /// Turns one bit of the state, as a fault of the memory does.
    pub fn flip(&mut self) {
        self.chain.0[0] ^= 1;
    }

    /// How many operations of a client were executed.
    #[must_use]
    pub fn count(&self, client: ClientId) -> u64 {
        self.counts.get(client.index()).copied().unwrap_or_default()
    }

    /// Executes an operation that only reads: what [`Journal::execute`] would answer, for any
    /// client, without being changed; `None` if the operation changes something.
    #[must_use]
    pub fn read(&self, _: ClientId, operation: &[u8]) -> Option<Vec<u8>> {
        let all = self.counts.iter().sum::<u64>();
        operation.starts_with(READ).then(|| [&all.to_le_bytes(), &self.chain.0[..8]].concat())
    }

    /// The whole state as bytes; equal states, equal bytes.
    #[must_use]
    pub fn snapshot(&self) -> Vec<u8> {
        let counts = self.counts.iter().flat_map(|count| count.to_le_bytes());
        self.chain.0.into_iter().chain(counts).collect()
    }

    /// The state of a snapshot; `None` if the bytes are none.
    #[must_use]
    pub fn restore(snapshot: &[u8]) -> Option<Self> {
        let (chain, counts) = snapshot.split_first_chunk::<32>()?;
        let (counts, rest) = counts.as_chunks::<8>();
        let counts = counts.iter().map(|count| u64::from_le_bytes(*count)).collect();
        rest.is_empty().then_some(Self { chain: Digest(*chain), counts })
    }

    /// The digest of the state.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(&self.snapshot())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_restores_the_journal_and_order_matters() {
        let (a, b) = (ClientId(0), ClientId(1));
        let mut one = Journal::new(2);
        one.execute(a, b"x");
        let mut other = one.clone();
        assert_eq!(Journal::restore(&one.snapshot()), Some(one.clone()));
        assert_eq!(Journal::restore(&one.snapshot()[1..]), None);
        assert_ne!(one.execute(b, b"y"), other.execute(b, b"z"));
        assert_ne!(one.digest(), other.digest());
        assert_eq!(one.execute(a, LONG).len(), LONG_REPLY);
    }

    #[test]
    fn a_read_says_the_same_in_order_and_out_of_it_and_changes_nothing() {
        let mut journal = Journal::new(2);
        journal.execute(ClientId(0), b"x");
        let before = journal.clone();
        let answer = journal.read(ClientId(1), READ).unwrap();
        assert_eq!(journal.execute(ClientId(0), READ), answer);
        assert_eq!(journal, before);
        assert_eq!(journal.read(ClientId(1), b"write"), None);
        journal.execute(ClientId(1), b"y");
        assert_ne!(journal.read(ClientId(1), READ), Some(answer));
    }
}
