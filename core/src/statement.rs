//! Statements: what a digest or a signature covers, apart from every other statement there is.

use crate::auth::Digest;
use crate::node::Principal;
use core::fmt;
use sha2::{Digest as _, Sha256};

/// Which cluster, in which epoch of its life, under which rules of verification: the part of
/// every statement that keeps it from meaning anything anywhere else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Scope {
    /// A digest of all constants of the cluster: keys, sizes, switches.
    pub cluster: Digest,
    /// Counts the memberships of the cluster; 0 for the first.
    pub epoch: u32,
    /// [`Verifier::PROFILE`](crate::Verifier::PROFILE) of the scheme that all members use.
    pub profile: &'static str,
}

/// Domain tags: one for each kind of thing that is signed, hashed or authenticated.
///
/// The numbers are part of the wire format and never change their meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[repr(u8)]
pub enum Tag {
    /// A frame on a link.
    Frame = 1,
    /// The key of a link's session.
    Session = 2,
    /// The identity of a cluster.
    Cluster = 3,
    /// The key of a pair of principals, agreed from their identity keys.
    Pair = 4,
    /// A client's request (PBFT).
    Request = 16,
    /// A batch of requests (PBFT).
    Batch = 17,
    /// The batch that does nothing (PBFT).
    Null = 18,
    /// A checkpoint of state and client table (PBFT).
    Checkpoint = 19,
    /// A VIEW-CHANGE (PBFT).
    ViewChange = 20,
    /// A NEW-VIEW (PBFT).
    NewView = 21,
    /// A client's read (PBFT).
    Read = 25,
    /// An order or its endorsement (SM).
    Order = 32,
    /// A client's request (lockstep).
    LockstepRequest = 33,
    /// The state after a slot (lockstep).
    LockstepState = 34,
    /// A page of a state (PBFT).
    Page = 48,
    /// A node of the tree over its pages (PBFT).
    Node = 49,
}

/// The digest of a statement, built from fixed-width little-endian fields.
///
/// It starts with the domain tag, the profile, the cluster, the epoch and the author, so that
/// no statement of one kind, cluster, epoch or author is one of another. Byte strings go in with
/// their length first, so that two fields never run into one.
#[derive(Clone)]
pub struct Statement(Sha256);

impl Statement {
    /// Begins a statement of `author`.
    #[must_use]
    pub fn new(tag: Tag, scope: &Scope, author: Principal) -> Self {
        Self::unscoped(tag)
            .bytes(if canary!("profile_left_out") { b"" } else { scope.profile.as_bytes() })
            .digest(if canary!("cluster_left_out") { &Digest::ZERO } else { &scope.cluster })
            .u64(if canary!("epoch_left_out") { 0 } else { scope.epoch.into() })
            .raw(&author.to_bytes())
    }

    /// Begins the digest of a thing that nobody signs: a batch, a checkpoint.
    #[must_use]
    pub fn unscoped(tag: Tag) -> Self {
        Self(Sha256::new()).raw(b"quorate/1").raw(&[if canary!("type_left_out") {
            0
        } else {
            tag as u8
        }])
    }

    /// Adds a number.
    #[must_use]
    pub fn u64(self, value: u64) -> Self {
        self.raw(
            &(value & u64::MAX >> if canary!("numbers_cut_short") { 32 } else { 0 }).to_le_bytes(),
        )
    }

    /// Adds a digest.
    #[must_use]
    pub fn digest(self, value: &Digest) -> Self {
        self.raw(&value.0)
    }

    /// Adds a byte string, its length first.
    #[must_use]
    pub fn bytes(self, value: &[u8]) -> Self {
        self.u64(value.len() as u64).raw(value)
    }

    /// The digest of all that was added.
    #[must_use]
    pub fn finish(self) -> Digest {
        Digest(self.0.finalize().into())
    }

    /// Adds bytes whose number follows from what is before them.
    pub(crate) fn absorb(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn raw(mut self, value: &[u8]) -> Self {
        self.absorb(value);
        self
    }
}

impl fmt::Debug for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Statement")
    }
}

#[cfg(feature = "defmt")]
impl defmt::Format for Statement {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "Statement");
    }
}
