//! Instructions of a Cortex-M4: where each goes on, and what it leaves in registers (ARM
//! Architecture Reference Manual for ARMv7-M, A5 and A7.7).
//!
//! What is not known here is taken for the worst: it leaves something in every register.

/// What of an instruction tells who calls whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Instruction {
    /// Bytes.
    pub(crate) length: u64,
    pub(crate) flow: Flow,
    pub(crate) leaves: Leaves,
}

/// Where an instruction goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flow {
    On,
    /// Nowhere: it returns, or stops the machine.
    Stop,
    Call(u64),
    Branch(u64),
    /// There or on.
    Either(u64),
    /// It calls the address in a register.
    CallRegister(u8),
    /// It jumps to the address in a register; to that of the link register it mostly returns.
    Jump(u8),
    /// It jumps by a table of bytes or of halves, which begins where a register says; that is
    /// the program counter's if the table follows.
    Table {
        base: u8,
        halves: bool,
    },
    /// On, and so many instructions that follow do something or nothing.
    If(u8),
    /// Somewhere else.
    Lost,
}

/// What an instruction leaves in registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leaves {
    /// Something in each of these, one bit for each; 0 is nothing.
    Something(u16),
    /// The constant that stands at an address.
    Constant {
        to: u8,
        at: u64,
    },
    /// An address near the instruction.
    Address {
        to: u8,
        at: u64,
    },
    /// So many words behind what a register holds: a place in a table there.
    Entry {
        to: u8,
        base: u8,
    },
    /// A number.
    Low {
        to: u8,
        value: u16,
    },
    /// The same with this above its lower half.
    High {
        to: u8,
        value: u16,
    },
    Copy {
        to: u8,
        from: u8,
    },
}

pub(crate) const PC: u8 = 15;
const EVERYTHING: u16 = 0x5FFF;
const NOTHING: Leaves = Leaves::Something(0);
/// The registers that a call may change: R0 to R3, R12 and the link register. All others it leaves
/// as they were (Procedure Call Standard for the Arm Architecture, 6.1.1).
pub(crate) const CALLS_CHANGE: u16 = 0x500F;

/// What two halves at an address say; the second is not looked at if the first is all of it.
pub(crate) fn decode(first: u16, second: u16, address: u64) -> Instruction {
    let to = |offset: i64| (address + 4).wrapping_add_signed(offset);
    let (length, (flow, leaves)) = match first >> 11 {
        0b11101 => (4, multiple_or_shifted(first, second)),
        0b11110 if second & 0x8000 != 0 => (4, branch_or_control(first, second, to)),
        0b11110 => (4, immediate(first, second, address)),
        0b11111 => (4, load_or_data(first, second, address)),
        _ => (2, narrow(first, address, to)),
    };
    Instruction { length, flow, leaves }
}

/// One bit for a register; none for the stack pointer and the program counter, which are not
/// followed.
fn bit(register: u8) -> u16 {
    (1 << register) & EVERYTHING
}

/// Bits of an instruction as the number of a register.
fn register(bits: u16) -> u8 {
    (bits & 0xF) as u8
}

fn on(leaves: Leaves) -> (Flow, Leaves) {
    (Flow::On, leaves)
}

fn changes(register: u8) -> (Flow, Leaves) {
    on(Leaves::Something(bit(register)))
}

