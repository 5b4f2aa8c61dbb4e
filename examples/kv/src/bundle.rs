//! Bundles: many commands in one operation, and their replies in one reply.
//!
//! A bundle is the byte 1, then its commands one after the other. A command is the number of its
//! arguments, the name included, then each argument with its length before it. Numbers are
//! LEB128, at most five bytes long.
//!
//! The reply to a bundle is one of
//!
//! * the byte 0, the number of commands that were executed (four bytes, little-endian), and the
//!   reply to each of them in RESP2 with its length before it. Commands that are not among the
//!   executed ones had no room left for their replies; they changed nothing and are to be sent
//!   again;
//! * the byte 1: the operation is no bundle, and nothing was executed.

/// The first byte of a bundle: the version of this encoding.
pub const VERSION: u8 = 1;

/// The most arguments of one command.
pub const MAX_ARGUMENTS: usize = 1 << 16;

/// Appends one command.
///
/// `out` is a bundle or commands that will be appended to one. The lengths must fit into 32
/// bits; the gateway's limits see to it.
pub fn append_command<'a>(out: &mut Vec<u8>, arguments: impl ExactSizeIterator<Item = &'a [u8]>) {
    append_number(out, arguments.len());
    for argument in arguments {
        append_number(out, argument.len());
        out.extend_from_slice(argument);
    }
}

/// Appends a number as LEB128.
pub fn append_number(out: &mut Vec<u8>, value: usize) {
    let mut left = value;
    while left >= 0x80 {
        out.push(left as u8 | 0x80);
        left >>= 7;
    }
    out.push(left as u8);
}

/// Splits a number off; `None` if there is none, if it is above 32 bits, or if it is padded.
pub fn split_number(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut value: u64 = 0;
    for (at, byte) in bytes.iter().enumerate().take(5) {
        value |= u64::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            if at > 0 && *byte == 0 {
                return None;
            }
            let value = u32::try_from(value).ok()?;
            return Some((usize::try_from(value).ok()?, bytes.get(at + 1..)?));
        }
    }
    None
}

/// One command: its name and its arguments, still encoded, known to be well formed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Command<'a> {
    count: usize,
    encoded: &'a [u8],
}

impl<'a> Command<'a> {
    /// Splits a command off the front of some bytes; `None` if they do not begin with one.
    #[must_use]
    pub fn split(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (count, encoded) = split_number(bytes)?;
        if count == 0 || count > MAX_ARGUMENTS {
            return None;
        }
        let mut rest = encoded;
        for _ in 0..count {
            let (len, after) = split_number(rest)?;
            rest = after.get(len..)?;
        }
        let encoded = encoded.get(..encoded.len() - rest.len())?;
        Some((Self { count, encoded }, rest))
    }

    /// How many arguments it has, its name included: one at least.
    #[must_use]
    pub fn len(&self) -> usize {
        self.count
    }

    /// Never: a command has a name.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        false
    }

    /// Its name and its arguments, in order.
    #[must_use]
    pub fn arguments(&self) -> Arguments<'a> {
        Arguments { rest: self.encoded }
    }
}

/// The arguments of a command, in order.
#[derive(Clone, Debug)]
pub struct Arguments<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Arguments<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let (len, rest) = split_number(self.rest)?;
        let (argument, rest) = rest.split_at_checked(len)?;
        self.rest = rest;
        Some(argument)
    }
}

/// The commands of a bundle, in order.
#[derive(Clone, Debug)]
pub struct Commands<'a> {
    rest: &'a [u8],
}

impl<'a> Commands<'a> {
    /// The commands of an operation; `None` unless all of it is a bundle of one command or more.
    #[must_use]
    pub fn parse(operation: &'a [u8]) -> Option<Self> {
        let (version, commands) = operation.split_first()?;
        if *version != VERSION || commands.is_empty() {
            return None;
        }
        let mut rest = commands;
        while !rest.is_empty() {
            (_, rest) = Command::split(rest)?;
        }
        Some(Self { rest: commands })
    }
}

impl<'a> Iterator for Commands<'a> {
    type Item = Command<'a>;

    fn next(&mut self) -> Option<Command<'a>> {
        let (command, rest) = Command::split(self.rest)?;
        self.rest = rest;
        Some(command)
    }
}

/// Writes the reply to a bundle.
#[derive(Debug)]
pub struct ReplyWriter<'a> {
    out: &'a mut Vec<u8>,
    executed: u32,
}

impl<'a> ReplyWriter<'a> {
    const HEADER: usize = 5;

    /// Begins a reply in an empty buffer.
    pub fn new(out: &'a mut Vec<u8>) -> Self {
        out.clear();
        out.resize(Self::HEADER, 0);
        Self { out, executed: 0 }
    }

    /// Says that the operation was no bundle.
    pub fn malformed(out: &mut Vec<u8>) {
        out.clear();
        out.push(1);
    }

