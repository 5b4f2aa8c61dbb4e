//! Fragments of liars, and what they cannot do.

use crate::air::{Air, Radio, Weather, who};
use crate::keys::node;
use crate::replicas::SEATS;
use crate::rng::Rng;
use quorate_embedded::{Arrival, Fragmented, Link};

const MTU: usize = 20;
const LONGEST: usize = 300;
type Cut = Fragmented<Radio, MTU, LONGEST, 6>;

fn cut(air: &Air, board: usize) -> Cut {
    Fragmented::new(air.radio(board, MTU), SEATS)
}

fn receive(link: &mut Cut) -> Vec<(usize, Vec<u8>)> {
    let mut all = Vec::new();
    let mut buffer = [0; LONGEST];
    while let Some(Arrival { from, length }) = link.try_receive(&mut buffer).unwrap() {
        all.push((SEATS.row(from).unwrap(), buffer[..length].to_vec()));
    }
    all
}

/// The packets that a frame is sent as.
fn packets(air: &Air, link: &mut Cut, frame: &[u8]) -> Vec<Vec<u8>> {
    link.send(node(3), frame).unwrap();
    let mut radio = air.radio(3, MTU);
    let mut packets = Vec::new();
    let mut buffer = [0; MTU];
    while let Some(arrival) = radio.try_receive(&mut buffer).unwrap() {
        packets.push(buffer[..arrival.length].to_vec());
    }
    packets
}

#[test]
fn frames_of_all_lengths_arrive_whole() {
    let air = Air::new(6, 1, Weather::FAIR);
    let (mut one, mut other) = (cut(&air, 0), cut(&air, 1));
    for length in 1..=LONGEST {
        let frame: Vec<u8> = (0..length).map(|at| at as u8 ^ length as u8).collect();
        one.send(node(1), &frame).unwrap();
        assert_eq!(receive(&mut other), [(0, frame)]);
    }
    assert_eq!(other.dropped(), 0);
    assert!(one.send(node(1), &[0; LONGEST + 1]).is_err());
}

#[test]
fn fragments_may_come_in_any_order_and_again() {
    let air = Air::new(6, 1, Weather::FAIR);
    let (mut one, mut other) = (cut(&air, 0), cut(&air, 1));
    for seed in 0..200 {
        let mut rng = Rng::new(seed);
        let length = MTU + rng.below(LONGEST - MTU);
        let frame: Vec<u8> = (0..length).map(|_| rng.next() as u8).collect();
        let mut packets = packets(&air, &mut one, &frame);
        for at in (1..packets.len()).rev() {
            packets.swap(at, rng.below(at + 1));
        }
        let again = packets[rng.below(packets.len())].clone();
        packets.insert(rng.below(packets.len()), again.clone());
        packets.push(again);
        for packet in &packets {
            air.deliver(node(0), 1, packet);
        }
        assert_eq!(receive(&mut other), [(0, frame)], "seed {seed}");
    }
}

/// What loyal peers send arrives, whatever a liar sends in between: random packets, packets like
/// theirs with wrong places, totals, lengths and contents, frames that it never ends.
#[test]
fn a_liar_takes_nothing_from_others() {
    for seed in 0..300 {
        let air = Air::new(6, seed, Weather::FAIR);
        let mut rng = Rng::new(seed);
        let mut senders: Vec<Cut> = (0..6).map(|board| cut(&air, board)).collect();
        let mut receiver = cut(&air, 1);
        let mut queues: Vec<Vec<Vec<u8>>> = vec![Vec::new(); 6];
        let mut expected = Vec::new();
        for board in [0, 2, 5] {
            let length = 1 + rng.below(LONGEST);
            let frame: Vec<u8> = (0..length).map(|_| rng.next() as u8).collect();
            queues[board] = packets(&air, &mut senders[board], &frame);
            expected.push((board, frame));
        }
        let mut got = Vec::new();
        while queues.iter().any(|queue| !queue.is_empty()) {
            let board = [0, 2, 5][rng.below(3)];
            if !queues[board].is_empty() {
                let packet = queues[board].remove(0);
                for _ in 0..rng.below(4) {
                    let mut lie = packet.clone();
                    let at = rng.below(lie.len().min(6));
                    lie[at] = rng.next() as u8;
                    lie.truncate(rng.below(lie.len() + 1).max(1));
                    air.deliver(node(3), 1, &lie);
                    air.deliver(node(3), 1, &packet);
                    let random: [u8; MTU] = rng.array();
                    air.deliver(node(3), 1, &random[..rng.below(MTU)]);
                }
                air.deliver(who(board), 1, &packet);
            }
            got.extend(receive(&mut receiver).into_iter().filter(|(from, _)| *from != 3));
        }
        got.sort();
        assert_eq!(got, expected, "seed {seed}");
    }
}

#[test]
fn what_a_peer_never_ends_is_given_up_for_its_next_frame() {
    let air = Air::new(6, 1, Weather::FAIR);
    let (mut one, mut other) = (cut(&air, 0), cut(&air, 1));
    let (lost, frame) = ([1; 100], [2; 200]);
    let mut begun = packets(&air, &mut one, &lost);
    let last = begun.pop().unwrap();
    let whole = packets(&air, &mut one, &frame);
    for packet in begun.iter().chain(&whole).chain([&last]) {
        air.deliver(node(0), 1, packet);
    }
    assert_eq!(receive(&mut other), [(0, frame.to_vec())]);
}

/// The first long frame after a loss of power is no repeat of the last one before.
#[test]
fn a_board_that_numbers_its_frames_from_its_nonce_is_heard_after_a_restart() {
    let air = Air::new(6, 1, Weather::FAIR);
    let mut other = cut(&air, 1);
    let frames = [[1; 100], [2; 100], [3; 100]];
    let mut heard = Vec::new();
    for (start, frame) in frames.iter().enumerate() {
        let nonce = crate::keys::nonce(node(0), start as u64);
        let number = u16::from_le_bytes([nonce[0], nonce[1]]);
        cut(&air, 0).starting_at(number).send(node(1), frame).unwrap();
        heard.extend(receive(&mut other));
    }
    assert_eq!(heard, frames.map(|frame| (0, frame.to_vec())));
}

#[test]
fn wrong_totals_and_impossible_places_are_dropped() {
    let air = Air::new(6, 1, Weather::FAIR);
    let mut other = cut(&air, 1);
    let body = [9; MTU - 4];
    let packet = |place, last| [&[7, 0, place, last][..], &body].concat();
    air.deliver(node(0), 1, &packet(0, 2));
    // Another total, a place behind the last, a frame that is too long; a right one, cut by the
    // radio to what it carries.
    for wrong in [packet(1, 3), packet(3, 2), packet(0, 200), [&packet(1, 2)[..], &[1]].concat()] {
        air.deliver(node(0), 1, &wrong[..wrong.len().min(MTU)]);
    }
    air.deliver(node(0), 1, &packet(1, 2)[..MTU - 1]);
    air.deliver(node(0), 1, &[7, 0]);
    air.deliver(node(0), 1, &packet(0, 2));
    assert_eq!(receive(&mut other), []);

    air.deliver(node(0), 1, &packet(2, 2));
    assert_eq!(receive(&mut other), [(0, [9; 3 * (MTU - 4)].to_vec())]);
    assert_eq!(other.dropped(), 6);
}
