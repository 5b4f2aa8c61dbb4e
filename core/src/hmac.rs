//! Links proved by HMAC-SHA256 under a key that two principals share.
//!
//! From the pair's key and both hellos comes one key for each direction of a session, so that
//! neither a frame of another session nor one's own frame sent back ever opens.

use crate::auth::{Digest, Statement, Tag};
use crate::link::{Direction, HEADER, Hello, LinkError, Proof};
use crate::node::Principal;
use ::hmac::block_api::HmacCore;
use ::hmac::digest::block_api::CoreProxy;
use ::hmac::{Hmac, KeyInit, Mac};
use core::fmt;
use sha2::Sha256;

/// Bytes of a tag.
const TAG: usize = 32;

/// A key that two principals share, and nobody else.
///
/// Debug output does not show it, and it is overwritten when it is dropped.
#[derive(Clone)]
pub struct PairKey([u8; 32]);

impl PairKey {
    /// A key that was shared beforehand: 32 bytes from a random source, one key for each pair.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for PairKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PairKey(..)")
    }
}

#[cfg(feature = "defmt")]
impl defmt::Format for PairKey {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "PairKey(..)");
    }
}

impl Drop for PairKey {
    fn drop(&mut self) {
        self.0 = [0; 32];
        core::hint::black_box(&self.0);
    }
}

/// Opens a session under the pair's key: what we send is sealed by the first half, what the
/// peer sends is opened by the second.
///
/// # Errors
/// The hellos do not belong together, see [`LinkError`].
pub fn session(
    pair: &PairKey,
    mine: &Hello,
    theirs: &Hello,
) -> Result<(Sealer, Opener), LinkError> {
    Hello::check(mine, theirs, Proof::Hmac)?;
    let session = session_key(pair, mine, theirs);
    let sealer = Sealer {
        direction: Direction::new(Proof::Hmac, mine.from),
        key: Key::new(&session, mine.from),
    };
    let opener = Opener {
        direction: Direction::new(Proof::Hmac, theirs.from),
        key: Key::new(&session, theirs.from),
    };
    Ok((sealer, opener))
}

/// The key of a session: both ends put the hello of the lower principal first.
fn session_key(pair: &PairKey, mine: &Hello, theirs: &Hello) -> PairKey {
    let (low, high) = if mine.from < theirs.from { (mine, theirs) } else { (theirs, mine) };
    let statement =
        Statement::unscoped(Tag::Session).bytes(&low.to_bytes()).bytes(&high.to_bytes());
    derive(pair, &statement.finish())
}

/// The key of one direction of a session, hashed: what each frame goes on from. The buffer for a
/// block, which is empty here, is not kept.
#[derive(Clone)]
struct Key(HmacCore<Sha256>);

impl Key {
    fn new(session: &PairKey, sender: Principal) -> Self {
        let statement = Statement::unscoped(Tag::Frame).bytes(&sender.to_bytes());
        Self(keyed(&derive(session, &statement.finish())).decompose().0)
    }

    /// The code of a frame, not finished.
    fn code(&self, header: &[u8; HEADER], payload: &[u8]) -> Hmac<Sha256> {
        let begun = Hmac::compose(self.0.clone(), Default::default());
        begun.chain_update(header).chain_update(payload)
    }
}

fn derive(key: &PairKey, purpose: &Digest) -> PairKey {
    PairKey(keyed(key).chain_update(purpose.0).finalize().into_bytes().into())
}

/// HMAC pads a short key with zeros to the block of its hash, 64 bytes.
fn keyed(key: &PairKey) -> Hmac<Sha256> {
    let mut block = [0; 64];
    let (front, _) = block.split_at_mut(key.0.len());
    front.copy_from_slice(&key.0);
    Hmac::new(&block.into())
}

/// The sending half of a session.
#[derive(Clone)]
pub struct Sealer {
    direction: Direction,
    key: Key,
}

/// The receiving half of a session.
#[derive(Clone)]
pub struct Opener {
    direction: Direction,
    key: Key,
}

impl crate::link::Sealer for Sealer {
    const OVERHEAD: usize = HEADER + TAG;
    const PAYLOAD: usize = HEADER;

    fn seal_in_place(&mut self, frame: &mut [u8], length: usize) -> Result<usize, LinkError> {
        let key = &self.key;
        self.direction.seal(frame, length, |header, payload| -> [u8; TAG] {
            key.code(header, payload).finalize().into_bytes().into()
        })
    }
}

impl crate::link::Opener for Opener {
    fn open<'f>(&mut self, frame: &'f [u8]) -> Result<&'f [u8], LinkError> {
        let key = &self.key;
        self.direction.open(frame, |header, payload, tag: &[u8; TAG]| {
            key.code(header, payload).verify_slice(tag).is_ok()
        })
    }
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("hmac::Sealer").field("direction", &self.direction).finish_non_exhaustive()
    }
}

impl fmt::Debug for Opener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("hmac::Opener").field("direction", &self.direction).finish_non_exhaustive()
    }
}

#[cfg(feature = "defmt")]
impl defmt::Format for Sealer {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "hmac::Sealer({})", self.direction);
    }
}

#[cfg(feature = "defmt")]
impl defmt::Format for Opener {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "hmac::Opener({})", self.direction);
    }
}
