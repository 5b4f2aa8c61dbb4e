//! What of an agreed vector is executed: a pure function of its bytes and the table.

use crate::bench::*;
use quorate::lockstep::*;
use quorate::rounds::Instance;
use quorate::service::Request;
use quorate::vector;
use quorate::{Fault, NodeId, om, wire};

/// A frame in which general 3 proposes these bytes as a batch.
fn proposing(slot: u64, batch: Option<&[u8]>) -> Vec<u8> {
    let instance = Instance { number: slot, commander: NodeId(3) };
    let proposal = batch.map_or(Proposal::NULL, |bytes| Proposal::<B>::from_bytes(bytes).unwrap());
    let orders = [Some(proposal)];
    let orders = om::Wave::from_orders(&orders);
    let part = seal(node(3), om::Message::Wave { instance, round: 1, orders });
    said::<Oral>(3, Message::Slot(vector::Message::from_parts(slot, &part)))
}

/// The bytes of a request in a batch, taken from what a client sends.
fn in_batch(payload: &[u8]) -> Vec<u8> {
    let ClientMessage::Request(request) = wire::decode(payload).unwrap() else { panic!() };
    let Request { client, timestamp, operation, signature } = request;
    let mut bytes = client.0.to_le_bytes().to_vec();
    bytes.extend(timestamp.to_le_bytes());
    bytes.extend((operation.0.len() as u32).to_le_bytes());
    bytes.extend(operation.0);
    bytes.extend(signature.to_bytes());
    bytes
}

/// General 3 proposes a batch in slot 0; a client's request is known to general 1 at the time.
fn with_proposal(batch: Option<&[u8]>) -> Bench<Oral> {
    let mut bench = Bench::<Oral>::new(Shape::ORAL);
    bench.traitors = vec![3];
    let said = proposing(0, batch);
    let mut first = 0;
    bench.tamper = Some(Box::new(move |_, _, payload| {
        first += 1;
        vec![(DELAY, if first <= 3 { said.clone() } else { payload })]
    }));
    bench.post(client(2), node(1), 0, request(2, 1, b"good"));
    bench.run_until(bench.begin(4));
    bench.check("one proposal");
    assert!(bench.operations(0).contains(&&b"good"[..]), "others' proposals still execute");
    bench
}

#[test]
fn r_04_a_forged_request_is_filtered_everywhere_and_its_proposer_is_blamed() {
    let mut forged = in_batch(&request(0, 1, b"forged"));
    *forged.last_mut().unwrap() ^= 0;
    let at = forged.len() - 64;
    forged[at] ^= 1;
    let bench = with_proposal(Some(&forged));
    assert_eq!(bench.operations(0), [b"good"]);
    for id in 0..3 {
        assert!(bench.accusations.contains(&(id, NodeId(3), Fault::Forged)), "{id}");
    }
}

#[test]
fn a_request_of_a_pbft_cluster_is_not_one_here() {
    let request = Request {
        client: quorate::ClientId(0),
        timestamp: 1,
        operation: wire::Bytes(b"elsewhere"),
        signature: quorate::Signature::ZERO,
    };
    let payload = seal(client(0), quorate::pbft::Message::Request(request));
    let bench = with_proposal(Some(&in_batch(&payload)));
    assert_eq!(bench.operations(0), [b"good"]);
}

#[test]
fn a_good_request_executes_though_only_one_general_proposes_it() {
    let bench = with_proposal(Some(&in_batch(&request(0, 1, b"fine"))));
    assert_eq!(bench.operations(0), [&b"good"[..], b"fine"]);
    assert_eq!(bench.accusations, []);
}

