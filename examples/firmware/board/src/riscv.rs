//! RISC-V: start-up of our own, since there is so little of it.

// Zeroes .bss, then runs `main` on a stack at the end of memory.
core::arch::global_asm!(
    ".section .init, \"ax\"",
    ".global _start",
    "_start:",
    "la sp, _stack_start",
    "la t0, trap",
    "csrw mtvec, t0",
    "la t0, __sbss",
    "la t1, __ebss",
    "1: bgeu t0, t1, 2f",
    "sw zero, 0(t0)",
    "addi t0, t0, 4",
    "j 1b",
    "2: call main",
    ".balign 4",
    "trap: call fault",
);

/// Whatever goes wrong ends the run, with a status of failure.
#[unsafe(export_name = "fault")]
extern "C" fn fault() -> ! {
    crate::console::exit(false)
}

/// A call of the debugger, which is QEMU.
pub(crate) fn semihost(operation: usize, argument: usize) -> usize {
    let result;
    // SAFETY: the arguments are as the operation wants them, see the callers in `console`.
    unsafe {
        core::arch::asm!(
            ".balign 16",
            ".option push",
            ".option norvc",
            "slli x0, x0, 0x1f",
            "ebreak",
            "srai x0, x0, 7",
            ".option pop",
            inlateout("a0") operation => result,
            in("a1") argument,
        );
    }
    result
}

/// The processor counts by itself.
#[cfg(feature = "gauge")]
pub(crate) const fn start_counting() {}

/// Instructions that were retired.
#[cfg(feature = "gauge")]
pub(crate) fn instructions() -> u64 {
    loop {
        let (high, low, again): (u32, u32, u32);
        // SAFETY: reads counters.
        unsafe {
            core::arch::asm!("csrr {}, minstreth", "csrr {}, minstret", "csrr {}, minstreth",
                out(reg) high, out(reg) low, out(reg) again, options(nomem, nostack));
        }
        if high == again {
            return u64::from(high) << 32 | u64::from(low);
        }
    }
}

/// Where the stack ends at the moment.
#[cfg(any(feature = "gauge", feature = "devices"))]
#[inline(always)]
pub(crate) fn stack_pointer() -> usize {
    let pointer;
    // SAFETY: reads a register.
    unsafe { core::arch::asm!("mv {}, sp", out(reg) pointer, options(nomem, nostack)) };
    pointer
}