fn narrow(first: u16, address: u64, to: impl Fn(i64) -> u64) -> (Flow, Leaves) {
    let (low, middle) = (register(first & 7), register(first >> 8 & 7));
    let (high, source) = (register(first >> 4 & 8 | first & 7), register(first >> 3));
    let short = i64::from((first as u8).cast_signed()) << 1;
    let long = i64::from((first << 5).cast_signed() >> 4);
    match first >> 8 {
        0x00 if first & 0xFFC0 == 0 => on(Leaves::Copy { to: low, from: source & 7 }),
        0x00..=0x1F => changes(low),
        0x28..=0x2F | 0x45 => on(NOTHING),
        0x20..=0x3F => changes(middle),
        // TST, CMP and CMN.
        0x42 if first >> 6 & 3 != 1 => on(NOTHING),
        0x40..=0x43 => changes(low),
        0x44 if high == PC => (Flow::Lost, NOTHING),
        0x44 => changes(high),
        0x46 if high == PC => (Flow::Jump(source), NOTHING),
        0x46 => on(Leaves::Copy { to: high, from: source }),
        0x47 if first & 0x80 != 0 => (Flow::CallRegister(source), Leaves::Something(CALLS_CHANGE)),
        0x47 => (Flow::Jump(source), NOTHING),
        0x48..=0x4F => {
            let at = ((address + 4) & !3) + (u64::from(first & 0xFF) << 2);
            on(Leaves::Constant { to: middle, at })
        }
        0xA0..=0xA7 => {
            let at = ((address + 4) & !3) + (u64::from(first & 0xFF) << 2);
            on(Leaves::Address { to: middle, at })
        }
        // Stores, then loads.
        0x50..=0x55 | 0x60..=0x67 | 0x70..=0x77 | 0x80..=0x87 | 0x90..=0x97 => on(NOTHING),
        0x56..=0x8F => changes(low),
        0x98..=0xAF => changes(middle),
        0xB0 | 0xB4 | 0xB5 | 0xB6 => on(NOTHING),
        0xB1 | 0xB3 | 0xB9 | 0xBB => {
            let offset = i64::from(first >> 3 & 0x1F) << 1 | i64::from(first >> 9 & 1) << 6;
            (Flow::Either(to(offset)), NOTHING)
        }
        0xB2 | 0xBA => changes(low),
        0xBC => on(Leaves::Something(first & 0xFF)),
        0xBD => (Flow::Stop, NOTHING),
        // A breakpoint may ask the debugger, who answers.
        0xBE => changes(0),
        0xBF if first & 0xF != 0 => (Flow::If(4 - (first & 0xF).trailing_zeros() as u8), NOTHING),
        0xBF => on(NOTHING),
        0xC0..=0xC7 => changes(middle),
        0xC8..=0xCF => on(Leaves::Something(first & 0xFF | bit(middle))),
        0xDE => (Flow::Stop, NOTHING),
        0xDF => on(Leaves::Something(CALLS_CHANGE)),
        0xD0..=0xDD => (Flow::Either(to(short)), NOTHING),
        0xE0..=0xE7 => (Flow::Branch(to(long)), NOTHING),
        _ => on(Leaves::Something(EVERYTHING)),
    }
}

/// Loads and stores of many registers or of two, table branches, shifted registers, coprocessors.
fn multiple_or_shifted(first: u16, second: u16) -> (Flow, Leaves) {
    let (base, one, two) = (register(first), register(second >> 12), register(second >> 8));
    let (loads, back) = (first & 0x10 != 0, if first & 0x20 != 0 { bit(base) } else { 0 });
    if first & 0x0640 == 0 {
        let list = if loads { second } else { 0 };
        let flow = match (list >> 15, base) {
            (0, _) => Flow::On,
            (_, 13) => Flow::Stop,
            _ => Flow::Lost,
        };
        return (flow, Leaves::Something(list & EVERYTHING | back));
    }
    if first & 0x0640 == 0x0040 {
        if first & 0xFFF0 == 0xE8D0 && second & 0xFFE0 == 0xF000 {
            return (Flow::Table { base, halves: second & 0x10 != 0 }, NOTHING);
        }
        // Exclusive ones say in a third register whether they were.
        let (exclusive, three) = (first & 0x0120 == 0, register(second));
        let changed =
            if exclusive { bit(one) | bit(two) | bit(three) } else { bit(one) | bit(two) };
        return on(Leaves::Something(if loads || exclusive { changed } else { 0 } | back));
    }
    if first & 0x0600 == 0x0200 {
        let copies = first == 0xEA4F && second & 0x70F0 == 0;
        // ADD with a register that is shifted by two.
        let entry = first & 0xFFF0 == 0xEB00 && second & 0x70F0 == 0x0080;
        return match (copies, entry) {
            _ if two == PC => changes(two),
            (true, _) => on(Leaves::Copy { to: two, from: register(second) }),
            (_, true) => on(Leaves::Entry { to: two, base }),
            _ => changes(two),
        };
    }
    coprocessor(first, second)
}

