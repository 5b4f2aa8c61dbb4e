//! Who calls whom in an image for a Cortex-M, read from its instructions.
//!
//! Thumb code says so plainly: `bl` calls, and a `b` that leaves its function is a call in the
//! place of a return. `blx` and `bx` go to an address in a register: where code is made small, one
//! that is called several times is loaded from the constants beside the function first. Each such
//! call is followed back to the constants that its register can hold there (`follow`), and every
//! one of them must be the start of a function. One that cannot be told so is reported, however
//! many others of its function can: an address that comes from memory or from a caller, as in a
//! call of a trait object or of a function that was handed over. So is a call to an address that
//! is in no function.
//!
//! What that proves rests on the procedure call standard: no function, whatever it is, may change
//! R4 to R11 of who calls it. Constants between the code are told apart by the marks of the ELF for
//! ARM. Interrupts are not in the graph: there are none in the images, and one would come on top.

use crate::elf::Image;
use crate::follow::{Callees, PIECE, callees};
use anyhow::{Context as _, Result, anyhow, bail};
use std::collections::BTreeSet;

/// The calls of an image.
#[derive(Debug)]
pub(crate) struct Calls<'i> {
    image: &'i Image,
    /// For each function those that it calls.
    calls: Vec<BTreeSet<usize>>,
    /// Functions, and the addresses of their instructions that go nobody knows where.
    unknown: Vec<(usize, u64)>,
}

impl<'i> Calls<'i> {
    pub(crate) fn of(image: &'i Image) -> Self {
        let mut calls = Vec::new();
        let mut unknown = Vec::new();
        for (at, callees) in callees(image).into_iter().enumerate() {
            let Callees { direct, by_register, unknown: lost, .. } = callees;
            let mut called = BTreeSet::new();
            unknown.extend(lost.into_iter().map(|address| (at, address)));
            for (address, to) in direct {
                match image.find(to) {
                    Some(to) => called.extend([to]),
                    None => unknown.push((at, address)),
                }
            }
            for (address, to) in by_register {
                match image.start(to) {
                    Some(to) => called.extend([to]),
                    None => unknown.push((at, address)),
                }
            }
            calls.push(called);
        }
        Self { image, calls, unknown }
    }

    /// The same without what functions call that `is_out` names, and what pieces call that were
    /// cut out of nothing but those.
    pub(crate) fn without(mut self, is_out: impl Fn(&str) -> bool) -> Self {
        let functions = &self.image.functions;
        let mut out: Vec<_> = functions.iter().map(|function| is_out(&function.name)).collect();
        let callers = |at: usize| (0..functions.len()).filter(move |by| *by != at);
        loop {
            let is_theirs = |at: &usize| {
                let mut by = callers(*at).filter(|by| self.calls[*by].contains(at)).peekable();
                let is_piece = functions[*at].name.starts_with(PIECE);
                is_piece && !out[*at] && by.peek().is_some() && by.all(|by| out[by])
            };
            let Some(at) = (0..functions.len()).find(is_theirs) else { break };
            out[at] = true;
        }
        for (calls, _) in self.calls.iter_mut().zip(&out).filter(|(_, out)| **out) {
            calls.clear();
        }
        self.unknown.retain(|(at, _)| !out[*at]);
        self
    }

