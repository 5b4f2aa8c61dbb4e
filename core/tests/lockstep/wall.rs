//! What is refused before it is stepped.

use crate::bench::*;
use quorate::lockstep::*;
use quorate::service::Request;
use quorate::vector;
use quorate::wire::{self, Bytes};
use quorate::{Admission, ClientId, Digest, Fault, Input, NodeId, Protocol, Signature};

fn admit(from: quorate::Principal, payload: &[u8]) -> Admission {
    let mut general = member::<Oral>(Shape::ORAL, 0);
    let mut message: Message<'_, Oral> = wire::decode(payload).unwrap();
    general.admit(quorate::Instant::ZERO, from, &mut message)
}

#[test]
fn requests_come_from_their_client_fit_and_are_new() {
    let payload = request(1, 1, b"op");
    assert_eq!(admit(client(1), &payload), Admission::Verify);
    assert_eq!(admit(client(2), &payload), Admission::Refused(Fault::Impersonation));
    assert_eq!(admit(node(1), &payload), Admission::Refused(Fault::Impersonation));
    let far = request(CLIENTS, 1, b"op");
    assert_eq!(admit(client(CLIENTS), &far), Admission::Refused(Fault::OutOfBounds));
    let fits = REQUEST - Request::OVERHEAD;
    assert_eq!(admit(client(1), &request(1, 1, &vec![0; fits])), Admission::Verify);
    let long = request(1, 1, &vec![0; fits + 1]);
    assert_eq!(admit(client(1), &long), Admission::Refused(Fault::OutOfBounds));
}

#[test]
fn a_forged_request_does_not_pass_the_wall() {
    let mut payload = request(1, 1, b"op");
    let at = payload.len() - 40;
    payload[at] ^= 1;
    let message: Message<'_, Oral> = wire::decode(&payload).unwrap();
    let verdict = roster(4).verify(&TestVerifier, client(1), message);
    assert_eq!(verdict.err(), Some(Fault::Forged));
    let payload = request(1, 1, b"op");
    for stranger in [client(2), node(1)] {
        let message: Message<'_, Oral> = wire::decode(&payload).unwrap();
        let verdict = roster(4).verify(&TestVerifier, stranger, message);
        assert_eq!(verdict.err(), Some(Fault::Impersonation), "{stranger:?}");
    }
}

/// The request with a signature that is not its client's.
fn forge(mut payload: Vec<u8>) -> Vec<u8> {
    *payload.last_mut().unwrap() ^= 1;
    payload
}

/// How often in a thousand a request with the next timestamp is let through to be verified.
fn verified(general: &mut Member<Oral>, now: u64, of: usize, stepped: bool) -> usize {
    let now = quorate::Instant::from_micros(now);
    let verified = (1..=1000u64).filter(|timestamp| {
        let good = request(of, *timestamp, b"op");
        let payload = if stepped { good } else { forge(good) };
        let mut message: Message<'_, Oral> = wire::decode(&payload).unwrap();
        match general.admit(now, client(of), &mut message) {
            Admission::Verify => {
                let verified = roster(4).verify(&TestVerifier, client(of), message);
                assert_eq!(verified.is_ok(), stepped);
                let step = verified.map(|it| general.step(now, Input::Message(it)).count());
                assert!(step.unwrap_or(0) == 0, "nothing comes of it yet");
                true
            }
            Admission::Later { after } => {
                assert!(!after.is_zero(), "it says when there may be more");
                false
            }
            Admission::Known => false,
            Admission::Refused(fault) => panic!("{fault:?}"),
        }
    });
    verified.count()
}

