//! Requests and batches: the bytes that are agreed on.
//!
//! A batch is the concatenation of its requests, each of fixed-width little-endian fields:
//! client (2), timestamp (8), length (4), operation, signature (64). There is one encoding of
//! each batch, so its bytes are what its digest covers, client signatures included: replicas
//! that agree on a digest agree on whether the requests in it are authentic.

use crate::auth::{Digest, PublicKey, Roster, Scope, Signature, Statement, Tag, Verifier};
use crate::fault::Fault;
use crate::node::{ClientId, Principal};
use crate::wire::Bytes;
use serde::{Deserialize, Serialize};

/// The most requests of one batch.
pub const MAX_REQUESTS: usize = 64;

/// REQUEST(client, timestamp, operation), signed by the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Request<'a> {
    /// Who asks.
    pub client: ClientId,
    /// Rises with each request of the client.
    pub timestamp: u64,
    /// What is asked, in the application's own terms.
    #[serde(borrow)]
    pub operation: Bytes<'a>,
    /// The client's signature.
    pub signature: Signature,
}

impl<'a> Request<'a> {
    /// How many bytes a request takes in a batch beside its operation.
    pub const OVERHEAD: usize = 2 + 8 + 4 + 64;

    /// The statement that the client of a PBFT cluster signs.
    #[must_use]
    pub fn digest(&self, scope: &Scope) -> Digest {
        self.statement(Tag::Request, scope)
    }

    /// The statement that the client signs where `tag` tells which protocol orders it.
    pub(crate) fn statement(&self, tag: Tag, scope: &Scope) -> Digest {
        Statement::new(tag, scope, Principal::Client(self.client))
            .u64(self.timestamp)
            .bytes(self.operation.0)
            .finish()
    }

    /// How many bytes the request takes in a batch.
    #[must_use]
    pub const fn len(&self) -> usize {
        Self::OVERHEAD.saturating_add(self.operation.0.len())
    }

    /// Never: a request has a header.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        false
    }

    pub(crate) fn verify<K: AsRef<[PublicKey]>, V: Verifier>(
        &self,
        roster: &Roster<K>,
        verifier: &V,
    ) -> Result<Digest, Fault> {
        let digest = self.digest(roster.scope());
        roster.check(verifier, Principal::Client(self.client), &digest, &self.signature)?;
        Ok(digest)
    }

    /// Appends the request to the `used` bytes at the front of `buffer`; returns the new length,
    /// or `None`, with nothing written, if it does not fit.
    pub(crate) fn append(&self, buffer: &mut [u8], used: usize) -> Option<usize> {
        let end = used.checked_add(self.len())?;
        let length = u32::try_from(self.operation.0.len()).ok()?;
        let mut rest = buffer.get_mut(used..end)?;
        for field in [
            &self.client.0.to_le_bytes()[..],
            &self.timestamp.to_le_bytes(),
            &length.to_le_bytes(),
            self.operation.0,
            &self.signature.to_bytes(),
        ] {
            let (here, there) = rest.split_at_mut_checked(field.len())?;
            here.copy_from_slice(field);
            rest = there;
        }
        Some(end)
    }

    /// Splits the first request off; `None` if the bytes do not begin with a whole one.
    fn split(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (client, rest) = bytes.split_first_chunk::<2>()?;
        let (timestamp, rest) = rest.split_first_chunk::<8>()?;
        let (length, rest) = rest.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
        let (operation, rest) = rest.split_at_checked(length)?;
        let (signature, rest) = rest.split_first_chunk::<64>()?;
        let request = Self {
            client: ClientId(u16::from_le_bytes(*client)),
            timestamp: u64::from_le_bytes(*timestamp),
            operation: Bytes(operation),
            signature: Signature::from_bytes(*signature),
        };
        Some((request, rest))
    }
}

/// A batch: one or more requests of distinct clients, or NULL, which is no bytes at all and
/// does nothing: a NEW-VIEW fills gaps with it, and a primary with nothing else to do proposes it
/// to help a replica that recovers.
#[derive(Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Batch<'a>(#[serde(borrow)] Bytes<'a>);

impl<'a> Batch<'a> {
    /// A batch from its bytes; whether they are one, [`Batch::check`] tells.
    #[must_use]
    pub const fn from_bytes(bytes: &'a [u8]) -> Self {
        Self(Bytes(bytes))
    }

    /// The bytes of the batch.
    #[must_use]
    pub const fn bytes(&self) -> &'a [u8] {
        self.0.0
    }

    /// The digest of the batch that does nothing.
    #[must_use]
    pub fn null_digest() -> Digest {
        Statement::unscoped(Tag::Null).finish()
    }

    /// The digest of the batch.
    #[must_use]
    pub fn digest(&self) -> Digest {
        if self.bytes().is_empty() {
            return Self::null_digest();
        }
        Statement::unscoped(Tag::Batch).bytes(self.bytes()).finish()
    }

    /// The requests, in order. Ends early at bytes that are no request.
    pub fn iter(&self) -> Requests<'a> {
        Requests { rest: self.bytes() }
    }

    /// Whether no request more may be added.
    pub(crate) fn is_full(&self) -> bool {
        self.iter().count() >= MAX_REQUESTS
    }

    /// Whether it may be proposed: whole requests, one at least and [`MAX_REQUESTS`] at most,
    /// each of another of the cluster's clients.
    ///
    /// # Errors
    /// [`Fault::BadBatch`].
    pub fn check(&self, clients: usize) -> Result<(), Fault> {
        let mut requests = self.iter();
        let mut count = 0;
        while let Some(request) = requests.next() {
            count += 1;
            let twice = requests.clone().any(|later| later.client == request.client);
            if count > MAX_REQUESTS || twice || request.client.index() >= clients {
                return Err(Fault::BadBatch);
            }
        }
        if count == 0 || !requests.rest.is_empty() { Err(Fault::BadBatch) } else { Ok(()) }
    }
}

impl core::fmt::Debug for Batch<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "batch of {}", self.iter().count())
    }
}

/// The requests of a batch, in order.
#[derive(Clone, Debug)]
pub struct Requests<'a> {
    rest: &'a [u8],
}

#[cfg(feature = "defmt")]
impl defmt::Format for Requests<'_> {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "{} requests", self.clone().count());
    }
}

impl<'a> Iterator for Requests<'a> {
    type Item = Request<'a>;

    fn next(&mut self) -> Option<Request<'a>> {
        let (request, rest) = Request::split(self.rest)?;
        self.rest = rest;
        Some(request)
    }
}
