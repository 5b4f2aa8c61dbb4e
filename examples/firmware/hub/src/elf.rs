//! What an image takes, read from the file itself.

use crate::frame;
use anyhow::{Context as _, Result};
use object::elf::{SHF_ALLOC, SHF_WRITE};
use object::{
    Object as _, ObjectSection as _, ObjectSymbol as _, SectionFlags, SectionKind, SymbolKind,
};
use std::path::Path;

/// A function of an image.
#[derive(Clone, Debug)]
pub(crate) struct Function {
    pub(crate) name: String,
    pub(crate) start: u64,
    pub(crate) end: u64,
    /// Bytes of its stack frame; `None` if nobody knows.
    pub(crate) stack: Option<u64>,
}

/// A static of an image.
#[derive(Clone, Debug)]
pub(crate) struct Static {
    /// With its path.
    pub(crate) name: String,
    pub(crate) bytes: u64,
    pub(crate) section: String,
}

/// An image, taken apart.
#[derive(Clone, Debug, Default)]
pub(crate) struct Image {
    /// Bytes of code and of constants, vectors and initial values included.
    pub(crate) flash: u64,
    /// Bytes of statics with an initial value, which lie in flash too.
    pub(crate) data: u64,
    /// Bytes of statics that start as zeros.
    pub(crate) bss: u64,
    /// In order of their addresses.
    pub(crate) functions: Vec<Function>,
    /// Code: where it lies, and its bytes.
    pub(crate) text: (u64, Vec<u8>),
    /// Where in it code begins (true) and constants do (false), in order.
    pub(crate) marks: Vec<(u64, bool)>,
    /// The statics.
    pub(crate) statics: Vec<Static>,
    /// Where it could panic: file and line.
    pub(crate) panics: Vec<(String, u32)>,
}

impl Image {
    /// Two bytes of the code; zeros where there is none.
    pub(crate) fn half(&self, address: u64) -> u16 {
        let (start, bytes) = &self.text;
        let at = usize::try_from(address.wrapping_sub(*start)).unwrap_or(usize::MAX);
        let bytes = bytes.get(at..).and_then(|bytes| bytes.first_chunk());
        bytes.map_or(0, |bytes| u16::from_le_bytes(*bytes))
    }

    /// Four bytes of the code; zeros where there are none.
    pub(crate) fn word(&self, address: u64) -> u32 {
        u32::from(self.half(address)) | u32::from(self.half(address + 2)) << 16
    }

    /// Whether there is code at an address, and no constant.
    pub(crate) fn is_code(&self, address: u64) -> bool {
        let after = self.marks.partition_point(|(at, _)| *at <= address);
        after.checked_sub(1).is_none_or(|at| self.marks[at].1)
    }

    /// The function at an address.
    pub(crate) fn find(&self, address: u64) -> Option<usize> {
        let after = self.functions.partition_point(|function| function.start <= address);
        let at = after.checked_sub(1)?;
        (address < self.functions[at].end).then_some(at)
    }

    /// The function that an address of code, with the mark of Thumb, is the start of.
    pub(crate) fn start(&self, address: u32) -> Option<usize> {
        let address = u64::from(address);
        let at = self.find(address & !1)?;
        (address & 1 == 1 && self.functions[at].start == address & !1).then_some(at)
    }

    /// Reads an image.
    ///
    /// # Errors
    /// No such file, or not an image.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let bytes = std::fs::read(path).with_context(|| path.display().to_string())?;
        let file = object::File::parse(&*bytes)?;
        let mut image = Self::default();
        for section in file.sections() {
            let SectionFlags::Elf { sh_flags } = section.flags() else { continue };
            if sh_flags & u64::from(SHF_ALLOC) == 0 {
                continue;
            }
            let empty = section.kind() == SectionKind::UninitializedData;
            match (sh_flags & u64::from(SHF_WRITE) != 0, empty) {
                (true, true) => image.bss += section.size(),
                (true, false) => {
                    image.data += section.size();
                    image.flash += section.size();
                }
                (false, _) => image.flash += section.size(),
            }
            match section.name() {
                Ok(".text") => image.text = (section.address(), section.data()?.to_vec()),
                Ok(".rodata") => image.panics = panics(section.address(), section.data()?),
                _ => {}
            }
        }
        let frames = stack_sizes(&file)?;
        for symbol in file.symbols() {
            let name = symbol.name().unwrap_or_default();
            let start = symbol.address() & !1;
            match (name.get(..2), symbol.kind()) {
                (Some("$t" | "$x" | "$a"), _) => image.marks.push((start, true)),
                (Some("$d"), _) => image.marks.push((symbol.address(), false)),
                (_, SymbolKind::Text) if symbol.size() > 0 => {
                    let stack = frames.iter().find(|(at, _)| at & !1 == start);
                    image.functions.push(Function {
                        name: format!("{:#}", rustc_demangle::demangle(name)),
                        start,
                        end: start + symbol.size(),
                        stack: stack.map(|(_, size)| *size),
                    });
                }
                (_, SymbolKind::Data) if symbol.size() > 0 => {
                    let section = symbol.section_index();
                    let section = section.and_then(|at| file.section_by_index(at).ok());
                    let section = section.and_then(|it| it.name().ok().map(str::to_owned));
                    let name = format!("{:#}", rustc_demangle::demangle(name));
                    let (bytes, section) = (symbol.size(), section.unwrap_or_default());
                    image.statics.push(Static { name, bytes, section });
                }
                _ => {}
            }
        }
        image.functions.sort_by_key(|function| function.start);
        image.marks.sort_unstable();
        let told = |function: &Function| function.stack.or_else(|| frame::of(&image, function));
        let stacks: Vec<_> = image.functions.iter().map(told).collect();
        for (function, stack) in image.functions.iter_mut().zip(stacks) {
            function.stack = stack;
        }
        Ok(image)
    }
}

/// The places in sources that the constants tell of: each panic that is left in an image has one,
/// a pointer to the file's name, its length, a line and a column.
fn panics(address: u64, data: &[u8]) -> Vec<(String, u32)> {
    let word = |at: usize| {
        let bytes = data.get(at..at + 4)?.try_into().ok()?;
        Some(u32::from_le_bytes(bytes))
    };
    let place = |at: usize| {
        let (start, length) = (u64::from(word(at)?).checked_sub(address)?, word(at + 4)?);
        let (start, length) = (usize::try_from(start).ok()?, length as usize);
        let name = str::from_utf8(data.get(start..start.checked_add(length)?)?).ok()?;
        let name = name.trim_end_matches('\0');
        name.ends_with(".rs").then(|| Some((name.to_owned(), word(at + 8)?)))?
    };
    let mut places: Vec<_> = (0..data.len()).step_by(4).filter_map(place).collect();
    places.sort_unstable();
    places.dedup();
    places
}

/// Address and bytes of each function's stack frame, as the compiler wrote them.
fn stack_sizes(file: &object::File<'_>) -> Result<Vec<(u64, u64)>> {
    let mut frames = Vec::new();
    for section in file.sections().filter(|section| section.name() == Ok(".stack_sizes")) {
        let data = section.data()?;
        let mut rest = data;
        while let Some((address, more)) = rest.split_first_chunk::<4>() {
            let (mut size, mut shift) = (0u64, 0);
            rest = more;
            while let Some((byte, more)) = rest.split_first() {
                size |= u64::from(byte & 0x7F) << shift;
                shift += 7;
                rest = more;
                if byte & 0x80 == 0 {
                    break;
                }
            }
            frames.push((u64::from(u32::from_le_bytes(*address)), size));
        }
    }
    Ok(frames)
}
