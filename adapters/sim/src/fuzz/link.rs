//! Links: frames that are made, lost, repeated, bent, or brought from another session.

use super::whim::Whim;
use quorate::ed25519::{self, SecretKey};
use quorate::hmac::{self, PairKey};
use quorate::link::{Hello, Opener, Proof, Sealer};
use quorate::{ClientId, Digest, NodeId, Principal};
use std::collections::BTreeSet;

/// The most things that happen in one run.
const DEEDS: usize = 64;
/// The longest payload.
const PAYLOAD: usize = 96;

/// Two ends of a link and an attacker in between, who sees all frames of all sessions and brings
/// what it likes.
///
/// A frame opens if and only if it is the peer's, of this session and direction, as it was made,
/// for the first time, and less than 64 behind the last; then its payload is what was sealed. One
/// that does not open changes nothing: the next true one opens.
pub fn link(data: &[u8]) {
    let mut whim = Whim::new(data);
    let bytes = whim.bytes(Hello::LEN + 2);
    if let Ok(hello) = Hello::from_bytes(bytes) {
        assert_eq!(hello.to_bytes()[..], *bytes, "a hello has another encoding");
    }
    // Signatures cost a hundred times as much: one run in sixteen.
    if whim.below(16) == 15 {
        let signed = |mine: &Hello, theirs: &Hello| {
            let secret = |who: Principal| SecretKey::from_seed(Digest::of(&who.to_bytes()).0);
            ed25519::session(&secret(mine.from), &secret(theirs.from).public(), mine, theirs)
                .expect("the hellos belong together")
        };
        attack(&mut whim, Proof::Ed25519, DEEDS / 8, signed);
    } else {
        let pair = PairKey::from_bytes([7; 32]);
        let shared = |mine: &Hello, theirs: &Hello| {
            hmac::session(&pair, mine, theirs).expect("the hellos belong together")
        };
        attack(&mut whim, Proof::Hmac, DEEDS, shared);
    }
}

/// A frame that some end made.
struct Frame {
    session: usize,
    end: usize,
    counter: usize,
    payload: Vec<u8>,
    bytes: Vec<u8>,
}

/// One end of a session.
struct End<S, O> {
    sealer: S,
    opener: O,
    sealed: usize,
    /// The counters of the frames that opened.
    opened: BTreeSet<usize>,
}

const ENDS: [Principal; 2] = [Principal::Node(NodeId(2)), Principal::Client(ClientId(2))];

fn hello(whim: &mut Whim<'_>, proof: Proof, session: u8, end: usize) -> Hello {
    Hello {
        cluster: Digest::of(b"fuzz"),
        epoch: 1,
        from: ENDS[end],
        to: ENDS[1 - end],
        // No nonce is used twice by one sender, whatever the fuzzer says of the rest of it.
        nonce: std::array::from_fn(|at| if at == 0 { session } else { whim.byte() & 1 }),
        proof,
    }
}

fn attack<S: Sealer, O: Opener>(
    whim: &mut Whim<'_>,
    proof: Proof,
    deeds: usize,
    open: impl Fn(&Hello, &Hello) -> (S, O),
) {
    let mut sessions: Vec<[End<S, O>; 2]> = (0..2u8)
        .map(|session| {
            let hellos = [hello(whim, proof, session, 0), hello(whim, proof, session, 1)];
            [0, 1].map(|end| {
                let (sealer, opener) = open(&hellos[end], &hellos[1 - end]);
                End { sealer, opener, sealed: 0, opened: BTreeSet::new() }
            })
        })
        .collect();
    let mut frames: Vec<Frame> = Vec::new();
    for _ in 0..deeds {
        if whim.is_over() {
            break;
        }
        let (session, end) = (whim.below(2), whim.below(2));
        let it = &mut sessions[session][end];
        match whim.below(4) {
            0 => {
                let payload = whim.bytes(PAYLOAD).to_vec();
                let mut bytes = vec![0; payload.len() + S::OVERHEAD];
                let length = it.sealer.seal(&payload, &mut bytes).expect("it fits");
                assert_eq!(length, bytes.len(), "a frame is longer than it says");
                it.sealed += 1;
                frames.push(Frame { session, end, counter: it.sealed, payload, bytes });
            }
            1 => {
                let bytes = whim.bytes(PAYLOAD);
                assert!(it.opener.open(bytes).is_err(), "a frame that nobody made opens");
            }
            2 => {
                let Some(frame) = whim.pick(&frames) else { continue };
                let mut bent = frame.bytes.clone();
                match whim.below(3) {
                    0 => bent.truncate(whim.below(bent.len())),
                    1 => bent.extend([whim.byte()]),
                    _ => {
                        let at = whim.below(bent.len());
                        bent[at] ^= 1 << whim.below(8);
                    }
                }
                assert!(it.opener.open(&bent).is_err(), "a frame opens that was bent");
            }
            _ => {
                let Some(frame) = whim.pick(&frames) else { continue };
                let mine = frame.session == session && frame.end == 1 - end;
                let last = it.opened.last().copied().unwrap_or_default();
                let fresh = !it.opened.contains(&frame.counter) && frame.counter + 64 > last;
                match it.opener.open(&frame.bytes) {
                    Ok(payload) => {
                        assert!(mine, "a frame opens that is of another session or direction");
                        assert!(fresh, "a frame opens twice");
                        assert_eq!(payload, frame.payload, "it has another payload");
                        it.opened.insert(frame.counter);
                    }
                    Err(error) => assert!(!mine || !fresh, "a true frame does not open: {error}"),
                }
            }
        }
    }
}