/// A coprocessor's: what it loads or stores of its own changes no register but the base.
fn coprocessor(first: u16, second: u16) -> (Flow, Leaves) {
    let own = first & 0xFF20 == 0xED00;
    let changed = bit(register(first)) | bit(register(second >> 12));
    on(Leaves::Something(if own { 0 } else { changed }))
}

/// Arithmetic with a number, and the numbers of 16 bits that are halves of a longer one.
fn immediate(first: u16, second: u16, address: u64) -> (Flow, Leaves) {
    let to = register(second >> 8);
    let value = first << 12 | first << 1 & 0x800 | second >> 4 & 0x700 | second & 0xFF;
    let (here, offset) = ((address + 4) & !3, u64::from(value & 0xFFF));
    match first & 0xFBF0 {
        0xF200 if register(first) == PC => on(Leaves::Address { to, at: here + offset }),
        0xF2A0 if register(first) == PC => {
            on(Leaves::Address { to, at: here.wrapping_sub(offset) })
        }
        0xF240 => on(Leaves::Low { to, value }),
        0xF2C0 => on(Leaves::High { to, value }),
        _ => changes(to),
    }
}

fn branch_or_control(first: u16, second: u16, to: impl Fn(i64) -> u64) -> (Flow, Leaves) {
    let sign = i64::from(first >> 10 & 1);
    let (one, two) = (second >> 13 & 1, second >> 11 & 1);
    let low = i64::from(second & 0x7FF) << 1;
    // The sign and two bits that are flipped by it lie above the two immediates.
    let top = |bit: u16| 1 ^ i64::from(bit) ^ sign;
    let long = -sign << 24 | top(one) << 23 | top(two) << 22;
    let long = long | i64::from(first & 0x3FF) << 12 | low;
    let short = -sign << 20 | i64::from(two) << 19 | i64::from(one) << 18;
    let short = short | i64::from(first & 0x3F) << 12 | low;
    match second & 0xD000 {
        0xD000 => (Flow::Call(to(long)), Leaves::Something(CALLS_CHANGE)),
        0x9000 => (Flow::Branch(to(long)), NOTHING),
        0x8000 if first >> 7 & 7 != 7 => (Flow::Either(to(short)), NOTHING),
        // UDF
        0x8000 if first & 0xFFF0 == 0xF7F0 && second & 0xF000 == 0xA000 => (Flow::Stop, NOTHING),
        // MRS reads a special register; all else here writes one, waits, or hints.
        0x8000 if first & 0xFFE0 == 0xF3E0 => changes(register(second >> 8)),
        0x8000 if first & 0xFF80 == 0xF380 => on(NOTHING),
        _ => on(Leaves::Something(EVERYTHING)),
    }
}

/// Loads and stores of one register, arithmetic with registers, products, coprocessors.
fn load_or_data(first: u16, second: u16, address: u64) -> (Flow, Leaves) {
    let (base, one, two) = (register(first), register(second >> 12), register(second >> 8));
    let upwards = first & 0x80 != 0;
    let moves = base != PC && !upwards && second & 0x0900 == 0x0900;
    let back = if moves { bit(base) } else { 0 };
    let kind = first >> 4 & 0x7F;
    match kind {
        _ if kind & 0x71 == 0 => on(Leaves::Something(back)),
        _ if kind & 0x67 == 5 && one == PC => {
            let pops = base == 13 && second & 0xFFF == 0xB04;
            (if pops { Flow::Stop } else { Flow::Lost }, NOTHING)
        }
        _ if kind & 0x67 == 5 && base == PC => {
            let (from, offset) = ((address + 4) & !3, u64::from(second & 0xFFF));
            let at = if upwards { from + offset } else { from.wrapping_sub(offset) };
            on(Leaves::Constant { to: one, at })
        }
        _ if matches!(kind & 0x67, 1 | 3 | 5) => on(Leaves::Something(bit(one) | back)),
        _ if kind & 0x70 == 0x20 || kind & 0x78 == 0x30 => changes(two),
        _ if kind & 0x78 == 0x38 => on(Leaves::Something(bit(one) | bit(two))),
        _ if kind & 0x40 != 0 => coprocessor(first, second),
        _ => on(Leaves::Something(EVERYTHING)),
    }
}

