//! Reads commands as clients send them: arrays of bulk strings, or one line of words.
//!
//! The bulk strings are decoded by the `redis-protocol` crate, one at a time. The array around
//! them is walked here, so that nothing nests, nothing is read twice however slowly the bytes
//! come, and a count that lies costs nothing.

use crate::bundle::MAX_ARGUMENTS;
use redis_protocol::resp2::decode::decode_range;
use redis_protocol::resp2::types::RangeFrame;
use std::fmt;

/// The longest line: the head of an array or of a string.
const MAX_HEAD: usize = 32;

/// The longest command that is one line of words.
const MAX_INLINE: usize = 64 * 1024;

/// Bytes that are no command. The connection cannot go on: where the next command would begin is
/// not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProtocolError {
    /// An argument that is no bulk string; what it begins with.
    NoBulk(u8),
    /// The length of a bulk string is no number, negative, or not followed by a line break.
    BulkLength,
    /// The number of arguments is no number, or too large.
    Arguments,
    /// A line of words that does not end.
    LongLine,
}

impl fmt::Display for ProtocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ERR Protocol error: ")?;
        match self {
            Self::NoBulk(byte) => write!(f, "expected '$', got '{}'", byte.escape_ascii()),
            Self::BulkLength => f.write_str("invalid bulk length"),
            Self::Arguments => f.write_str("invalid multibulk length"),
            Self::LongLine => f.write_str("too big inline request"),
        }
    }
}

/// Finds the commands in what a connection received. It remembers how far it came.
#[derive(Debug, Default)]
pub struct Reader {
    /// Where in the input the next byte to look at is.
    at: usize,
    /// How many arguments of the present command are still to come.
    missing: usize,
    /// Where the arguments of the present command are.
    found: Vec<(usize, usize)>,
}

impl Reader {
    /// Reads on. `input` begins with the command that the last call left unfinished, or right
    /// behind the one that it finished. Returns how many bytes the command takes when it is
    /// complete; its arguments, which may be none, are then [`Reader::arguments`].
    ///
    /// # Errors
    /// What is wrong; the reader is of no more use.
    pub fn next(&mut self, input: &[u8]) -> Result<Option<usize>, ProtocolError> {
        if self.at == 0 {
            self.found.clear();
            match input.first() {
                None => return Ok(None),
                Some(b'*') => {}
                Some(_) => return self.line(input),
            }
            let Some((count, at)) = head(input, ProtocolError::Arguments)? else {
                return Ok(None);
            };
            self.missing = usize::try_from(count).unwrap_or(0);
            if self.missing > MAX_ARGUMENTS {
                return Err(ProtocolError::Arguments);
            }
            self.at = at;
        }
        while self.missing > 0 {
            if !self.bulk(input)? {
                return Ok(None);
            }
        }
        Ok(Some(std::mem::take(&mut self.at)))
    }

    /// The arguments of the command that was just read out of `input`.
    pub fn arguments<'a>(&'a self, input: &'a [u8]) -> impl ExactSizeIterator<Item = &'a [u8]> {
        self.found.iter().map(|(start, end)| input.get(*start..*end).unwrap_or_default())
    }

    /// Reads one argument; says whether it is there.
    fn bulk(&mut self, input: &[u8]) -> Result<bool, ProtocolError> {
        let rest = input.get(self.at..).unwrap_or_default();
        match rest.first() {
            None => return Ok(false),
            Some(b'$') => {}
            Some(other) => return Err(ProtocolError::NoBulk(*other)),
        }
        if head(rest, ProtocolError::BulkLength)?.is_none() {
            return Ok(false);
        }
        match decode_range(rest) {
            Ok(None) => Ok(false),
            Ok(Some((RangeFrame::BulkString((start, end)), used))) => {
                if rest.get(end..used) != Some(b"\r\n") {
                    return Err(ProtocolError::BulkLength);
                }
                self.found.push((self.at + start, self.at + end));
                self.at += used;
                self.missing -= 1;
                Ok(true)
            }
            Ok(Some(_)) | Err(_) => Err(ProtocolError::BulkLength),
        }
    }

