//! ARM MPS2: UART and timer of the CMSDK, and SysTick as an alarm clock.

/// The clock of the board.
pub(super) const HERTZ: u32 = 25_000_000;

/// The timer: control, value, reload. It counts down.
const TIMER: *mut u32 = 0x4000_0000 as *mut u32;
/// The UART: data, state, control, interrupts, divider.
const UART: *mut u32 = 0x4000_4000 as *mut u32;
const FULL: u32 = 1 << 0;
const RECEIVED: u32 = 1 << 1;
/// Control: transmit, receive, and an interrupt for what was received.
const ENABLED: u32 = 1 << 0 | 1 << 1 | 1 << 3;
/// The interrupt of what was received, at the UART.
const RECEIPT: u32 = 1 << 1;

/// SysTick: control, reload, value.
const SYST: *mut u32 = 0xE000_E010 as *mut u32;
/// Counts the board's clock, and calls at zero.
const ALARM: u32 = 0b111;
/// Interrupts of the processor: enabled, pending no more. The UART's is the first.
const ENABLE: *mut u32 = 0xE000_E100 as *mut u32;
const SETTLE: *mut u32 = 0xE000_E280 as *mut u32;
/// Exceptions of the processor: whether that of SysTick is pending, and how it is dropped.
const EXCEPTIONS: *mut u32 = 0xE000_ED04 as *mut u32;
const SYST_PENDS: u32 = 1 << 26;
const DROP_SYST: u32 = 1 << 25;

fn get(register: *const u32) -> u32 {
    // SAFETY: a register of the board, of those above.
    unsafe { register.read_volatile() }
}

fn set(register: *mut u32, value: u32) {
    // SAFETY: a register of the board, of those above, that nothing else uses.
    unsafe { register.write_volatile(value) };
}

pub(super) fn start() {
    // SAFETY: masks interrupts. They stay so: they wake the processor and are never taken.
    unsafe { core::arch::asm!("cpsid i", options(nomem, nostack)) };
    set(TIMER.wrapping_add(2), u32::MAX);
    set(TIMER.wrapping_add(1), u32::MAX);
    set(TIMER, 1);
    set(UART.wrapping_add(4), 16);
    set(UART.wrapping_add(2), ENABLED);
    set(ENABLE, 1);
}

pub(super) fn has_byte() -> bool {
    get(UART.wrapping_add(1)) & RECEIVED != 0
}

pub(super) fn byte() -> u8 {
    get(UART) as u8
}

pub(super) fn has_room() -> bool {
    get(UART.wrapping_add(1)) & FULL == 0
}

pub(super) fn put(byte: u8) {
    set(UART, byte.into());
}

pub(super) fn ticks() -> u32 {
    !get(TIMER.wrapping_add(1))
}

/// Has SysTick ring once in so much time, or earlier: it counts 0.67 seconds at most.
pub(super) fn set_alarm(micros: u32) {
    let ticks = micros.saturating_mul(HERTZ / 1_000_000).clamp(1, 0xFF_FFFF);
    set(SYST.wrapping_add(1), ticks);
    set(SYST.wrapping_add(2), 0);
    set(SYST, ALARM);
}

pub(super) fn rings() -> bool {
    get(EXCEPTIONS) & SYST_PENDS != 0
}

pub(super) fn stop_alarm() {
    set(SYST, 0);
    set(EXCEPTIONS, DROP_SYST);
}

/// Sleeps until a byte comes or the alarm rings, if neither is there.
pub(super) fn sleep() {
    // What was received before was taken; what comes from here on wakes at once.
    set(UART.wrapping_add(3), RECEIPT);
    set(SETTLE, 1);
    if !has_byte() {
        // SAFETY: waits.
        unsafe { core::arch::asm!("wfi", options(nomem, nostack)) };
    }
}
