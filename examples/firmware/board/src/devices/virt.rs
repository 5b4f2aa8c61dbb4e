//! QEMU's RISC-V "virt": a 16550, the timer of the CLINT, and the PLIC for the line.

/// The clock of the board.
pub(super) const HERTZ: u32 = 10_000_000;

/// The time, and when the timer calls.
const TIME: *mut u32 = 0x0200_BFF8 as *mut u32;
const ALARM: *mut u32 = 0x0200_4000 as *mut u32;

/// The UART: data, interrupts, queues, .., state.
const UART: *mut u8 = 0x1000_0000 as *mut u8;
const RECEIVED: u8 = 1 << 0;
const ROOM: u8 = 1 << 5;

/// The UART at the PLIC: its number and priority; enabled at the first processor; claimed by it.
const LINE: u32 = 10;
const PRIORITY: *mut u32 = 0x0C00_0028 as *mut u32;
const ENABLE: *mut u32 = 0x0C00_2000 as *mut u32;
const CLAIM: *mut u32 = 0x0C20_0004 as *mut u32;

fn get<T>(register: *const T) -> T {
    // SAFETY: a register of the board, of those above.
    unsafe { register.read_volatile() }
}

fn set<T>(register: *mut T, value: T) {
    // SAFETY: a register of the board, of those above, that nothing else uses.
    unsafe { register.write_volatile(value) };
}

pub(super) fn start() {
    set(UART.wrapping_add(2), 1);
    set(UART.wrapping_add(1), 1);
    set(PRIORITY, 1);
    set(ENABLE, 1 << LINE);
    // SAFETY: the timer and the PLIC wake the processor (mie); they are never taken (mstatus).
    unsafe {
        core::arch::asm!("csrci mstatus, 8", "csrs mie, {0}", in(reg) (1 << 7 | 1 << 11),
            options(nomem, nostack));
    }
}

pub(super) fn has_byte() -> bool {
    get(UART.wrapping_add(5)) & RECEIVED != 0
}

pub(super) fn byte() -> u8 {
    get(UART)
}

pub(super) fn has_room() -> bool {
    get(UART.wrapping_add(5)) & ROOM != 0
}

pub(super) fn put(byte: u8) {
    set(UART, byte);
}

pub(super) fn ticks() -> u32 {
    get(TIME)
}

/// The time in both halves: it may wrap between them.
fn time() -> u64 {
    loop {
        let (high, low) = (get(TIME.wrapping_add(1)), get(TIME));
        if get(TIME.wrapping_add(1)) == high {
            return u64::from(high) << 32 | u64::from(low);
        }
    }
}

pub(super) fn set_alarm(micros: u32) {
    let due = time() + u64::from(micros) * u64::from(HERTZ / 1_000_000);
    // Never early in between: first as late as can be.
    set(ALARM, u32::MAX);
    set(ALARM.wrapping_add(1), (due >> 32) as u32);
    set(ALARM, due as u32);
}

pub(super) fn rings() -> bool {
    time() >= u64::from(get(ALARM.wrapping_add(1))) << 32 | u64::from(get(ALARM))
}

pub(super) fn stop_alarm() {
    set(ALARM, u32::MAX);
    set(ALARM.wrapping_add(1), u32::MAX);
}

/// Sleeps until a byte comes or the alarm rings, if neither is there.
pub(super) fn sleep() {
    // Claimed and completed, so that the next byte calls.
    let claimed = get(CLAIM);
    if claimed != 0 {
        set(CLAIM, claimed);
    }
    if !has_byte() {
        // SAFETY: waits.
        unsafe { core::arch::asm!("wfi", options(nomem, nostack)) };
    }
}
