//! Statements: what is signed means one thing, of one author, in one cluster and epoch; and a
//! message in which anything else is signed is refused at the wall.
#![cfg(feature = "ed25519")]

mod support;

use quorate::auth::{Digest, Scope, Signature, Signer, Statement, Tag, Verifier};
use quorate::ed25519::{self, Ed25519, SecretKey};
use quorate::link::{Hello, Opener, Proof, Sealer};
use quorate::pbft::{
    Batch, Fixed, History, Message, PrePrepared, Replica, Reply, Request, Sequence, View,
    ViewChange,
};
use quorate::rounds::Instance;
use quorate::wire::{self, Bytes};
use quorate::{ClientId, Fault, NodeId, Principal, sm};
use support::{
    CLIENTS, KINDS, NODES, Rng, SIGNED, batch_bytes, client, encode, histories, home, new_view,
    node, pairs, read, request, roster, scope, secret, signed, valid, view_change,
};

fn verify(from: Principal, message: Message<'_>) -> Result<(), Fault> {
    roster().verify(&Ed25519, from, message).map(drop)
}

/// Every kind of statement that is signed, with contents as alike as they can be.
fn statements(scope: &Scope, id: u8) -> Vec<Digest> {
    let mut rng = Rng::new(1);
    let mut of = request(id.into(), 1, b"operation", scope);
    of.client = ClientId(id.into());
    let change = view_change(id, 1, &mut rng);
    let mut new_view = new_view(1, &mut rng);
    new_view.author = NodeId(id);
    let same = |tag, author| Statement::new(tag, scope, author).u64(1).finish();
    let mut question = read(id.into(), 1, b"operation", scope);
    question.client = ClientId(id.into());
    let mut all = vec![of.digest(scope), change.digest(scope), new_view.digest(scope)];
    all.push(question.digest(scope));
    for author in [node(id), client(id.into())] {
        all.extend([Tag::Request, Tag::ViewChange, Tag::NewView].map(|tag| same(tag, author)));
        all.extend([Tag::Order, Tag::LockstepRequest].map(|tag| same(tag, author)));
        all.extend([Tag::Frame, Tag::Read].map(|tag| same(tag, author)));
    }
    // Orders of other agreements, other values, and other signers before.
    let commander = NodeId(0);
    for (number, commander, value, earlier) in [
        (1, commander, 1u8, &[][..]),
        (2, commander, 1, &[]),
        (1, NodeId(9), 1, &[]),
        (1, commander, 2, &[]),
        (1, commander, 1, &[commander]),
        (1, commander, 1, &[commander, NodeId(9)]),
        (1, commander, 1, &[NodeId(9), commander]),
    ] {
        let instance = Instance { number, commander };
        let earlier = earlier.iter().copied();
        all.push(sm::statement(scope, instance, &value, earlier, NodeId(id)));
    }
    all
}

/// C-04: k statements, and not one of the k squared less k wrong signatures verifies.
#[test]
fn no_statement_verifies_as_one_of_another_kind_cluster_epoch_or_author() {
    let profile = Scope { profile: "ed25519-compact-2.5.0", ..home() };
    let scopes = [home(), scope(b"other", 1), scope(b"home", 0), scope(b"home", 2), profile];
    let all: Vec<_> =
        scopes.iter().flat_map(|scope| [0, 1].map(|id| statements(scope, id))).flatten().collect();
    // One key for all of them: only the statement tells them apart.
    let key = SecretKey::from_seed([9; 32]);
    let signatures: Vec<_> = all.iter().map(|statement| key.sign(statement)).collect();
    for (i, statement) in all.iter().enumerate() {
        for (j, signature) in signatures.iter().enumerate() {
            let verified = Ed25519.verify(&key.public(), statement, signature);
            assert_eq!(verified, i == j, "statement {i}, signature {j}");
        }
    }
}

/// P-42, for what is signed: the right author in the wrong cluster or epoch.
#[test]
fn signed_messages_of_another_cluster_or_epoch_are_forged() {
    for elsewhere in [scope(b"other", 1), scope(b"home", 0), scope(b"home", 2)] {
        let there = request(1, 5, b"operation", &elsewhere);
        assert_eq!(verify(client(1), Message::Request(there)), Err(Fault::Forged));
        let batch = Batch::from_bytes(batch_bytes(&[request(0, 1, b"", &home()), there]));
        let (view, sequence) = (View(0), Sequence(1));
        let proposed = Message::PrePrepare { view, sequence, batch };
        assert_eq!(verify(node(0), proposed), Err(Fault::Forged));
        let mut rng = Rng::new(2);
        let mut change = view_change(2, 3, &mut rng);
        change.signature = secret(node(2)).sign(&change.digest(&elsewhere));
        assert_eq!(verify(node(2), Message::ViewChange(change)), Err(Fault::Forged));
        let mut next = new_view(3, &mut rng);
        next.signature = secret(node(3)).sign(&next.digest(&elsewhere));
        assert_eq!(verify(node(3), Message::NewView(next)), Err(Fault::Forged));
    }
}