#[test]
fn r_08_poisoned_proposals_are_judged_alike_and_never_panic() {
    let good = in_batch(&request(0, 1, b"x"));
    let twice = [good.clone(), in_batch(&request(0, 2, b"y"))].concat();
    let torn = &good[..good.len() - 1];
    let stranger = in_batch(&request(CLIENTS, 1, b"x"));
    let lying = {
        let mut bytes = good.clone();
        bytes[10..14].copy_from_slice(&u32::MAX.to_le_bytes());
        bytes
    };
    for poison in [&twice[..], torn, &stranger, &lying, &[0xff; B], &[0; B]] {
        let bench = with_proposal(Some(poison));
        assert_eq!(bench.operations(0), [b"good"]);
        for id in 0..3 {
            assert!(bench.accusations.contains(&(id, NodeId(3), Fault::BadBatch)), "{id}");
        }
    }
    let full = in_batch(&request(0, 1, &[7; B - 78]));
    assert_eq!(full.len(), B);
    assert_eq!(with_proposal(Some(&full)).operations(0).len(), 2, "the largest one");
}

#[test]
fn r_08_a_proposal_over_the_constant_is_no_proposal() {
    let instance = Instance { number: 0, commander: NodeId(3) };
    let long = Proposal::<{ B + 1 }>::from_bytes(&[0; B + 1]).unwrap();
    let orders = [Some(long)];
    let orders = om::Wave::from_orders(&orders);
    let part = seal(node(3), om::Message::Wave { instance, round: 1, orders });
    let said = said::<Oral>(3, Message::Slot(vector::Message::from_parts(0, &part)));
    let mut bench = Bench::<Oral>::new(Shape::ORAL);
    bench.traitors = vec![3];
    bench.tamper = Some(Box::new(move |_, _, _| vec![(DELAY, said.clone())]));
    bench.post(client(2), node(1), 0, request(2, 1, b"good"));
    bench.run_until(bench.begin(4));
    bench.check("too long");
    assert_eq!(bench.operations(0), [b"good"]);
    assert!(bench.accusations.contains(&(0, NodeId(3), Fault::Malformed)));
}

#[test]
fn r_12_null_empty_and_missing_are_three_things_and_all_do_nothing() {
    assert_ne!(proposing(0, None), proposing(0, Some(&[])));
    assert_ne!(Proposal::<B>::NULL, Proposal::<B>::from_bytes(&[]).unwrap());
    for nothing in [None, Some(&[][..])] {
        let bench = with_proposal(nothing);
        assert_eq!(bench.operations(0), [b"good"]);
        assert_eq!(bench.accusations, [], "an empty batch is no wrong");
    }
}

#[test]
fn proposals_are_equal_by_what_they_say() {
    let one = Proposal::<8>::from_bytes(&[1, 2, 3]).unwrap();
    assert_eq!(one, Proposal::from_bytes(&[1, 2, 3]).unwrap());
    assert_ne!(one, Proposal::from_bytes(&[1, 2, 3, 0]).unwrap());
    assert_eq!(Proposal::<8>::from_bytes(&[0; 9]), None);
    let mut buffer = [0; 16];
    for proposal in [Proposal::NULL, Proposal::from_bytes(&[]).unwrap(), one] {
        let bytes = wire::encode(&proposal, &mut buffer).unwrap();
        assert_eq!(wire::decode::<Proposal<8>>(bytes), Ok(proposal));
    }
}

#[test]
fn r_03_a_request_proposed_by_all_and_again_executes_once_and_is_answered_again() {
    let mut bench = Bench::<Oral>::new(Shape::ORAL);
    for id in 0..4 {
        bench.post(client(0), node(id), 0, request(0, 5, b"once"));
    }
    // Known late to general 2 it is proposed in the next slot as well.
    bench.run_until(FIRST + 20 * MS);
    for id in 0..4 {
        bench.post(client(0), node(id), 0, request(0, 5, b"once"));
    }
    bench.run_until(bench.begin(6));
    assert_eq!(bench.replied.len(), 4, "each general has answered once");
    for id in 0..4 {
        bench.post(client(0), node(id), 0, request(0, 5, b"once"));
        bench.post(client(0), node(id), 0, request(0, 4, b"older"));
    }
    bench.run_until(bench.begin(12));
    assert_eq!(bench.replied.len(), 12, "the answer again, and that the other one is stale");
    assert_eq!(bench.operations(0), [b"once"]);
    bench.check("once");
}

