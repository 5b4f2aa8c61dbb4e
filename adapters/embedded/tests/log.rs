//! What a board logs of those who have keys: the bytes that a logger of `defmt` gets.
#![allow(missing_docs, missing_debug_implementations, unreachable_pub)]

use defmt::Format;
use quorate::ed25519::{self, Ed25519, SecretKey};
use quorate::hmac::{self, PairKey};
use quorate::link::{Hello, Proof};
use quorate::rounds::{Config, Instance, Schedule};
use quorate::{Digest, Instant, NodeId, Principal, PublicKey, Roster, om};
use quorate_embedded::{Assembly, Member, Node, PairKeys, Seats, Settings, Signatures};
use std::cell::RefCell;
use std::time::Duration;

thread_local! {
    static LOGGED: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// It keeps what it gets as it is: no encoder makes a key look like something else.
#[defmt::global_logger]
struct Logger;

// SAFETY: each thread has its own bytes, so there is nobody to be kept out.
unsafe impl defmt::Logger for Logger {
    fn acquire() {}
    unsafe fn flush() {}
    unsafe fn release() {}
    unsafe fn write(bytes: &[u8]) {
        LOGGED.with_borrow_mut(|logged| logged.extend_from_slice(bytes));
    }
}

defmt::timestamp!("");

/// All that is logged of something.
fn logged(what: &impl Format) -> Vec<u8> {
    LOGGED.take();
    defmt::println!("{}", what);
    LOGGED.take()
}

/// Whether any part of a secret is among the bytes, as it is or written in digits of 16. Four bytes
/// are too much.
fn shows(logged: &[u8], secret: &[u8]) -> bool {
    let has = |part: &[u8]| logged.windows(part.len()).any(|bytes| bytes == part);
    let hex = |part: &[u8]| part.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    secret.windows(4).any(|part| has(part) || has(hex(part).as_bytes()))
}

/// Nothing of what is logged may follow from a secret: the same is logged with another one.
fn hides<T: Format>(name: &str, with: impl Fn([u8; 32]) -> T) {
    let [one, other] = [1, 2].map(secret);
    let [first, second] = [one, other].map(|secret| logged(&with(secret)));
    assert!(!first.is_empty(), "{name} is not logged at all");
    assert!(!shows(&first, &one) && !shows(&second, &other), "{name} shows a key: {first:02x?}");
    assert_eq!(first, second, "something of a key is in what is logged of {name}");
}

/// 32 bytes that are nowhere else.
fn secret(seed: u8) -> [u8; 32] {
    Digest::of(&[0x5e, seed]).0
}

const SEATS: Seats = Seats { nodes: 4, clients: 0 };

fn node(id: u8) -> Principal {
    Principal::Node(NodeId(id))
}

/// The hellos of node 0 and node 1.
fn hellos(proof: Proof) -> (Hello, Hello) {
    let hello = |from, to, nonce| {
        let (cluster, nonce) = (Digest::of(b"log"), [nonce; 32]);
        Hello { cluster, epoch: 1, from: node(from), to: node(to), nonce, proof }
    };
    (hello(0, 1, 8), hello(1, 0, 9))
}

/// A member all of whose secrets follow from one.
fn member(secret: [u8; 32]) -> Member<PairKeys<[PairKey; 4]>, Vec<PublicKey>, SecretKey, Ed25519> {
    let publics = (1..5).map(|seed| SecretKey::from_seed([seed; 32]).public()).collect();
    let roster = Roster::new(Digest::of(b"log"), 1, publics, Vec::new(), &Ed25519).unwrap();
    let proofs = PairKeys::new(SEATS, [(); 4].map(|()| PairKey::from_bytes(secret)));
    let signer = SecretKey::from_seed(secret);
    Member { me: node(0), roster, proofs, signer, verifier: Ed25519 }
}

fn general() -> om::General<u8, om::Fixed<u8, 4, 1, { om::slots(4, 1) }>> {
    let instance = Instance { number: 1, commander: NodeId(1) };
    let config = Config { me: NodeId(0), nodes: 4, traitors: 1, instance };
    let (round, margin) = (Duration::from_millis(20), Duration::from_millis(5));
    let schedule = Schedule::new(Instant::from_micros(1), round, margin).unwrap();
    om::General::new(config, schedule, om::Fixed::new()).unwrap()
}

#[test]
fn the_logger_gets_what_is_logged_and_a_secret_is_found_in_it() {
    let told = secret(3);
    assert!(shows(&logged(&told), &told), "bytes");
    assert!(shows(&logged(&Some(&told[7..12])), &told), "some bytes");
    let text = format!("{told:02x?}").replace(", ", "");
    assert!(shows(&logged(&text.as_str()), &told), "digits");
    assert!(!shows(&logged(&secret(4)), &told), "other bytes");
}

/// Everything that has a key, or the nonce that all nonces come from.
#[test]
fn nothing_that_is_logged_shows_a_key() {
    hides("a pair's key", PairKey::from_bytes);
    let (mine, theirs) = hellos(Proof::Hmac);
    let session = |key| hmac::session(&PairKey::from_bytes(key), &mine, &theirs).unwrap();
    hides("hmac's sealer", |key| session(key).0);
    hides("hmac's opener", |key| session(key).1);
    hides("pair keys", |key| PairKeys::new(SEATS, vec![PairKey::from_bytes(key); 4]));

    let (mine, theirs) = hellos(Proof::Ed25519);
    let peer = SecretKey::from_seed([7; 32]).public();
    let session =
        |key| ed25519::session(&SecretKey::from_seed(key), &peer, &mine, &theirs).unwrap();
    hides("ed25519's sealer", |key| session(key).0);
    hides("ed25519's opener", |key| session(key).1);
    let signatures = |key| Signatures::new(SecretKey::from_seed(key), [peer], [peer]);
    hides("signatures", signatures);

    hides("settings", Settings::new);
    hides("a member", member);
    hides("a node", |secret| {
        let (identity, settings) = (member(secret), Settings::new(secret));
        let (general, host) = (general(), Assembly::new());
        Node::<_, _, _, _, 4>::new(general, host, identity, [0; 3 * 128], settings).unwrap()
    });
}

/// The public half of a secret key may be seen, and nothing else.
#[test]
fn of_a_secret_key_only_the_public_half_is_logged() {
    let key = SecretKey::from_seed(secret(1));
    let bytes = logged(&key);
    assert!(shows(&bytes, &key.public().0), "its public half");
    assert!(!shows(&bytes, &secret(1)), "{bytes:02x?}");
}
