//! Writes RESP into a buffer with a limit.

/// The reply does not fit into the room that is left for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overflow;

/// A buffer that RESP2 is appended to, up to a length that it never exceeds.
#[derive(Debug)]
pub struct Reply<'a> {
    out: &'a mut Vec<u8>,
    limit: usize,
}

/// What a writer says: written, or no room for it.
pub type Written = Result<(), Overflow>;

impl<'a> Reply<'a> {
    /// Appends to `out`, which is to end with at most `limit` bytes.
    pub fn new(out: &'a mut Vec<u8>, limit: usize) -> Self {
        Self { out, limit }
    }

    /// How many more bytes fit.
    #[must_use]
    pub fn room(&self) -> usize {
        self.limit.saturating_sub(self.out.len())
    }

    /// `+OK`.
    ///
    /// # Errors
    /// No room, as in every method here.
    pub fn ok(&mut self) -> Written {
        self.raw(b"+OK\r\n")
    }

    /// `+text`; the text has no line break.
    ///
    /// # Errors
    /// No room.
    pub fn status(&mut self, text: &str) -> Written {
        self.line(b'+', text.as_bytes())
    }

    /// `-text`; control characters are replaced, and a long text is cut at 256 bytes.
    ///
    /// # Errors
    /// No room.
    pub fn error(&mut self, text: &[u8]) -> Written {
        let clean = |byte: &u8| if byte.is_ascii_control() { b' ' } else { *byte };
        let text: Vec<u8> = text.iter().take(256).map(clean).collect();
        self.line(b'-', &text)
    }

    /// `:value`.
    ///
    /// # Errors
    /// No room.
    pub fn integer(&mut self, value: i64) -> Written {
        let mut digits = Digits::default();
        let text = digits.of(value);
        self.line(b':', text)
    }

    /// A count as an integer.
    ///
    /// # Errors
    /// No room.
    pub fn count(&mut self, value: usize) -> Written {
        self.integer(i64::try_from(value).unwrap_or(i64::MAX))
    }

    /// A string of any bytes.
    ///
    /// # Errors
    /// No room.
    pub fn bulk(&mut self, bytes: &[u8]) -> Written {
        if bytes.len().saturating_add(32) > self.room() {
            return Err(Overflow);
        }
        self.header(b'$', bytes.len())?;
        self.raw(bytes)?;
        self.raw(b"\r\n")
    }

    /// A string, or null.
    ///
    /// # Errors
    /// No room.
    pub fn bulk_or_null(&mut self, bytes: Option<&[u8]>) -> Written {
        match bytes {
            Some(bytes) => self.bulk(bytes),
            None => self.raw(b"$-1\r\n"),
        }
    }

    /// The null of RESP2 where an array would be.
    ///
    /// # Errors
    /// No room.
    pub fn null_array(&mut self) -> Written {
        self.raw(b"*-1\r\n")
    }

    /// The null of RESP3.
    ///
    /// # Errors
    /// No room.
    pub fn null(&mut self) -> Written {
        self.raw(b"_\r\n")
    }

    /// The head of an array of `len` elements, which follow.
    ///
    /// # Errors
    /// No room.
    pub fn array(&mut self, len: usize) -> Written {
        self.header(b'*', len)
    }

    /// The head of a map of `len` pairs, which follow: an array of twice that in RESP2.
    ///
    /// # Errors
    /// No room.
    pub fn map(&mut self, protocol: Protocol, len: usize) -> Written {
        match protocol {
            Protocol::Resp2 => self.header(b'*', len.saturating_mul(2)),
            Protocol::Resp3 => self.header(b'%', len),
        }
    }

    fn header(&mut self, kind: u8, len: usize) -> Written {
        let mut digits = Digits::default();
        let text = digits.of(i64::try_from(len).unwrap_or(i64::MAX));
        self.line(kind, text)
    }

    fn line(&mut self, kind: u8, text: &[u8]) -> Written {
        if text.len().saturating_add(3) > self.room() {
            return Err(Overflow);
        }
        self.out.push(kind);
        self.out.extend_from_slice(text);
        self.out.extend_from_slice(b"\r\n");
        Ok(())
    }

