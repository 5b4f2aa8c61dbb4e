//! The wire format, frozen: the bytes of every message, record, hello and frame, and the digests
//! that are signed. A change of any of them is a new version of the format, never an accident.
#![cfg(feature = "ed25519")]

mod support;

use quorate::auth::{Digest, PublicKey};
use quorate::ed25519;
use quorate::hmac::{self, PairKey};
use quorate::link::{Hello, Opener, Proof, Sealer};
use quorate::pbft::{
    Batch, Busy, Dimensions, History, Message, NewView, Outcome, Part, Place, PrePrepared,
    ReadReply, Record, Reply, Sequence, Status, Switches, View, ViewChange, Vote,
};
use quorate::wire::{self, Bytes};
use quorate::{ClientId, NodeId};
use serde::Serialize;
use std::fmt::Write;
use support::{batch_bytes, client, histories, home, node, pairs, read, request, secret, signed};

const D: Digest = Digest([0xd1; 32]);
const VIEW: View = View(300);
const SEQUENCE: Sequence = Sequence(70_000);

fn batch() -> Batch<'static> {
    let (one, two) = (request(0, 5, b"one", &home()), request(2, 1 << 40, b"", &home()));
    Batch::from_bytes(batch_bytes(&[one, two]))
}

fn view_change() -> ViewChange<'static> {
    let q = |view, digest| Some(PrePrepared { view: View(view), digest });
    let (sequence, next) = (Sequence(SEQUENCE.0 + 1), Sequence(SEQUENCE.0 + 2));
    let prepared = Some((0, View(2)));
    let first = History { sequence, pre_prepared: [q(2, D), q(1, Digest([0xd2; 32]))], prepared };
    let second = History { sequence: next, pre_prepared: [q(299, D), None], prepared: None };
    let unsigned = ViewChange {
        author: NodeId(3),
        view: VIEW,
        stable: SEQUENCE,
        checkpoints: pairs(&[(SEQUENCE.0, D), (SEQUENCE.0 + 8, D)]),
        histories: histories(&[first, second]),
        signature: Default::default(),
    };
    let Message::ViewChange(change) = signed(Message::ViewChange(unsigned)) else { panic!() };
    change
}

fn new_view() -> NewView<'static> {
    let unsigned = NewView {
        author: NodeId(0),
        view: VIEW,
        view_changes: pairs(&[(0, D), (1, D), (3, D)]),
        chosen: pairs(&[(SEQUENCE.0 + 1, D), (SEQUENCE.0 + 2, Batch::null_digest())]),
        signature: Default::default(),
    };
    let Message::NewView(new_view) = signed(Message::NewView(unsigned)) else { panic!() };
    new_view
}

fn messages() -> Vec<Message<'static>> {
    let vote = Vote { view: VIEW, sequence: SEQUENCE, digest: D };
    let (view, sequence, digest, batch) = (VIEW, SEQUENCE, D, batch());
    let (timestamp, outcome) = (u64::MAX, Outcome::Stale);
    let (stable, executed) = (Sequence(69_992), SEQUENCE);
    vec![
        Message::Request(request(1, 1_700_000_000_000_000, b"operation", &home())),
        Message::Reply(Reply {
            view,
            client: ClientId(u16::MAX),
            timestamp,
            outcome,
            reply: Bytes(b"reply"),
        }),
        Message::PrePrepare { view, sequence, batch },
        Message::Prepare(vote),
        Message::Commit(vote),
        Message::Checkpoint { sequence, digest },
        Message::ViewChange(view_change()),
        Message::NewView(new_view()),
        Message::Status(Status { view, active: true, stable, executed, wanting: false }),
        Message::FetchBatch { sequence, digest },
        Message::Batch { sequence, batch },
        Message::FetchViewChange { author: NodeId(3), digest },
        Message::FetchState { sequence, place: Place { part: Part::State, level: 1, index: 300 } },
        Message::State { sequence, place: Place::page(Part::Clients, 7), bytes: Bytes(b"page") },
        Message::Settled { sequence, digest },
        Message::Recover { nonce: 300, lost: true, until: sequence },
        Message::Estimate { nonce: 300, stable, prepared: sequence, view, heard: true },
        Message::Busy(Busy { client: ClientId(u16::MAX), timestamp, retry_after: 50_000 }),
        Message::Read(read(1, 1_700_000_000_000_000, b"operation", &home())),
        Message::ReadReply(ReadReply {
            view,
            client: ClientId(u16::MAX),
            number: u64::MAX,
            operation: digest,
            state: sequence,
            answer: Some(Bytes(b"answer")),
        }),
    ]
}

