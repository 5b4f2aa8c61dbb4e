//! What the smallest firmwares share: a port for frames, the board's own keys, a general's loop.
//!
//! These images measure and prove: what a protocol takes of flash, RAM and stack, and that
//! nothing in it can panic or recurse. They have no driver: a frame comes from, and goes to,
//! registers that nothing is behind.
#![no_std]

pub mod general;
pub mod port;
pub mod scheme;

#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    // With the place at hand, the image keeps the names of all files that can panic.
    if cfg!(feature = "located")
        && let Some(place) = info.location()
    {
        port::write(place.file().as_bytes());
        port::write(&place.line().to_le_bytes());
    }
    loop {
        core::hint::spin_loop();
    }
}
