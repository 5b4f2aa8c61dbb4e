//! Slots: one after the other, overlapping, in a fair order.

use crate::bench::*;
use quorate::lockstep::*;
use quorate::{Fault, Input, Instant, NodeId, Output, Protocol, Refusal, om};

#[test]
fn a_request_known_to_all_executes_in_the_next_slot_and_its_client_hears_of_it() {
    let mut bench = Bench::<Oral>::new(Shape::ORAL);
    bench.run_until(FIRST - 50 * MS);
    bench.submit(0, b"one");
    bench.run_until(bench.begin(4));
    assert_eq!(bench.operations(0), [b"one"]);
    assert_eq!(bench.hosts[0].log[0].0, 0, "slot 0");
    bench.check("one request");
    let end = bench.begin(0) + 2 * ROUND;
    let replies = &bench.clients[0].replies;
    assert_eq!(replies.as_slice(), [(end + DELAY, 1u64.to_le_bytes().to_vec())]);
    assert_eq!(bench.accusations, []);
}

#[test]
fn signed_messages_serve_clients_with_three_generals() {
    let mut bench = Bench::<Scrolls>::new(Shape::SIGNED);
    bench.submit(0, b"one");
    bench.submit(1, b"two");
    bench.run_until(bench.begin(4));
    assert_eq!(bench.operations(2).len(), 2);
    bench.check("signed");
    assert_eq!((bench.clients[0].replies.len(), bench.clients[1].replies.len()), (1, 1));
    assert_eq!(bench.accusations, []);
}

#[test]
fn slots_overlap_and_later_ones_do_not_wait_for_earlier_ones() {
    for rounds in [1, 2, 3] {
        let mut bench = Bench::<Oral>::new(Shape { rounds, ..Shape::ORAL });
        let mut submitted = Vec::new();
        for slot in 0..6 {
            bench.run_until(bench.begin(slot) - 40 * MS);
            if !bench.clients[0].client.is_busy() {
                bench.submit(0, &[slot as u8]);
                submitted.push(slot);
            }
            // While a slot is resolved the next one begins already.
            let status = bench.hosts[0].general.as_ref().unwrap().status();
            assert_eq!(status.next, slot);
        }
        bench.run_until(bench.begin(12));
        let slots: Vec<u64> = bench.hosts[1].log.iter().map(|entry| entry.0).collect();
        assert_eq!(slots, submitted, "each executed in its own slot, {rounds} rounds apart");
        bench.check("overlap");
    }
}

#[test]
fn r_11_the_first_position_rotates() {
    // Each general knows the request of one client only, so all four propose in every slot.
    let mut bench = Bench::<Oral>::new(Shape::ORAL);
    let slots = 40;
    for slot in 0..slots {
        bench.run_until(bench.begin(slot) - 20 * MS);
        for id in 0..4 {
            let payload = request(id, slot + 1, &[id as u8]);
            bench.post(client(id), node(id), 0, payload);
        }
    }
    bench.run_until(bench.begin(slots + 4));
    bench.check("rotation");
    let log = &bench.hosts[0].log;
    assert_eq!(log.len() as u64, 4 * slots);
    for slot in 0..slots {
        let order: Vec<u64> =
            log.iter().filter(|entry| entry.0 == slot).map(|entry| entry.1.into()).collect();
        let expected: Vec<u64> = (0..4).map(|turn| (slot + turn) % 4).collect();
        assert_eq!(order, expected, "slot {slot}");
    }
}

#[test]
fn r_07_frames_of_another_slot_have_no_effect() {
    // General 3 sends every frame again one slot and ten slots later.
    let mut bench = Bench::<Oral>::new(Shape::ORAL);
    bench.traitors = vec![3];
    bench.tamper = Some(Box::new(|_, _, payload| {
        [DELAY, DELAY + ROUND, DELAY + 10 * ROUND].map(|delay| (delay, payload.clone())).into()
    }));
    for slot in 0..8 {
        bench.run_until(bench.begin(slot) - 40 * MS);
        for id in 0..4 {
            if !bench.clients[id].client.is_busy() {
                bench.submit(id, &[slot as u8, id as u8]);
            }
        }
    }
    bench.run_until(bench.begin(30));
    bench.check("slot bleed");
    assert_eq!(bench.hosts[0].log.len(), bench.clients.iter().map(|it| it.replies.len()).sum());
    let late = (0, NodeId(3), Fault::Late);
    assert!(bench.accusations.contains(&late), "what is too late is blamed");
}

#[test]
fn frames_far_ahead_are_out_of_bounds_and_those_of_the_next_slot_are_kept() {
    // General 3's clock is ahead: the others hear it before their slot begins.
    let mut bench = Bench::<Oral>::new(Shape::ORAL);
    bench.traitors = vec![3];
    let far = {
        let mut ahead = member::<Oral>(Shape::ORAL, 3);
        let mut payload = Vec::new();
        let at = FIRST + 5 * ROUND;
        let mut outputs = ahead.step(Instant::from_micros(at), Input::Wake);
        assert!(matches!(outputs.next(), Some(Output::Send { .. } | Output::Refuse(_))));
        drop(outputs);
        let frame = quorate::vector::Message::<'_, Oral>::from_parts(5, &[]);
        payload.extend(seal(node(3), Message::Slot(frame)));
        payload
    };
    bench.tamper = Some(Box::new(|_, _, payload| vec![(1, payload)]));
    bench.post(node(3), node(0), 1, far);
    bench.run_until(FIRST - 10 * MS);
    assert_eq!(bench.accusations, [(0, NodeId(3), Fault::OutOfBounds)]);
    bench.submit(0, b"one");
    bench.run_until(bench.begin(5));
    bench.check("ahead");
    assert_eq!(bench.operations(0), [b"one"]);
}

