//! A general that missed a deadline counts itself faulty, and takes over what m + 1 vouch for.

use crate::bench::*;
use quorate::lockstep::*;
use quorate::{Fault, Instant, NodeId, Output, Protocol, Refusal, wire};
use std::cell::RefCell;
use std::rc::Rc;

/// Clients ask in every slot; general `id` is frozen from `from` until `until`.
fn frozen(shape: Shape, id: usize, from: u64, until: u64) -> Bench<Oral> {
    frozen_among(shape, DELAY, id, from, until)
}

/// The same, with so long a delay.
fn frozen_among(shape: Shape, delay: u64, id: usize, from: u64, until: u64) -> Bench<Oral> {
    let mut bench = Bench::<Oral>::new(shape);
    bench.delay = delay;
    busy(&mut bench, from);
    bench.frozen[id] = until;
    busy(&mut bench, until + 12 * ROUND * shape.rounds);
    let quiet = bench.now + 12 * ROUND * shape.rounds;
    bench.run_until(quiet);
    bench
}

fn busy(bench: &mut Bench<Oral>, end: u64) {
    while bench.now < end {
        for id in 0..CLIENTS {
            if !bench.clients[id].client.is_busy() {
                bench.submit(id, &[id as u8; 3]);
            }
        }
        bench.run_until((bench.now + 50 * MS).min(end));
    }
}

#[test]
fn r_09_a_frozen_general_says_so_decides_nothing_and_rejoins() {
    for rounds in [1, 2] {
        for length in [ROUND / 2 + MARGIN, ROUND, 3 * ROUND, 40 * ROUND] {
            let shape = Shape { rounds, ..Shape::ORAL };
            let from = FIRST + 5 * ROUND + 60 * MS;
            let bench = frozen(shape, 2, from, from + length);
            let host = &bench.hosts[2];
            let says = |it: &Refusal| matches!(it, Refusal::MissedDeadline { .. });
            assert!(host.refusals.iter().any(says), "{:?}", host.refusals);
            assert_eq!(host.installed.len(), 1, "{rounds} rounds, {length} us");
            assert!(!host.general.as_ref().unwrap().status().is_behind);
            bench.check("frozen");
            assert!(
                bench.clients.iter().all(|desk| desk.failures == 0 && !desk.replies.is_empty())
            );
        }
    }
}

#[test]
fn r_09_a_general_that_wakes_in_time_and_has_heard_nobody_says_so_and_rejoins() {
    // It stands still while the frames of a round arrive, and is stepped within the margin after
    // the round: it misses no deadline, and all that it is handed then is late.
    for rounds in [1, 2] {
        for wakes in [0, MARGIN / 2, MARGIN] {
            let shape = Shape { rounds, ..Shape::ORAL };
            let from = FIRST + 6 * ROUND + 20 * MS;
            let bench = frozen(shape, 2, from, FIRST + 7 * ROUND + wakes);
            let host = &bench.hosts[2];
            let says = |it: &Refusal| matches!(it, Refusal::CutOff { .. });
            assert!(host.refusals.iter().any(says), "{:?}", host.refusals);
            assert_eq!(host.installed.len(), 1, "{rounds} rounds, woken after {wakes} us");
            let missing = bench.accusations.iter().any(|it| it.0 == 2 && it.2 == Fault::Missing);
            assert!(!missing, "who counts itself faulty accuses nobody of silence");
            bench.check("cut off");
            assert!(
                bench.clients.iter().all(|desk| desk.failures == 0 && !desk.replies.is_empty())
            );
        }
    }
}

#[test]
fn over_signed_messages_late_frames_of_more_than_may_be_faulty_tell_the_same() {
    // Nobody has to relay, so nobody is missing: but what the others relayed comes late.
    let shape = Shape { nodes: 5, traitors: 2, rounds: 3, spare: 4 };
    let mut bench = Bench::<Scrolls>::new(shape);
    bench.traitors = vec![4];
    bench.tamper = Some(Box::new(|_, to, payload| match to {
        2 => Vec::new(),
        _ => vec![(DELAY, payload)],
    }));
    // It alone knows a request, and says nothing of it to one general.
    bench.post(client(0), node(4), DELAY, request(0, 1, b"A"));
    let second = bench.begin(0) + ROUND;
    bench.run_until(second + 20 * MS);
    bench.frozen[2] = second + ROUND + MARGIN / 2;
    bench.run_until(bench.begin(12));
    let host = &bench.hosts[2];
    assert_eq!(host.refusals, [Refusal::CutOff { round: 3 }]);
    assert_eq!(host.installed.len(), 1);
    bench.check("relays that were slept through");
    assert_eq!(bench.hosts[2].log.len(), 1, "what the others executed is in the state it took");
}