    fn name(&self, at: usize) -> &'i str {
        &self.image.functions[at].name
    }

    /// Every call of nobody knows whom: the function that calls, and where.
    pub(crate) fn unknown(&self) -> Vec<(&'i str, u64)> {
        self.unknown.iter().map(|(at, address)| (self.name(*at), *address)).collect()
    }

    /// A function that is reached from itself, if there is one.
    pub(crate) fn recursion(&self) -> Option<&'i str> {
        let mut depth = vec![None; self.calls.len()];
        let mut open = BTreeSet::new();
        let all = 0..self.calls.len();
        all.map(|at| self.deepest(at, &mut depth, &mut open)).find_map(Result::err)
    }

    /// The most bytes of stack below the function of this name, its own frame included.
    ///
    /// # Errors
    /// There is no such function, somebody calls itself, or the frame of somebody is not known.
    pub(crate) fn stack_of(&self, name: &str) -> Result<u64> {
        let at = self.image.functions.iter().position(|function| function.name == name);
        let at = at.with_context(|| format!("there is no {name}"))?;
        let mut depth = vec![None; self.calls.len()];
        let deepest = self.deepest(at, &mut depth, &mut BTreeSet::new());
        let bytes = deepest.map_err(|name| anyhow!("{name} calls itself"))?;
        // Those that were reached have a depth now.
        let mut reached = self.image.functions.iter().zip(depth).filter(|(_, it)| it.is_some());
        match reached.find(|(function, _)| function.stack.is_none()) {
            Some((lost, _)) => bail!("nobody knows the stack of {}", lost.name),
            None => Ok(bytes),
        }
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
        let bytes = below + self.image.functions[at].stack.unwrap_or_default();
        depth[at] = Some(bytes);
        Ok(bytes)
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
            image.functions.push(Function { name: (*name).to_owned(), start, end, stack: Some(8) });
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
        assert_eq!(
            ["a", "b", "c"].map(|name| calls.stack_of(name).ok()),
            [Some(16), Some(8), None]
        );
    }

    #[test]
    fn there_is_no_bound_where_a_frame_is_not_known() {
        let a = [ON[0], ON[1], RETURN, RETURN];
        let mut image = image(&[("a", &a), ("b", &[RETURN]), ("c", &[RETURN])], vec![]);
        image.functions[2].stack = None;
        assert_eq!(Calls::of(&image).stack_of("a").ok(), Some(16), "nobody calls c");
        image.functions[1].stack = None;
        let lost = Calls::of(&image).stack_of("a").unwrap_err();
        assert!(lost.to_string().contains("the stack of b"), "{lost}");
    }

    #[test]
    fn a_function_that_calls_itself_is_found_directly_and_by_another() {
        // The target of a call back of zero halves is four bytes on less eight.
        let itself = image(&[("a", &[RETURN, RETURN, BACK[0], BACK[1]])], vec![]);
        assert_eq!(Calls::of(&itself).recursion(), Some("a"));
        let b = [RETURN, RETURN, 0xF7FF, 0xFFF8];
        let around = image(&[("a", &[ON[0], ON[1], RETURN, RETURN]), ("b", &b)], vec![]);
        assert!(Calls::of(&around).recursion().is_some());
        assert_eq!(Calls::of(&around).without(|name| name == "b").stack_of("a").ok(), Some(16));
        assert_eq!(Calls::of(&around).stack_of("a").ok(), None);
    }

    #[test]
    fn a_branch_out_of_its_function_is_a_call_and_one_within_is_none() {
        // `b` two halves on, which is the start of `b`; then `b` to itself.
        let image = image(&[("a", &[0xE000, RETURN]), ("b", &[0xE7FE])], vec![]);
        let calls = Calls::of(&image);
        assert_eq!((calls.recursion(), calls.stack_of("a").ok()), (None, Some(16)));
    }

    /// `a` of some code and the constants behind it, in halves from 0x100 on, then `b` and `c` of
    /// one instruction each, and what is found: what `a` calls, and unknown calls.
    fn of_a(code: &[u16], constants: &[u16]) -> (Vec<&'static str>, Vec<u64>) {
        let end = 0x100 + 2 * code.len() as u64;
        let marks = vec![(0x100, true), (end, false), (B, true)];
        let mut a = [code, constants].concat();
        a.resize((B - 0x100) as usize / 2, 0);
        let image = image(&[("a", &a), ("b", &[RETURN, NOP]), ("c", &[RETURN, NOP])], marks);
        let calls = Calls::of(&image);
        let called = calls.calls[0].iter().map(|at| ["a", "b", "c"][*at]).collect();
        assert!(calls.unknown().iter().all(|(name, _)| *name == "a"));
        (called, calls.unknown().into_iter().map(|(_, at)| at).collect())
    }

    const NOP: u16 = 0xBF00;
    /// Where `b` lies; with the mark of Thumb it is the constant that calls it, as is `C` for `c`.
    const B: u64 = 0x120;
    const TO_B: [u16; 2] = [0x0121, 0];
    const TO_C: [u16; 2] = [0x0125, 0];

    #[test]
    fn a_call_by_register_is_followed_to_the_constant_that_was_loaded() {
        // ldr r3, [pc, #4]; blx r3; bx lr; nop
        let code = [0x4B01, 0x4798, RETURN, NOP];
        assert_eq!(of_a(&code, &TO_B), (vec!["b"], vec![]));
        // The constant is in the middle of a function, has no mark of Thumb, or is elsewhere.
        for constant in [[0x0123, 0], [0x0120, 0], [0x0121, 0x2000]] {
            assert_eq!(of_a(&code, &constant), (vec![], vec![0x102]), "{constant:?}");
        }
        // movw r3, #0x121; movt r3, #0; mov r2, r3; bx r2
        let halves = [0xF240, 0x1321, 0xF2C0, 0x0300, 0x461A, 0x4710];
        assert_eq!(of_a(&halves, &[]), (vec!["b"], vec![]));
    }

    #[test]
    fn one_known_call_does_not_hide_an_unknown_one() {
        // ldr r3, [pc, #8]; blx r3; ldr r3, [r0]; blx r3; bx lr; nop
        let code = [0x4B02, 0x4798, 0x6803, 0x4798, RETURN, NOP];
        assert_eq!(of_a(&code, &TO_B), (vec!["b"], vec![0x106]));
        // A constant that nobody loads calls nobody: blx r3; bx lr
        assert_eq!(of_a(&[0x4798, RETURN], &TO_B), (vec![], vec![0x100]));
    }

    #[test]
    fn what_a_call_may_change_is_not_known_after_it_and_what_it_keeps_is() {
        // ldr r3, [pc, #4]; blx r3; blx r3; nop
        assert_eq!(of_a(&[0x4B01, 0x4798, 0x4798, NOP], &TO_B), (vec!["b"], vec![0x104]));
        // push {r4, lr}; ldr r4, [pc, #8]; blx r4; blx r4; pop {r4, pc}; nop
        let kept = [0xB510, 0x4C02, 0x47A0, 0x47A0, 0xBD10, NOP];
        assert_eq!(of_a(&kept, &TO_B), (vec!["b"], vec![]));
    }

    #[test]
    fn all_ways_to_a_call_are_followed() {
        // cbz r0, on; ldr r3, [pc, #8]; b there; on: ldr r3, [pc, #8]; there: blx r3; bx lr
        let code = [0xB108, 0x4B02, 0xE000, 0x4B02, 0x4798, RETURN];
        assert_eq!(of_a(&code, &[TO_B, TO_C].concat()), (vec!["b", "c"], vec![]));
        // One of them leaves something from memory: on: ldr r3, [r0]
        let memory = [0xB108, 0x4B02, 0xE000, 0x6803, 0x4798, RETURN];
        assert_eq!(of_a(&memory, &TO_B), (vec![], vec![0x108]));
        // it eq; ldreq r3, [pc, #4]; blx r3; nop: if not, r3 is what it was.
        assert_eq!(of_a(&[0xBF08, 0x4B01, 0x4798, NOP], &TO_B), (vec![], vec![0x104]));
        // ldr r3, [pc, #8]; it eq; ldreq r3, [pc, #8]; blx r3; bx lr; nop
        let either = [0x4B02, 0xBF08, 0x4B02, 0x4798, RETURN, NOP];
        assert_eq!(of_a(&either, &[TO_B, TO_C].concat()), (vec!["b", "c"], vec![]));
    }

    #[test]
    fn a_table_leads_to_each_of_its_places() {
        // ldr r3, [pc, #16]; tbb [pc, r0]; .byte 1, 2; blx r3; bx lr; nop and the constant
        let a = [0x4B04, 0xE8DF, 0xF000, 0x0201, 0x4798, RETURN, NOP, NOP, NOP, NOP, 0x0119, 0];
        let marks =
            vec![(0x100, true), (0x106, false), (0x108, true), (0x114, false), (0x118, true)];
        let leads = image(&[("a", &a), ("b", &[RETURN])], marks.clone());
        let calls = Calls::of(&leads);
        assert_eq!((calls.unknown(), calls.stack_of("a").ok()), (vec![], Some(16)));
        // Two tables behind each other, whose places nobody goes to, leave a call that is not seen.
        let mut lost = a;
        lost[3] = 0x0202;
        let lost = image(&[("a", &lost), ("b", &[RETURN])], marks.clone());
        assert_eq!(Calls::of(&lost).unknown(), [("a", 0x108)]);
        // ldr r3, [pc, #16]; adr r1, #8; tbb [r1, r0]; a constant; .byte 3, 4; blx r3; bx lr; nop
        let code = [0x4B04, 0xA102, 0xE8D1, 0xF000, 0x4240, 0x000F, 0x0403, 0x4798, RETURN, NOP];
        let a: [u16; 12] = [&code[..], &[0x0119, 0]].concat().try_into().unwrap();
        let marks = [(0x100, true), (0x108, false), (0x10E, true), (0x114, false)];
        let marks = [&marks[..], &[(0x118, true)]].concat();
        let behind = |a: &[u16; 12]| {
            let behind = image(&[("a", a), ("b", &[RETURN])], marks.clone());
            let calls = Calls::of(&behind);
            (
                calls.unknown().into_iter().map(|(_, at)| at).collect::<Vec<_>>(),
                calls.stack_of("a").ok(),
            )
        };
        assert_eq!(behind(&a), (vec![], Some(16)));
        // Nobody knows where r2 says that the table begins.
        let unknown = [&a[..2], &[0xE8D2], &a[3..]].concat().try_into().unwrap();
        assert_eq!(behind(&unknown).0, [0x104, 0x10E]);
    }

    #[test]
    fn a_table_of_branches_leads_to_each_of_them() {
        // ldr r3, [pc, #20]; adr r0, there; add.w r0, r0, r1, lsl #2; mov pc, r0; nop;
        // table: b.w call; b.w over; over: bx lr; call: blx r3; then the constant.
        let marks = vec![(0x100, true), (0x118, false), (0x11C, true)];
        let with = |there| {
            let a = [0x4B05, there, 0xEB00, 0x0081, 0x4687, NOP];
            let a = [a, [0xF000, 0xB803, 0xF000, 0xB800, RETURN, 0x4798]].concat();
            let a = [&a[..], &[0x011D, 0]].concat();
            let leads = image(&[("a", &a), ("b", &[RETURN, NOP])], marks.clone());
            let calls = Calls::of(&leads);
            let unknown = calls.unknown().into_iter().map(|(_, at)| at).collect::<Vec<_>>();
            (calls.calls[0].iter().copied().collect::<Vec<_>>(), unknown)
        };
        assert_eq!(with(0xA002), (vec![1], vec![]));
        // There is no table where it is said to be: nobody knows where that leads.
        assert_eq!(with(0xA004), (vec![], vec![0x108, 0x116]));
    }

    #[test]
    fn pieces_cut_out_of_functions_are_followed_as_a_part_of_them() {
        // push {r4, lr}; ldr r4, [pc, #8]; bl piece; blx r4; pop {r4, pc}
        let a = [0xB510, 0x4C02, 0xF000, 0xF804, 0x47A0, 0xBD10, 0x0121, 0];
        let marks = vec![(0x100, true), (0x10C, false), (0x110, true)];
        let with = |name, piece: &[u16; 8]| {
            let image = image(&[("a", &a), (name, piece), ("b", &[RETURN])], marks.clone());
            let calls = Calls::of(&image);
            let unknown = calls.unknown().into_iter().map(|(_, at)| at).collect::<Vec<_>>();
            (calls.calls.clone(), unknown)
        };
        let sets = |all: [&[usize]; 3]| all.map(|it| it.iter().copied().collect()).to_vec();
        let piece = |code: [u16; 3]| [code[0], code[1], code[2], NOP, NOP, NOP, NOP, NOP];
        // It leaves r4 alone: movs r0, #0.
        let kept = with("b2", &piece([0x2000, RETURN, NOP]));
        assert_eq!(kept, (sets([&[1, 2], &[], &[]]), vec![]));
        // It changes r4 of its caller: movs r4, #0. After it nobody knows whom r4 calls.
        let changed = with("b2", &piece([0x2400, RETURN, NOP]));
        assert_eq!(changed, (sets([&[1], &[], &[]]), vec![0x108]));
        // It calls what its caller loaded, as a piece may and a function may not.
        let calls = piece([0x47A0, RETURN, NOP]);
        let called = with("OUTLINED_FUNCTION_0", &calls);
        assert_eq!(called, (sets([&[1, 2], &[2], &[]]), vec![]));
        assert_eq!(with("b2", &calls).1, [0x110]);
    }

    #[test]
    fn what_is_left_out_takes_its_own_pieces_with_it() {
        // bl piece; bx lr; nop, and a piece that goes to what it loads: ldr r5, [r0]; bx r5
        let a = [ON[0], ON[1], RETURN, NOP];
        let unknown = |name, out: &[&str]| {
            let image = image(&[("a", &a), (name, &[0x6805, 0x4728]), ("b", &[RETURN])], vec![]);
            let calls = Calls::of(&image).without(|name| out.contains(&name));
            calls.unknown().len()
        };
        assert_eq!(unknown("OUTLINED_FUNCTION_1", &[]), 1);
        assert_eq!(unknown("OUTLINED_FUNCTION_1", &["a"]), 0);
        assert_eq!(unknown("OUTLINED_FUNCTION_1", &["b"]), 1);
        assert_eq!(unknown("c", &["a"]), 1, "a function of its own may have other callers");
    }

    #[test]
    fn a_call_of_what_is_no_function_is_unknown() {
        // bl 0x200; bx lr
        assert_eq!(of_a(&[0xF000, 0xF87E, RETURN], &[]), (vec![], vec![0x100]));
    }
}
