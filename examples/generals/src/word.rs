//! Orders as people write them: short words.

use serde::de::{self, Deserialize, Deserializer};
use serde::{Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// The most bytes of a word.
pub const LONGEST: usize = 23;

/// An order: 1 to [`LONGEST`] bytes of text without control characters, `A`, `attack`, `42`.
///
/// It can be copied and compared, as everything that generals agree on, and travels as a string.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Word {
    bytes: [u8; LONGEST],
    length: u8,
}

/// Why a text is no word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WordError {
    /// It says nothing.
    Empty,
    /// It is longer than [`LONGEST`] bytes.
    TooLong(usize),
    /// It contains a line break or something else that cannot be shown.
    Unprintable,
}

impl fmt::Display for WordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("it is empty: write a word such as \"A\""),
            Self::TooLong(length) => {
                write!(f, "it is {length} bytes long: write at most {LONGEST}")
            }
            Self::Unprintable => f.write_str("it contains a control character: leave that out"),
        }
    }
}

impl std::error::Error for WordError {}

impl Word {
    /// The text of the word.
    #[must_use]
    pub fn as_str(&self) -> &str {
        let text = self.bytes.get(..usize::from(self.length)).unwrap_or_default();
        std::str::from_utf8(text).unwrap_or_default()
    }
}

impl FromStr for Word {
    type Err = WordError;

    fn from_str(text: &str) -> Result<Self, WordError> {
        if text.is_empty() {
            return Err(WordError::Empty);
        }
        if text.len() > LONGEST {
            return Err(WordError::TooLong(text.len()));
        }
        if text.chars().any(char::is_control) {
            return Err(WordError::Unprintable);
        }
        let mut bytes = [0; LONGEST];
        bytes[..text.len()].copy_from_slice(text.as_bytes());
        Ok(Self { bytes, length: text.len() as u8 })
    }
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.as_str())
    }
}

impl Serialize for Word {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Word {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl de::Visitor<'_> for Text {
            type Value = Word;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "a string of 1 to {LONGEST} bytes")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Word, E> {
                text.parse().map_err(|why| E::custom(format_args!("{text:?} is no order: {why}")))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate::wire;

    #[test]
    fn a_word_is_what_was_written() {
        let longest = "x".repeat(LONGEST);
        for text in ["A", "retreat at once", "zurück", &longest] {
            let word: Word = text.parse().unwrap();
            assert_eq!(word.as_str(), text);
            assert_eq!(word.to_string(), text);
        }
    }

    #[test]
    fn nothing_too_much_and_the_unprintable_are_no_words() {
        let longer = "x".repeat(LONGEST + 1);
        assert_eq!("".parse::<Word>(), Err(WordError::Empty));
        assert_eq!(longer.parse::<Word>(), Err(WordError::TooLong(LONGEST + 1)));
        assert_eq!("a\nb".parse::<Word>(), Err(WordError::Unprintable));
    }

    #[test]
    fn a_word_travels_as_a_string_and_what_is_none_does_not_arrive() {
        let word: Word = "attack".parse().unwrap();
        let mut buffer = [0; 32];
        let bytes = wire::encode(&word, &mut buffer).unwrap();
        assert_eq!(bytes, b"\x06attack");
        assert_eq!(wire::decode::<Word>(bytes), Ok(word));
        for bytes in [&b"\x00"[..], b"\x01\n", b"\x01\xff", b"\x02A", &[24; 25]] {
            assert!(wire::decode::<Word>(bytes).is_err(), "{bytes:?}");
        }
    }
}