fn records() -> Vec<Record<'static>> {
    let (view, sequence, digest, batch) = (VIEW, SEQUENCE, D, batch());
    vec![
        Record::PrePrepared { view, sequence, batch },
        Record::RePrePrepared { view, sequence, digest },
        Record::Prepared { view, sequence, digest },
        Record::Committed { view, sequence, batch },
        Record::Checkpoint { sequence, digest },
        Record::Stable { sequence, digest },
        Record::ViewChange(view_change()),
        Record::Named(view_change()),
        Record::NewView(new_view()),
        Record::Recovering { nonce: 300, lost: true, signed: view },
        Record::Recovered { signed: view },
        Record::Install { sequence, digest },
        Record::Left { view },
    ]
}

/// The vectors as they are now: name and bytes.
#[derive(Default)]
struct Vectors(Vec<(String, Vec<u8>)>);

impl Vectors {
    fn add(&mut self, name: &str, bytes: &[u8]) {
        self.0.push((name.to_owned(), bytes.to_vec()));
    }

    fn encoded(&mut self, kind: &str, value: &(impl Serialize + core::fmt::Debug)) {
        let shown = format!("{value:?}");
        let name: String = shown.chars().take_while(|c| c.is_alphanumeric()).collect();
        let mut buffer = [0; 2048];
        self.add(&format!("{kind} {name}"), wire::encode(value, &mut buffer).unwrap());
    }
}

#[test]
fn messages_and_records_are_what_they_were() {
    let mut vectors = Vectors::default();
    for message in messages() {
        vectors.encoded("message", &message);
    }
    for record in records() {
        vectors.encoded("record", &record);
    }
    check("messages and records", ENCODED, &vectors);
    let tags = |kind| {
        let of_kind = vectors.0.iter().filter(move |(name, _)| name.starts_with(kind));
        of_kind.map(|(_, bytes)| usize::from(bytes[0])).collect::<Vec<_>>()
    };
    assert_eq!(tags("message"), (0..support::KINDS).collect::<Vec<_>>());
    assert_eq!(tags("record"), (0..13).collect::<Vec<_>>());
    for ((name, bytes), message) in vectors.0.iter().zip(messages()) {
        assert_eq!(wire::decode(bytes), Ok(message), "{name}");
    }
    for ((name, bytes), record) in vectors.0.iter().skip(support::KINDS).zip(records()) {
        assert_eq!(wire::decode(bytes), Ok(record), "{name}");
    }
}

#[test]
fn hellos_and_frames_are_what_they_were() {
    let hello = |proof| {
        let (cluster, epoch) = (home().cluster, 0x0102_0304);
        let (from, to) = (node(3), client(0x1234));
        let mine = Hello { cluster, epoch, from, to, nonce: [0xa1; 32], proof };
        (mine, Hello { from: to, to: from, nonce: [0xb2; 32], ..mine })
    };
    let mut vectors = Vectors::default();
    let (mine, theirs) = hello(Proof::Hmac);
    vectors.add("hello hmac", &mine.to_bytes());
    let agreed = secret(node(3)).agree(&secret(client(0x1234)).public()).unwrap();
    for (name, pair) in [("shared", PairKey::from_bytes([7; 32])), ("agreed", agreed)] {
        let (mut sealer, _) = hmac::session(&pair, &mine, &theirs).unwrap();
        let (_, mut opener) = hmac::session(&pair, &theirs, &mine).unwrap();
        vectors.frames(&format!("frame hmac {name}"), &mut sealer, &mut opener);
    }
    let (mine, theirs) = hello(Proof::Ed25519);
    vectors.add("hello ed25519", &mine.to_bytes());
    let (one, other) = (secret(node(3)), secret(client(0x1234)));
    let (mut sealer, _) = ed25519::session(&one, &other.public(), &mine, &theirs).unwrap();
    let (_, mut opener) = ed25519::session(&other, &one.public(), &theirs, &mine).unwrap();
    vectors.frames("frame ed25519", &mut sealer, &mut opener);
    check("hellos and frames", LINKS, &vectors);
}

