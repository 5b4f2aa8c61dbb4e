//! The stack frame of a function of which the compiler told none, as those of its own library are:
//! read from what its instructions do to the stack pointer.

use crate::elf::{Function, Image};
use crate::thumb::decode;

const SP: u16 = 13;

/// The most bytes that a function has on the stack: all that its instructions take, as though none
/// were given back in between. `None` if some instruction puts the stack pointer nobody knows
/// where. One that takes room again and again would take more; no compiler makes such a one.
pub(crate) fn of(image: &Image, function: &Function) -> Option<u64> {
    let (mut bytes, mut address) = (0, function.start);
    while address < function.end {
        if !image.is_code(address) {
            address += 2;
            continue;
        }
        let halves = [image.half(address), image.half(address + 2)];
        let length = decode(halves[0], halves[1], address).length;
        bytes += if length == 2 { narrow(halves[0])? } else { wide(halves[0], halves[1])? };
        address += length;
    }
    Some(bytes)
}

/// How far an instruction of one half lowers the stack pointer; `None` if nobody knows.
fn narrow(first: u16) -> Option<u64> {
    match first {
        // PUSH; SUB SP, #.
        0xB400..=0xB5FF => Some(4 * u64::from((first & 0x1FF).count_ones())),
        0xB080..=0xB0FF => Some(4 * u64::from(first & 0x7F)),
        // ADD SP, Rm; MOV SP, Rm.
        _ if matches!(first & 0xFF87, 0x4485 | 0x4685) => None,
        // All others leave it, or raise it: POP; ADD SP, #.
        _ => Some(0),
    }
}

/// The same of one of two halves.
fn wide(first: u16, second: u16) -> Option<u64> {
    let base = first & 0xF == SP;
    let (upwards, back) = (first & 0x80 != 0, first & 0x20 != 0);
    let (one, two, byte) = (second >> 12, second >> 8 & 0xF, u64::from(second & 0xFF));
    match first >> 9 {
        // LDM and STM: of those that write back STMDB lowers it, and LDMIA raises it.
        0x74 if first & 0x40 == 0 => match (base && back, first & 0xFFF0) {
            (false, _) | (true, 0xE8B0) => Some(0),
            (true, 0xE920) => Some(4 * u64::from(second.count_ones())),
            _ => None,
        },
        // LDRD and STRD.
        0x74 if one == SP || (first & 0x10 != 0 && two == SP) => None,
        0x74 => Some(if base && back && !upwards { 4 * byte } else { 0 }),
        // Arithmetic with shifted registers, and TST and its like, which have no result.
        0x75 => (two != SP).then_some(0),
        // VLDM, VSTM, VLDR, VSTR and their like.
        0x76 | 0x7E => Some(if base && back && !upwards { 4 * byte } else { 0 }),
        0x77 | 0x7F if first & second & 0x10 == 0 => Some(0),
        0x77 | 0x7F => (one != SP).then_some(0),
        0x78..=0x7B if second & 0x8000 != 0 => control(first, second),
        0x78..=0x7B => (two != SP).then_some(0).or_else(|| immediate(first, second)),
        // Loads and stores of one register.
        0x7C => {
            let moves = base && !upwards && second & 0x0900 == 0x0900;
            let lowers = moves && second & 0x0200 == 0;
            let into = first & 0x10 != 0 && one == SP;
            (!into).then_some(if lowers { byte } else { 0 })
        }
        _ => (two != SP).then_some(0),
    }
}

/// ADD and SUB of a number to the stack pointer.
fn immediate(first: u16, second: u16) -> Option<u64> {
    let number = u32::from(first << 1 & 0x800 | second >> 4 & 0x700 | second & 0xFF);
    match first & 0xFBEF {
        // ADD.W; ADDW.
        0xF10D | 0xF20D => Some(0),
        0xF1AD => Some(expand(number).into()),
        0xF2AD => Some(number.into()),
        _ => None,
    }
}