#[test]
fn frames_that_came_in_time_and_are_stepped_late_tell_the_same() {
    // As where one thread verifies and another, which stands still, steps.
    let shape = Shape { nodes: 5, traitors: 2, rounds: 3, spare: 4 };
    let mut bench = Bench::<Scrolls>::new(shape);
    let relays = Rc::new(RefCell::new(Vec::new()));
    let kept = Rc::clone(&relays);
    let second = bench.begin(0) + ROUND;
    bench.traitors = vec![0, 1, 3, 4];
    let mut said = [0; 5];
    bench.tamper = Some(Box::new(move |from, to, payload| {
        // The first frame to it is of the first round; one of them says nothing then.
        let first = to != 2 || said[from] == 0;
        said[from] += usize::from(to == 2);
        match (first, to) {
            (true, 2) if from == 4 => Vec::new(),
            (true, _) => vec![(DELAY, payload)],
            (false, _) => {
                kept.borrow_mut().push((from, payload));
                Vec::new()
            }
        }
    }));
    bench.run_until(second + DELAY);
    let (general, roster) = (bench.hosts[2].general.as_mut().unwrap(), roster(5));
    let relays = relays.take();
    let [early, late] = [second + DELAY, second + ROUND].map(Instant::from_micros);
    let mut inputs = Vec::new();
    for (from, payload) in &relays {
        inputs.extend(wall(general, early, &roster, node(*from), payload).unwrap());
    }
    assert_eq!(inputs.len(), 3, "three tell what the fourth did not");
    let mut refusals = Vec::new();
    for input in inputs {
        let outputs = general.step(late, input);
        refusals.extend(outputs.filter_map(|output| match output {
            Output::Refuse(refusal) => Some(refusal),
            _ => None,
        }));
    }
    assert_eq!(refusals, [Refusal::CutOff { round: 3 }]);
}

#[test]
fn a_general_that_as_many_as_may_be_faulty_keep_silent_to_goes_on() {
    let mut bench = Bench::<Oral>::new(Shape::ORAL);
    bench.traitors = vec![1];
    bench.tamper = Some(Box::new(|_, to, payload| match to {
        2 => Vec::new(),
        _ => vec![(DELAY, payload)],
    }));
    busy(&mut bench, FIRST + 10 * ROUND);
    bench.run_until(FIRST + 20 * ROUND);
    assert!(bench.accusations.contains(&(2, NodeId(1), Fault::Missing)));
    assert_eq!((bench.hosts[2].installed.len(), bench.hosts[2].refusals.len()), (0, 0));
    bench.check("one that is silent");
}

#[test]
fn who_misses_one_in_one_round_and_another_in_the_next_is_at_fault_itself() {
    let mut bench = Bench::<Oral>::new(Shape::ORAL);
    bench.traitors = vec![1, 3];
    let mut said = 0;
    bench.tamper = Some(Box::new(move |from, to, payload| {
        let lost = match wire::decode::<Message<'_, Oral>>(&payload) {
            Ok(Message::Slot(frame)) if to == 2 && frame.number == 6 => {
                // One says nothing first, the other nothing then.
                said += 1;
                (from, said) == (1, 1) || (from, said) == (3, 4)
            }
            _ => false,
        };
        if lost { Vec::new() } else { vec![(DELAY, payload)] }
    }));
    busy(&mut bench, FIRST + 30 * ROUND);
    bench.run_until(FIRST + 40 * ROUND);
    let host = &bench.hosts[2];
    assert!(host.refusals.contains(&Refusal::CutOff { round: 2 }), "{:?}", host.refusals);
    assert_eq!(host.installed.len(), 1);
    bench.check("two that were not heard");
}

