//! The packed frame: what a bad part does, and what it does not.

use super::*;
use crate::scheme::TestVerifier;
use quorate::auth::Signed;
use quorate::{Admission, Fault, Output, Principal, wire};

/// The frame of the first round from `from` to general 0.
fn opening<P: Broadcast<Value = u8> + Clone>(all: Vec<Voters<P>>, from: usize) -> Vec<u8>
where
    for<'a> P::Message<'a>: Signed,
{
    let mut field = field(all, &[], |id| id as u8);
    let mut outputs = field.generals[from].step(Instant::from_micros(START), Input::Wake);
    let Some(Output::Send { message, .. }) = outputs.next() else { panic!("it speaks") };
    seal(NodeId(from as u8), message)
}

fn hear<P: Broadcast<Value = u8> + Clone>(
    all: Vec<Voters<P>>,
    from: u8,
    payload: &[u8],
) -> Vec<Fault>
where
    for<'a> P::Message<'a>: Signed,
{
    let nodes = all.len();
    let mut field = field(all, &[], |id| id as u8);
    let general = &mut field.generals[0];
    let message: Message<'_, P> = match wire::decode(payload) {
        Ok(message) => message,
        Err(_) => return vec![Fault::Malformed],
    };
    let from = Principal::Node(NodeId(from));
    let verified = match roster(nodes).verify(&TestVerifier, from, message) {
        Ok(verified) => verified,
        Err(fault) => return vec![fault],
    };
    let outputs = general.step(Instant::from_micros(START - 1), Input::Message(verified));
    let faults = outputs.map(|output| match output {
        Output::Accuse { fault, .. } => fault,
        other => panic!("{other:?}"),
    });
    faults.collect()
}

fn all_oral() -> Vec<Voters<Oral>> {
    (0..4).map(|me| oral(me, 4, 1)).collect()
}

fn all_signed() -> Vec<Voters<Scrolls>> {
    (0..4).map(|me| signed(me, 4, 1)).collect()
}

#[test]
fn a_sealed_frame_is_what_its_parts_encode_to_one_after_the_other() {
    let payload = opening(all_signed(), 2);
    let parts = parts::<Scrolls>(&payload);
    assert_eq!(parts.iter().map(|(who, _)| *who).collect::<Vec<_>>(), [NodeId(2)]);
    let bytes: Vec<Vec<u8>> = parts.into_iter().map(|(_, part)| part).collect();
    assert_eq!(frame::<Scrolls>(NUMBER, &bytes), payload);
    assert_eq!(hear(all_signed(), 2, &payload), []);
}

#[test]
fn every_signature_of_every_part_is_verified() {
    let payload = opening(all_signed(), 2);
    let last = payload.len() - 1;
    let mut forged = payload.clone();
    forged[last - 40] ^= 1;
    assert_eq!(hear(all_signed(), 2, &forged), [Fault::Forged]);
}

#[test]
fn a_frame_of_another_vector_changes_nothing() {
    let payload = opening(all_oral(), 1);
    let bytes: Vec<Vec<u8>> = parts::<Oral>(&payload).into_iter().map(|(_, part)| part).collect();
    let other = frame::<Oral>(NUMBER + 1, &bytes);
    assert_eq!(hear(all_oral(), 1, &other), [Fault::Malformed], "its parts are of this one");
    let mut rules = oral(1, 4, 1);
    rules.renew(NUMBER + 1);
    rules.on_command(0, Order(b'z')).unwrap();
    let message = rules.frame(1, NodeId(0)).unwrap();
    assert_eq!(hear(all_oral(), 1, &seal(NodeId(1), message)), [Fault::WrongInstance]);
}

#[test]
fn parts_out_of_order_or_twice_are_malformed() {
    // In the second round general 1 relays what the three others said.
    let mut field = field(all_oral(), &[], |id| id as u8);
    let mut caught = Vec::new();
    let mut listen = |round: u8, from: NodeId, to: NodeId, loyal: Option<Vec<u8>>| {
        if (round, from, to) == (2, NodeId(1), NodeId(0)) {
            caught.clone_from(loyal.as_ref().unwrap());
        }
        nobody(round, from, to, loyal)
    };
    field.traitors = [NodeId(1)].into_iter().collect();
    let _ = field.fight(&mut listen, values);
    let parts: Vec<Vec<u8>> = parts::<Oral>(&caught).into_iter().map(|(_, part)| part).collect();
    assert_eq!(parts.len(), 2, "of generals 2 and 3: the receiver and the sender know their own");
    let swapped = [parts[1].clone(), parts[0].clone()];
    let twice = [parts[0].clone(), parts[0].clone()];
    for bad in [swapped, twice] {
        assert_eq!(hear(all_oral(), 1, &frame::<Oral>(NUMBER, &bad)), [Fault::Malformed]);
    }
    let mut torn = caught.clone();
    torn.pop();
    assert_eq!(hear(all_oral(), 1, &torn), [Fault::Malformed]);
}