#[cfg(test)]
mod tests {
    use super::Flow::{self, *};
    use super::Leaves::{self, *};
    use super::decode;

    #[track_caller]
    fn check(halves: [u16; 2], length: u64, flow: Flow, leaves: Leaves) {
        let it = decode(halves[0], halves[1], 0x102);
        assert_eq!((it.length, it.flow, it.leaves), (length, flow, leaves));
    }

    #[test]
    fn tells_where_an_instruction_goes_on() {
        // As an assembler writes them, at 0x102.
        check([0x4798, 0], 2, CallRegister(3), Something(0x500F)); // blx r3
        check([0x4770, 0], 2, Jump(14), Something(0)); // bx lr
        check([0x469F, 0], 2, Jump(3), Something(0)); // mov pc, r3
        check([0xBD10, 0], 2, Stop, Something(0)); // pop {r4, pc}
        check([0xE8BD, 0x8010], 4, Stop, Something(0x10)); // pop.w {r4, pc}: sp is its own
        check([0xF85D, 0xFB04], 4, Stop, Something(0)); // ldr pc, [sp], #4
        check([0xF8D1, 0xF004], 4, Lost, Something(0)); // ldr.w pc, [r1, #4]
        check([0x4487, 0], 2, Lost, Something(0)); // add pc, r0
        check([0xE8DF, 0xF003], 4, Table { base: 15, halves: false }, Something(0)); // tbb [pc, r3]
        check([0xE8D0, 0xF013], 4, Table { base: 0, halves: true }, Something(0)); // tbh [r0, r3]
        check([0xB113, 0], 2, Either(0x10A), Something(0)); // cbz r3, 0x10a
        check([0xB913, 0], 2, Either(0x10A), Something(0)); // cbnz r3, 0x10a
        check([0xD0FE, 0], 2, Either(0x102), Something(0)); // beq 0x102
        check([0xE7FE, 0], 2, Branch(0x102), Something(0)); // b 0x102
        check([0xF43F, 0xAFFE], 4, Either(0x102), Something(0)); // beq.w 0x102
        check([0xF7FF, 0xBFFE], 4, Branch(0x102), Something(0)); // b.w 0x102
        check([0xF7FF, 0xFFFE], 4, Call(0x102), Something(0x500F)); // bl 0x102
        check([0xDEFE, 0], 2, Stop, Something(0)); // udf #254
        check([0xBF08, 0], 2, If(1), Something(0)); // it eq
        check([0xBF0C, 0], 2, If(2), Something(0)); // ite eq
        check([0xBF01, 0], 2, If(4), Something(0)); // itttt eq
        check([0xBF00, 0], 2, On, Something(0)); // nop
    }