#[test]
fn the_bounds_of_generals_and_lanes_are_enforced() {
    let refuse = |shape: Shape| {
        let authority = Clients { roster: roster(shape.nodes), verifier: TestVerifier };
        General::new(shape.config(0), room::<Scrolls>(shape, 0), authority).err()
    };
    // SM alone withstands two traitors of four; clients could not tell them from the loyal two.
    let error = refuse(Shape { nodes: 4, traitors: 2, ..Shape::SIGNED }).unwrap();
    assert!(error.to_string().contains("2m + 1"), "{error}");
    assert!(refuse(Shape { nodes: 5, traitors: 2, ..Shape::SIGNED }).is_none());
    let mut few = room::<Scrolls>(Shape { spare: 0, ..Shape::SIGNED }, 0);
    few.lanes.pop();
    let authority = Clients { roster: roster(3), verifier: TestVerifier };
    assert!(General::new(Shape::SIGNED.config(0), few, authority).is_err());
    let mut config = Shape::SIGNED.config(0);
    config.interval = config.round / 2;
    let authority = Clients { roster: roster(3), verifier: TestVerifier };
    assert!(General::new(config, room::<Scrolls>(Shape::SIGNED, 0), authority).is_err());
    let authority = Clients { roster: roster(5), verifier: TestVerifier };
    let five = Shape { nodes: 5, ..Shape::SIGNED };
    let config = Config { traitors: 2, ..five.config(0) };
    let error = General::new(config, room::<Scrolls>(five, 0), authority).unwrap_err();
    assert!(error.to_string().contains("another number of traitors"), "{error}");
    let other = room::<Scrolls>(Shape::SIGNED, 1);
    let authority = Clients { roster: roster(3), verifier: TestVerifier };
    assert!(General::new(Shape::SIGNED.config(0), other, authority).is_err());
}

#[test]
fn outputs_that_were_dropped_follow_a_refusal_and_the_input_is_not_consumed() {
    let mut general = member::<Oral>(Shape::ORAL, 0);
    let at = Instant::from_micros(FIRST);
    assert_eq!(general.step(Instant::ZERO, Input::Wake).count(), 0);
    assert!(matches!(general.step(at, Input::Wake).next(), Some(Output::Send { .. })));
    let mut general = member::<Oral>(Shape::ORAL, 0);
    assert_eq!(general.step(Instant::ZERO, Input::Wake).count(), 0);
    let _ = general.step(at, Input::Wake);
    let rest: Vec<bool> = general
        .step(at, Input::Wake)
        .map(|output| matches!(output, Output::Refuse(Refusal::Undrained)))
        .collect();
    assert_eq!(rest, [true, false], "a refusal, and then what was left");
}

#[test]
fn a_timetable_at_the_end_of_time_neither_panics_nor_wraps() {
    let mut shape = Shape::ORAL.config(0);
    shape.first = Instant::from_micros(u64::MAX - 1);
    assert_eq!(shape.start(u64::MAX), Instant::from_micros(u64::MAX));
    assert_eq!(shape.slot_after(Instant::ZERO), 0);
    let mut general = member::<Oral>(Shape::ORAL, 0);
    for now in [0, FIRST, u64::MAX, 0, u64::MAX] {
        let _ = general.step(Instant::from_micros(now), Input::Wake).count();
    }
    assert!(general.status().is_behind);
}

#[test]
fn a_request_that_is_under_way_is_not_proposed_again() {
    // General 0 is watched, and says what it would say loyally. Slots overlap by two.
    use std::{cell::RefCell, rc::Rc};
    let proposed = Rc::new(RefCell::new(Vec::new()));
    let seen = Rc::clone(&proposed);
    let mut bench = Bench::<Oral>::new(Shape::ORAL);
    bench.traitors = vec![0];
    bench.tamper = Some(Box::new(move |_, to, payload| {
        let message: Message<'_, Oral> = quorate::wire::decode(&payload).unwrap();
        if let (Message::Slot(frame), 1) = (message, to) {
            for (who, part) in frame.parts().map(Result::unwrap) {
                if let (NodeId(0), om::Message::Wave { orders, .. }) = (who, part) {
                    let said = orders.orders().flatten().flatten();
                    seen.borrow_mut().extend(said.map(|it| it.batch().is_some()));
                }
            }
        }
        vec![(DELAY, payload)]
    }));
    bench.run_until(FIRST - 50 * MS);
    bench.submit(0, b"one");
    bench.run_until(bench.begin(5));
    assert_eq!(bench.operations(1), [b"one"]);
    assert_eq!(*proposed.borrow(), [true, false, false, false, false, false]);
}

#[test]
fn the_oldest_requests_are_proposed_first() {
    // Three of these requests fit into a proposal, and only general 2 knows of them.
    let mut bench = Bench::<Oral>::new(Shape::ORAL);
    for (order, id) in [3, 1, 2, 0].into_iter().enumerate() {
        bench.post(client(id), node(2), order as u64 * MS, request(id, 1, &[id as u8; 32]));
    }
    bench.run_until(bench.begin(6));
    let executed: Vec<(u64, u16)> =
        bench.hosts[0].log.iter().map(|entry| (entry.0, entry.1)).collect();
    assert_eq!(executed, [(0, 3), (0, 1), (0, 2), (1, 0)]);
}
