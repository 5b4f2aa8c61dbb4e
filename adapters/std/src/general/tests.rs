//! Agreements without sockets and clocks: what the driver does with time and frames.

use super::config::Tamper;
use super::driver::Driver;
use super::error::CampError;
use super::voice::Voice;
use crate::net::{LinkId, Payload};
use quorate::auth::{Roster, Scope, Signed, Verifier};
use quorate::ed25519::{Ed25519, SecretKey};
use quorate::rounds::{Config, General, Instance, Rules, Schedule};
use quorate::sm::{Chain, Endorsement, Endorsements};
use quorate::{Digest, Fault, Instant, NodeId, Order, Principal, PublicKey, om, sm, wire};
use std::time::Duration;

const NODES: usize = 4;
const START: Instant = Instant::from_micros(1_000_000);
const ROUND: Duration = Duration::from_millis(100);
const MARGIN: Duration = Duration::from_millis(10);

fn schedule() -> Schedule {
    Schedule::new(START, ROUND, MARGIN).expect("the margin is shorter")
}

fn key(id: u8) -> SecretKey {
    SecretKey::from_seed([id + 1; 32])
}

fn roster() -> Roster<Vec<PublicKey>> {
    let keys = (0..NODES as u8).map(|id| key(id).public()).collect();
    Roster::new(Digest::of(b"tent"), 0, keys, Vec::new(), &Ed25519).expect("good keys")
}

fn scope() -> Scope {
    Scope { cluster: Digest::of(b"tent"), epoch: 0, profile: Ed25519::PROFILE }
}

fn voice(id: u8) -> Voice {
    let (me, generals, scope, key) = (NodeId(id), NODES, scope(), key(id));
    Voice { me, generals, scope, key, frame_bytes: 1 << 10, tamper: None }
}

fn config(id: u8) -> Config {
    let instance = Instance { number: 1, commander: NodeId(0) };
    Config { me: NodeId(id), nodes: NODES, traitors: 1, instance }
}

fn oral(id: u8) -> General<om::Orders<u8, Vec<om::Entry<u8>>>> {
    let memory = vec![om::Entry::EMPTY; om::slots(NODES, 1)];
    om::General::new(config(id), schedule(), memory).expect("it fits")
}

fn signed(id: u8) -> General<sm::Chains<u8, Vec<sm::Row>>> {
    let memory = vec![[0; 65]; sm::slots(NODES, 1)];
    sm::General::new(config(id), schedule(), memory).expect("it fits")
}

fn begin(round: u8) -> Instant {
    schedule().begin(round)
}

/// What each frame says.
fn bodies(frames: &[(LinkId, Payload)]) -> Vec<(usize, &[u8])> {
    frames.iter().map(|(link, payload)| (link.0, &payload[1..])).collect()
}

