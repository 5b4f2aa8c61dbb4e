//! Cortex-M: reset and vectors come from `cortex-m-rt`.

#[cfg(feature = "gauge")]
use core::sync::atomic::{AtomicU32, Ordering::Relaxed};
use cortex_m_rt as _;

/// A call of the debugger, which is QEMU.
pub(crate) fn semihost(operation: usize, argument: usize) -> usize {
    let result;
    // SAFETY: the arguments are as the operation wants them, see the callers in `console`.
    unsafe {
        core::arch::asm!("bkpt 0xab", inlateout("r0") operation => result, in("r1") argument);
    }
    result
}

/// Whatever goes wrong ends the run, with a status of failure.
#[unsafe(export_name = "HardFault")]
extern "C" fn hard_fault() -> ! {
    crate::console::exit(false)
}

/// How often the counter of the gauge has wrapped.
#[cfg(feature = "gauge")]
static WRAPS: AtomicU32 = AtomicU32::new(0);

#[cfg(feature = "gauge")]
#[unsafe(export_name = "SysTick")]
extern "C" fn sys_tick() {
    WRAPS.store(WRAPS.load(Relaxed).wrapping_add(1), Relaxed);
}

#[cfg(feature = "gauge")]
const SYST: *mut u32 = 0xE000_E010 as *mut u32;

/// Starts the count.
#[cfg(feature = "gauge")]
pub(crate) fn start_counting() {
    // SAFETY: the registers of SysTick (control, reload, value), which nothing else uses.
    unsafe {
        SYST.add(1).write_volatile(0xFF_FFFF);
        SYST.add(2).write_volatile(0);
        SYST.write_volatile(0b111);
    }
}

/// Instructions since the count was started. With `-icount shift=6` an instruction takes 64 ns of
/// virtual time, and SysTick of the MPS2 boards counts each 40 ns.
#[cfg(feature = "gauge")]
pub(crate) fn instructions() -> u64 {
    loop {
        let before = WRAPS.load(Relaxed);
        // SAFETY: as above.
        let left = unsafe { SYST.add(2).read_volatile() };
        if before == WRAPS.load(Relaxed) {
            let ticks = (u64::from(before) << 24) + u64::from(0xFF_FFFF - left);
            return ticks * 40 / 64;
        }
    }
}

/// Where the stack ends at the moment.
#[cfg(any(feature = "gauge", feature = "devices"))]
#[inline(always)]
pub(crate) fn stack_pointer() -> usize {
    let pointer;
    // SAFETY: reads a register.
    unsafe { core::arch::asm!("mov {}, sp", out(reg) pointer, options(nomem, nostack)) };
    pointer
}