#[test]
fn who_misses_one_in_one_slot_and_another_in_a_later_one_goes_on() {
    let mut bench = Bench::<Oral>::new(Shape::ORAL);
    let lanes = room::<Oral>(Shape::ORAL, 2).lanes.len() as u64;
    bench.traitors = vec![1, 3];
    bench.tamper = Some(Box::new(move |from, to, payload| {
        let silent = match wire::decode::<Message<'_, Oral>>(&payload) {
            // Both slots have the same lane.
            Ok(Message::Slot(frame)) if to == 2 => {
                (from, frame.number) == (1, 6) || (from, frame.number) == (3, 6 + lanes)
            }
            _ => false,
        };
        if silent { Vec::new() } else { vec![(DELAY, payload)] }
    }));
    bench.run_until(bench.begin(8 + lanes));
    for peer in [1, 3] {
        assert!(bench.accusations.contains(&(2, NodeId(peer), Fault::Missing)));
    }
    assert_eq!((bench.hosts[2].installed.len(), bench.hosts[2].refusals.len()), (0, 0));
}

#[test]
fn a_general_that_was_not_frozen_long_enough_to_miss_anything_goes_on() {
    let from = FIRST + 5 * ROUND + 40 * MS;
    let bench = frozen(Shape::ORAL, 2, from, from + 50 * MS);
    assert_eq!((bench.hosts[2].installed.len(), bench.hosts[2].refusals.len()), (0, 0));
    bench.check("a nap");
}

#[test]
fn the_least_lanes_are_enough_to_rejoin_however_long_frames_are_under_way() {
    for rounds in [1, 2] {
        // The longest that the length of a round allows, but for a millisecond.
        for delay in [DELAY, ROUND * 7 / 10, ROUND - MARGIN - MS] {
            let shape = Shape { rounds, spare: 0, ..Shape::ORAL };
            let from = FIRST + 6 * ROUND * rounds + 20 * MS;
            let bench = frozen_among(shape, delay, 2, from, from + 3 * ROUND * rounds);
            assert_eq!(bench.hosts[2].installed.len(), 1, "{rounds} rounds, {delay} us");
            bench.check("least lanes");
        }
    }
}

#[test]
fn a_general_that_is_started_again_with_nothing_rejoins() {
    let mut bench = Bench::<Oral>::new(Shape::ORAL);
    busy(&mut bench, FIRST + 10 * ROUND + 20 * MS);
    bench.frozen[1] = 1;
    bench.hosts[1].general = Some(member(Shape::ORAL, 1));
    bench.hosts[1].log.clear();
    busy(&mut bench, FIRST + 30 * ROUND);
    bench.run_until(FIRST + 40 * ROUND);
    assert_eq!(bench.hosts[1].installed.len(), 1);
    bench.check("started again");
    let far = bench.accusations.iter().any(|it| it.2 == Fault::OutOfBounds);
    assert!(!far, "what it hears first is of slots that it did not know of");
    assert!(bench.hosts[1].log.len() > 20);
}