/// P-42, for what is not signed: the link refuses every kind of message from elsewhere.
#[test]
fn frames_of_another_cluster_or_epoch_open_for_no_kind_of_message() {
    let hello = |from, to, scope: Scope| {
        let Scope { cluster, epoch, .. } = scope;
        Hello { cluster, epoch, from, to, nonce: [0; 32], proof: Proof::Ed25519 }
    };
    let ends = |scope| {
        let (a, b) = (hello(node(0), node(1), scope), hello(node(1), node(0), scope));
        let (zero, one) = (secret(node(0)), secret(node(1)));
        let (sealer, _) = ed25519::session(&zero, &one.public(), &a, &b).unwrap();
        let (_, opener) = ed25519::session(&one, &zero.public(), &b, &a).unwrap();
        (sealer, opener)
    };
    let (_, mut opener) = ends(home());
    let mut rng = Rng::new(3);
    let mut frame = vec![0; 4096];
    for kind in 0..KINDS {
        let payload = encode(&valid(kind, &mut rng));
        for elsewhere in [scope(b"other", 1), scope(b"home", 0), scope(b"home", 2)] {
            let length = ends(elsewhere).0.seal(&payload, &mut frame).unwrap();
            assert!(opener.open(&frame[..length]).is_err(), "kind {kind}");
        }
    }
}

#[test]
fn every_kind_of_message_that_is_right_is_verified() {
    let mut rng = Rng::new(4);
    for kind in (0..KINDS).flat_map(|kind| [kind; 20]) {
        let message = valid(kind, &mut rng);
        assert!(verify(node(1), message).is_ok(), "kind {kind}: {message:?}");
        let by_client = match message {
            Message::Request(request) => {
                assert_eq!(verify(Principal::Client(request.client), message).err(), None);
                client((request.client.0 + 1) % CLIENTS as u16)
            }
            Message::Read(read) => {
                assert_eq!(verify(Principal::Client(read.client), message).err(), None);
                client((read.client.0 + 1) % CLIENTS as u16)
            }
            _ => client(0),
        };
        let fault = if [0, 18].contains(&kind) { Fault::Impersonation } else { Fault::NotAllowed };
        assert_eq!(verify(by_client, message), Err(fault), "kind {kind}");
    }
}

/// The same wall for a payload that crosses threads.
#[test]
fn an_owned_payload_is_checked_as_its_message_is() {
    type Protocol = Replica<Fixed<4, 8, 1024, 3, 64>>;
    let check =
        |from, payload| roster().check_payload::<Protocol, Vec<u8>, _>(&Ed25519, from, payload);
    let mut rng = Rng::new(12);
    for kind in 0..KINDS {
        let message = valid(kind, &mut rng);
        let bytes = encode(&message);
        let checked = check(node(1), bytes.clone()).unwrap();
        let verified = checked.message().unwrap();
        assert_eq!((verified.from(), verified.message()), (node(1), &message), "kind {kind}");
        assert_eq!(checked.into_payload(), bytes);
        let fault = check(node(1), [&bytes[..], &[0]].concat()).err();
        assert_eq!(fault, Some(Fault::Malformed), "kind {kind}");
        assert_eq!(check(node(NODES as u8), bytes).err(), Some(Fault::OutOfBounds), "kind {kind}");
    }
    let mut forged = encode(&valid(0, &mut rng));
    *forged.last_mut().unwrap() ^= 1;
    assert_eq!(check(node(1), forged).err(), Some(Fault::Forged));
}

/// C-10: one bit of anything that is signed, or of a signature.
#[test]
fn every_flipped_bit_of_a_signed_message_is_refused() {
    let mut rng = Rng::new(5);
    for kind in SIGNED {
        let message = valid(kind, &mut rng);
        let bytes = encode(&message);
        // View and sequence of a PRE-PREPARE are proved by the link alone.
        let first = match message {
            Message::PrePrepare { view, sequence, .. } => {
                1 + wire::encoded_len(&view) + wire::encoded_len(&sequence)
            }
            _ => 0,
        };
        for bit in first * 8..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            if let Ok(message) = wire::decode::<Message<'_>>(&flipped) {
                assert!(verify(node(1), message).is_err(), "kind {kind}, bit {bit}");
            }
        }
    }
}