/// Holds an agreement of all, frames arriving at once; what each decided and whom it accuses.
fn hold<R: Rules>(
    general: impl Fn(u8) -> General<R>,
    tampers: impl Fn(u8) -> Option<Tamper>,
    order: R::Command<'_>,
    mut decided: impl FnMut(u8, Option<R::Decision<'_>>, Vec<(u8, Fault)>),
) where
    for<'a> R::Message<'a>: Signed,
{
    let roster = roster();
    let voice = |id| Voice { tamper: tampers(id), ..voice(id) };
    let mut voices: Vec<_> = (0..NODES as u8).map(voice).collect();
    let drivers = voices.iter_mut().zip(0u8..);
    let mut drivers: Vec<_> =
        drivers.map(|(voice, id)| Driver::new(general(id), voice, &roster)).collect();
    drivers[0].order(order).expect("it commands");
    for round in 1..=2 + 1 {
        let now = begin(round);
        let woken: Vec<_> =
            drivers.iter_mut().map(|driver| driver.wake(now).expect("short frames")).collect();
        for (frames, from) in woken.iter().zip((0u8..).map(NodeId)) {
            for (link, payload) in frames {
                let heard = drivers[link.0].hear(|| now, from, payload);
                assert!(heard.expect("nothing to say").is_empty());
            }
        }
    }
    for (driver, id) in drivers.iter().zip(0u8..) {
        assert_eq!(driver.deadline(), None, "it is over");
        let accusations = driver.report.accusations().iter();
        let accusations = accusations.map(|it| (it.node.0, it.fault)).collect();
        decided(id, driver.report.decision(), accusations);
    }
}

#[test]
fn all_obey_and_nobody_is_accused() {
    hold(
        oral,
        |_| None,
        Order(7),
        |id, verdict, accusations| {
            let value = verdict.and_then(|verdict| verdict.value());
            assert_eq!((value, accusations), (Some(7), vec![]), "general {id}");
        },
    );
    hold(
        signed,
        |_| None,
        Order(7),
        |id, verdict, accusations| {
            let value = verdict.and_then(|verdict| verdict.value());
            assert_eq!((value, accusations), (Some(7), vec![]), "general {id}");
        },
    );
}

#[test]
fn a_tamper_is_asked_for_each_receiver_and_may_be_silent() {
    let tamper = |id| -> Option<Tamper> {
        (id == 0).then_some(Box::new(|to, frame| (to.0 == 2).then_some(frame)))
    };
    hold(oral, tamper, Order(7), |id, verdict, accusations| {
        let value = verdict.and_then(|verdict| verdict.value());
        let missing = if id % 2 == 1 { vec![(0, Fault::Missing)] } else { vec![] };
        let expected = if id == 0 { Some(7) } else { None };
        assert_eq!((value, accusations), (expected, missing), "general {id}");
    });
}

#[test]
fn bytes_that_are_no_message_are_counted_and_change_nothing() {
    let (roster, mut voice, mut other) = (roster(), voice(1), voice(0));
    let mut commander = Driver::new(oral(0), &mut other, &roster);
    commander.order(Order(7)).expect("it commands");
    let frames = commander.wake(begin(1)).expect("a short frame");
    let good = &frames[0].1;
    let mut driver = Driver::new(oral(1), &mut voice, &roster);
    driver.wake(begin(1)).expect("nothing to say");
    let mut long = good.to_vec();
    long.push(0);
    let mut control = good.to_vec();
    control[0] = 1;
    let bad: [&[u8]; 6] = [&[], &[0], &[2], &[9, 9], &long, &control];
    for payload in bad {
        let heard = driver.hear(|| begin(1), NodeId(0), payload).expect("no error of ours");
        assert!(heard.is_empty());
    }
    let [accusation] = driver.report.accusations() else { panic!("one kind of wrong") };
    let known = (accusation.node, accusation.fault, accusation.count);
    assert_eq!(known, (NodeId(0), Fault::Malformed, 6));
    driver.hear(|| begin(1), NodeId(0), good).expect("it is heard");
    let frames = driver.wake(begin(2)).expect("a short frame");
    assert_eq!(frames.len(), 2, "it relays what it heard after all of that");
}

/// An order in the commander's name, signed with the key of general 3.
fn forged(order: u8) -> Vec<u8> {
    let claimed = Endorsement::unsigned(NodeId(0));
    let chain = Chain::new(order, Endorsements::NONE, claimed);
    let message = sm::Message::new(config(1).instance, chain);
    let mut payload = vec![0; 1 + wire::encoded_len(&message)];
    let thief = Principal::Node(NodeId(0));
    wire::seal(message, thief, &scope(), &key(3), &mut payload[1..]).expect("there is room");
    payload
}

#[test]
fn a_signature_that_is_not_the_commanders_is_forged_and_few_of_them_are_looked_at() {
    let (roster, mut voice) = (roster(), voice(1));
    let mut driver = Driver::new(signed(1), &mut voice, &roster);
    driver.wake(begin(1)).expect("nothing to say");
    for order in 1..=9 {
        driver.hear(|| begin(1), NodeId(0), &forged(order)).expect("no error of ours");
    }
    let accusations = driver.report.accusations().iter();
    let accusations: Vec<_> = accusations.map(|it| (it.node.0, it.fault, it.count)).collect();
    assert_eq!(accusations, [(0, Fault::Forged, 2), (0, Fault::OverBudget, 1)]);
    let frames = driver.wake(begin(2)).expect("nothing to say");
    assert!(frames.is_empty(), "it relays nothing");
}

#[test]
fn what_was_said_is_said_again_in_its_round_only() {
    let (roster, mut voice) = (roster(), voice(0));
    let mut driver = Driver::new(oral(0), &mut voice, &roster);
    driver.order(Order(7)).expect("it commands");
    assert!(driver.again(NodeId(2)).is_empty(), "nothing was said");
    let frames = driver.wake(begin(1)).expect("a short frame");
    assert_eq!(frames.len(), 3);
    let again = driver.again(NodeId(2));
    assert_eq!(bodies(&again), [bodies(&frames)[1]]);
    driver.wake(begin(1).after(MARGIN)).expect("nothing to say");
    assert_eq!(driver.again(NodeId(2)).len(), 1, "the round is still open");
    assert!(driver.wake(begin(2)).expect("nothing to say").is_empty());
    assert!(driver.again(NodeId(2)).is_empty(), "what was said belongs to a closed round");
}

#[test]
fn a_frame_that_no_peer_would_take_is_an_error_that_tells_the_sizes() {
    let (roster, mut voice) = (roster(), Voice { frame_bytes: 4, ..voice(0) });
    let mut driver = Driver::new(oral(0), &mut voice, &roster);
    driver.order(Order(7)).expect("it commands");
    let error = driver.wake(begin(1)).expect_err("more than four bytes");
    let CampError::FrameTooLong { bytes: 7, limit: 4 } = error else { panic!("{error:?}") };
}

#[test]
fn who_is_woken_too_late_says_nothing_and_decides_nothing() {
    let (roster, mut voice) = (roster(), voice(0));
    let mut driver = Driver::new(oral(0), &mut voice, &roster);
    driver.order(Order(7)).expect("it commands");
    let late = begin(1).after(MARGIN + Duration::from_micros(1));
    assert!(driver.wake(late).expect("nothing to say").is_empty());
    assert_eq!((driver.deadline(), driver.report.missed()), (None, Some(1)));
    assert!(driver.report.decision().is_none());
}