    /// How long the reply is so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.out.len()
    }

    /// Whether no command was answered yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.executed == 0
    }

    /// Appends what `write` writes as the reply to the next command. If it fails, the reply is
    /// as it was before.
    ///
    /// # Errors
    /// What `write` says.
    pub fn command<E>(
        &mut self,
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<(), E> {
        let start = self.out.len();
        self.out.push(0);
        if let Err(error) = write(self.out) {
            self.out.truncate(start);
            return Err(error);
        }
        let len = self.out.len() - start - 1;
        if len < 0x80 {
            self.out[start] = len as u8;
        } else {
            let mut prefix = Vec::with_capacity(5);
            append_number(&mut prefix, len);
            self.out.splice(start..=start, prefix);
        }
        self.executed = self.executed.saturating_add(1);
        Ok(())
    }

    /// Writes the number of commands into the header.
    pub fn finish(self) {
        self.out[1..Self::HEADER].copy_from_slice(&self.executed.to_le_bytes());
    }
}

/// The replies to a bundle, in order.
#[derive(Clone, Debug)]
pub struct Replies<'a> {
    rest: &'a [u8],
    executed: usize,
}

impl<'a> Replies<'a> {
    /// The replies; `None` if the bundle was refused as malformed or the bytes are no reply.
    #[must_use]
    pub fn parse(reply: &'a [u8]) -> Option<Self> {
        let (tag, rest) = reply.split_first()?;
        let (executed, rest) = rest.split_first_chunk::<4>()?;
        let executed = usize::try_from(u32::from_le_bytes(*executed)).ok()?;
        (*tag == 0).then_some(Self { rest, executed })
    }

    /// How many of the bundle's commands were executed.
    #[must_use]
    pub fn executed(&self) -> usize {
        self.executed
    }
}

impl<'a> Iterator for Replies<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let (len, rest) = split_number(self.rest)?;
        let (reply, rest) = rest.split_at_checked(len)?;
        self.rest = rest;
        Some(reply)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bundle(commands: &[&[&[u8]]]) -> Vec<u8> {
        let mut out = vec![VERSION];
        for command in commands {
            append_command(&mut out, command.iter().copied());
        }
        out
    }

    #[test]
    fn numbers_have_one_encoding() {
        for value in [0, 1, 127, 128, 300, 65_535, 1 << 28, u32::MAX as usize] {
            let mut out = Vec::new();
            append_number(&mut out, value);
            assert_eq!(split_number(&out), Some((value, &[][..])));
        }
        for wrong in [
            &[][..],
            &[0x80],
            &[0x80, 0x00],
            &[0xff, 0xff, 0xff, 0xff, 0x1f],
            &[0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
        ] {
            assert_eq!(split_number(wrong), None, "{wrong:x?}");
        }
    }

    #[test]
    fn bundles_come_back_as_they_were() {
        let long = vec![b'v'; 1_000];
        let commands: &[&[&[u8]]] = &[&[b"SET", b"", &long], &[b"PING"], &[b"GET", b"\0\r\n"]];
        let bytes = bundle(commands);
        let parsed: Vec<Vec<&[u8]>> =
            Commands::parse(&bytes).unwrap().map(|c| c.arguments().collect()).collect();
        assert_eq!(parsed, commands);
    }

    #[test]
    fn every_cut_and_every_wrong_byte_is_an_answer_not_a_panic() {
        let bytes = bundle(&[&[b"SET", b"key", b"value"], &[b"GET", b"key"]]);
        for cut in 0..bytes.len() {
            if let Some(commands) = Commands::parse(&bytes[..cut]) {
                assert_eq!(commands.count(), 1, "only the first command can stand alone");
            }
        }
        for at in 0..bytes.len() {
            for value in 0..=255 {
                let mut bytes = bytes.clone();
                bytes[at] = value;
                if let Some(commands) = Commands::parse(&bytes) {
                    for command in commands {
                        assert_eq!(command.arguments().count(), command.len());
                    }
                }
            }
        }
    }

    #[test]
    fn a_count_that_lies_ends_before_any_loop() {
        for hostile in [
            &[VERSION, 0xff, 0xff, 0xff, 0xff, 0x0f][..],
            &[VERSION, 0xff, 0xff, 0x7f, 0x00],
            &[VERSION, 0x00],
            &[VERSION, 0x01],
            &[VERSION, 0x01, 0xff, 0xff, 0xff, 0xff, 0x0f],
            &[VERSION],
            &[2, 1, 0],
            &[],
        ] {
            assert!(Commands::parse(hostile).is_none(), "{hostile:x?}");
        }
    }

    #[test]
    fn replies_come_back_and_a_failed_one_leaves_no_trace() {
        let mut out = b"old".to_vec();
        let mut writer = ReplyWriter::new(&mut out);
        let long = vec![b'x'; 300];
        for part in [&b"+OK\r\n"[..], b"", &long] {
            let written: Result<(), ()> = writer.command(|out| {
                out.extend_from_slice(part);
                Ok(())
            });
            written.unwrap();
        }
        let len = writer.len();
        assert_eq!(
            writer.command(|out| {
                out.push(1);
                Err("no room")
            }),
            Err("no room")
        );
        assert_eq!(writer.len(), len);
        writer.finish();
        let replies = Replies::parse(&out).unwrap();
        assert_eq!(replies.executed(), 3);
        assert_eq!(replies.collect::<Vec<_>>(), [&b"+OK\r\n"[..], b"", &long]);
        ReplyWriter::malformed(&mut out);
        assert!(Replies::parse(&out).is_none());
    }
}