/// A signature is not told from another by being there: zeros, another's, an older one.
#[test]
fn signatures_of_somebody_else_are_forged() {
    let mut rng = Rng::new(6);
    let right = view_change(1, 4, &mut rng);
    let digest = right.digest(&home());
    let older = view_change(1, 3, &mut rng).digest(&home());
    let wrong = [
        Signature::ZERO,
        Signature::from_bytes([0xff; 64]),
        secret(node(2)).sign(&digest),
        secret(client(1)).sign(&digest),
        secret(node(1)).sign(&older),
    ];
    for signature in wrong {
        let message = Message::ViewChange(ViewChange { signature, ..right });
        assert_eq!(verify(node(1), message), Err(Fault::Forged));
    }
    let signature = secret(node(1)).sign(&digest);
    let message = Message::ViewChange(ViewChange { signature, ..right });
    assert_eq!(verify(node(1), message), Ok(()));
    assert_eq!(verify(node(3), message), Ok(()), "a statement may be passed on");
}

/// P-41: ids at and beyond their bounds, in every field that is an id, and as the sender.
#[test]
fn ids_out_of_bounds_are_refused_in_every_field() {
    let mut rng = Rng::new(7);
    for kind in 0..KINDS {
        let message = valid(kind, &mut rng);
        for sender in [NODES as u8, NODES as u8 + 1, 64, 255] {
            assert_eq!(verify(node(sender), message), Err(Fault::OutOfBounds), "kind {kind}");
        }
        for sender in [CLIENTS as u16, CLIENTS as u16 + 1, 255, 256, u16::MAX] {
            assert_eq!(verify(client(sender), message), Err(Fault::OutOfBounds), "kind {kind}");
        }
    }
    for id in [CLIENTS as u16, CLIENTS as u16 + 1, 255, u16::MAX] {
        let stranger = request(id, 1, b"operation", &home());
        assert_eq!(verify(node(0), Message::Request(stranger)), Err(Fault::OutOfBounds));
        let batch = Batch::from_bytes(batch_bytes(&[request(0, 1, b"", &home()), stranger]));
        let (view, sequence) = (View(0), Sequence(1));
        let proposed = Message::PrePrepare { view, sequence, batch };
        assert_eq!(verify(node(0), proposed), Err(Fault::BadBatch));
        assert_eq!(verify(node(0), Message::Batch { sequence, batch }), Err(Fault::BadBatch));
    }
    for id in [NODES as u8, NODES as u8 + 1, 64, 255] {
        let change = signed(Message::ViewChange(view_change(id, 1, &mut rng)));
        assert_eq!(verify(node(0), change), Err(Fault::OutOfBounds));
        let mut next = new_view(1, &mut rng);
        next.author = NodeId(id);
        assert_eq!(verify(node(0), signed(Message::NewView(next))), Err(Fault::NotPrimary));
        let fetch = Message::FetchViewChange { author: NodeId(id), digest: Digest::ZERO };
        assert_eq!(verify(node(0), fetch), Err(Fault::OutOfBounds));
    }
}