/// A frozen general with a liar among those it asks; `lie` makes of the liar's frame another.
fn lied_to(lie: impl Fn(Message<'_, Oral>) -> Vec<u8> + 'static) -> Bench<Oral> {
    lied_to_by_many(move |message| vec![lie(message)])
}

/// The same with any number of frames.
fn lied_to_by_many(lie: impl Fn(Message<'_, Oral>) -> Vec<Vec<u8>> + 'static) -> Bench<Oral> {
    let mut bench = Bench::<Oral>::new(Shape::ORAL);
    bench.traitors = vec![1];
    bench.tamper = Some(Box::new(move |_, to, payload| {
        let message: Message<'_, Oral> = wire::decode(&payload).unwrap();
        let faithful = matches!(message, Message::Slot(_)) || to != 2;
        let frames = if faithful { vec![payload.clone()] } else { lie(message) };
        // A liar is as fast as it likes.
        let delay = if faithful { DELAY } else { DELAY / 2 };
        frames.into_iter().map(|frame| (delay, frame)).collect()
    }));
    let from = FIRST + 5 * ROUND + 60 * MS;
    busy(&mut bench, from);
    bench.frozen[2] = from + 3 * ROUND;
    busy(&mut bench, from + 20 * ROUND);
    let quiet = bench.now + 12 * ROUND;
    bench.run_until(quiet);
    assert_eq!(bench.hosts[2].installed.len(), 1);
    bench.check("lied to");
    bench
}

#[test]
fn one_liar_cannot_vouch_for_a_state_alone() {
    lied_to(|message| match message {
        Message::Vouch { slot, .. } => {
            said::<Oral>(1, Message::Vouch { slot, digest: quorate::Digest::ZERO })
        }
        other => seal(node(1), other),
    });
}

#[test]
fn a_state_that_nobody_vouches_for_is_not_installed() {
    // The liar vouches truly, and is the second to do so: it is asked for the state.
    let bench = lied_to(|message| match message {
        Message::State { slot, clients, .. } => {
            let state = wire::Bytes(b"poison");
            said::<Oral>(1, Message::State { slot, clients, state })
        }
        other => seal(node(1), other),
    });
    assert!(bench.accusations.contains(&(2, NodeId(1), Fault::BadContent)));
}

#[test]
fn a_server_that_stalls_is_passed_over() {
    lied_to(|message| match message {
        Message::State { slot, .. } => said::<Oral>(1, Message::Rejoin { after: slot }),
        other => seal(node(1), other),
    });
}

#[test]
fn questions_about_slots_that_are_past_or_far_ahead_cost_nothing() {
    let mut bench = Bench::<Oral>::new(Shape::ORAL);
    bench.traitors = vec![3];
    bench.run_until(FIRST + 5 * ROUND + 20 * MS);
    for after in [0, 1, u64::MAX, u64::MAX - 1, 1000] {
        for to in 0..3 {
            bench.post(node(3), node(to), 1, said::<Oral>(3, Message::Rejoin { after }));
            let fetch: Message<'_, Oral> = Message::FetchState { slot: after };
            bench.post(node(3), node(to), 1, seal(node(3), fetch));
        }
    }
    busy(&mut bench, FIRST + 12 * ROUND);
    bench.check("questions");
    assert!(bench.hosts.iter().all(|host| host.refusals.is_empty()));
}

#[test]
fn a_captured_state_without_a_question_is_refused() {
    use quorate::{Digest, Input, Instant, Output, Protocol};
    let mut general = member::<Oral>(Shape::ORAL, 0);
    let command = Command::Captured { slot: 3, state: Digest::ZERO };
    let outputs: Vec<bool> = general
        .step(Instant::ZERO, Input::Command(command))
        .map(|it| matches!(it, Output::Refuse(Refusal::NotCapturing { sequence: 3 })))
        .collect();
    assert_eq!(outputs, [true]);
    let command = Command::Executed { slot: 0, client: quorate::ClientId(0), reply: b"" };
    let outputs: Vec<bool> = general
        .step(Instant::ZERO, Input::Command(command))
        .map(|it| matches!(it, Output::Refuse(Refusal::NotExecuting { .. })))
        .collect();
    assert_eq!(outputs, [true]);
}

#[test]
fn a_general_vouches_once_and_a_second_word_is_blamed() {
    let bench = lied_to_by_many(|message| match message {
        Message::Vouch { slot, digest } => vec![
            said::<Oral>(1, Message::Vouch { slot, digest: quorate::Digest::ZERO }),
            said::<Oral>(1, Message::Vouch { slot, digest }),
        ],
        other => vec![seal(node(1), other)],
    });
    assert!(bench.accusations.contains(&(2, NodeId(1), Fault::Equivocation)));
}

#[test]
fn a_question_about_a_slot_far_ahead_does_not_stand_in_the_way_of_the_next() {
    let mut bench = Bench::<Oral>::new(Shape::ORAL);
    busy(&mut bench, FIRST + 5 * ROUND + 20 * MS);
    for to in 0..2 {
        let far = said::<Oral>(2, Message::Rejoin { after: 1_000 });
        bench.post(node(2), node(to), 1, far);
    }
    bench.run_until(FIRST + 5 * ROUND + 60 * MS);
    bench.frozen[2] = FIRST + 9 * ROUND;
    busy(&mut bench, FIRST + 30 * ROUND);
    assert_eq!(bench.hosts[2].installed.len(), 1);
}

#[test]
fn a_general_that_slept_accuses_nobody_of_what_it_slept_through() {
    for length in [2 * ROUND, 9 * ROUND, 30 * ROUND + 7 * MS] {
        let from = FIRST + 5 * ROUND + 60 * MS;
        let bench = frozen(Shape::ORAL, 2, from, from + length);
        let late = bench.accusations.iter().filter(|it| it.0 == 2 && it.2 == Fault::Late);
        assert_eq!(late.count(), 0, "{length} us");
    }
}

#[test]
fn one_that_asks_in_every_slot_keeps_nobody_from_rejoining() {
    let mut bench = Bench::<Oral>::new(Shape::ORAL);
    bench.traitors = vec![3];
    bench.tamper = Some(Box::new(|_, _, payload| {
        let message: Message<'_, Oral> = wire::decode(&payload).unwrap();
        // It vouches for what is true, and serves nothing.
        if matches!(message, Message::State { .. }) { vec![] } else { vec![(1, payload)] }
    }));
    let from = FIRST + 5 * ROUND + 60 * MS;
    for slot in 0..40 {
        let until = bench.begin(slot) + 60 * MS;
        busy(&mut bench, until);
        if until == from {
            bench.frozen[2] = from + 3 * ROUND;
        }
        let next = bench.hosts[0].general.as_ref().unwrap().status().next;
        for to in 0..3 {
            let ask = said::<Oral>(3, Message::Rejoin { after: next });
            bench.post(node(3), node(to), 1, ask);
        }
    }
    let end = bench.now + 12 * ROUND;
    bench.run_until(end);
    assert_eq!(bench.hosts[2].installed.len(), 1);
    bench.check("asked in every slot");
}

/// General 2 was frozen; the traitor asks for the state after the slots behind that which general
/// 2 asks for, as soon as it hears of it.
#[test]
fn one_that_asks_for_the_next_state_takes_nobodys_away() {
    for rounds in [1, 2] {
        for ahead in 1..=6 {
            let mut bench = Bench::<Oral>::new(Shape { rounds, ..Shape::ORAL });
            // There and back is longer than from one slot to the next.
            bench.delay = 60 * MS;
            bench.traitors = vec![3];
            bench.tamper = Some(Box::new(|_, _, payload| {
                let message: Message<'_, Oral> = wire::decode(&payload).unwrap();
                // It vouches for what is true, and serves nothing.
                if matches!(message, Message::State { .. }) { vec![] } else { vec![(1, payload)] }
            }));
            let from = FIRST + 5 * ROUND + 60 * MS;
            busy(&mut bench, from);
            bench.frozen[2] = from + 3 * ROUND;
            let mut answered = 0;
            while bench.now < from + 40 * ROUND * rounds {
                let until = bench.now + 5 * MS;
                busy(&mut bench, until);
                while let Some((by, after)) = bench.rejoins.get(answered).copied() {
                    answered += 1;
                    let ask = |to| {
                        let ask = said::<Oral>(3, Message::Rejoin { after: after + ahead });
                        (node(to), ask)
                    };
                    for (to, ask) in (0..3).filter(|_| by == 2).map(ask) {
                        bench.post(node(3), to, 1, ask);
                    }
                }
            }
            assert_eq!(bench.hosts[2].installed.len(), 1, "{rounds} rounds, {ahead} slots ahead");
            bench.check("asked for the next one");
        }
    }
}

/// It may have proposed something in these slots before it lost its memory.
#[test]
fn a_general_that_is_started_again_says_nothing_in_slots_that_have_begun() {
    use quorate::{Input, Instant, Output, Protocol};
    for slot in 0..12 {
        for late in [0, 1, MARGIN / 2, MARGIN, ROUND - 1] {
            let mut general = member::<Oral>(Shape::ORAL, 2);
            assert_eq!(general.deadline(), Some(Instant::ZERO), "it is to be stepped at once");
            let now = FIRST + slot * ROUND + late;
            let mut said = Vec::new();
            for now in [now, FIRST + (slot + 1) * ROUND - 1] {
                let now = Instant::from_micros(now);
                for output in general.step(now, Input::Wake) {
                    if let Output::Send { message, .. } = output {
                        let kind = match message {
                            Message::Slot(_) => "slot",
                            Message::Rejoin { .. } => "rejoin",
                            _ => "another",
                        };
                        said.push(kind);
                    }
                }
            }
            assert!(!said.contains(&"slot"), "slot {slot}, {late} us late: {said:?}");
            assert!(said.contains(&"rejoin") && general.status().is_behind);
            let next = Instant::from_micros(FIRST + (slot + 1) * ROUND);
            let speaks = |it: Output<Message<'_, Oral>, _, _>| {
                matches!(it, Output::Send { message: Message::Slot(frame), .. }
                    if frame.number == slot + 1)
            };
            assert!(general.step(next, Input::Wake).any(speaks), "and takes part in the next");
        }
    }
}