impl Vectors {
    fn frames(&mut self, name: &str, sealer: &mut impl Sealer, opener: &mut impl Opener) {
        for count in 1..=2 {
            let mut frame = [0; 256];
            let length = sealer.seal(b"payload", &mut frame).unwrap();
            self.add(&format!("{name} {count}"), &frame[..length]);
            assert_eq!(opener.open(&frame[..length]), Ok(&b"payload"[..]));
        }
    }
}

#[test]
fn digests_are_what_they_were() {
    let mut vectors = Vectors::default();
    let scope = home();
    let of = request(1, 1_700_000_000_000_000, b"operation", &scope);
    let keys = |ids: core::ops::Range<u8>| ids.map(|id| PublicKey([id; 32])).collect::<Vec<_>>();
    let (nodes, clients) = (keys(1..5), keys(5..8));
    let sizes = Dimensions {
        nodes: nodes.len(),
        window: 64,
        batch_bytes: 65_536,
        clients: clients.len(),
        reply_bytes: 1024,
    };
    for (name, digest) in [
        ("digest request", of.digest(&scope)),
        ("digest view change", view_change().digest(&scope)),
        ("digest new view", new_view().digest(&scope)),
        ("digest batch", batch().digest()),
        ("digest null", Batch::null_digest()),
        ("digest cluster", sizes.cluster_id(b"name", &nodes, &clients, Switches::default())),
        (
            "digest cluster of fast reads",
            sizes.cluster_id(b"name", &nodes, &clients, Switches { fast_reads: true }),
        ),
        ("digest read", read(1, 1_700_000_000_000_000, b"operation", &scope).digest(&scope)),
    ] {
        vectors.add(name, &digest.0);
    }
    check("digests", DIGESTS, &vectors);
}

/// Compares with the frozen text: a name on a line, its bytes as hex on indented lines below.
fn check(what: &str, frozen: &str, vectors: &Vectors) {
    let mut now = String::new();
    for (name, bytes) in &vectors.0 {
        now.push_str(name);
        for (at, byte) in bytes.iter().enumerate() {
            let gap = if at % 40 == 0 { "\n    " } else { "" };
            write!(now, "{gap}{byte:02x}").unwrap();
        }
        now.push('\n');
    }
    assert!(now == frozen.trim_start(), "the format of {what} has changed; it is now\n{now}");
}

const ENCODED: &str = "
message Request
    00018080f9c0c1c48203096f7065726174696f6eaee4412d83413b99b9ce5a595d25a67af2df635d
    be0cc91936718139e3b386d7de06e8365becd7362fd61cf91bf7304341e80481bdce9193ea38b338
    aa2d2207
message Reply
    01ac02ffff03ffffffffffffffffff0102057265706c79
message PrePrepare
    02ac02f0a2049f0100000500000000000000030000006f6e6504d1b2f04e47b9c4f8ff16222e0423
    8824ec8096905fe76532b941e1dbae56cb632958042da1586907350c362e0f69ed5c22b904e3b84d
    32cbcc2a96b4add90e020000000000000100000000000091b890f38e9f01d8202423d529a204b9b7
    a0a5f152ea48b3d7c3f3aabc48acd0a439a2625a1ee73a11175f5de3c5fa5e11d63ed5a73dadd828
    791ee4f3ef7100
message Prepare
    03ac02f0a204d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1
message Commit
    04ac02f0a204d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1
message Checkpoint
    05f0a204d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1
message ViewChange
    0603ac02f0a204507011010000000000d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1
    d1d1d1d1d1d1d1d17811010000000000d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1
    d1d1d1d1d1d1d1d1c2017111010000000000060200000000000000d1d1d1d1d1d1d1d1d1d1d1d1d1
    d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d10100000000000000d2d2d2d2d2d2d2d2d2d2d2d2d2
    d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d202000000000000007211010000000000012b010000
    00000000d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d100000000
    00000000000000000000000000000000000000000000000000000000000000000000000000000000
    00000000e8176a344fb6a45107118dea4562f84c8c8ab425b345bf53f0b944dcbe65bf17c954d6c4
    4365a6c8e6af88ff6f23fa8ceab9c940e34477682757004c9b17820c
