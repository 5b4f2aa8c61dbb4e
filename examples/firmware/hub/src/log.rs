//! Logs of boards: what they say through defmt, decoded.
//!
//! A board appends frames to a file: numbers, with zeros between frames. The words are in the image
//! that it runs, so whoever reads a log needs that very image.

use crate::wire::Splitter;
use anyhow::{Context as _, Result, anyhow};
use defmt_decoder::{Frame, Table};
use std::collections::VecDeque;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

/// Lines that are kept, to be shown when something fails.
const KEPT: usize = 12;

/// The words of an image.
pub(crate) struct Words(Table);

impl std::fmt::Debug for Words {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Words").finish_non_exhaustive()
    }
}

impl Words {
    /// Those of an image.
    ///
    /// # Errors
    /// No image, or none that logs.
    pub(crate) fn of(image: &Path) -> Result<Self> {
        let bytes = std::fs::read(image).with_context(|| image.display().to_string())?;
        let table = Table::parse(&bytes)?;
        Ok(Self(table.ok_or_else(|| anyhow!("{} has no words of a log", image.display()))?))
    }

    /// A frame as a line; `None` if it is none of this image.
    fn line(&self, frame: &[u8]) -> Option<String> {
        let mut decoder = self.0.new_stream_decoder();
        decoder.received(frame);
        decoder.received(&[0]);
        decoder.decode().ok().map(|frame| line(&frame))
    }
}

fn line(frame: &Frame<'_>) -> String {
    let time = frame.display_timestamp().map(|time| format!("{time} s ")).unwrap_or_default();
    let level = frame.level().map_or("", |level| level.as_str());
    format!("{time:>14}{level:5} {}", frame.display_message())
}

/// The log of one board since it was started.
#[derive(Debug)]
pub(crate) struct Log {
    file: File,
    splitter: Splitter,
    last: VecDeque<String>,
}

impl Log {
    /// An empty log at this path, which the board will append to.
    ///
    /// # Errors
    /// It cannot be made.
    pub(crate) fn begin(path: &Path) -> Result<Self> {
        File::create(path).with_context(|| path.display().to_string())?;
        let file = File::open(path).with_context(|| path.display().to_string())?;
        Ok(Self { file, splitter: Splitter::default(), last: VecDeque::new() })
    }

    /// The lines that have come since the last call.
    ///
    /// # Errors
    /// The file cannot be read, or has something else in it. A frame that was cut short, since its
    /// board was killed, is never ended, so it is none of them.
    pub(crate) fn news(&mut self, words: &Words) -> Result<Vec<String>> {
        let mut bytes = Vec::new();
        self.file.read_to_end(&mut bytes).context("the log of a board")?;
        let mut lines = Vec::new();
        self.splitter.feed(&bytes, |frame| lines.push(words.line(frame)));
        let lines: Option<Vec<_>> = lines.into_iter().collect();
        let lines = lines.context("a board has logged what its image has no words for")?;
        self.last.extend(lines.iter().cloned());
        let old = self.last.len().saturating_sub(KEPT);
        self.last.drain(..old);
        Ok(lines)
    }

    /// The last lines.
    pub(crate) fn last(&self) -> impl Iterator<Item = &str> {
        self.last.iter().map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use object::write::{Object, Symbol, SymbolSection};
    use object::{
        Architecture, BinaryFormat, Endianness, SectionKind, SymbolFlags, SymbolKind, SymbolScope,
    };
    use std::io::Write as _;

    /// An image with a clock and one sentence.
    fn image() -> Vec<u8> {
        let mut image = Object::new(BinaryFormat::Elf, Architecture::Arm, Endianness::Little);
        let section = image.add_section(Vec::new(), b".defmt".to_vec(), SectionKind::Metadata);
        image.append_section_data(section, &[0; 3], 1);
        let word = |tag, data| {
            let from = r#""disambiguator":"1","package":"node","crate_name":"node""#;
            format!(r#"{{"tag":"{tag}","data":"{data}",{from}}}"#)
        };
        let names = [
            (0, "_defmt_version_ = 4".to_owned()),
            (0, "_defmt_encoding_ = rzcobs".to_owned()),
            (1, word("defmt_info", "met {=u8}")),
            (2, word("defmt_timestamp", "{=u8}")),
        ];
        for (value, name) in names {
            image.add_symbol(Symbol {
                name: name.into_bytes(),
                value,
                size: 1,
                kind: SymbolKind::Data,
                scope: SymbolScope::Linkage,
                weak: false,
                section: SymbolSection::Section(section),
                flags: SymbolFlags::None,
            });
        }
        image.write().unwrap()
    }

    /// At 9, met 42: the sentence's number, the time and the argument, which rzCOBS ends with a
    /// byte that says where the zeros are.
    const MET: [u8; 4] = [1, 9, 42, 0b111_0010];

    #[test]
    fn a_log_is_read_as_it_grows_and_its_last_lines_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let (path, image_path) = (folder.path().join("log"), folder.path().join("image"));
        std::fs::write(&image_path, image()).unwrap();
        let words = Words::of(&image_path).unwrap();
        let mut log = Log::begin(&path).unwrap();
        let mut board = File::options().append(true).open(&path).unwrap();
        let met = "          9 s info  met 42";
        board.write_all(&[&[0], &MET[..], &[0], &MET[..2]].concat()).unwrap();
        assert_eq!(log.news(&words).unwrap(), [met]);
        assert!(log.news(&words).unwrap().is_empty(), "the second line has not ended");
        board.write_all(&[&MET[2..], &[0, 0]].concat()).unwrap();
        assert_eq!(log.news(&words).unwrap(), [met]);
        assert_eq!(log.last().collect::<Vec<_>>(), [met; 2]);
        for _ in 0..KEPT {
            board.write_all(&[&MET[..], &[0]].concat()).unwrap();
        }
        assert_eq!((log.news(&words).unwrap().len(), log.last().count()), (KEPT, KEPT));
        board.write_all(&[7, 9, 42, MET[3], 0]).unwrap();
        assert!(log.news(&words).is_err(), "there is no seventh sentence");
    }

    #[test]
    fn an_image_that_does_not_log_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("image");
        let empty = Object::new(BinaryFormat::Elf, Architecture::Arm, Endianness::Little);
        std::fs::write(&path, empty.write().unwrap()).unwrap();
        assert!(Words::of(&path).unwrap_err().to_string().contains("image"));
    }
}
