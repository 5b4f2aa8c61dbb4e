//! Evidence: what holds before anybody with the roster, and that nothing else does (scenario
//! C-11: one verdict, the same at producer and consumer).
#![allow(missing_docs)]

mod support;

use quorate::auth::{Roster, Signature, Signed as _, Signer as _, Statement, Tag};
use quorate::ed25519::{self, Ed25519};
use quorate::fault::{Evidence, EvidenceError, Excuse, Finding, SignedFrame, SignedOrder, verify};
use quorate::link::{Hello, Opener as _, PROTOCOL, Proof, Sealer as _};
use quorate::pbft::{Batch, Message, NewView, Request, Sequence, View, ViewChange, Vote};
use quorate::rounds::Instance;
use quorate::sm;
use quorate::wire::{self, Bytes};
use quorate::{ClientId, Digest, Fault, NodeId, Principal};
use support::{
    NODES, Rng, batch_bytes, client, encode, home, leak, new_view, node, pairs, request, roster,
    scope, secret, signed, view_change,
};

/// What everybody finds.
fn judge(evidence: &Evidence<'_>) -> Result<Finding, EvidenceError> {
    let mut bytes = vec![0; wire::encoded_len(evidence)];
    wire::encode(evidence, &mut bytes).unwrap();
    let received = wire::decode::<Evidence<'_>>(&bytes).unwrap();
    assert_eq!(received, *evidence, "another encoding would be other evidence");
    let here = verify(evidence, roster(), &Ed25519);
    assert_eq!(verify(&received, roster(), &Ed25519), here, "one verdict everywhere");
    here
}

fn change(author: u8, view: u64, seed: u64) -> ViewChange<'static> {
    let Message::ViewChange(change) =
        signed(Message::ViewChange(view_change(author, view, &mut Rng::new(seed))))
    else {
        unreachable!()
    };
    change
}

fn begun(new_view: NewView<'static>) -> NewView<'static> {
    let Message::NewView(new_view) = signed(Message::NewView(new_view)) else { unreachable!() };
    new_view
}

fn lockstep(timestamp: u64, operation: &'static [u8]) -> Request<'static> {
    let (client, operation) = (ClientId(1), Bytes(operation));
    let unsigned = Request { client, timestamp, operation, signature: Signature::ZERO };
    let mut message = quorate::lockstep::ClientMessage::Request(unsigned);
    let who = Principal::Client(client);
    message.sign(who, &home(), &secret(who));
    let quorate::lockstep::ClientMessage::Request(request) = message else { unreachable!() };
    request
}

fn order(instance: Instance, value: u8) -> SignedOrder<'static> {
    let none = [].into_iter();
    let statement = sm::statement(&home(), instance, &value, none, instance.commander);
    let signature = secret(Principal::Node(instance.commander)).sign(&statement);
    SignedOrder { value: Bytes(leak(vec![value])), signature }
}

fn hello(from: Principal, to: Principal, nonce: u8) -> Hello {
    let (scope, proof) = (home(), Proof::Ed25519);
    Hello { cluster: scope.cluster, epoch: scope.epoch, from, to, nonce: [nonce; 32], proof }
}

/// What a replica says to somebody in a session, as it arrives there.
fn framed(from: u8, to: Principal, nonce: u8, payload: &[u8]) -> (&'static [u8], Hello, Hello) {
    let (mine, theirs) = (hello(node(from), to, nonce), hello(to, node(from), !nonce));
    let session = |mine: &Hello, theirs: &Hello| {
        ed25519::session(&secret(mine.from), &secret(mine.to).public(), mine, theirs).unwrap()
    };
    let (mut sealer, _) = session(&mine, &theirs);
    let (_, mut opener) = session(&theirs, &mine);
    let mut frame = vec![0; payload.len() + ed25519::Sealer::OVERHEAD];
    sealer.seal(b"before", &mut frame.repeat(2)).unwrap();
    let length = sealer.seal(payload, &mut frame).unwrap();
    assert_eq!(opener.open(&frame[..length]).unwrap(), payload);
    (leak(frame), mine, theirs)
}

fn said(from: u8, to: Principal, nonce: u8, message: &Message<'_>) -> SignedFrame<'static> {
    let (frame, mine, theirs) =
        framed(from, to, nonce, &[&[PROTOCOL][..], &encode(message)].concat());
    SignedFrame::of(frame, &mine, &theirs).unwrap()
}

fn vote(view: u64, sequence: u64, name: &[u8]) -> Vote {
    Vote { view: View(view), sequence: Sequence(sequence), digest: Digest::of(name) }
}

fn checkpoint(sequence: u64, name: &[u8]) -> Message<'static> {
    Message::Checkpoint { sequence: Sequence(sequence), digest: Digest::of(name) }
}

fn proposal(view: u64, sequence: u64, operation: &[u8]) -> Message<'static> {
    let batch = Batch::from_bytes(batch_bytes(&[request(0, 5, operation, &home())]));
    Message::PrePrepare { view: View(view), sequence: Sequence(sequence), batch }
}

