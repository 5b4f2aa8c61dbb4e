//! What clients ask for in a cluster that is fuzzed.

use super::whim::Whim;
use arbitrary::Unstructured;

/// The longest operation that [`cluster`](super::cluster) makes of the fuzzer's bytes.
pub(super) const RAW: usize = 128;
/// The longest operation that a client of a cluster that is fuzzed may ask for.
pub const OPERATION_BYTES: usize = super::ground::DIMENSIONS.operation_bytes();

/// How operations are made of a fuzzer's bytes.
#[derive(Clone, Copy)]
pub(super) enum Operations<'n> {
    /// They are those bytes, so many at most.
    Raw(usize),
    /// The author of the application makes them.
    Shaped(&'n dyn Fn(&mut Unstructured<'_>) -> arbitrary::Result<Vec<u8>>),
}

impl Operations<'_> {
    /// The next one; nothing if there are no bytes for it.
    pub(super) fn next(&self, whim: &mut Whim<'_>) -> Option<Vec<u8>> {
        let operation = match self {
            Self::Raw(most) => whim.bytes(*most).to_vec(),
            Self::Shaped(make) => make(whim.unstructured()).ok()?,
        };
        let length = operation.len();
        assert!(length <= OPERATION_BYTES, "{length} bytes: more than fuzz::OPERATION_BYTES");
        Some(operation)
    }

    /// One of a client that is a traitor and keeps to no shape, but mostly does: else nothing
    /// but refusals would be tried.
    pub(super) fn false_one(&self, whim: &mut Whim<'_>) -> Vec<u8> {
        match self {
            Self::Shaped(_) if whim.chance(128) => whim.bytes(RAW).to_vec(),
            _ => self.next(whim).unwrap_or_default(),
        }
    }
}
