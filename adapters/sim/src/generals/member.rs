//! One general of a run: its machines, its clock, its mouth.

use super::creed::Creed;
use super::mishap::{Mishap, frozen};
use super::mouth::Mouth;
use crate::clock::Clock;
use crate::scheme::{Key, Scheme};
use quorate::rounds::General;
use quorate::{Digest, Instant, NodeId, NodeSet, PublicKey, Signature, Verifier};
use std::cell::Cell;

/// A machine of a general: one for each agreement, and again for the copy of a twin.
#[derive(Debug)]
pub(super) struct Machine<C: Creed> {
    pub(super) general: General<C::Rules>,
    /// The deadline for which a wake-up is under way.
    pub(super) due: Option<Instant>,
    /// It was stepped for the first time when it was too late: it must not speak or decide.
    pub(super) overslept: bool,
    /// Signatures that were verified in the round that is open.
    pub(super) verified: u64,
}

impl<C: Creed> Machine<C> {
    pub(super) const fn new(general: General<C::Rules>) -> Self {
        Self { general, due: None, overslept: false, verified: 0 }
    }
}

/// A general and its host.
#[derive(Debug)]
pub(super) struct Member<C: Creed> {
    pub(super) me: NodeId,
    pub(super) key: Key,
    pub(super) clock: Clock,
    pub(super) machines: Vec<Machine<C>>,
    pub(super) mishaps: Vec<Mishap>,
    pub(super) mouth: Option<Box<dyn Mouth<C>>>,
    /// Who hears the first and who hears the copy of a twin; `None`: it is no twin.
    pub(super) twin: Option<[NodeSet; 2]>,
}

impl<C: Creed> Member<C> {
    /// Until when it stands still, if it does now.
    pub(super) fn frozen(&self, now: Instant) -> Option<Instant> {
        frozen(&self.mishaps, now)
    }

    /// Whether it has lost its power.
    pub(super) fn is_down(&self, now: Instant) -> bool {
        self.mishaps.iter().any(|it| matches!(*it, Mishap::Crashed(at) if at <= now))
    }
}

/// A verifier that counts.
#[derive(Debug)]
pub(super) struct Counting<'s> {
    pub(super) scheme: &'s Scheme,
    pub(super) count: Cell<u64>,
}

impl Verifier for Counting<'_> {
    const PROFILE: &'static str = Scheme::PROFILE;

    fn verify(&self, key: &PublicKey, statement: &Digest, signature: &Signature) -> bool {
        self.count.set(self.count.get() + 1);
        self.scheme.verify(key, statement, signature)
    }

    fn validate(&self, key: &PublicKey) -> bool {
        self.scheme.validate(key)
    }
}
