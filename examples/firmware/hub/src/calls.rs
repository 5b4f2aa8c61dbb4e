//! Who calls whom in an image for a Cortex-M, read from its instructions.
//!
//! Thumb code says so plainly: `bl` calls, and a `b` that leaves its function is a call in the
//! place of a return. `blx` and `bx` go to an address in a register: where code is made small, one
//! that is called several times is loaded from the constants beside the function first. So whatever
//! function stands among those counts as called, and a call by register in a function without
//! such a constant is one that only running can tell. Constants between the code are told apart by
//! the marks of the ELF for ARM.

use crate::elf::Image;
use std::collections::BTreeSet;

/// The calls of an image.
#[derive(Debug)]
pub(crate) struct Calls<'i> {
    image: &'i Image,
    /// For each function those that it calls.
    calls: Vec<BTreeSet<usize>>,
    /// Functions that call an address which is not among their constants.
    unknown: BTreeSet<usize>,
}

/// Where an instruction goes.
enum Flow {
    Call(u64),
    Branch(u64),
    Register,
    On,
}

impl<'i> Calls<'i> {
    pub(crate) fn of(image: &'i Image) -> Self {
        let mut calls = vec![BTreeSet::new(); image.functions.len()];
        let mut unknown = BTreeSet::new();
        for (at, function) in image.functions.iter().enumerate() {
            let (mut address, mut registers) = (function.start, false);
            while address < function.end {
                if !is_code(image, address) {
                    address += 2;
                    continue;
                }
                let (length, flow) = decode(image, address);
                match flow {
                    Flow::Call(to) => calls[at].extend(find(image, to)),
                    Flow::Branch(to) if !(function.start..function.end).contains(&to) => {
                        calls[at].extend(find(image, to));
                    }
                    Flow::Register => registers = true,
                    Flow::Branch(_) | Flow::On => {}
                }
                address += length;
            }
            if registers {
                let constants = constants(image, function.start, function.end);
                let called: Vec<_> = constants.filter_map(|word| start(image, word)).collect();
                if called.is_empty() {
                    unknown.insert(at);
                }
                calls[at].extend(called);
            }
        }
        Self { image, calls, unknown }
    }

    fn name(&self, at: usize) -> &'i str {
        &self.image.functions[at].name
    }

    /// Every function that calls nobody knows whom.
    pub(crate) fn unknown(&self) -> Vec<&'i str> {
        self.unknown.iter().map(|at| self.name(*at)).collect()
    }

    /// A function that is reached from itself, if there is one.
    pub(crate) fn recursion(&self) -> Option<&'i str> {
        let mut depth = vec![None; self.calls.len()];
        let mut open = BTreeSet::new();
        let all = 0..self.calls.len();
        all.map(|at| self.deepest(at, &mut depth, &mut open)).find_map(Result::err)
    }

    /// The most bytes of stack below the function of this name, its own frame included; `None` if
    /// there is no such function, or somebody calls itself.
    pub(crate) fn stack_of(&self, name: &str) -> Option<u64> {
        let at = self.image.functions.iter().position(|function| function.name == name)?;
        let mut depth = vec![None; self.calls.len()];
        self.deepest(at, &mut depth, &mut BTreeSet::new()).ok()
    }

    fn deepest(
        &self,
        at: usize,
        depth: &mut Vec<Option<u64>>,
        open: &mut BTreeSet<usize>,
    ) -> Result<u64, &'i str> {
        if let Some(known) = depth[at] {
            return Ok(known);
        }
        if !open.insert(at) {
            return Err(self.name(at));
        }
        let mut below = 0;
        for to in &self.calls[at] {
            below = below.max(self.deepest(*to, depth, open)?);
        }
        open.remove(&at);
        let bytes = below + self.image.functions[at].stack;
        depth[at] = Some(bytes);
        Ok(bytes)
    }
}

/// The function at an address.
fn find(image: &Image, address: u64) -> Option<usize> {
    let after = image.functions.partition_point(|function| function.start <= address);
    let at = after.checked_sub(1)?;
    (address < image.functions[at].end).then_some(at)
}

/// The function that an address of code, with the mark of Thumb, is the start of.
fn start(image: &Image, address: u64) -> Option<usize> {
    let at = find(image, address & !1)?;
    (address & 1 == 1 && image.functions[at].start == address & !1).then_some(at)
}

/// The words between the code of a function.
fn constants(image: &Image, from: u64, to: u64) -> impl Iterator<Item = u64> + '_ {
    let words = (from.next_multiple_of(4)..to).step_by(4).filter(|at| !is_code(image, *at));
    words.map(|at| u64::from(half(image, at)) | u64::from(half(image, at + 2)) << 16)
}

fn is_code(image: &Image, address: u64) -> bool {
    let after = image.marks.partition_point(|(at, _)| *at <= address);
    after.checked_sub(1).is_none_or(|at| image.marks[at].1)
}

fn half(image: &Image, address: u64) -> u32 {
    let (start, bytes) = &image.text;
    let at = address.wrapping_sub(*start) as usize;
    let bytes = bytes.get(at..at + 2).unwrap_or(&[0, 0]);
    u32::from(u16::from_le_bytes([bytes[0], bytes[1]]))
}