    /// Reads a line of words.
    fn line(&mut self, input: &[u8]) -> Result<Option<usize>, ProtocolError> {
        let window = input.get(..MAX_INLINE).unwrap_or(input);
        let Some(end) = window.iter().position(|byte| *byte == b'\n') else {
            let long = input.len() >= MAX_INLINE;
            return if long { Err(ProtocolError::LongLine) } else { Ok(None) };
        };
        let mut start = 0;
        for (at, byte) in window.iter().enumerate().take(end + 1) {
            if byte.is_ascii_whitespace() {
                if at > start {
                    self.found.push((start, at));
                }
                start = at + 1;
            }
        }
        Ok(Some(end + 1))
    }
}

/// Reads the number in a line like `*3` or `$12`, and where the line ends; nothing if it does
/// not end yet.
fn head(input: &[u8], wrong: ProtocolError) -> Result<Option<(i64, usize)>, ProtocolError> {
    let window = input.get(..MAX_HEAD).unwrap_or(input);
    let Some(end) = window.iter().position(|byte| *byte == b'\n') else {
        return if input.len() >= MAX_HEAD { Err(wrong) } else { Ok(None) };
    };
    let digits = window.get(1..end).and_then(|line| line.strip_suffix(b"\r")).ok_or(wrong)?;
    let number = std::str::from_utf8(digits).ok().and_then(|text| text.parse().ok());
    Ok(Some((number.ok_or(wrong)?, end + 1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All commands of an input that arrives in pieces of `step` bytes.
    fn read(input: &[u8], step: usize) -> Result<Vec<Vec<Vec<u8>>>, ProtocolError> {
        let (mut reader, mut held, mut commands) = (Reader::default(), Vec::new(), Vec::new());
        for piece in input.chunks(step) {
            held.extend_from_slice(piece);
            while let Some(used) = reader.next(&held)? {
                commands.push(reader.arguments(&held).map(<[u8]>::to_vec).collect());
                held.drain(..used);
            }
        }
        Ok(commands)
    }

    #[test]
    fn commands_are_the_same_in_pieces_of_every_size() {
        let input = b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$4\r\n\r\n\0\xff\r\n*1\r\n$4\r\nPING\r\n\
                      get  k \r\n\r\n*0\r\n*-1\r\n*2\r\n$3\r\nGET\r\n$0\r\n\r\n";
        let expected: Vec<Vec<Vec<u8>>> = vec![
            vec![b"SET".to_vec(), b"k".to_vec(), b"\r\n\0\xff".to_vec()],
            vec![b"PING".to_vec()],
            vec![b"get".to_vec(), b"k".to_vec()],
            vec![],
            vec![],
            vec![],
            vec![b"GET".to_vec(), b"".to_vec()],
        ];
        for step in 1..=input.len() {
            assert_eq!(read(input, step).unwrap(), expected, "in pieces of {step}");
        }
    }

    #[test]
    fn what_is_no_command_is_an_error() {
        for (input, error) in [
            (&b"*1\r\n*1\r\n$4\r\nPING\r\n"[..], ProtocolError::NoBulk(b'*')),
            (b"*1\r\n+PING\r\n", ProtocolError::NoBulk(b'+')),
            (b"*1\r\n$-1\r\n", ProtocolError::BulkLength),
            (b"*1\r\n$x\r\n", ProtocolError::BulkLength),
            (b"*1\r\n$4\nPING\r\n", ProtocolError::BulkLength),
            (b"*1\r\n$4\r\nPINGxx", ProtocolError::BulkLength),
            (b"*1\r\n$99999999999999999999999\r\n", ProtocolError::BulkLength),
            (b"*65537\r\n", ProtocolError::Arguments),
            (b"*99999999999999999999\r\n", ProtocolError::Arguments),
            (b"*x\r\n", ProtocolError::Arguments),
            (b"*1\n", ProtocolError::Arguments),
        ] {
            assert_eq!(read(input, 1_000), Err(error), "{}", input.escape_ascii());
            assert_eq!(read(input, 1), Err(error), "{}", input.escape_ascii());
        }
        assert_eq!(read(&[b'a'; MAX_INLINE], 999), Err(ProtocolError::LongLine));
        assert_eq!(read(&[b'*'; 99], 1), Err(ProtocolError::Arguments));
        let deep = b"*1\r\n".repeat(200_000);
        assert_eq!(read(&deep, 4_096), Err(ProtocolError::NoBulk(b'*')));
    }

    #[test]
    fn lengths_that_lie_wait_and_allocate_nothing() {
        let mut reader = Reader::default();
        assert_eq!(reader.next(b"*65536\r\n$9223372036854775807\r\nabc"), Ok(None));
        assert!(reader.found.capacity() < 100);
    }
}
