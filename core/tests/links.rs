//! Links: only the peer's own frames of this session open, each once, whatever else arrives.
#![cfg(feature = "ed25519")]

use quorate::auth::{Digest, PublicKey};
use quorate::ed25519::{self, SecretKey};
use quorate::hmac::{self, PairKey};
use quorate::link::{Hello, LinkError, Opener, Proof, Sealer};
use quorate::{ClientId, NodeId, Principal};

#[path = "support/rng.rs"]
mod rng;
use rng::Rng;

const A: Principal = Principal::Node(NodeId(0));
const B: Principal = Principal::Node(NodeId(1));
const C: Principal = Principal::Node(NodeId(2));
const HEADER: usize = 1 + 1 + 3 + 8;

/// One kind of link, so that each rule is tested for both.
trait Kind {
    type Sealer: Sealer + Clone;
    type Opener: Opener;
    const PROOF: Proof;
    fn session(mine: &Hello, theirs: &Hello) -> Result<Ends<Self>, LinkError>;
}

type Ends<K> = (<K as Kind>::Sealer, <K as Kind>::Opener);

struct Macs;

impl Kind for Macs {
    type Sealer = hmac::Sealer;
    type Opener = hmac::Opener;
    const PROOF: Proof = Proof::Hmac;

    fn session(mine: &Hello, theirs: &Hello) -> Result<Ends<Self>, LinkError> {
        let pair = secret(mine.from).agree(&secret(mine.to).public())?;
        hmac::session(&pair, mine, theirs)
    }
}

/// MACs again, with one key for every pair: what binds a frame to its link is then not the key.
struct OneKey;

impl Kind for OneKey {
    type Sealer = hmac::Sealer;
    type Opener = hmac::Opener;
    const PROOF: Proof = Proof::Hmac;

    fn session(mine: &Hello, theirs: &Hello) -> Result<Ends<Self>, LinkError> {
        hmac::session(&PairKey::from_bytes([7; 32]), mine, theirs)
    }
}

struct Signatures;

impl Kind for Signatures {
    type Sealer = ed25519::Sealer;
    type Opener = ed25519::Opener;
    const PROOF: Proof = Proof::Ed25519;

    fn session(mine: &Hello, theirs: &Hello) -> Result<Ends<Self>, LinkError> {
        ed25519::session(&secret(mine.from), &secret(mine.to).public(), mine, theirs)
    }
}