    #[test]
    fn tells_what_an_instruction_leaves_in_registers() {
        check([0x4B02, 0], 2, On, Constant { to: 3, at: 0x10C }); // ldr r3, [pc, #8]
        check([0xF8DF, 0x8008], 4, On, Constant { to: 8, at: 0x10C }); // ldr.w r8, [pc, #8]
        check([0xF85F, 0x8004], 4, On, Constant { to: 8, at: 0x100 }); // ldr.w r8, [pc, #-4]
        check([0xA302, 0], 2, On, Address { to: 3, at: 0x10C }); // adr r3, #8
        check([0xF20F, 0x0828], 4, On, Address { to: 8, at: 0x12C }); // adr.w r8, #40
        check([0xF2AF, 0x0804], 4, On, Address { to: 8, at: 0x100 }); // adr.w r8, #-4
        check([0xEB00, 0x0883], 4, On, Entry { to: 8, base: 0 }); // add.w r8, r0, r3, lsl #2
        check([0xF64A, 0x33CD], 4, On, Low { to: 3, value: 0xABCD }); // movw r3, #0xabcd
        check([0xF2C1, 0x2334], 4, On, High { to: 3, value: 0x1234 }); // movt r3, #0x1234
        check([0x46C1, 0], 2, On, Copy { to: 9, from: 8 }); // mov r9, r8
        check([0x0011, 0], 2, On, Copy { to: 1, from: 2 }); // movs r1, r2
        check([0xEA4F, 0x0908], 4, On, Copy { to: 9, from: 8 }); // mov.w r9, r8
        for (halves, length, changed) in [
            ([0x1C4B, 0], 2, 0x8),        // adds r3, r1, #1
            ([0x2305, 0], 2, 0x8),        // movs r3, #5
            ([0x2B05, 0], 2, 0),          // cmp r3, #5
            ([0x428B, 0], 2, 0),          // cmp r3, r1
            ([0x424B, 0], 2, 0x8),        // rsbs r3, r1, #0
            ([0x438B, 0], 2, 0x8),        // bics r3, r1
            ([0x4498, 0], 2, 0x100),      // add r8, r3
            ([0x45C8, 0], 2, 0),          // cmp r8, r9
            ([0x508B, 0], 2, 0),          // str r3, [r1, r2]
            ([0x588B, 0], 2, 0x8),        // ldr r3, [r1, r2]
            ([0x604B, 0], 2, 0),          // str r3, [r1, #4]
            ([0x684B, 0], 2, 0x8),        // ldr r3, [r1, #4]
            ([0x9301, 0], 2, 0),          // str r3, [sp, #4]
            ([0x9B01, 0], 2, 0x8),        // ldr r3, [sp, #4]
            ([0xAB01, 0], 2, 0x8),        // add r3, sp, #4
            ([0xB2CB, 0], 2, 0x8),        // uxtb r3, r1
            ([0xBC18, 0], 2, 0x18),       // pop {r3, r4}
            ([0xC90C, 0], 2, 0xE),        // ldm r1!, {r2, r3}
            ([0xC10C, 0], 2, 0x2),        // stm r1!, {r2, r3}
            ([0xE8B1, 0x0300], 4, 0x302), // ldm.w r1!, {r8, r9}
            ([0xE8A1, 0x0300], 4, 0x2),   // stm.w r1!, {r8, r9}
            ([0xE9D1, 0x8902], 4, 0x300), // ldrd r8, r9, [r1, #8]
            ([0xE9C1, 0x8902], 4, 0),     // strd r8, r9, [r1, #8]
            ([0xE851, 0x8F00], 4, 0x101), // ldrex r8, [r1]
            ([0xEB01, 0x0802], 4, 0x100), // add.w r8, r1, r2
            ([0xEBB1, 0x0F02], 4, 0),     // cmp.w r1, r2
            ([0xF101, 0x0801], 4, 0x100), // add.w r8, r1, #1
            ([0xF1B1, 0x0F01], 4, 0),     // cmp.w r1, #1
            ([0xF8D1, 0x8004], 4, 0x100), // ldr.w r8, [r1, #4]
            ([0xF851, 0x8F04], 4, 0x102), // ldr r8, [r1, #4]!
            ([0xF8C1, 0x8B04], 4, 0),     // str.w r8, [r1, #0xb04]
            ([0xF841, 0x8B04], 4, 0x2),   // str r8, [r1], #4
            ([0xF891, 0xF000], 4, 0),     // pld [r1]
            ([0xFA01, 0xF802], 4, 0x100), // lsl.w r8, r1, r2
            ([0xFB01, 0xF802], 4, 0x100), // mul r8, r1, r2
            ([0xFBA1, 0x8902], 4, 0x300), // umull r8, r9, r1, r2
            ([0xFBB1, 0xF8F2], 4, 0x100), // udiv r8, r1, r2
            ([0xED91, 0x8A00], 4, 0),     // vldr s16, [r1]
            ([0xEE10, 0x8A10], 4, 0x101), // vmov r8, s0
            ([0xF3EF, 0x8811], 4, 0x100), // mrs r8, basepri
            ([0xF3BF, 0x8F4F], 4, 0),     // dsb sy
            ([0xB701, 0], 2, 0x5FFF),     // no instruction
            ([0xF870, 0], 4, 0x5FFF),     // nor this
        ] {
            check(halves, length, On, Something(changed));
        }
    }
}