    fn raw(&mut self, bytes: &[u8]) -> Written {
        if bytes.len() > self.room() {
            return Err(Overflow);
        }
        self.out.extend_from_slice(bytes);
        Ok(())
    }
}

/// Which version of the protocol a connection speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// What a connection begins with.
    #[default]
    Resp2,
    /// After `HELLO 3`.
    Resp3,
}

/// Appends a reply that was written as RESP2 in the words of the given version: the nulls of
/// RESP3 are of a kind of their own. Bytes that are no RESP are copied as they are.
pub fn translate(reply: &[u8], protocol: Protocol, out: &mut Vec<u8>) {
    if protocol == Protocol::Resp2 {
        out.extend_from_slice(reply);
        return;
    }
    let mut rest = reply;
    while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
        let (line, after) = rest.split_at(end + 1);
        rest = after;
        if line == b"$-1\r\n" || line == b"*-1\r\n" {
            out.extend_from_slice(b"_\r\n");
            continue;
        }
        out.extend_from_slice(line);
        if line.first() == Some(&b'$') {
            let body = parse_len(line).map_or(rest.len(), |len| len.saturating_add(2));
            let (body, after) = rest.split_at(body.min(rest.len()));
            out.extend_from_slice(body);
            rest = after;
        }
    }
    out.extend_from_slice(rest);
}

fn parse_len(line: &[u8]) -> Option<usize> {
    std::str::from_utf8(line.get(1..line.len().checked_sub(2)?)?).ok()?.parse().ok()
}

/// The decimal digits of a number, without an allocation.
#[derive(Debug, Default)]
pub struct Digits([u8; 20]);

impl Digits {
    /// The digits of `value`, with a minus sign if it is negative.
    pub fn of(&mut self, value: i64) -> &[u8] {
        let mut at = self.0.len();
        let mut left = value.unsigned_abs();
        loop {
            at -= 1;
            self.0[at] = b'0' + (left % 10) as u8;
            left /= 10;
            if left == 0 {
                break;
            }
        }
        if value < 0 {
            at -= 1;
            self.0[at] = b'-';
        }
        &self.0[at..]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_of_the_extremes() {
        for value in [0, 7, -1, 10, i64::MAX, i64::MIN] {
            assert_eq!(Digits::default().of(value), value.to_string().as_bytes());
        }
    }

    #[test]
    fn nothing_is_written_past_the_limit() {
        let mut out = Vec::new();
        let mut reply = Reply::new(&mut out, 40);
        assert_eq!(reply.bulk(&[b'x'; 9]), Err(Overflow));
        assert_eq!(reply.bulk(&[b'x'; 8]), Ok(()));
        assert_eq!(reply.integer(1), Ok(()));
        let before = reply.room();
        assert_eq!(reply.error(&[b'e'; 100]), Err(Overflow));
        assert_eq!(reply.room(), before);
        assert!(out.len() <= 40);
    }

    #[test]
    fn errors_stay_on_one_line() {
        let mut out = Vec::new();
        Reply::new(&mut out, 1_000).error(b"ERR a\r\nb").unwrap();
        assert_eq!(out, b"-ERR a  b\r\n");
    }

    #[test]
    fn nulls_are_translated_and_strings_that_look_like_nulls_are_not() {
        let resp2 = b"*4\r\n$-1\r\n$5\r\n$-1\r\n\r\n:1\r\n$-1\r\n";
        let mut out = Vec::new();
        translate(resp2, Protocol::Resp3, &mut out);
        assert_eq!(out, b"*4\r\n_\r\n$5\r\n$-1\r\n\r\n:1\r\n_\r\n");
        out.clear();
        translate(resp2, Protocol::Resp2, &mut out);
        assert_eq!(out, resp2);
        for broken in [&b"$9\r\nx"[..], b"$x\r\ny\r\n", b"$", b"\n", b"$\n"] {
            out.clear();
            translate(broken, Protocol::Resp3, &mut out);
            assert_eq!(out, broken);
        }
    }
}
