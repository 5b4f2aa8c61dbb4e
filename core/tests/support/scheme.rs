//! Signatures that cost one hash: the SHA-256 of the signer's key and the statement. Whoever knows
//! the rules can make them in anybody's name, so a test forges only what it means to forge.

use quorate::auth::{Statement, Tag};
use quorate::{Digest, Principal, PublicKey, Signature, Signer, Verifier};

/// The key of a principal; its "secret" is the same bytes, known to every test.
pub fn key(who: Principal) -> PublicKey {
    let [kind, low, high] = who.to_bytes();
    let mut key = [7; 32];
    (key[0], key[1], key[2]) = (kind, low, high);
    PublicKey(key)
}

/// Signs for one principal.
pub struct TestSigner(pub Principal);

fn proof(key: &PublicKey, statement: &Digest) -> Signature {
    let half = Statement::unscoped(Tag::Frame).bytes(&key.0).digest(statement).finish();
    let mut bytes = [0; 64];
    bytes[..32].copy_from_slice(&half.0);
    Signature::from_bytes(bytes)
}

impl Signer for TestSigner {
    fn sign(&self, statement: &Digest) -> Signature {
        proof(&key(self.0), statement)
    }
}

#[derive(Clone, Copy, Debug)]
pub struct TestVerifier;

impl Verifier for TestVerifier {
    const PROFILE: &'static str = "test";

    fn verify(&self, key: &PublicKey, statement: &Digest, signature: &Signature) -> bool {
        proof(key, statement) == *signature
    }

    fn validate(&self, _: &PublicKey) -> bool {
        true
    }
}
