//! The wire format of the synchronous protocols, frozen. A change of any of these bytes is a new
//! version of the format, never an accident.
#![cfg(feature = "ed25519")]

mod support;

use quorate::auth::{Digest, Signature};
use quorate::lockstep::{self, Message, Proposal};
use quorate::rounds::Instance;
use quorate::service::{Outcome, Request};
use quorate::sm::{Chain, Endorsement, Endorsements};
use quorate::wire::{self, Bytes};
use quorate::{ClientId, NodeId, king, om, sm, vector};
use serde::Serialize;
use support::{client, home, secret};

type Oral = om::Orders<u16, [om::Entry<u16>; 3]>;

const INSTANCE: Instance = Instance { number: 300, commander: NodeId(2) };

fn encoded(message: &impl Serialize) -> Vec<u8> {
    let mut buffer = [0; 1024];
    wire::encode(message, &mut buffer).unwrap().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn check(name: &str, bytes: &[u8], frozen: &str) {
    assert_eq!(hex(bytes), frozen, "{name} has other bytes than it had");
}

fn wave() -> Vec<u8> {
    let orders = [Some(7u16), None, Some(300)];
    let orders = om::Wave::from_orders(&orders);
    encoded(&om::Message::Wave { instance: INSTANCE, round: 2, orders })
}

#[test]
fn oral_messages_are_what_they_were() {
    check("wave", &wave(), "00ac0202020601070001ac02");
    let path = om::Path::new(&[NodeId(2), NodeId(0)]).unwrap();
    let oral = om::Message::Oral { instance: INSTANCE, path, order: Some(300u16) };
    check("oral", &encoded(&oral), "01ac020202020001ac02");
}

#[test]
fn signed_messages_are_what_they_were() {
    let rows = [[0x11; 65], [0x22; 65]];
    let last = Endorsement { signer: NodeId(5), signature: Signature::from_bytes([0x33; 64]) };
    let chain = Chain::new(300u16, Endorsements::new(&rows), last);
    let first = Chain::new(7u16, Endorsements::NONE, last);
    let message = sm::Message { instance: INSTANCE, first, second: Some(chain) };
    let three = "33".repeat(64);
    let rows = "11".repeat(65) + &"22".repeat(65);
    let frozen = format!("ac0202070005{three}01ac028201{rows}05{three}");
    check("two chains", &encoded(&message), &frozen);
}

#[test]
fn what_is_signed_under_an_order_is_what_it_was() {
    let earlier = [NodeId(2), NodeId(0)].into_iter();
    let statement = sm::statement(&home(), INSTANCE, &300u16, earlier, NodeId(1));
    let frozen = "31a9b4f3759a5dd006c3c11a289ad5e643a2da8b75df6fd617b1140f9ec29824";
    check("endorsement", &statement.0, frozen);
}

#[test]
fn kings_messages_are_what_they_were() {
    let of = |opinion| encoded(&king::Message { instance: INSTANCE, round: 9, opinion });
    check("nothing", &of(king::Opinion::<u16>::Nothing), "ac02020900");
    check("undecided", &of(king::Opinion::<u16>::Undecided), "ac02020901");
    check("order", &of(king::Opinion::Order(300u16)), "ac02020902ac02");
}

#[test]
fn vectors_are_their_parts_one_after_the_other() {
    let parts = wave();
    let message = vector::Message::<'_, Oral>::from_parts(300, &parts);
    check("vector", &encoded(&message), &format!("ac020c{}", hex(&parts)));
}

#[test]
fn lockstep_messages_are_what_they_were() {
    let (slot, digest) = (300, Digest([0xd1; 32]));
    let request = Request {
        client: ClientId(1),
        timestamp: 300,
        operation: Bytes(b"op"),
        signature: Signature::from_bytes([0x44; 64]),
    };
    let outcome = Outcome::Stale;
    let reply =
        lockstep::Reply { client: ClientId(1), timestamp: 300, outcome, reply: Bytes(b"r") };
    let of = |message: Message<'_, Oral>| encoded(&message);
    let request = of(Message::Request(request));
    check("request", &request, &format!("0001ac02026f70{}", "44".repeat(64)));
    check("reply", &of(Message::Reply(reply)), "0101ac02020172");
    let parts = wave();
    let frame = vector::Message::from_parts(slot, &parts);
    check("slot", &of(Message::Slot(frame)), &format!("02ac020c{}", hex(&parts)));
    check("rejoin", &of(Message::Rejoin { after: slot }), "03ac02");
    check("vouch", &of(Message::Vouch { slot, digest }), &format!("04ac02{}", "d1".repeat(32)));
    check("fetch", &of(Message::FetchState { slot }), "05ac02");
    let (clients, state) = (Bytes(b"t"), Bytes(b"s"));
    check("state", &of(Message::State { slot, clients, state }), "06ac0201740173");
    let batch = Proposal::<8>::from_bytes(b"b").unwrap();
    check("batch", &encoded(&batch), "010162");
    check("empty", &encoded(&Proposal::<8>::from_bytes(b"").unwrap()), "0100");
    check("null", &encoded(&Proposal::<8>::NULL), "00");
}

#[test]
fn what_a_client_signs_and_generals_vouch_for_is_what_it_was() {
    let unsigned = Request {
        client: ClientId(1),
        timestamp: 300,
        operation: Bytes(b"op"),
        signature: Signature::ZERO,
    };
    let mut message = lockstep::ClientMessage::Request(unsigned);
    quorate::auth::Signed::sign(&mut message, client(1), &home(), &secret(client(1)));
    let lockstep::ClientMessage::Request(request) = message else { panic!("it was a request") };
    let frozen = "f95e5336bb5d107c831b64b46b227c89de83cec7d07e46a922dc8c3b7ce43f12\
                  694dbfb5c7c1c96ece2d8a4f236cbbab2fee8613a9a9594d881662188a51fa04";
    check("signature", &request.signature.to_bytes(), frozen);
    let digest = lockstep::state_digest(300, &Digest([1; 32]), &Digest([2; 32]));
    check("state", &digest.0, "bbef5ebed6b74bec11566e889dab53cf78b0d01233a35c16f8e9591c0fdc00d7");
}