#[test]
fn a_bad_part_takes_nothing_from_the_parts_beside_it() {
    // General 3 lies about the round of what it says of general 1, and is right about 2.
    let mut bend = |round: u8, from: NodeId, to: NodeId, loyal: Option<Vec<u8>>| {
        let Some(payload) = loyal else { return vec![] };
        if round != 2 {
            return nobody(round, from, to, Some(payload));
        }
        let instance = Instance { number: NUMBER, commander: NodeId(1) };
        let orders = om::Wave::from_orders(&[Some(b'?'), Some(b'?')]);
        let bad = seal(from, om::Message::Wave { instance, round: 2, orders });
        let bend = |(who, part)| if who == NodeId(1) { bad.clone() } else { part };
        let all: Vec<Vec<u8>> = parts::<Oral>(&payload).into_iter().map(bend).collect();
        vec![Letter { delay: 1, payload: frame::<Oral>(NUMBER, &all) }]
    };
    let mut field = field(all_oral(), &[3], |id| 10 + id as u8);
    let battle = field.fight(&mut bend, values);
    for id in 0..3 {
        assert_eq!(battle.decisions[id], [vec![Some(10), Some(11), Some(12), Some(13)]]);
    }
    assert!(battle.blamed(0, 3, Fault::Malformed) && battle.blamed(2, 3, Fault::Malformed));
    assert!(!battle.blamed(0, 3, Fault::Missing), "the rest of the frame was heard");
}

#[test]
fn what_is_held_already_is_struck_and_costs_no_verification() {
    let mut field = field(all_signed(), &[], |id| id as u8);
    let general = &mut field.generals[0];
    let payload = opening(all_signed(), 2);
    let from = Principal::Node(NodeId(2));
    for expected in [Admission::Verify, Admission::Known] {
        let mut message: Message<'_, Scrolls> = wire::decode(&payload).unwrap();
        assert_eq!(general.admit(from, &mut message), expected);
        if expected == Admission::Verify {
            let verified = roster(4).verify(&TestVerifier, from, message).unwrap();
            let now = Instant::from_micros(START);
            assert!(
                general
                    .step(now, Input::Message(verified))
                    .all(|it| matches!(it, Output::Send { .. }))
            );
        }
    }
}

#[test]
fn a_part_that_was_struck_is_neither_verified_nor_believed() {
    // The frame holds the chain of general 2, which is known, with a forged signature under it.
    let mut field = field(all_signed(), &[], |id| id as u8);
    let general = &mut field.generals[0];
    let from = Principal::Node(NodeId(2));
    let payload = opening(all_signed(), 2);
    let message: Message<'_, Scrolls> = wire::decode(&payload).unwrap();
    let verified = roster(4).verify(&TestVerifier, from, message).unwrap();
    let now = Instant::from_micros(START);
    assert_eq!(general.step(now, Input::Message(verified)).count(), 1, "its own opening");
    let mut forged = payload.clone();
    let last = forged.len() - 40;
    forged[last] ^= 1;
    let mut message: Message<'_, Scrolls> = wire::decode(&forged).unwrap();
    assert_eq!(general.admit(from, &mut message), Admission::Known);
    let verified = roster(4).verify(&TestVerifier, from, message).expect("nothing to verify");
    assert_eq!(general.step(now, Input::Message(verified)).count(), 0);
}

#[test]
fn a_client_has_no_part_in_a_vector() {
    let payload = opening(all_oral(), 1);
    let message: Message<'_, Oral> = wire::decode(&payload).unwrap();
    let from = Principal::Client(quorate::ClientId(0));
    assert_eq!(message.verify(from, &roster(4), &TestVerifier), Err(Fault::NotAllowed));
}