message NewView
    0700ac02780000000000000000d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1
    d1d1d1d1d10100000000000000d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1
    d1d1d1d1d10300000000000000d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1
    d1d1d1d1d1507111010000000000d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1
    d1d1d1d1d1d17211010000000000aca2c3458d77c2a12be90d8324276f17aaed113aa0153bdfd478
    e47f622d87a01561e1e97871c1960b8935e17b386b6f70d56dd7f704a9db8e3c04e63a3c74f2090d
    4d8184afe232a4e9bae671e02612256fb70827730f71008705443b75da07
message Status
    08ac0201e8a204f0a20400
message FetchBatch
    09f0a204d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1
message Batch
    0af0a2049f0100000500000000000000030000006f6e6504d1b2f04e47b9c4f8ff16222e04238824
    ec8096905fe76532b941e1dbae56cb632958042da1586907350c362e0f69ed5c22b904e3b84d32cb
    cc2a96b4add90e020000000000000100000000000091b890f38e9f01d8202423d529a204b9b7a0a5
    f152ea48b3d7c3f3aabc48acd0a439a2625a1ee73a11175f5de3c5fa5e11d63ed5a73dadd828791e
    e4f3ef7100
message FetchViewChange
    0b03d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1
message FetchState
    0cf0a2040201ac02
message State
    0df0a2040100070470616765
message Settled
    0ef0a204d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1
message Recover
    0fac0201f0a204
message Estimate
    10ac02e8a204f0a204ac0201
message Busy
    11ffff03ffffffffffffffffff01d08603
message Read
    12018080f9c0c1c48203096f7065726174696f6ea9350fe0ea7de080417fa150a08bf32191e41752
    efec9c5dd0c8fa710969d8d9191c55719f6f3f17bc76b7b10dfa5e48bc99deed8d4cd54dbf210a7c
    23f6770a
message ReadReply
    13ac02ffff03ffffffffffffffffff01d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1
    d1d1d1d1d1d1d1d1f0a2040106616e73776572
record PrePrepared
    00ac02f0a2049f0100000500000000000000030000006f6e6504d1b2f04e47b9c4f8ff16222e0423
    8824ec8096905fe76532b941e1dbae56cb632958042da1586907350c362e0f69ed5c22b904e3b84d
    32cbcc2a96b4add90e020000000000000100000000000091b890f38e9f01d8202423d529a204b9b7
    a0a5f152ea48b3d7c3f3aabc48acd0a439a2625a1ee73a11175f5de3c5fa5e11d63ed5a73dadd828
    791ee4f3ef7100
record RePrePrepared
    01ac02f0a204d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1
record Prepared
    02ac02f0a204d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1
record Committed
    03ac02f0a2049f0100000500000000000000030000006f6e6504d1b2f04e47b9c4f8ff16222e0423
    8824ec8096905fe76532b941e1dbae56cb632958042da1586907350c362e0f69ed5c22b904e3b84d
    32cbcc2a96b4add90e020000000000000100000000000091b890f38e9f01d8202423d529a204b9b7
    a0a5f152ea48b3d7c3f3aabc48acd0a439a2625a1ee73a11175f5de3c5fa5e11d63ed5a73dadd828
    791ee4f3ef7100
record Checkpoint
    04f0a204d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1
record Stable
    05f0a204d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1
record ViewChange
    0603ac02f0a204507011010000000000d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1
    d1d1d1d1d1d1d1d17811010000000000d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1
    d1d1d1d1d1d1d1d1c2017111010000000000060200000000000000d1d1d1d1d1d1d1d1d1d1d1d1d1
    d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d10100000000000000d2d2d2d2d2d2d2d2d2d2d2d2d2
    d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d202000000000000007211010000000000012b010000
    00000000d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d100000000
    00000000000000000000000000000000000000000000000000000000000000000000000000000000
    00000000e8176a344fb6a45107118dea4562f84c8c8ab425b345bf53f0b944dcbe65bf17c954d6c4
    4365a6c8e6af88ff6f23fa8ceab9c940e34477682757004c9b17820c
