//! Orders with names, so that transcripts can be read.

use crate::generals::Word;
use crate::random::Random;
use crate::script::words::{Words, Wrong};
use std::fmt::{self, Debug, Display};

/// Bytes of the longest name.
const LONGEST: usize = 12;

/// An order by its name: up to twelve letters.
#[derive(Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct Name([u8; LONGEST]);

impl Name {
    /// This text as a name; `None`: it is too long, or nothing.
    pub(super) fn of(text: &[u8]) -> Option<Self> {
        let mut name = [0; LONGEST];
        name.get_mut(..text.len())?.copy_from_slice(text);
        (!text.is_empty()).then_some(Self(name))
    }

    /// Reads one between quotes.
    pub(super) fn read(words: &mut Words) -> Result<Self, Wrong> {
        let text = words.text()?;
        Self::of(&text).ok_or_else(|| {
            let text = text.escape_ascii();
            format!("\"{text}\" is no order: an order has 1 to {LONGEST} letters")
        })
    }

    /// The orders 1, 2, 3 and so on, as many as that.
    pub(super) fn numbered(count: u64) -> impl Iterator<Item = Self> {
        (1..=count).filter_map(|number| Self::of(number.to_string().as_bytes()))
    }
}

impl Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = self.0.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        Display::fmt(&self.0[..end].escape_ascii(), f)
    }
}

impl Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Display::fmt(self, f)
    }
}

/// What traitors that play a part tell.
const POOL: [&[u8]; 3] = [b"A", b"B", b"C"];

impl Word for Name {
    const BYTES: usize = LONGEST;

    fn draw(luck: &mut Random) -> Self {
        let pool = Self::pool(luck);
        *luck.pick(&pool)
    }

    fn pool(_: &mut Random) -> Vec<Self> {
        POOL.into_iter().filter_map(Self::of).collect()
    }

    fn other(self) -> Self {
        let mut pool = POOL.into_iter().filter_map(Self::of);
        pool.find(|other| *other != self).unwrap_or(self)
    }
}
