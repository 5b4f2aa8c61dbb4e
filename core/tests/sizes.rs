//! How much memory the whole state of one node takes.

use core::mem::size_of;
use quorate::pbft::{Dimensions, Fixed, Replica, Storage};
use quorate::rounds::{Config, Instance, Schedule};
use quorate::{Digest, Input, Instant, NodeId, Order, Output, Protocol, king, om, sm, wire};
use std::time::Duration;

/// Asserts a limit in bytes, and says how far below it is.
#[track_caller]
fn at_most<T>(limit: usize) {
    let size = size_of::<T>();
    println!("{size} of {limit} bytes: {}", core::any::type_name::<T>());
    assert!(size <= limit, "{size} bytes, at most {limit}: {}", core::any::type_name::<T>());
}

#[test]
fn a_general_of_oral_messages_is_small() {
    at_most::<om::General<u32, om::Fixed<u32, 4, 1, { om::slots(4, 1) }>>>(256);
    at_most::<om::General<u8, om::Fixed<u8, 7, 2, { om::slots(7, 2) }>>>(512);
    // A slot of the table is as large as an option of a value.
    assert_eq!(size_of::<om::Entry<u8>>(), size_of::<Option<u8>>());
    assert_eq!(size_of::<om::Entry<Digest>>(), 33);
}

#[test]
fn a_general_of_signed_messages_is_small() {
    at_most::<sm::General<Digest, sm::Fixed<4, 1, { sm::slots(4, 1) }>>>(1024);
    at_most::<sm::General<[u8; 32], sm::Fixed<4, 1, { sm::slots(4, 1) }>>>(1024);
    // Two rows of 65 bytes for each traitor more.
    at_most::<sm::General<Digest, sm::Fixed<16, 5, { sm::slots(16, 5) }>>>(1024 + 8 * 65);
}

#[test]
fn a_general_of_the_phase_king_is_small_in_any_army() {
    at_most::<king::General<u32, king::Fixed<u32, 4, 1, { king::slots(4, 1) }>>>(256);
    at_most::<king::General<u8, king::Fixed<u8, 16, 5, { king::slots(16, 5) }>>>(256);
    at_most::<king::General<u8, king::Fixed<u8, 64, 21, { king::slots(64, 21) }>>>(512);
    at_most::<king::General<Digest, king::Fixed<Digest, 16, 5, { king::slots(16, 5) }>>>(1280);
}

#[test]
fn a_replica_is_small_beside_the_memory_that_it_is_lent() {
    at_most::<Replica<&mut Fixed<4, 4, 2048, 4, 32>>>(4700);
}

#[test]
fn memory_of_a_replica_is_as_large_as_it_says() {
    fn check<const N: usize, const W: usize, const B: usize, const C: usize, const R: usize>() {
        let sizes: Dimensions = Fixed::<N, W, B, C, R>::new().dimensions();
        let size = size_of::<Fixed<N, W, B, C, R>>();
        assert_eq!(sizes.memory_bytes(), size, "{sizes:?}");
        println!("{size} bytes, {} of them VIEW-CHANGEs: {sizes:?}", sizes.view_change_bytes());
    }
    check::<4, 2, 79, 1, 0>();
    check::<4, 4, 142, 4, 32>();
    check::<5, 6, 143, 3, 1>();
    check::<7, 16, 2048, 4, 33>();
    let huge = usize::MAX;
    let sizes = |batch_bytes| Dimensions {
        nodes: 64,
        window: 4096,
        batch_bytes,
        clients: 65536,
        reply_bytes: huge,
    };
    assert_eq!([sizes(huge), sizes(100)].map(|sizes| sizes.memory_bytes()), [huge; 2]);
}

#[test]
fn no_frame_of_oral_messages_is_longer_than_its_bound() {
    // The commander's, and the longest of a lieutenant's: relays of values that are long.
    let instance = Instance { number: u64::MAX, commander: NodeId(0) };
    let round = Duration::from_secs(1);
    let schedule = Schedule::new(Instant::ZERO, round, Duration::from_millis(1)).unwrap();
    let mut longest = 0;
    for id in [0, 1] {
        let config = Config { me: NodeId(id), nodes: 7, traitors: 2, instance };
        let memory = om::Fixed::<u32, 7, 2, { om::slots(7, 2) }>::new();
        let mut general = om::General::new(config, schedule, memory).unwrap();
        general.step(Instant::ZERO, Input::Command(Order(u32::MAX))).for_each(drop);
        while let Some(now) = general.deadline() {
            for output in general.step(now, Input::Wake) {
                if let Output::Send { message, .. } = output {
                    longest = longest.max(wire::encoded_len(&message));
                }
            }
        }
    }
    assert!(longest as u64 <= om::frame_bytes(7, 2, 5), "{longest}");
    // What was relayed above was nothing, one byte each; four orders of five bytes and a tag.
    assert_eq!(om::frame_bytes(7, 2, 5), 10 + 1 + 1 + 1 + 1 + 4 * 6);
    assert_eq!(om::frame_bytes(4, 0, 5), 10 + 1 + 1 + 1 + 1 + 6);
    assert_eq!(om::frame_bytes(usize::MAX, 3, usize::MAX), u64::MAX);
}