/// Two frames of replica 3, to two peers in two sessions.
fn frames(first: &Message<'_>, second: &Message<'_>) -> Evidence<'static> {
    Evidence::Frames(said(3, node(0), 1, first), said(3, node(1), 2, second))
}

/// One piece of evidence of each kind that shows something, and what it shows.
fn samples() -> Vec<(Evidence<'static>, Finding)> {
    let mut rng = Rng::new(8);
    let finding = |who, fault, excuse| Finding { who, fault, excuse };
    let twice = |who| finding(who, Fault::Equivocation, Some(Excuse::LostMemory));
    let voted = finding(node(3), Fault::Equivocation, None);
    let ask = |operation: &[u8]| request(1, 7, operation, &home());
    let instance = Instance { number: 4, commander: NodeId(2) };
    let lost = ViewChange { stable: Sequence(99), ..view_change(1, 4, &mut rng) };
    let Message::ViewChange(lost) = signed(Message::ViewChange(lost)) else { unreachable!() };
    let usurped = begun(NewView { author: NodeId(0), ..new_view(3, &mut rng) });
    let two = pairs(&[(0, Digest::ZERO), (1, Digest::ZERO)]);
    let few = begun(NewView { view_changes: two, ..new_view(5, &mut rng) });
    let far = pairs(&[(0, Digest::ZERO), (1, Digest::ZERO), (NODES as u64, Digest::ZERO)]);
    let strangers = begun(NewView { view_changes: far, ..new_view(5, &mut rng) });
    let mixed = pairs(&[(9, Digest::ZERO), (9, Digest::ZERO)]);
    let unsorted = begun(NewView { chosen: mixed, ..new_view(5, &mut rng) });
    let bad = |who| finding(who, Fault::BadNewView, None);
    vec![
        (Evidence::Requests(ask(b"x"), ask(b"y")), twice(client(1))),
        (Evidence::LockstepRequests(lockstep(3, b"x"), lockstep(3, b"y")), twice(client(1))),
        (Evidence::ViewChanges(change(2, 9, 1), change(2, 9, 2)), twice(node(2))),
        (
            Evidence::NewViews(begun(new_view(6, &mut rng)), begun(new_view(6, &mut rng))),
            twice(node(2)),
        ),
        (Evidence::ViewChange(lost), finding(node(1), Fault::BadViewChange, None)),
        (Evidence::NewView(usurped), finding(node(0), Fault::NotPrimary, None)),
        (Evidence::NewView(few), bad(node(1))),
        (Evidence::NewView(strangers), bad(node(1))),
        (Evidence::NewView(unsorted), bad(node(1))),
        (
            Evidence::Orders { instance, first: order(instance, 1), second: order(instance, 2) },
            twice(node(2)),
        ),
        (frames(&proposal(3, 4, b"x"), &proposal(3, 4, b"y")), voted),
        (frames(&Message::Prepare(vote(1, 2, b"x")), &Message::Prepare(vote(1, 2, b"y"))), voted),
        (frames(&Message::Commit(vote(1, 2, b"x")), &Message::Commit(vote(1, 2, b"y"))), voted),
        (
            frames(&checkpoint(8, b"x"), &checkpoint(8, b"y")),
            finding(node(3), Fault::WrongDigest, Some(Excuse::DamagedState)),
        ),
    ]
}

#[test]
fn each_kind_of_contradiction_names_its_author_to_everybody() {
    for (evidence, finding) in samples() {
        assert_eq!(judge(&evidence), Ok(finding), "{evidence:?}");
        assert_eq!(evidence.accused(), finding.who);
    }
}

#[test]
fn no_bit_of_evidence_can_be_changed_so_that_it_still_shows_anything() {
    let mut rng = Rng::new(81);
    for (evidence, _) in samples() {
        let mut bytes = vec![0; wire::encoded_len(&evidence)];
        wire::encode(&evidence, &mut bytes).unwrap();
        for at in 0..bytes.len() {
            let bit = 1 << rng.below(8);
            bytes[at] ^= bit;
            if let Ok(changed) = wire::decode::<Evidence<'_>>(&bytes) {
                let verdict = verify(&changed, roster(), &Ed25519);
                assert!(verdict.is_err(), "byte {at} of {evidence:?}: {verdict:?}");
            }
            bytes[at] ^= bit;
        }
    }
}

