//! How much memory the whole state of one node takes.

use core::mem::size_of;
use quorate::{Digest, king, om, sm};

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
