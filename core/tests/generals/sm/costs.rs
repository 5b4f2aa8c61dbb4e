//! Counts, sizes and bytes: what is published, and what the field sees.

use super::*;
use crate::field::{Field, nobody};
use quorate::{Order, sm};

#[test]
fn counts_equal_the_published_ones_for_every_size() {
    for nodes in 2..=16 {
        for traitors in 0..=(nodes - 2).min(5) {
            let battle = fight(nodes, traitors, Some(A), &[], &mut nobody);
            let place = format!("n = {nodes}, m = {traitors}");
            assert_eq!(battle.decisions, vec![vec![Verdict::Value(A)]; nodes], "{place}");
            assert_eq!(battle.accusations, [], "{place}");
            assert_eq!(battle.frames as u64, sm::frames(nodes, traitors), "{place}");
            assert_eq!(sm::messages(nodes, traitors), sm::frames(nodes, traitors), "{place}");
            let peers = nodes - 1;
            let expected = if traitors == 0 { peers } else { peers * peers };
            assert_eq!(battle.frames, expected, "{place}");
            assert!(battle.crowded <= 1, "{place}: one frame to each peer in a round");
            assert!(battle.bytes as u64 <= sm::bytes(nodes, traitors, 3), "{place}");
            // Fault-free, nobody verifies more than the commander's signature.
            assert_eq!(battle.verified, [vec![0], vec![1; peers]].concat(), "{place}");
        }
    }
}

#[test]
fn the_bytes_are_exact_for_the_longest_values_and_numbers() {
    let instance = Instance { number: u64::MAX, commander: NodeId(0) };
    for (nodes, traitors) in [(2, 0), (4, 1), (7, 2), (16, 5)] {
        let chains = |me: u8| {
            let config = Config { instance, ..config(me, nodes, traitors) };
            Chains::new(config, memory(nodes, traitors)).unwrap()
        };
        let mut all: Vec<_> = (0..nodes as u8).map(chains).collect();
        all[0].on_command(0, Order(u16::MAX)).unwrap();
        let battle = Field::new(all, &[]).fight(&mut nobody, |verdict| verdict);
        assert_eq!(battle.bytes as u64, sm::bytes(nodes, traitors, 3), "n = {nodes}");
    }
}

#[test]
fn what_cannot_be_saturates() {
    for huge in [usize::MAX, usize::MAX - 1] {
        assert_eq!(sm::rounds(huge), u8::MAX);
        assert_eq!(sm::messages(huge, 1), u64::MAX);
        assert_eq!(sm::frames(huge, huge), u64::MAX);
        assert_eq!(sm::slots(4, huge), usize::MAX);
        assert_eq!(sm::relays(huge, 1), u64::MAX);
        assert_eq!(sm::verifications(huge, huge), u64::MAX);
        assert_eq!(sm::bytes(huge, huge, huge), u64::MAX);
        assert_eq!(sm::frame_bytes(huge, huge), u64::MAX);
    }
    assert_eq!((sm::messages(0, 0), sm::messages(1, 1), sm::relays(1, 1)), (0, 0, 0));
    assert_eq!((sm::bytes(0, 0, 1), sm::bytes(1, 1, 1), sm::verifications(0, 0)), (0, 0, 0));
    assert_eq!((sm::rounds(0), sm::rounds(5), sm::slots(16, 5), sm::slots(4, 0)), (1, 6, 10, 0));
    assert_eq!([sm::relays(4, 1), sm::relays(7, 2), sm::relays(10, 3)], [12, 60, 144]);
}

/// No size is a special case of the code: values of no bytes, and of many.
#[test]
fn any_value_that_can_be_copied_compared_and_encoded_is_agreed_on() {
    fn agree<V: quorate::Value>(value: V) {
        let chains =
            |me| sm::Chains::new(config(me, 4, 1), sm::Fixed::<4, 1, { sm::slots(4, 1) }>::new());
        let mut all: Vec<_> = (0..4).map(|me| chains(me).unwrap()).collect();
        all[0].on_command(0, Order(value)).unwrap();
        let battle = Field::new(all, &[]).fight(&mut nobody, |verdict| verdict);
        assert_eq!(battle.decisions, vec![vec![Verdict::Value(value)]; 4]);
    }
    agree(());
    agree(true);
    agree(7u8);
    agree(u32::MAX);
    agree(quorate::Digest::of(b"attack"));
    agree([0x5a_u8; 32]);
    agree(Some((-1i64, 'x')));
}
