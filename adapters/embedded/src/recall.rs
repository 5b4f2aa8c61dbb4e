//! What a journal kept, read back.

use crate::ledger::{Journal, Kept};

/// A journal that can be read back after a start.
#[allow(async_fn_in_trait, reason = "boards run one executor: nobody asks for Send")]
pub trait Recall: Journal {
    /// Whether nothing was ever kept in it.
    fn is_empty(&self) -> bool;

    /// Hands out what is kept, in the order in which it was made. A visit that is refused goes on
    /// without the rest.
    ///
    /// # Errors
    /// Outside, that it cannot be read; inside, that the visitor refused something.
    async fn recall<V: Visit>(
        &mut self,
        visit: &mut V,
    ) -> Result<Result<(), V::Error>, Self::Error>;
}

/// Who is told what a journal kept.
pub trait Visit {
    /// Why something is refused.
    type Error;

    /// A record, whole.
    ///
    /// # Errors
    /// It is refused.
    fn record(&mut self, record: &[u8]) -> Result<(), Self::Error>;

    /// A part of a checkpoint as it was [encoded](Kept::head): its begin is `at`; `last` is its
    /// end. One that begins anew gives up the one before.
    ///
    /// # Errors
    /// It is refused.
    fn checkpoint(&mut self, at: usize, part: &[u8], last: bool) -> Result<(), Self::Error>;
}

/// Sequence, and length of the client table.
const KEPT_HEAD: usize = 8 + 4;

impl Kept<'_> {
    /// Bytes of the head of an encoded checkpoint.
    pub const HEAD: usize = KEPT_HEAD;

    /// A checkpoint is encoded as sequence (8) and length of the client table (4), which is this,
    /// then client table, then state.
    #[must_use]
    pub fn head(&self) -> [u8; KEPT_HEAD] {
        let [a, b, c, d, e, f, g, h] = self.sequence.0.to_le_bytes();
        let clients = u32::try_from(self.clients.len()).unwrap_or(u32::MAX);
        let [i, j, k, l] = clients.to_le_bytes();
        [a, b, c, d, e, f, g, h, i, j, k, l]
    }
}
