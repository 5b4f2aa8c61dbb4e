//! The signatures of a board that brings its own: a secure element, say.

use crate::port;
use quorate::{Digest, PublicKey, Signature, Signer, Verifier};

/// A secure element behind the port.
#[derive(Clone, Copy, Debug, Default)]
pub struct Element;

impl Signer for Element {
    fn sign(&self, statement: &Digest) -> Signature {
        port::write(&statement.0);
        Signature::from_bytes(core::array::from_fn(|_| port::read()))
    }
}

impl Verifier for Element {
    const PROFILE: &'static str = "of the board";

    fn verify(&self, key: &PublicKey, statement: &Digest, signature: &Signature) -> bool {
        port::write(&key.0);
        port::write(&statement.0);
        port::write(&signature.to_bytes());
        port::read() != 0
    }

    fn validate(&self, key: &PublicKey) -> bool {
        port::write(&key.0);
        port::read() != 0
    }
}