#[test]
fn bytes_of_a_stranger_are_a_typed_error_and_never_a_panic() {
    let mut rng = Rng::new(82);
    for (evidence, _) in samples() {
        let mut bytes = vec![0; wire::encoded_len(&evidence)];
        wire::encode(&evidence, &mut bytes).unwrap();
        for cut in 0..bytes.len() {
            assert!(wire::decode::<Evidence<'_>>(&bytes[..cut]).is_err(), "cut at {cut}");
        }
        bytes.push(0);
        assert_eq!(wire::decode::<Evidence<'_>>(&bytes), Err(wire::DecodeError::Trailing));
    }
    for _ in 0..20_000 {
        let mut bytes = rng.bytes(400);
        if let Some(kind) = bytes.first_mut() {
            *kind %= 9;
        }
        if let Ok(evidence) = wire::decode::<Evidence<'_>>(&bytes) {
            assert!(verify(&evidence, roster(), &Ed25519).is_err());
        }
    }
}

#[test]
fn what_a_correct_principal_may_say_shows_nothing() {
    let mut rng = Rng::new(83);
    let ask = |t, operation: &[u8]| request(1, t, operation, &home());
    let one = begun(new_view(6, &mut rng));
    let instance = Instance { number: 4, commander: NodeId(2) };
    let orders = |first, second| Evidence::Orders { instance, first, second };
    let (prepare, commit) = (Message::Prepare(vote(1, 2, b"x")), Message::Commit(vote(1, 2, b"y")));
    let again = SignedFrame { signature: Signature::ZERO, ..said(3, node(0), 1, &prepare) };
    let Evidence::Frames(three, _) = frames(&prepare, &prepare) else { unreachable!() };
    let two = said(2, node(0), 3, &Message::Prepare(vote(1, 2, b"y")));
    let unsigned = ViewChange { signature: Signature::ZERO, ..change(2, 9, 1) };
    let (equal, unrelated) = (EvidenceError::Equal, EvidenceError::Unrelated);
    let cases = [
        (Evidence::Requests(ask(7, b"x"), ask(7, b"x")), equal),
        (Evidence::Requests(ask(7, b"x"), ask(8, b"y")), unrelated),
        (Evidence::Requests(ask(7, b"x"), request(2, 7, b"y", &home())), unrelated),
        (Evidence::ViewChanges(change(2, 9, 1), change(2, 9, 1)), equal),
        (Evidence::ViewChanges(change(2, 9, 1), unsigned), equal),
        (Evidence::ViewChanges(change(2, 9, 1), change(2, 10, 1)), unrelated),
        (Evidence::ViewChanges(change(2, 9, 1), change(1, 9, 2)), unrelated),
        (Evidence::NewViews(one, one), equal),
        (Evidence::NewViews(one, begun(new_view(10, &mut rng))), unrelated),
        (Evidence::ViewChange(change(2, 9, 1)), EvidenceError::Blameless),
        (Evidence::NewView(one), EvidenceError::Blameless),
        (orders(order(instance, 1), order(instance, 1)), equal),
        (frames(&prepare, &prepare), equal),
        (Evidence::Frames(three, again), equal),
        (frames(&prepare, &commit), unrelated),
        (Evidence::Frames(three, two), unrelated),
        (frames(&prepare, &Message::Prepare(vote(2, 2, b"y"))), unrelated),
        (frames(&commit, &Message::Commit(vote(1, 3, b"x"))), unrelated),
        (frames(&proposal(3, 4, b"x"), &proposal(3, 5, b"y")), unrelated),
        (frames(&proposal(3, 4, b"x"), &proposal(3, 4, b"x")), equal),
        (frames(&checkpoint(8, b"x"), &checkpoint(16, b"y")), unrelated),
        // Replies, states and forwarded requests differ from peer to peer as they have to.
        (frames(&Message::Request(ask(7, b"x")), &Message::Request(ask(7, b"y"))), unrelated),
    ];
    for (evidence, error) in cases {
        assert_eq!(judge(&evidence), Err(error), "{evidence:?}");
    }
}

#[test]
fn evidence_of_another_cluster_epoch_or_author_shows_nothing() {
    let mut rng = Rng::new(84);
    for at in [scope(b"away", 1), scope(b"home", 2)] {
        let ask = |operation: &[u8]| request(1, 7, operation, &at);
        let evidence = Evidence::Requests(ask(b"x"), ask(b"y"));
        assert_eq!(judge(&evidence), Err(EvidenceError::Forged));
        let other = |seed| {
            let mut message = Message::ViewChange(view_change(2, 9, &mut Rng::new(seed)));
            message.sign(node(2), &at, &secret(node(2)));
            let Message::ViewChange(change) = message else { unreachable!() };
            change
        };
        let evidence = Evidence::ViewChanges(other(1), other(2));
        assert_eq!(judge(&evidence), Err(EvidenceError::Forged));
        for (evidence, finding) in samples() {
            let (nodes, clients) = ((0..NODES as u8).map(node), (0..3).map(client));
            let keys = |who: &mut dyn Iterator<Item = Principal>| {
                who.map(|who| secret(who).public()).collect::<Vec<_>>()
            };
            let (nodes, clients) = (keys(&mut { nodes }), keys(&mut { clients }));
            let away = Roster::new(at.cluster, at.epoch, nodes, clients, &Ed25519).unwrap();
            let verdict = verify(&evidence, &away, &Ed25519);
            assert_eq!(verdict, Err(EvidenceError::Forged), "{finding:?} elsewhere");
        }
    }
    // Signed by somebody else, and about somebody whom there is not.
    let mut theft = |author: u8, by: u8| {
        let mut change = view_change(author, 9, &mut rng);
        change.signature = secret(node(by)).sign(&change.digest(&home()));
        change
    };
    let framed = Evidence::ViewChanges(theft(2, 3), theft(2, 3));
    assert_eq!(judge(&framed), Err(EvidenceError::Forged));
    let half = Evidence::ViewChanges(theft(2, 2), theft(2, 3));
    assert_eq!(judge(&half), Err(EvidenceError::Forged), "one good signature is not two");
    let stranger = Evidence::ViewChanges(theft(9, 3), theft(9, 3));
    assert_eq!(judge(&stranger), Err(EvidenceError::Unknown(node(9))));
}

#[test]
fn a_signature_under_one_frame_is_none_under_another_reading_of_its_bytes() {
    let honest = Message::Prepare(vote(1, 2, b"x"));
    let lie = Message::Prepare(vote(1, 2, b"y"));
    // The bytes of a vote lie inside of a batch that was served: they are not what was said.
    let inside = [&[PROTOCOL][..], &encode(&lie)].concat();
    let carrier = Message::Batch {
        sequence: Sequence(2),
        batch: Batch::from_bytes(batch_bytes(&[request(0, 5, &inside, &home())])),
    };
    let served = said(3, node(1), 2, &carrier);
    let forged = SignedFrame { message: lie, ..served };
    let evidence = Evidence::Frames(said(3, node(0), 1, &honest), forged);
    assert_eq!(judge(&evidence), Err(EvidenceError::Forged));
    // Nor is what an adapter says on its own channel, or what is followed by something.
    for payload in [
        [&[PROTOCOL + 1][..], &encode(&lie)].concat(),
        encode(&lie),
        [&[PROTOCOL][..], &encode(&lie), b"more"].concat(),
        vec![],
    ] {
        let (frame, mine, theirs) = framed(3, node(1), 2, &payload);
        assert_eq!(SignedFrame::of(frame, &mine, &theirs), None);
    }
    // Session, receiver and number are what was signed, or it does not hold.
    let second = said(3, node(1), 2, &lie);
    let first = said(3, node(0), 1, &honest);
    assert!(judge(&Evidence::Frames(first, second)).is_ok());
    for changed in [
        SignedFrame { to: node(2), ..second },
        SignedFrame { nonces: [second.nonces[1], second.nonces[0]], ..second },
        SignedFrame { counter: second.counter + 1, ..second },
    ] {
        assert_eq!(judge(&Evidence::Frames(first, changed)), Err(EvidenceError::Forged));
    }
}

#[test]
fn an_endorsement_is_not_the_order_of_its_endorser() {
    // Replica 1 endorses 7 after commander 2: under that it has not ordered anything itself.
    let instance = Instance { number: 4, commander: NodeId(2) };
    let statement = |value: &u8, earlier: &[NodeId], signer| {
        sm::statement(&home(), instance, value, earlier.iter().copied(), NodeId(signer))
    };
    let endorsed = statement(&7, &[NodeId(2)], 2);
    let own = Statement::new(Tag::Order, &home(), node(2)).u64(4).u64(2).bytes(&[7]).u64(0);
    assert_eq!(own.finish(), statement(&7, &[], 2), "what evidence recomputes is what is signed");
    let signature = secret(node(2)).sign(&endorsed);
    let second = SignedOrder { value: Bytes(&[7]), signature };
    let evidence = Evidence::Orders { instance, first: order(instance, 1), second };
    assert_eq!(judge(&evidence), Err(EvidenceError::Forged));
}
