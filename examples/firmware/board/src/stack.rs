//! How deep the stack was: it is painted, and what is not paint any more was used.

use crate::machine::stack_pointer;

const PAINT: u32 = 0xC0DE_57AC;
/// So much of the stack is painted: more than anything here uses.
const DEPTH: usize = 64 * 1024;
/// The frames of painting itself are left alone.
const MARGIN: usize = 256;

unsafe extern "C" {
    static __sheap: u32;
}

/// Paints the stack below the caller, and says where it ends now.
#[inline(never)]
pub fn paint() -> usize {
    let here = stack_pointer();
    let lowest = (&raw const __sheap as usize).max(here.saturating_sub(DEPTH));
    let mut at = lowest;
    while at < here - MARGIN {
        // SAFETY: RAM between the last static and the stack in use.
        unsafe { (at as *mut u32).write_volatile(PAINT) };
        at += 4;
    }
    here
}

/// How many bytes below `top`, where the stack ended when it was painted, were used since.
#[inline(never)]
pub fn used(top: usize) -> usize {
    let mut at = (&raw const __sheap as usize).max(top.saturating_sub(DEPTH));
    // SAFETY: the same RAM.
    while at < top && unsafe { (at as *const u32).read_volatile() } == PAINT {
        at += 4;
    }
    top - at
}
