//! What a signature under an order means: one order, of one instance, after certain signers.

use super::post::{Outcome, Post};
use super::scroll::{Scroll, frame, scrolls};
use super::*;
use crate::field::{scope, seal};
use crate::scheme::TestSigner;
use quorate::auth::{Scope, Statement, Tag};
use quorate::sm::{Endorsement, Message, statement};
use quorate::{Digest, Fault, Principal, Signer};

fn ids(ids: &[u8]) -> impl ExactSizeIterator<Item = NodeId> {
    ids.iter().copied().map(NodeId)
}

/// Every field of the statement, each changed by itself.
#[test]
fn everything_that_an_endorsement_covers_changes_its_statement() {
    let instance = |number, commander| Instance { number, commander: NodeId(commander) };
    let home = scope();
    let scopes = [
        Scope { cluster: Digest::of(b"elsewhere"), ..home },
        Scope { epoch: 2, ..home },
        Scope { profile: "other", ..home },
    ];
    let mut all = vec![statement(&home, instance(7, 0), &A, ids(&[0, 1, 2]), NodeId(3))];
    for scope in scopes {
        all.push(statement(&scope, instance(7, 0), &A, ids(&[0, 1, 2]), NodeId(3)));
    }
    for instance in [instance(8, 0), instance(7, 1), instance(7 << 8, 0)] {
        all.push(statement(&home, instance, &A, ids(&[0, 1, 2]), NodeId(3)));
    }
    all.push(statement(&home, instance(7, 0), &B, ids(&[0, 1, 2]), NodeId(3)));
    all.push(statement(&home, instance(7, 0), &300u16, ids(&[0, 1, 2]), NodeId(3)));
    let before = [&[][..], &[0], &[0, 1], &[1, 0, 2], &[0, 2, 1], &[0, 1, 2, 4], &[0, 1, 4]];
    for earlier in before {
        all.push(statement(&home, instance(7, 0), &A, ids(earlier), NodeId(3)));
    }
    all.push(statement(&home, instance(7, 0), &A, ids(&[0, 1, 2]), NodeId(4)));
    // Values whose encodings are each other's beginnings.
    all.push(statement(&home, instance(7, 0), &[A, 0], ids(&[0, 1, 2]), NodeId(3)));
    all.push(statement(&home, instance(7, 0), &(), ids(&[0, 1, 2]), NodeId(3)));
    for (at, one) in all.iter().enumerate() {
        assert!(all[..at].iter().all(|other| other != one), "statement {at} is another one too");
    }
}

/// What is signed never changes: other programs sign it too.
#[test]
fn the_statement_is_frozen() {
    let value = [0xab; 32];
    let made = statement(&scope(), INSTANCE, &value, ids(&[0, 5]), NodeId(1));
    let author = Principal::Node(NodeId(1));
    let by_hand = Statement::new(Tag::Order, &scope(), author)
        .u64(7)
        .u64(0)
        .bytes(&value)
        .u64(2)
        .u64(0)
        .u64(5)
        .finish();
    assert_eq!(made, by_hand);
    let hex = "fe5e5db891521128899515b3038432556a6672b288d0129b5bf21525eec97bf8";
    assert_eq!(made.to_string(), hex);
}

/// The wall of general 3 among seven, in round two.
fn hear(from: u8, scroll: &Scroll) -> Outcome {
    let mut post = Post::in_round(3, 7, 3, 2);
    let outcome = post.hear(from, &scroll.frame());
    assert_eq!(post.orders().is_empty(), outcome != Outcome::FINE);
    outcome
}

const FORGED: Outcome = Outcome::Refused(Fault::Forged);

#[test]
fn a_true_chain_replayed_from_elsewhere_is_forged() {
    assert_eq!(hear(1, &Scroll::signed(A, &[0, 1])), Outcome::FINE);
    let places = [
        (Scope { cluster: Digest::of(b"elsewhere"), ..scope() }, INSTANCE),
        (Scope { epoch: 0, ..scope() }, INSTANCE),
        (Scope { profile: "other", ..scope() }, INSTANCE),
        (scope(), Instance { number: 6, ..INSTANCE }),
        (scope(), Instance { commander: NodeId(1), ..INSTANCE }),
    ];
    for (scope, instance) in places {
        let elsewhere = Scroll::signed_in(&scope, instance, A, &[0]);
        // The traitor's own signature is of this place; the commander's is not.
        assert_eq!(hear(1, &elsewhere.then(1)), FORGED, "{scope:?} {instance:?}");
    }
}