#[test]
fn a_client_that_floods_a_general_has_two_requests_verified_a_slot_well_signed_or_not() {
    for stepped in [false, true] {
        let mut general = member::<Oral>(Shape::ORAL, 0);
        assert_eq!(verified(&mut general, FIRST - 1, 1, stepped), 2);
        assert_eq!(verified(&mut general, FIRST - 1, 2, stepped), 2, "each has its own budget");
        for slot in 0..4 {
            let now = FIRST + slot * ROUND;
            let _ = general.step(quorate::Instant::from_micros(now), Input::Wake).count();
            let admission = {
                let payload = request(1, 5_000 + slot, b"good");
                let mut message: Message<'_, Oral> = wire::decode(&payload).unwrap();
                general.admit(quorate::Instant::from_micros(now), client(1), &mut message)
            };
            assert_eq!(admission, Admission::Verify, "a flood is forgotten when a slot begins");
            assert_eq!(verified(&mut general, now + 1, 1, stepped), 1, "slot {slot}");
        }
    }
}

#[test]
fn a_request_that_a_spent_budget_kept_out_is_served_when_it_is_sent_again() {
    let mut bench = Bench::<Oral>::new(Shape::ORAL);
    bench.run_until(bench.begin(2) + 10 * MS);
    for id in 0..4 {
        for timestamp in 1..=9 {
            bench.post(client(0), node(id), 1, forge(request(0, timestamp, b"forged")));
        }
        bench.post(client(0), node(id), 2, request(0, 9, b"good"));
        bench.post(client(0), node(id), ROUND, request(0, 9, b"good"));
    }
    bench.run_until(bench.begin(8));
    let log = &bench.hosts[0].log;
    assert_eq!(log.as_slice(), [(4, 0, 9, b"good".to_vec())], "known in slot 3, executed in 4");
    bench.check("a spent budget");
}

#[test]
fn frames_come_from_other_generals_of_the_cluster() {
    let frame = || Message::<'_, Oral>::Slot(vector::Message::from_parts(0, &[]));
    let payload = seal(node(1), frame());
    assert_eq!(admit(client(1), &payload), Admission::Refused(Fault::NotAllowed));
    assert_eq!(admit(node(0), &payload), Admission::Refused(Fault::Impersonation));
    assert_eq!(admit(node(4), &payload), Admission::Refused(Fault::OutOfBounds));
    let far = said::<Oral>(1, Message::Slot(vector::Message::from_parts(9, &[])));
    assert_eq!(admit(node(1), &far), Admission::Refused(Fault::OutOfBounds));
    let state: Message<'_, Oral> =
        Message::State { slot: 0, clients: Bytes(&[]), state: Bytes(&[]) };
    assert_eq!(admit(node(1), &seal(node(1), state)), Admission::Known, "nobody asked for it");
}

#[test]
fn clients_speak_the_first_two_messages_of_generals() {
    let request = Request {
        client: ClientId(3),
        timestamp: 77,
        operation: Bytes(b"op"),
        signature: Signature::ZERO,
    };
    let outcome = quorate::service::Outcome::Stale;
    let reply = Reply { client: ClientId(3), timestamp: 77, outcome, reply: Bytes(b"re") };
    let (from, to) = (client(3), node(0));
    assert_eq!(
        seal(from, ClientMessage::Request(request)),
        seal(from, Message::<'_, Oral>::Request(request))
    );
    assert_eq!(seal(to, ClientMessage::Reply(reply)), seal(to, Message::<'_, Oral>::Reply(reply)));
}

#[test]
fn every_message_survives_its_encoding() {
    let (slot, digest) = (u64::MAX, Digest([7; 32]));
    let messages = [
        Message::<'_, Oral>::Slot(vector::Message::from_parts(9, b"parts")),
        Message::Rejoin { after: slot },
        Message::Vouch { slot, digest },
        Message::FetchState { slot },
        Message::State { slot, clients: Bytes(b"table"), state: Bytes(b"state") },
    ];
    for (message, variant) in messages.into_iter().zip(2u8..) {
        let payload = seal(node(0), message);
        assert_eq!(payload[0], variant, "numbers of variants never change");
        let again: Message<'_, Oral> = wire::decode(&payload).unwrap();
        assert_eq!(seal(node(0), again), payload);
        assert_eq!(format!("{again:?}"), format!("{message:?}"));
    }
    let _ = NodeId(0);
}
