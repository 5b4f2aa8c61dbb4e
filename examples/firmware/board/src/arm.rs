//! Cortex-M: reset and vectors come from `cortex-m-rt`.

#[cfg(feature = "gauge")]
use core::sync::atomic::{AtomicU32, Ordering::Relaxed};
use cortex_m_rt as _;

unsafe extern "C" {
    /// Of `cortex-m-rt`: goes nowhere.
    fn DefaultHandler();
}

/// The interrupts of the boards, 32 each. They only wake the processor, and are never taken.
#[used]
#[unsafe(export_name = "__INTERRUPTS")]
#[unsafe(link_section = ".vector_table.interrupts")]
static INTERRUPTS: [unsafe extern "C" fn(); 32] = [DefaultHandler; 32];

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

/// The configuration of the processor, and its bit for words that do not lie where they should.
#[cfg(all(feature = "gauge", armv6m))]
const CONFIGURATION: *mut u32 = 0xE000_ED14 as *mut u32;
#[cfg(all(feature = "gauge", armv6m))]
const UNALIGNED_IS_A_FAULT: u32 = 1 << 3;

/// Starts the count. The image for an M0 has other Cortex-M fault where an M0 does: at a word that
/// lies at no address of a word.
#[cfg(feature = "gauge")]
pub(crate) fn start_counting() {
    #[cfg(armv6m)]
    // SAFETY: a register that nothing else uses; an M0 has the bit set, and ignores that.
    unsafe {
        CONFIGURATION.write_volatile(CONFIGURATION.read_volatile() | UNALIGNED_IS_A_FAULT);
    }
    // SAFETY: the registers of SysTick (control, reload, value), which nothing else uses.
    unsafe {
        SYST.add(1).write_volatile(0xFF_FFFF);
        SYST.add(2).write_volatile(0);
        SYST.write_volatile(0b111);
    }
}

/// Instructions in a tick of SysTick, as a fraction: with `-icount shift=6` an instruction takes
/// 64 ns of virtual time, a tick 40 ns on MPS2 boards and 62.5 ns on an nRF51. The lower number is
/// a power of two, since a division would be counted with.
#[cfg(feature = "gauge")]
const RATIO: (u64, u64) = if cfg!(feature = "nrf51") { (125, 128) } else { (5, 8) };

/// Instructions since the count was started.
#[cfg(feature = "gauge")]
pub(crate) fn instructions() -> u64 {
    loop {
        let before = WRAPS.load(Relaxed);
        // SAFETY: as above.
        let left = unsafe { SYST.add(2).read_volatile() };
        if before == WRAPS.load(Relaxed) {
            let ticks = (u64::from(before) << 24) + u64::from(0xFF_FFFF - left);
            return ticks * RATIO.0 / RATIO.1;
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