record Named
    0703ac02f0a204507011010000000000d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1
    d1d1d1d1d1d1d1d17811010000000000d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1
    d1d1d1d1d1d1d1d1c2017111010000000000060200000000000000d1d1d1d1d1d1d1d1d1d1d1d1d1
    d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d10100000000000000d2d2d2d2d2d2d2d2d2d2d2d2d2
    d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d2d202000000000000007211010000000000012b010000
    00000000d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d100000000
    00000000000000000000000000000000000000000000000000000000000000000000000000000000
    00000000e8176a344fb6a45107118dea4562f84c8c8ab425b345bf53f0b944dcbe65bf17c954d6c4
    4365a6c8e6af88ff6f23fa8ceab9c940e34477682757004c9b17820c
record NewView
    0800ac02780000000000000000d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1
    d1d1d1d1d10100000000000000d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1
    d1d1d1d1d10300000000000000d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1
    d1d1d1d1d1507111010000000000d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1
    d1d1d1d1d1d17211010000000000aca2c3458d77c2a12be90d8324276f17aaed113aa0153bdfd478
    e47f622d87a01561e1e97871c1960b8935e17b386b6f70d56dd7f704a9db8e3c04e63a3c74f2090d
    4d8184afe232a4e9bae671e02612256fb70827730f71008705443b75da07
record Recovering
    09ac0201ac02
record Recovered
    0aac02
record Install
    0bf0a204d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1d1
record Left
    0cac02
";

const LINKS: &str = "
hello hmac
    010001000300013412040302014ea140588150773ce3aace786aeef7f4049ce100fa649c94fbbddb
    960f1da942a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1
frame hmac shared 1
    010100030001000000000000007061796c6f6164d52fd9bcb60b97bd4d017002bd795c1660625fca
    fc53f5dfe9db503c1c56be6e
frame hmac shared 2
    010100030002000000000000007061796c6f61642f100e5342ed8896839a5a4b134bb78e8f5ec2b5
    0f378a8b553736c6ab6cc1dd
frame hmac agreed 1
    010100030001000000000000007061796c6f61641e29b3f7afba119c647697f5c5f3ceebd879de7f
    da7cbc1986117c55e4d1c753
frame hmac agreed 2
    010100030002000000000000007061796c6f6164982b75236b9dbd532f2cf974fedf7022790155df
    faec83941004fc6e736adce7
hello ed25519
    010002000300013412040302014ea140588150773ce3aace786aeef7f4049ce100fa649c94fbbddb
    960f1da942a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1
frame ed25519 1
    010200030001000000000000007061796c6f6164491cdfd4cd78fb9ea606086f242628ab5c298576
    ffd4a1c58dc432107abb8beab24f0731c3e23bfe28b740b67d4be9ef81dd4b5bf801221aedece206
    5818d903
frame ed25519 2
    010200030002000000000000007061796c6f6164abf734ca7a2f82b30a620f72e03f62ecb500c230
    3896e8a2ccf14ac8262c8c386678b0f06ab83b62cc82aea93ba0b8ba34cf1771334621abe3153936
    8d7eeb0a
";

const DIGESTS: &str = "
digest request
    e0304f82d5dd6351f683dc92beb6c09efbf2fcd1c1bf10dee516291293a515b6
digest view change
    dd2b9186dd8ad2e823c650b8ca203b9053cc2f7b57f7d81a2ee729cda407aa04
digest new view
    9382ba51c16637416e69ef1a99c9693909d2817d178fd555fcf2af99d55c5d66
digest batch
    b9cd62069a285bb9df83bfc43eb4ffa2f807013fe5cb56bce9a854e8053f635c
digest null
    aca2c3458d77c2a12be90d8324276f17aaed113aa0153bdfd478e47f622d87a0
digest cluster
    49d11c69fbd3a65e738b86d1a5cb50e952d6f3b0c2ac3d21566d474c0cc76365
digest cluster of fast reads
    9836e582015a49be81b79cad76885ae9962bbe22213c2ff7f5e8d28fdae1f035
digest read
    7db2f033399f17760dce603f2b4dbbe41f7770ec4e5ecfbbbac80f692e6d728c
";
