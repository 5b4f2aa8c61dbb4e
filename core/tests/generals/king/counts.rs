//! What it costs is what the constant functions say.

use super::*;
use crate::field::*;
use quorate::Value;
use quorate::king::{Fixed, bytes, frame_bytes, frames, messages};
use serde::{Deserialize, Serialize};

/// Fights without a traitor, with an instance number of the most bytes, and returns frames and
/// bytes.
fn fault_free<V: Value + 'static>(nodes: usize, traitors: usize, order: V) -> (u64, u64) {
    let instance = Instance { number: u64::MAX, commander: NodeId(nodes as u8 - 1) };
    let rules = (0..nodes as u8).map(|id| {
        let config = Config { me: NodeId(id), nodes, traitors, instance };
        let memory = vec![Opinion::Nothing; slots(nodes, traitors)];
        let mut rules = Ballots::new(config, memory).unwrap();
        if config.commands() {
            rules.on_command(0, Order(order)).unwrap();
        }
        rules
    });
    let battle = Field::new(rules, &[]).fight(&mut nobody, |verdict| verdict);
    assert_eq!(battle.decisions, vec![vec![Verdict::Value(order)]; nodes]);
    assert_eq!((battle.accusations, battle.crowded), (vec![], 1));
    (battle.frames as u64, battle.bytes as u64)
}

#[test]
fn frames_and_bytes_of_every_army_are_as_published() {
    for nodes in 2..=16 {
        for traitors in 0..=(nodes - 1) / 3 {
            let expected = (frames(nodes, traitors), bytes(nodes, traitors, 1));
            assert_eq!(fault_free(nodes, traitors, 7u8), expected, "n = {nodes}, t = {traitors}");
            assert_eq!(frames(nodes, traitors), messages(nodes, traitors), "one each");
        }
    }
}

#[test]
fn the_largest_army_agrees() {
    assert_eq!(fault_free(64, 21, 7u8), (frames(64, 21), bytes(64, 21, 1)));
}

#[test]
fn published_figures() {
    let figures = |n, t| (rounds(t), messages(n, t), slots(n, t));
    assert_eq!(figures(4, 1), (7, 57, 8));
    assert_eq!(figures(7, 2), (10, 276, 14));
    assert_eq!(figures(10, 3), (13, 765, 20));
    assert_eq!(figures(13, 4), (16, 1632, 26));
    assert_eq!(figures(16, 5), (19, 2985, 32));
    assert_eq!(figures(64, 21), (67, 178_857, 128));
    assert_eq!((bytes(4, 1, 1), frame_bytes(1)), (57 * 14, 14));
}

#[test]
fn senseless_arguments_saturate() {
    let most = usize::MAX;
    assert_eq!((rounds(most), rounds(83), rounds(84)), (u8::MAX, 253, u8::MAX));
    assert_eq!((messages(0, 0), slots(0, 0), bytes(0, 0, 0)), (0, 0, 0));
    assert_eq!((messages(most, most), slots(most, most)), (u64::MAX, most));
    assert_eq!((bytes(most, most, most), frame_bytes(most)), (u64::MAX, u64::MAX));
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Manoeuvre {
    Attack { hour: u8 },
    Retreat,
}

#[test]
fn anything_that_can_be_copied_compared_and_written_is_a_value() {
    assert_eq!(fault_free(4, 1, true).1, bytes(4, 1, 1));
    assert_eq!(fault_free(4, 1, u32::MAX).1, bytes(4, 1, 5), "a number of up to five bytes");
    assert!(fault_free(4, 1, 3u32).1 < bytes(4, 1, 5));
    assert_eq!(fault_free(4, 1, [9u8; 32]).1, bytes(4, 1, 32));
    assert_eq!(fault_free(4, 1, Manoeuvre::Attack { hour: 5 }).1, bytes(4, 1, 2));
    assert!(fault_free(4, 1, Manoeuvre::Retreat).1 < bytes(4, 1, 2));
}

#[test]
fn memory_in_an_array_or_a_slice_serves_as_well() {
    static EMPTY: Fixed<u32, 7, 2, { slots(7, 2) }> = Fixed::new();
    let mut slice = [Opinion::Order(1u32); slots(7, 2)];
    let config = SEVEN.config(1);
    let fixed = Ballots::new(config, EMPTY).unwrap().close(1);
    let lent = Ballots::new(config, &mut slice[..]).unwrap().close(1);
    assert_eq!((fixed.len(), fixed), (1, lent), "the commander is missing");
}
