//! What a machine can tell of itself while it runs a trial.

use core::cell::Cell;
use quorate::{Digest, PublicKey, Signature, Signer, Verifier};

/// A machine that counts.
pub trait Gauge {
    /// Instructions since some moment.
    fn instructions(&self) -> u64;
    /// Marks the stack below the caller as unused.
    fn paint(&self);
    /// Bytes of it that were used since.
    fn stack(&self) -> usize;
}

/// A machine that counts nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Host;

impl Gauge for Host {
    fn instructions(&self) -> u64 {
        0
    }

    fn paint(&self) {}

    fn stack(&self) -> usize {
        0
    }
}

/// A signer or verifier that counts what it costs.
#[derive(Debug)]
pub(crate) struct Counted<'g, K, G> {
    key: K,
    gauge: &'g G,
    spent: Cell<u64>,
}

impl<'g, K, G: Gauge> Counted<'g, K, G> {
    pub(crate) const fn new(key: K, gauge: &'g G) -> Self {
        Self { key, gauge, spent: Cell::new(0) }
    }

    /// Instructions until now.
    pub(crate) fn spent(&self) -> u64 {
        self.spent.get()
    }

    fn count<T>(&self, work: impl FnOnce(&K) -> T) -> T {
        let start = self.gauge.instructions();
        let done = work(&self.key);
        self.spent.set(self.spent.get() + self.gauge.instructions() - start);
        done
    }
}

impl<V: Verifier, G: Gauge> Verifier for Counted<'_, V, G> {
    const PROFILE: &'static str = V::PROFILE;

    fn verify(&self, key: &PublicKey, statement: &Digest, signature: &Signature) -> bool {
        self.count(|verifier| verifier.verify(key, statement, signature))
    }

    fn validate(&self, key: &PublicKey) -> bool {
        self.count(|verifier| verifier.validate(key))
    }
}

impl<S: Signer, G: Gauge> Signer for Counted<'_, S, G> {
    fn sign(&self, statement: &Digest) -> Signature {
        self.count(|signer| signer.sign(statement))
    }
}
