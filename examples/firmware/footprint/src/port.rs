//! Where frames come from and go to: the registers of a UART.

use quorate::{Instant, NodeId, Principal};

const DATA: *mut u32 = 0x4000_4000 as *mut u32;

/// Reads one byte.
#[inline(never)]
pub fn read() -> u8 {
    // SAFETY: a register of the board.
    unsafe { DATA.read_volatile() as u8 }
}

/// Writes some bytes.
#[inline(never)]
pub fn write(bytes: &[u8]) {
    for byte in bytes {
        // SAFETY: a register of the board.
        unsafe { DATA.write_volatile(u32::from(*byte)) };
    }
}

/// Reads a frame to the front of the buffer: who is at the other end of its line, and its bytes.
/// `None` if it has no room, or nobody is there.
pub fn frame(inbox: &mut [u8]) -> Option<(Principal, &[u8])> {
    let from = Principal::from_bytes([read(), read(), read()]);
    let length = usize::from(u16::from_le_bytes([read(), read()]));
    let bytes = inbox.get_mut(..length)?;
    bytes.iter_mut().for_each(|byte| *byte = read());
    Some((from?, bytes))
}

/// What the board's clock shows.
pub fn now() -> Instant {
    let halves = [read(), read(), read(), read(), read(), read(), read(), read()];
    Instant::from_micros(u64::from_le_bytes(halves))
}

/// Which node this is: one image for all boards.
pub fn me() -> NodeId {
    NodeId(read())
}
