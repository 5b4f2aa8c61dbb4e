//! How much memory the whole state of one node takes.

use core::mem::size_of;
use quorate::{Digest, sm};

/// Asserts a limit in bytes, and says how far below it is.
#[track_caller]
fn at_most<T>(limit: usize) {
    let size = size_of::<T>();
    println!("{size} of {limit} bytes: {}", core::any::type_name::<T>());
    assert!(size <= limit, "{size} bytes, at most {limit}: {}", core::any::type_name::<T>());
}

#[test]
fn a_general_of_signed_messages_is_small() {
    at_most::<sm::General<Digest, sm::Fixed<4, 1, { sm::slots(4, 1) }>>>(1024);
    at_most::<sm::General<[u8; 32], sm::Fixed<4, 1, { sm::slots(4, 1) }>>>(1024);
    // Two rows of 65 bytes for each traitor more.
    at_most::<sm::General<Digest, sm::Fixed<16, 5, { sm::slots(16, 5) }>>>(1024 + 8 * 65);
}
