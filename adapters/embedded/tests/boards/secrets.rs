//! What is printed of those who have keys, and what the front page promises.

use crate::keys::{member, node, nonce};
use crate::replicas::{SEATS, forgetful};
use quorate::ed25519::{Ed25519, SecretKey};
use quorate::hmac::PairKey;
use quorate::link::{Hello, Proof};
use quorate::{ClientId, Digest, NodeId, Principal, PublicKey, Roster};
use quorate_embedded::{PairKeys, Proofs, Seats, Settings, Signatures};

/// Neither the bytes of a key nor of a nonce, in any way that bytes are printed.
fn shows(text: &str, secret: &[u8]) -> bool {
    let hex: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
    let list = secret.iter().map(u8::to_string).collect::<Vec<_>>().join(", ");
    let text = text.to_lowercase().replace('\n', " ");
    // A part of it is too much.
    hex.as_bytes().chunks(8).any(|part| text.contains(std::str::from_utf8(part).unwrap()))
        || text.contains(&list[..20])
}

#[test]
fn nothing_that_is_printed_shows_a_key() {
    let secret = [0xa7; 32];
    assert!(shows(&format!("{secret:02x?}"), &secret) || shows(&format!("{secret:?}"), &secret));
    let keys = PairKeys::new(Seats { nodes: 1, clients: 0 }, [PairKey::from_bytes(secret)]);
    assert!(!shows(&format!("{keys:?} {keys:#?}"), &secret));
    let key = SecretKey::from_seed(secret);
    let signatures = Signatures::new(key, [PublicKey([1; 32])], [PublicKey([2; 32])]);
    assert!(!shows(&format!("{signatures:?}"), &secret));
    assert!(!shows(&format!("{:?}", Settings::new(secret)), &secret));
    let board = forgetful(1, 0);
    let pair = Digest::of(&[node(0).to_bytes(), node(1).to_bytes()].concat()).0;
    let text = format!("{board:?} {:?}", member(SEATS, node(1)));
    assert!(!shows(&text, &pair) && !shows(&text, &nonce(node(1), 0)), "{text}");
}

/// The keys that boards agree on are those that each pair has, and sessions open with them.
#[test]
fn keys_that_are_agreed_on_open_sessions() {
    let secrets: Vec<SecretKey> = (1..4).map(|seed| SecretKey::from_seed([seed; 32])).collect();
    let publics: Vec<PublicKey> = secrets.iter().map(SecretKey::public).collect();
    let cluster = Digest::of(b"agreed");
    let roster = Roster::new(cluster, 0, &publics[..2], &publics[2..], &Ed25519).unwrap();
    let names =
        [Principal::Node(NodeId(0)), Principal::Node(NodeId(1)), Principal::Client(ClientId(0))];
    let hello = |from: usize, to: usize, proof| Hello {
        cluster,
        epoch: 0,
        from: names[from],
        to: names[to],
        nonce: [from as u8; 32],
        proof,
    };
    for (one, other) in [(0, 1), (1, 2), (2, 0)] {
        let (mine, theirs) = (hello(one, other, Proof::Hmac), hello(other, one, Proof::Hmac));
        let keys = |of: usize| PairKeys::<[PairKey; 3]>::agreed(&secrets[of], &roster).unwrap();
        let (mut sealer, _) = keys(one).session(&mine, &theirs).unwrap();
        let (_, mut opener) = keys(other).session(&theirs, &mine).unwrap();
        check(&mut sealer, &mut opener);
        let (mine, theirs) = (hello(one, other, Proof::Ed25519), hello(other, one, Proof::Ed25519));
        let keys = |of: usize| Signatures::new(secrets[of].clone(), &publics[..2], &publics[2..]);
        let (mut sealer, _) = keys(one).session(&mine, &theirs).unwrap();
        let (_, mut opener) = keys(other).session(&theirs, &mine).unwrap();
        check(&mut sealer, &mut opener);
    }
    assert!(PairKeys::<[PairKey; 2]>::agreed(&secrets[0], &roster).is_err());
}

fn check(sealer: &mut impl quorate::auth::Sealer, opener: &mut impl quorate::auth::Opener) {
    let mut frame = [0; 200];
    let length = sealer.seal(b"hello", &mut frame).unwrap();
    assert_eq!(opener.open(&frame[..length]).unwrap(), b"hello");
    assert!(opener.open(&frame[..length]).is_err(), "a replay");
}

#[test]
fn the_links_of_the_front_page_take_less_than_40_lines() {
    let page = include_str!("../../README.md");
    for (name, end) in [("struct Radio", "\n}\n\n/// 102"), ("struct Can", "\n}\n\n/// Frames")] {
        let from = page.find(name).unwrap();
        let link = &page[from..from + page[from..].find(end).unwrap()];
        assert!(link.lines().count() < 40, "{name} has {} lines", link.lines().count());
    }
}