#[test]
fn a_true_signature_under_another_order_is_forged() {
    let mut scroll = Scroll::signed(A, &[0]);
    scroll.value = B;
    assert_eq!(hear(1, &scroll.then(1)), FORGED);
    let mut last = Scroll::signed(A, &[0, 1]);
    last.value = B;
    assert_eq!(hear(1, &last), FORGED);
}

/// Sealing signs what its sender states, and nothing in anybody else's name.
#[test]
fn what_others_signed_stays_as_it_is() {
    let (mine, of_2) = (Scroll::signed(A, &[0, 1]), Scroll::signed(B, &[0, 2]).spoilt(1));
    let mut message = Message::new(INSTANCE, mine.chain());
    message.first.last = Endorsement::unsigned(NodeId(1));
    message.second = Some(of_2.chain());
    assert_eq!(scrolls(&seal(NodeId(1), message)), [mine.clone(), of_2.clone()]);
    let blank = Scroll::of(&message.first);
    assert_eq!(scrolls(&seal(NodeId(2), message))[0], blank);
    assert_eq!(scrolls(&seal(NodeId(3), message)), [blank, of_2]);
}

/// A request, a checkpoint or whatever else its author signs is no order.
#[test]
fn a_statement_of_another_kind_is_no_endorsement() {
    let kinds = [Tag::Frame, Tag::Request, Tag::ViewChange, Tag::NewView, Tag::LockstepRequest];
    for tag in kinds.into_iter().chain([Tag::Order]) {
        let commander = Principal::Node(NodeId(0));
        let other = Statement::new(tag, &scope(), commander)
            .u64(INSTANCE.number)
            .u64(0)
            .bytes(b"A")
            .u64(0)
            .finish();
        let signature = TestSigner(commander).sign(&other);
        let row = Endorsement { signer: NodeId(0), signature }.to_row();
        let scroll = Scroll { value: A, rows: vec![row] }.then(1);
        let outcome = hear(1, &scroll);
        assert_eq!(outcome == Outcome::FINE, tag == Tag::Order, "{tag:?}");
    }
}

/// S-15: whoever signed after others cannot be made to have signed after fewer, or in another
/// order, or for somebody else.
#[test]
fn s_15_a_chain_that_is_cut_or_reordered_is_forged() {
    let whole = Scroll::signed(A, &[0, 2, 1]);
    assert_eq!(hear(1, &whole), Outcome::FINE);
    let cut = |at: usize| {
        let mut scroll = whole.clone();
        scroll.rows.remove(at);
        scroll
    };
    assert_eq!(hear(1, &cut(1)), FORGED, "the signature of 1 is over that of 2");
    assert_eq!(hear(1, &cut(0)), Outcome::Refused(Fault::BadChain));
    // Cut, and signed anew by the traitor: a true chain of two, which the third round is past.
    let fresh = Scroll::signed(A, &[0, 1]);
    assert_eq!(hear(1, &fresh), Outcome::FINE);
    let mut post = Post::in_round(3, 7, 3, 3);
    assert_eq!(post.hear(1, &fresh.frame()), Outcome::Refused(Fault::Late));
    let mut swapped = Scroll::signed(A, &[0, 2, 4, 1]);
    swapped.rows.swap(1, 2);
    assert_eq!(hear(1, &swapped), FORGED);
    let mut exchanged = Scroll::signed(A, &[0, 2]).then(1);
    exchanged.rows[1][0] = 4;
    assert_eq!(hear(1, &exchanged), FORGED, "the id of another over the same signature");
    let mut replaced = whole.clone();
    replaced.rows[1] = Scroll::signed(A, &[0, 4]).rows[1];
    assert_eq!(hear(1, &replaced), FORGED, "1 signed after 2, not after 4");
    let grafted = Scroll { value: A, rows: vec![whole.rows[0], whole.rows[2]] };
    assert_eq!(hear(1, &grafted), FORGED);
}

/// Every bit of a chain counts, and none of them does harm.
#[test]
fn every_flipped_bit_is_refused_or_known() {
    let payload = frame(&[&Scroll::signed(A, &[0, 2, 1]), &Scroll::signed(B, &[0, 1])]);
    for at in 0..payload.len() * 8 {
        let mut flipped = payload.clone();
        flipped[at / 8] ^= 1 << (at % 8);
        let mut post = Post::in_round(3, 7, 3, 2);
        let outcome = post.hear(1, &flipped);
        assert!(matches!(outcome, Outcome::Refused(_)), "bit {at}: {outcome:?}");
        assert_eq!(post.orders(), [0; 0]);
    }
}