/// C-06: lists are ascending and without duplicates, or the message is refused whole.
#[test]
fn a_malformed_list_is_refused_with_its_whole_message() {
    let mut rng = Rng::new(9);
    let (a, b) = (rng.digest(), rng.digest());
    let cut = pairs(&[(1, a), (2, b)]);
    let cut = quorate::pbft::Pairs::from_bytes(&cut.bytes()[..79]);
    let bad = [pairs(&[(2, a), (1, b)]), pairs(&[(1, a), (1, b)]), pairs(&[(1, a), (1, a)]), cut];
    for list in bad {
        let mut change = view_change(1, 2, &mut rng);
        (change.stable, change.checkpoints) = (Sequence(1), list);
        let message = signed(Message::ViewChange(change));
        assert_eq!(verify(node(1), message), Err(Fault::BadViewChange));
        for which in 0..2 {
            let mut next = new_view(1, &mut rng);
            *[&mut next.view_changes, &mut next.chosen][which] = list;
            let message = signed(Message::NewView(next));
            assert_eq!(verify(node(1), message), Err(Fault::BadNewView));
        }
    }
    let one = request(1, 1, b"one", &home());
    let again = request(1, 2, b"two", &home());
    let bad: [&[Request<'_>]; 2] = [&[one, one], &[one, again]];
    for batch in bad.map(|requests| Batch::from_bytes(batch_bytes(requests))) {
        let (view, sequence) = (View(0), Sequence(1));
        let proposed = Message::PrePrepare { view, sequence, batch };
        assert_eq!(verify(node(0), proposed), Err(Fault::BadBatch));
    }
}

/// P-09 and P-10 at the wall: histories that no correct replica has.
#[test]
fn a_view_change_that_contradicts_itself_is_refused_whole() {
    let mut rng = Rng::new(10);
    let entry = |sequence, view, prepared| History {
        sequence: Sequence(sequence),
        pre_prepared: [Some(PrePrepared { view: View(view), digest: Digest::of(b"a") }), None],
        prepared,
    };
    let good = entry(9, 2, Some((0, View(2))));
    let twice = History { pre_prepared: [good.pre_prepared[0]; 2], ..good };
    let bad: [&[History]; 9] = [
        &[entry(9, 5, None)],               // in the view that it wants
        &[good, entry(10, 1 << 63, None)],  // far beyond it
        &[entry(9, 2, Some((0, View(3))))], // prepared after it was pre-prepared
        &[entry(9, 2, Some((1, View(1))))], // prepared what was not pre-prepared
        &[History { pre_prepared: [None; 2], ..good }],
        &[twice],
        &[good, good],
        &[entry(10, 1, None), good],
        &[entry(8, 1, None), good], // at the stable checkpoint
    ];
    let with = |histories| {
        let mut change = view_change(1, 5, &mut Rng::new(11));
        (change.stable, change.histories) = (Sequence(8), histories);
        change.checkpoints = pairs(&[(8, Digest::of(b"state"))]);
        verify(node(1), signed(Message::ViewChange(change)))
    };
    assert!(with(histories(&[good])).is_ok());
    for entries in bad {
        assert_eq!(with(histories(entries)), Err(Fault::BadViewChange), "{entries:?}");
    }
    // Flags that no encoder writes: three digests, P without its digest, a used unused field.
    for (at, value) in [(8, 3), (8, 0b1101), (8, 0xff), (49, 1), (History::ENTRY - 1, 1)] {
        let mut bytes = entry(9, 2, None).encode();
        bytes[at] = value;
        let list = quorate::pbft::Histories::from_bytes(support::leak(bytes.to_vec()));
        assert_eq!(with(list), Err(Fault::BadViewChange), "byte {at} = {value}");
    }
    let mut for_view_zero = view_change(1, 0, &mut rng);
    for_view_zero.histories = histories(&[]);
    let message = signed(Message::ViewChange(for_view_zero));
    assert_eq!(verify(node(1), message), Err(Fault::BadViewChange));
}

/// C-12: things of different kinds, or cut in different places, never have one digest.
#[test]
fn digests_of_different_things_are_different() {
    let (a, b) = (request(0, 1, b"a", &home()), request(1, 1, b"b", &home()));
    let bytes = |requests: &[Request<'_>]| batch_bytes(requests);
    let batch = |requests: &[Request<'_>]| Batch::from_bytes(bytes(requests)).digest();
    let tags = [Tag::Frame, Tag::Session, Tag::Cluster, Tag::Pair, Tag::Request, Tag::Batch];
    let more = [Tag::Null, Tag::Checkpoint, Tag::ViewChange, Tag::NewView];
    let cut = |x: &[u8], y: &[u8]| Statement::unscoped(Tag::Batch).bytes(x).bytes(y).finish();
    let mut all = vec![
        Batch::null_digest(),
        batch(&[a]),
        batch(&[b]),
        batch(&[a, b]),
        batch(&[b, a]),
        a.digest(&home()),
        b.digest(&home()),
        Digest::of(bytes(&[a])),
        Digest::of(&[]),
        Digest::ZERO,
        cut(b"ab", b"c"),
        cut(b"a", b"bc"),
        cut(b"abc", b""),
        Statement::unscoped(Tag::Batch).bytes(b"abc").finish(),
    ];
    let tagged = tags.into_iter().chain(more).map(|tag| Statement::unscoped(tag).u64(0).finish());
    all.extend(tagged);
    assert_eq!(Batch::from_bytes(&[]).digest(), Batch::null_digest(), "NULL is no bytes");
    for (i, one) in all.iter().enumerate() {
        assert!(all.iter().skip(i + 1).all(|other| other != one), "digest {i}");
    }
}

/// Each field of what is signed is covered: change one, and the statement is another.
#[test]
fn a_request_and_a_reply_are_told_apart_by_every_field() {
    let one = request(1, 7, b"operation", &home());
    let others = [
        Request { client: ClientId(2), ..one },
        Request { timestamp: 8, ..one },
        Request { operation: Bytes(b"operatiom"), ..one },
        Request { operation: Bytes(b""), ..one },
    ];
    for other in others {
        assert_ne!(one.digest(&home()), other.digest(&home()));
        assert_eq!(verify(node(0), Message::Request(other)), Err(Fault::Forged));
    }
    // A reply is not signed: only the link says whose it is, and clients may not send one.
    let reply = Message::Reply(Reply {
        view: View(0),
        client: ClientId(1),
        timestamp: 7,
        outcome: quorate::pbft::Outcome::Executed,
        reply: Bytes(b""),
    });
    assert_eq!(verify(client(1), reply), Err(Fault::NotAllowed));
}