macro_rules! for_each_kind {
    ($($rule:ident)*) => {
        mod macs { $(#[test] fn $rule() { super::$rule::<super::Macs>(); })* }
        mod one_key { $(#[test] fn $rule() { super::$rule::<super::OneKey>(); })* }
        mod signatures { $(#[test] fn $rule() { super::$rule::<super::Signatures>(); })* }
    };
}

for_each_kind! {
    payloads_travel_both_ways
    one_buffer_is_sealed_for_one_peer_after_the_other
    a_replay_within_the_session_is_refused
    frames_that_overtake_each_other_open_once_each
    a_frame_of_another_session_is_refused
    a_replayed_handshake_opens_nothing
    a_reflected_frame_is_refused
    a_frame_for_another_receiver_is_refused
    a_frame_of_another_cluster_or_epoch_is_refused
    every_flipped_bit_is_refused_and_the_link_stays_usable
    every_other_length_is_refused_and_the_link_stays_usable
    every_flipped_bit_of_a_hello_is_noticed
    unknown_versions_and_kinds_are_refused_by_name
    hellos_that_do_not_belong_together_are_refused_by_name
    lost_frames_do_no_harm
    principals_at_their_bounds_have_links
    a_short_buffer_is_refused_and_costs_nothing
}

fn secret(who: Principal) -> SecretKey {
    SecretKey::from_seed(Digest::of(&who.to_bytes()).0)
}

fn hello<K: Kind>(from: Principal, to: Principal, nonce: u8) -> Hello {
    let cluster = Digest::of(b"cluster");
    Hello { cluster, epoch: 3, from, to, nonce: [nonce; 32], proof: K::PROOF }
}

/// Both ends of the link between two hellos.
fn link<K: Kind>(a: &Hello, b: &Hello) -> (Ends<K>, Ends<K>) {
    let open = |mine, theirs| K::session(mine, theirs).unwrap_or_else(|e| panic!("{e}"));
    (open(a, b), open(b, a))
}

fn a_and_b<K: Kind>() -> (Ends<K>, Ends<K>) {
    link::<K>(&hello::<K>(A, B, 1), &hello::<K>(B, A, 2))
}

fn seal<S: Sealer>(sealer: &mut S, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0xee; payload.len() + S::OVERHEAD + 5];
    let len = sealer.seal(payload, &mut frame).unwrap();
    assert_eq!(len, payload.len() + S::OVERHEAD);
    frame.truncate(len);
    frame
}

fn payloads_travel_both_ways<K: Kind>() {
    let ((mut seal_a, mut open_a), (mut seal_b, mut open_b)) = a_and_b::<K>();
    for length in [0, 1, 63, 64, 65, 1000, 100_000] {
        let payload = vec![0x5a; length];
        assert_eq!(open_b.open(&seal(&mut seal_a, &payload)), Ok(&payload[..]));
        assert_eq!(open_a.open(&seal(&mut seal_b, &payload)), Ok(&payload[..]));
    }
}

fn one_buffer_is_sealed_for_one_peer_after_the_other<K: Kind>() {
    let ends = [B, C].map(|peer| link::<K>(&hello::<K>(A, peer, 1), &hello::<K>(peer, A, 2)));
    let mut buffer = [0xee; 256];
    buffer[K::Sealer::PAYLOAD..][..7].copy_from_slice(b"payload");
    for ((mut sealer, _), (_, mut opener)) in ends {
        let (mut copying, mut apart) = (sealer.clone(), [0xee; 256]);
        let length = sealer.seal_in_place(&mut buffer, 7).unwrap();
        assert_eq!(length, 7 + K::Sealer::OVERHEAD);
        assert_eq!(copying.seal(b"payload", &mut apart), Ok(length));
        assert_eq!(buffer, apart, "nothing behind the frame is written either");
        assert_eq!(opener.open(&buffer[..length]), Ok(&b"payload"[..]));
    }
}

fn a_replay_within_the_session_is_refused<K: Kind>() {
    let ((mut sealer, _), (_, mut opener)) = a_and_b::<K>();
    let frames = [&b"1"[..], b"2", b"3"].map(|payload| seal(&mut sealer, payload));
    assert_eq!(opener.open(&frames[0]), Ok(&b"1"[..]));
    assert_eq!(opener.open(&frames[0]), Err(LinkError::Replayed));
    assert_eq!(opener.open(&frames[2]), Ok(&b"3"[..]));
    assert_eq!(opener.open(&frames[1]), Ok(&b"2"[..]));
    for old in &frames {
        assert_eq!(opener.open(old), Err(LinkError::Replayed));
    }
    assert_eq!(opener.open(&seal(&mut sealer, b"4")), Ok(&b"4"[..]));
}

/// In whatever order, with repeats and forgeries in between: each frame that is less than 64 behind
/// the highest opens at its first coming and no other, and those that are farther never.
fn frames_that_overtake_each_other_open_once_each<K: Kind>() {
    for seed in 0..4 {
        let ((mut sealer, _), (_, mut opener)) = a_and_b::<K>();
        let frames: Vec<_> = (0..200u8).map(|at| seal(&mut sealer, &[at])).collect();
        let mut rng = Rng::new(seed);
        let (mut seen, mut highest, mut late) = ([false; 200], 0, 0);
        for at in 0..200 {
            let reach = 1 + rng.below(90);
            for _ in 0..3 {
                let next = (at + rng.below(reach)).min(199);
                let mut forged = frames[next].clone();
                forged[HEADER] ^= 1;
                assert_eq!(opener.open(&forged), Err(LinkError::Forged));
                let is_late = highest >= next + 64;
                late += u32::from(is_late && !seen[next]);
                let opened = opener.open(&frames[next]).map(<[u8]>::to_vec);
                let refused = seen[next] || is_late;
                let expected =
                    if refused { Err(LinkError::Replayed) } else { Ok(vec![next as u8]) };
                assert_eq!(opened, expected, "seed {seed}, frame {next} after {highest}");
                (seen[next], highest) = (seen[next] || !is_late, highest.max(next));
            }
        }
        assert!(seed > 0 || late > 0 && seen.iter().filter(|it| **it).count() > 100);
    }
}

#[test]
fn a_frame_is_too_late_behind_64_others_and_not_behind_63() {
    for (behind, in_time) in [(1, true), (62, true), (63, true), (64, false), (65, false)] {
        let ((mut sealer, _), (_, mut opener)) = a_and_b::<Macs>();
        let frames: Vec<_> = (0..100).map(|_| seal(&mut sealer, b"payload")).collect();
        assert!(opener.open(&frames[80]).is_ok());
        assert_eq!(opener.open(&frames[80 - behind]).is_ok(), in_time, "{behind} behind");
    }
}

fn a_frame_of_another_session_is_refused<K: Kind>() {
    let ((mut sealer, _), _) = a_and_b::<K>();
    let recorded = seal(&mut sealer, b"recorded");
    for (nonce_a, nonce_b) in [(1, 9), (9, 2), (9, 8), (2, 1)] {
        let (a, b) = (hello::<K>(A, B, nonce_a), hello::<K>(B, A, nonce_b));
        let ((mut sealer, _), (_, mut opener)) = link::<K>(&a, &b);
        assert_eq!(opener.open(&recorded), Err(LinkError::Forged));
        assert_eq!(opener.open(&seal(&mut sealer, b"new")), Ok(&b"new"[..]));
        assert_eq!(opener.open(&recorded), Err(LinkError::Forged));
    }
}

/// An attacker plays A's side of a recorded session to B, which draws a fresh nonce.
fn a_replayed_handshake_opens_nothing<K: Kind>() {
    let recorded_hello = hello::<K>(A, B, 1);
    let ((mut sealer, _), _) = a_and_b::<K>();
    let recorded = [&b"1"[..], b"2", b"3"].map(|payload| seal(&mut sealer, payload));
    let (_, mut opener) = K::session(&hello::<K>(B, A, 3), &recorded_hello).unwrap();
    for frame in &recorded {
        assert_eq!(opener.open(frame), Err(LinkError::Forged));
    }
}

fn a_reflected_frame_is_refused<K: Kind>() {
    let ((mut seal_a, mut open_a), (mut seal_b, _)) = a_and_b::<K>();
    let mut frame = seal(&mut seal_a, b"mine");
    assert_eq!(open_a.open(&frame), Err(LinkError::WrongSender));
    // The attacker writes the peer's name over ours.
    frame[2..5].copy_from_slice(&B.to_bytes());
    assert_eq!(open_a.open(&frame), Err(LinkError::Forged));
    assert_eq!(open_a.open(&seal(&mut seal_b, b"theirs")), Ok(&b"theirs"[..]));
    // Our own hello sent back is no answer to it.
    let mine = hello::<K>(A, B, 1);
    assert!(matches!(K::session(&mine, &mine), Err(LinkError::WrongPeer)));
}

fn a_frame_for_another_receiver_is_refused<K: Kind>() {
    let ((mut to_b, _), _) = a_and_b::<K>();
    // A speaks to C as well, with the very same nonces.
    let (_, (_, mut opener)) = link::<K>(&hello::<K>(A, C, 1), &hello::<K>(C, A, 2));
    assert_eq!(opener.open(&seal(&mut to_b, b"for b")), Err(LinkError::Forged));
    // And C may not pass for A.
    let ((mut from_c, _), _) = link::<K>(&hello::<K>(C, B, 1), &hello::<K>(B, C, 2));
    let (_, (_, mut opener)) = a_and_b::<K>();
    let mut frame = seal(&mut from_c, b"from c");
    assert_eq!(opener.open(&frame), Err(LinkError::WrongSender));
    frame[2..5].copy_from_slice(&A.to_bytes());
    assert_eq!(opener.open(&frame), Err(LinkError::Forged));
}

fn a_frame_of_another_cluster_or_epoch_is_refused<K: Kind>() {
    let ((mut sealer, _), _) = a_and_b::<K>();
    let frame = seal(&mut sealer, b"payload");
    let (a, b) = (hello::<K>(A, B, 1), hello::<K>(B, A, 2));
    let elsewhere = |hello: Hello| Hello { cluster: Digest::of(b"other"), ..hello };
    let later = |hello: Hello| Hello { epoch: 4, ..hello };
    for (a, b) in [(elsewhere(a), elsewhere(b)), (later(a), later(b))] {
        let (_, (_, mut opener)) = link::<K>(&a, &b);
        assert_eq!(opener.open(&frame), Err(LinkError::Forged));
    }
}

fn every_flipped_bit_is_refused_and_the_link_stays_usable<K: Kind>() {
    let ((mut sealer, _), (_, mut opener)) = a_and_b::<K>();
    let frame = seal(&mut sealer, b"eight by");
    for bit in 0..frame.len() * 8 {
        let mut flipped = frame.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let expected = match bit / 8 {
            0..=1 => LinkError::Unknown,
            2..=4 => LinkError::WrongSender,
            _ => LinkError::Forged,
        };
        assert_eq!(opener.open(&flipped), Err(expected), "bit {bit}");
    }
    assert_eq!(opener.open(&frame), Ok(&b"eight by"[..]));
}

fn every_other_length_is_refused_and_the_link_stays_usable<K: Kind>() {
    let ((mut sealer, _), (_, mut opener)) = a_and_b::<K>();
    let frame = seal(&mut sealer, b"payload");
    for length in 0..frame.len() {
        let too_short = length < K::Sealer::OVERHEAD;
        let expected = if too_short { LinkError::TooShort } else { LinkError::Forged };
        assert_eq!(opener.open(&frame[..length]), Err(expected), "length {length}");
    }
    let mut longer = frame.clone();
    longer.push(0);
    assert_eq!(opener.open(&longer), Err(LinkError::Forged));
    assert_eq!(opener.open(&frame), Ok(&b"payload"[..]));
}

/// Hellos are not authenticated, so whatever an attacker changes in one must show later.
fn every_flipped_bit_of_a_hello_is_noticed<K: Kind>() {
    let (a, b) = (hello::<K>(A, B, 1), hello::<K>(B, A, 2));
    let (mut seal_b, mut open_b) = K::session(&b, &a).unwrap();
    for bit in 0..Hello::LEN * 8 {
        let mut bytes = b.to_bytes();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let Ok((mut seal_a, mut open_a)) =
            Hello::from_bytes(&bytes).and_then(|theirs| K::session(&a, &theirs))
        else {
            continue;
        };
        let noticed_by_a = open_a.open(&seal(&mut seal_b, b"to a")).is_err();
        let noticed_by_b = open_b.open(&seal(&mut seal_a, b"to b")).is_err();
        assert!(noticed_by_a && noticed_by_b, "bit {bit}");
    }
}

fn unknown_versions_and_kinds_are_refused_by_name<K: Kind>() {
    let ((mut sealer, _), (_, mut opener)) = a_and_b::<K>();
    let frame = seal(&mut sealer, b"payload");
    for (at, known) in [(0, 1), (1, K::PROOF as u8)] {
        for other in (0..=255).filter(|byte| *byte != known) {
            let mut changed = frame.clone();
            changed[at] = other;
            assert_eq!(opener.open(&changed), Err(LinkError::Unknown));
        }
    }
    // A hello is no frame.
    let hello = hello::<K>(A, B, 1).to_bytes();
    assert!(opener.open(&hello).is_err());
    assert_eq!(opener.open(&frame), Ok(&b"payload"[..]));
}

fn hellos_that_do_not_belong_together_are_refused_by_name<K: Kind>() {
    let (a, b) = (hello::<K>(A, B, 1), hello::<K>(B, A, 2));
    let other = if K::PROOF == Proof::Hmac { Proof::Ed25519 } else { Proof::Hmac };
    let cases = [
        (Hello { cluster: Digest::ZERO, ..b }, LinkError::OtherCluster),
        (Hello { epoch: 4, ..b }, LinkError::OtherEpoch),
        (Hello { proof: other, ..b }, LinkError::OtherProof),
        (Hello { from: C, ..b }, LinkError::WrongPeer),
        (Hello { to: C, ..b }, LinkError::WrongPeer),
        (Hello { from: A, to: B, ..b }, LinkError::WrongPeer),
        (Hello { from: Principal::Client(ClientId(1)), ..b }, LinkError::WrongPeer),
    ];
    for (theirs, expected) in cases {
        assert_eq!(K::session(&a, &theirs).err(), Some(expected), "{theirs:?}");
    }
    let wrong = Hello { proof: other, ..a };
    assert_eq!(K::session(&wrong, &b).err(), Some(LinkError::OtherProof));
    let to_self = Hello { to: A, ..a };
    assert_eq!(K::session(&to_self, &to_self).err(), Some(LinkError::ToSelf));
    assert!(K::session(&a, &b).is_ok());
}

fn lost_frames_do_no_harm<K: Kind>() {
    let ((mut sealer, _), (_, mut opener)) = a_and_b::<K>();
    for round in 0..20u8 {
        let frame = seal(&mut sealer, &[round]);
        if round % 3 == 0 {
            assert_eq!(opener.open(&frame), Ok(&[round][..]));
        }
    }
}

fn principals_at_their_bounds_have_links<K: Kind>() {
    let nodes = [0, 1, 63, 255].map(|id| Principal::Node(NodeId(id)));
    let clients = [0, 1, 255, 256, u16::MAX].map(|id| Principal::Client(ClientId(id)));
    let all = || nodes.into_iter().chain(clients);
    for (from, to) in all().flat_map(|from| all().map(move |to| (from, to))) {
        let (a, b) = (hello::<K>(from, to, 1), hello::<K>(to, from, 2));
        assert_eq!(Hello::from_bytes(&a.to_bytes()), Ok(a));
        if from != to {
            let ((mut sealer, _), (_, mut opener)) = link::<K>(&a, &b);
            assert_eq!(opener.open(&seal(&mut sealer, b"payload")), Ok(&b"payload"[..]));
        }
    }
}

fn a_short_buffer_is_refused_and_costs_nothing<K: Kind>() {
    let ((mut sealer, _), (_, mut opener)) = a_and_b::<K>();
    let mut buffer = [0; 256];
    for short in 0..K::Sealer::OVERHEAD + 4 {
        let refused = sealer.seal(b"four", &mut buffer[..short]);
        assert_eq!(refused, Err(LinkError::BufferTooShort));
    }
    let frame = seal(&mut sealer, b"four");
    assert_eq!(frame[5..HEADER], 1u64.to_le_bytes(), "the first frame has counter 1");
    assert_eq!(opener.open(&frame), Ok(&b"four"[..]));
}

#[test]
fn both_ends_agree_on_a_key_that_no_other_pair_has() {
    let frame = |one: Principal, other: Principal, pair: &PairKey| {
        let (a, b) = (hello::<Macs>(one, other, 1), hello::<Macs>(other, one, 2));
        seal(&mut hmac::session(pair, &a, &b).unwrap().0, b"payload")
    };
    let pair = |one, other| secret(one).agree(&secret(other).public()).unwrap();
    assert_eq!(frame(A, B, &pair(A, B)), frame(A, B, &pair(B, A)));
    assert_ne!(frame(A, B, &pair(A, B)), frame(A, B, &pair(A, C)));
    assert_ne!(frame(A, B, &pair(A, B)), frame(A, B, &pair(B, C)));
}

#[test]
fn keys_of_small_order_agree_on_nothing() {
    let mut identity = [0; 32];
    identity[0] = 1;
    let mut not_a_point = [0; 32];
    not_a_point[0] = 2;
    for bad in [[0; 32], identity, not_a_point, [0xff; 32]] {
        let bad = PublicKey(bad);
        assert_eq!(secret(A).agree(&bad).err(), Some(LinkError::BadKey), "{bad:?}");
        let (a, b) = (hello::<Signatures>(A, B, 1), hello::<Signatures>(B, A, 2));
        let session = ed25519::session(&secret(A), &bad, &a, &b);
        assert_eq!(session.err(), Some(LinkError::BadKey), "{bad:?}");
    }
}

#[test]
fn hellos_of_other_lengths_versions_and_kinds_do_not_parse() {
    let hello = hello::<Macs>(A, B, 1);
    let bytes = hello.to_bytes();
    for length in (0..bytes.len()).chain([bytes.len() + 1]) {
        let other = [&bytes[..], &[0]].concat();
        assert_eq!(Hello::from_bytes(&other[..length]), Err(LinkError::WrongLength));
    }
    // Version, kind, proof, then the kinds of both principals and a node's unused byte.
    let bad: [(usize, &[u8]); 6] =
        [(0, &[0, 2]), (1, &[1, 2]), (2, &[0, 3]), (3, &[2, 255]), (6, &[2, 255]), (5, &[1])];
    for (at, values) in bad {
        for value in values {
            let mut bytes = bytes;
            bytes[at] = *value;
            assert_eq!(Hello::from_bytes(&bytes), Err(LinkError::Unknown), "byte {at} {value}");
        }
    }
}

#[test]
fn debug_output_shows_no_secret() {
    let seed = Digest::of(&A.to_bytes()).0;
    let (a, b) = (hello::<Macs>(A, B, 1), hello::<Macs>(B, A, 2));
    let pair = PairKey::from_bytes([0xab; 32]);
    let (mac_sealer, mac_opener) = hmac::session(&pair, &a, &b).unwrap();
    let (a, b) = (hello::<Signatures>(A, B, 1), hello::<Signatures>(B, A, 2));
    let (sealer, opener) = Signatures::session(&a, &b).unwrap();
    let shown =
        format!("{pair:?} {:?} {mac_sealer:?} {mac_opener:?} {sealer:?} {opener:?}", secret(A));
    for hidden in [format!("{:?}", &seed[..4]), "171, 171".to_owned(), "abab".to_owned()] {
        assert!(!shown.contains(hidden.trim_matches(['[', ']'])), "{shown}");
    }
}