#[test]
fn a_request_that_two_proposals_hold_executes_at_the_first_place() {
    // General 3 proposes what general 1 proposes as well.
    let bench = with_proposal(Some(&in_batch(&request(2, 1, b"good"))));
    assert_eq!(bench.operations(0), [b"good"]);
    assert_eq!(bench.accusations, []);
}

#[test]
fn two_operations_under_one_timestamp_are_one_request_everywhere() {
    let mut bench = Bench::<Oral>::new(Shape::ORAL);
    for id in 0..4 {
        let operation: &[u8] = if id < 2 { b"left" } else { b"right" };
        bench.post(client(0), node(id), 0, request(0, 1, operation));
    }
    bench.run_until(bench.begin(6));
    assert_eq!(bench.hosts[0].log.len(), 1);
    bench.check("client equivocates");
}

#[test]
fn of_two_requests_with_one_timestamp_a_general_keeps_the_first() {
    let mut bench = Bench::<Oral>::new(Shape::ORAL);
    for operation in [&b"first"[..], b"second"] {
        for id in 0..4 {
            bench.post(client(0), node(id), 0, request(0, 1, operation));
        }
    }
    bench.run_until(bench.begin(6));
    assert_eq!(bench.operations(0), [b"first"]);
}

#[test]
fn a_timestamp_at_the_end_silences_only_its_client() {
    let mut bench = Bench::<Oral>::new(Shape::ORAL);
    for id in 0..4 {
        bench.post(client(0), node(id), 0, request(0, u64::MAX, b"last"));
    }
    bench.run_until(bench.begin(4));
    bench.submit(0, b"never");
    bench.submit(1, b"fine");
    bench.run_until(bench.begin(10));
    assert_eq!(bench.operations(0), [&b"last"[..], b"fine"]);
    assert_eq!(bench.clients[0].failures, 1, "stale");
    bench.check("end of timestamps");
}

#[test]
fn r_06_a_request_known_to_one_loyal_general_executes_in_its_next_slot() {
    for known in 0..3 {
        let mut bench = Bench::<Oral>::new(Shape::ORAL);
        bench.traitors = vec![3];
        bench.tamper = Some(Box::new(|_, to, payload| {
            // Silent to one, garbled to another.
            let garbled = payload.iter().map(|byte| byte ^ 0x55).collect();
            if to == 0 { vec![] } else { vec![(DELAY, garbled)] }
        }));
        bench.run_until(bench.begin(3) - 10 * MS);
        bench.post(client(1), node(known), 0, request(1, 1, b"mine"));
        bench.run_until(bench.begin(8));
        let at: Vec<u64> = bench.hosts[0].log.iter().map(|entry| entry.0).collect();
        assert_eq!(at, [3]);
        bench.check("censorship");
    }
}

/// Two requests of one client in two slots, the second of which is agreed on while the host of
/// general 1 still executes the first.
#[test]
fn what_a_slow_host_answers_is_not_taken_for_the_answer_to_a_later_request() {
    let mut bench = Bench::<Oral>::new(Shape::ORAL);
    bench.slow[1] = 3 * ROUND / 2;
    for t in 1..=2u64 {
        bench.run_until(bench.begin(t) - 20 * MS);
        for id in 0..4 {
            bench.post(client(0), node(id), 0, request(0, t, &[t as u8]));
        }
    }
    bench.run_until(bench.begin(12));
    assert_eq!(bench.operations(1), [[1], [2]]);
    let of_one = bench.replied.iter().filter(|it| it.0 == 1);
    let answers: Vec<(u64, u8)> = of_one.map(|it| (it.2, it.3[0])).collect();
    assert_eq!(answers, [(1, 1), (2, 2)]);
    bench.check("slow host");
}

#[test]
fn a_table_without_room_for_requests_in_a_proposal_is_refused() {
    let mut long = room::<Oral>(Shape::ORAL, 0);
    long.requests = vec![0; CLIENTS * (B + 1)];
    let authority = Clients { roster: roster(4), verifier: TestVerifier };
    assert!(General::<_, _, B>::new(Shape::ORAL.config(0), long, authority).is_err());
}