/// The length of an instruction, and where it goes (ARM Architecture Reference Manual for ARMv7-M,
/// A5 and A7.7: B, BL, BLX, BX).
fn decode(image: &Image, address: u64) -> (u64, Flow) {
    let first = half(image, address);
    let to = |offset: i64| (address + 4).wrapping_add_signed(offset);
    match first >> 11 {
        0b11101 | 0b11111 => (4, Flow::On),
        0b11110 => {
            let second = half(image, address + 2);
            let sign = i64::from(first >> 10 & 1);
            let (one, two) = (second >> 13 & 1, second >> 11 & 1);
            let low = i64::from(second & 0x7FF) << 1;
            // The sign and two bits that are flipped by it lie above the two immediates.
            let top = |bit: u32| 1 ^ i64::from(bit) ^ sign;
            let long = -sign << 24 | top(one) << 23 | top(two) << 22;
            let long = long | i64::from(first & 0x3FF) << 12 | low;
            let short = -sign << 20 | i64::from(two) << 19 | i64::from(one) << 18;
            let short = short | i64::from(first & 0x3F) << 12 | low;
            match second & 0xD000 {
                0xD000 => (4, Flow::Call(to(long))),
                0x9000 => (4, Flow::Branch(to(long))),
                0x8000 if first >> 7 & 7 != 7 => (4, Flow::Branch(to(short))),
                _ => (4, Flow::On),
            }
        }
        0b11100 => (2, Flow::Branch(to(i64::from(((first << 5) as u16).cast_signed() >> 4)))),
        0b11010 | 0b11011 if first >> 8 & 0xF < 14 => {
            (2, Flow::Branch(to(i64::from((first as u8).cast_signed()) << 1)))
        }
        _ if first & 0xFF87 == 0x4780 => (2, Flow::Register),
        _ if first & 0xFF87 == 0x4700 && first != 0x4770 => (2, Flow::Register),
        _ => (2, Flow::On),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::elf::Function;

    /// An image of functions of so many halves each, one after the other, with frames of 8 bytes.
    fn image(functions: &[(&str, &[u16])], marks: Vec<(u64, bool)>) -> Image {
        let mut image = Image { text: (0x100, Vec::new()), marks, ..Image::default() };
        for (name, halves) in functions {
            let start = 0x100 + image.text.1.len() as u64;
            image.text.1.extend(halves.iter().flat_map(|half| half.to_le_bytes()));
            let end = start + 2 * halves.len() as u64;
            image.functions.push(Function { name: (*name).to_owned(), start, end, stack: 8 });
        }
        image
    }

    const RETURN: u16 = 0x4770;
    /// `bl` four bytes on, and four bytes back.
    const ON: [u16; 2] = [0xF000, 0xF802];
    const BACK: [u16; 2] = [0xF7FF, 0xFFFC];

    #[test]
    fn a_call_adds_the_frame_of_who_is_called() {
        let a = [ON[0], ON[1], RETURN, RETURN];
        let image = image(&[("a", &a), ("b", &[RETURN])], vec![]);
        let calls = Calls::of(&image);
        assert_eq!((calls.recursion(), calls.unknown().len()), (None, 0));
        assert_eq!(["a", "b", "c"].map(|name| calls.stack_of(name)), [Some(16), Some(8), None]);
    }

    #[test]
    fn a_function_that_calls_itself_is_found_directly_and_by_another() {
        // The target of a call back of zero halves is four bytes on less eight.
        let itself = image(&[("a", &[RETURN, RETURN, BACK[0], BACK[1]])], vec![]);
        assert_eq!(Calls::of(&itself).recursion(), Some("a"));
        let b = [RETURN, RETURN, 0xF7FF, 0xFFF8];
        let around = image(&[("a", &[ON[0], ON[1], RETURN, RETURN]), ("b", &b)], vec![]);
        assert!(Calls::of(&around).recursion().is_some());
        assert_eq!(Calls::of(&around).stack_of("a"), None);
    }

    #[test]
    fn a_branch_out_of_its_function_is_a_call_and_one_within_is_none() {
        // `b` two halves on, which is the start of `b`; then `b` to itself.
        let image = image(&[("a", &[0xE000, RETURN]), ("b", &[0xE7FE])], vec![]);
        let calls = Calls::of(&image);
        assert_eq!((calls.recursion(), calls.stack_of("a")), (None, Some(16)));
    }

    #[test]
    fn a_call_by_register_is_known_by_the_constants_and_else_reported() {
        // `blx r3`, a return, then the address of `b` with the mark of Thumb.
        let code = [0x4798, RETURN, 0x0109, 0x0000];
        let marks = vec![(0x100, true), (0x104, false), (0x108, true)];
        let known = image(&[("a", &code), ("b", &[RETURN])], marks.clone());
        let calls = Calls::of(&known);
        assert_eq!((calls.unknown().len(), calls.stack_of("a")), (0, Some(16)));
        let unknown = image(&[("a", &[0x4798, RETURN, 0, 0]), ("b", &[RETURN])], marks);
        assert_eq!(Calls::of(&unknown).unknown(), ["a"]);
    }
}