/// The number that twelve bits stand for (ThumbExpandImm).
fn expand(bits: u32) -> u32 {
    let byte = bits & 0xFF;
    match bits >> 8 {
        0 => byte,
        1 => byte << 16 | byte,
        2 => byte << 24 | byte << 8,
        3 => byte << 24 | byte << 16 | byte << 8 | byte,
        _ => (byte | 0x80).rotate_right(bits >> 7),
    }
}

/// Branches change nothing; MSR may write the stack pointers.
fn control(first: u16, second: u16) -> Option<u64> {
    let writes = first & 0xFFE0 == 0xF380 && second & 0x5000 == 0;
    (!writes || !matches!(second & 0xFF, 8 | 9)).then_some(0)
}

#[cfg(test)]
mod tests {
    use super::{narrow, wide};

    #[test]
    fn what_takes_room_on_the_stack_is_counted() {
        // As an assembler writes them.
        for (halves, bytes) in [
            ([0xB510, 0], Some(8)),         // push {r4, lr}
            ([0xB082, 0], Some(8)),         // sub sp, #8
            ([0xB002, 0], Some(0)),         // add sp, #8
            ([0xBD10, 0], Some(0)),         // pop {r4, pc}
            ([0x9301, 0], Some(0)),         // str r3, [sp, #4]
            ([0x46EF, 0], Some(0)),         // mov pc, sp
            ([0x466F, 0], Some(0)),         // mov r7, sp
            ([0x46BD, 0], None),            // mov sp, r7
            ([0x449D, 0], None),            // add sp, r3
            ([0xE92D, 0x4FF0], Some(36)),   // push.w {r4-r11, lr}
            ([0xE8BD, 0x8FF0], Some(0)),    // pop.w {r4-r11, pc}
            ([0xE93D, 0x0030], None),       // ldmdb sp!, {r4, r5}
            ([0xE8AD, 0x0030], None),       // stmia sp!, {r4, r5}
            ([0xE96D, 0x4502], Some(8)),    // strd r4, r5, [sp, #-8]!
            ([0xE9CD, 0x4502], Some(0)),    // strd r4, r5, [sp, #8]
            ([0xF84D, 0xED04], Some(4)),    // str lr, [sp, #-4]!
            ([0xF84D, 0xEB04], Some(0)),    // str lr, [sp], #4
            ([0xF85D, 0xFB04], Some(0)),    // ldr pc, [sp], #4
            ([0xF8DD, 0xD004], None),       // ldr.w sp, [sp, #4]
            ([0xED2D, 0x8B04], Some(16)),   // vpush {d8, d9}
            ([0xECBD, 0x8B04], Some(0)),    // vpop {d8, d9}
            ([0xED8D, 0x8A01], Some(0)),    // vstr s16, [sp, #4]
            ([0xF5AD, 0x5D80], Some(4096)), // sub.w sp, sp, #4096
            ([0xF5AD, 0x7D02], Some(520)),  // sub.w sp, sp, #520
            ([0xF2AD, 0x4D04], Some(1028)), // subw sp, sp, #1028
            ([0xF50D, 0x7D02], Some(0)),    // add.w sp, sp, #520
            ([0xF20D, 0x4D04], Some(0)),    // addw sp, sp, #1028
            ([0xF02D, 0x0D07], None),       // bic sp, sp, #7
            ([0xEBAD, 0x0D03], None),       // sub.w sp, sp, r3
            ([0xF380, 0x8808], None),       // msr msp, r0
            ([0xF380, 0x8811], Some(0)),    // msr basepri, r0
            ([0xF7FF, 0xFFFE], Some(0)),    // bl
            ([0xF1BD, 0x0F08], Some(0)),    // cmp.w sp, #8
        ] {
            let narrow_one = halves[1] == 0;
            let found = if narrow_one { narrow(halves[0]) } else { wide(halves[0], halves[1]) };
            assert_eq!(found, bytes, "{halves:#x?}");
        }
    }
}
