//! Frames on a stream of bytes: a length, then as many bytes.

use std::fmt;
use std::io::{self, Read};

/// Bytes of the length before each frame.
pub(crate) const PREFIX: usize = 4;

/// A buffer that stays this small is kept; a larger one is given back when it is empty.
const KEPT: usize = 1 << 20;

/// A frame that claims more bytes than its link allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooLong {
    pub(crate) length: usize,
    pub(crate) cap: usize,
}

impl fmt::Display for TooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a frame of {} bytes, {} are allowed", self.length, self.cap)
    }
}

/// Puts frames together from what arrives. It holds at most one unfinished frame and what one
/// read brought after it, and it grows with the bytes that are there, never with those that
/// are promised.
#[derive(Debug, Default)]
pub(crate) struct Inbound {
    buffer: Vec<u8>,
    start: usize,
}

impl Inbound {
    /// Reads once, through `scratch`. Returns how many bytes came; 0 is the end of the stream.
    pub(crate) fn fill(&mut self, from: &mut impl Read, scratch: &mut [u8]) -> io::Result<usize> {
        let count = from.read(scratch)?;
        self.buffer.drain(..self.start);
        self.start = 0;
        if self.buffer.is_empty() && self.buffer.capacity() > KEPT {
            self.buffer = Vec::new();
        }
        self.buffer.extend_from_slice(&scratch[..count]);
        Ok(count)
    }

    /// The next whole frame, if there is one.
    ///
    /// # Errors
    /// Its length is over the cap: nothing after it can be read.
    pub(crate) fn next(&mut self, cap: usize) -> Result<Option<&[u8]>, TooLong> {
        let rest = &self.buffer[self.start..];
        let Some((prefix, rest)) = rest.split_first_chunk::<PREFIX>() else { return Ok(None) };
        let length = u32::from_le_bytes(*prefix) as usize;
        if length > cap {
            return Err(TooLong { length, cap });
        }
        let Some(frame) = rest.get(..length) else { return Ok(None) };
        self.start += PREFIX + length;
        Ok(Some(frame))
    }
}

/// Appends a frame's length.
pub(crate) fn put_length(length: usize, out: &mut Vec<u8>) {
    let length = u32::try_from(length).unwrap_or(u32::MAX);
    out.extend_from_slice(&length.to_le_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(frames: &[&[u8]]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for frame in frames {
            put_length(frame.len(), &mut bytes);
            bytes.extend_from_slice(frame);
        }
        bytes
    }

    fn read_in_pieces(bytes: &[u8], piece: usize, cap: usize) -> Result<Vec<Vec<u8>>, TooLong> {
        let (mut inbound, mut scratch) = (Inbound::default(), vec![0; piece]);
        let (mut rest, mut frames) = (bytes, Vec::new());
        while inbound.fill(&mut rest, &mut scratch).expect("reading memory works") > 0 {
            while let Some(frame) = inbound.next(cap)? {
                frames.push(frame.to_vec());
            }
        }
        Ok(frames)
    }

    #[test]
    fn half_frames_and_coalesced_frames_come_out_whole() {
        let frames: [&[u8]; 4] = [b"one", b"", b"three is longer", b"4"];
        let bytes = stream(&frames);
        for piece in 1..=bytes.len() {
            let read = read_in_pieces(&bytes, piece, 64).expect("all are below the cap");
            assert_eq!(read, frames, "in pieces of {piece}");
        }
    }

    #[test]
    fn a_cut_frame_is_no_frame() {
        let bytes = stream(&[b"whole", b"cut short"]);
        for cut in 9..bytes.len() {
            let read = read_in_pieces(&bytes[..cut], 5, 64).expect("below the cap");
            assert_eq!(read, [b"whole"], "cut at {cut}");
        }
    }

    #[test]
    fn the_cap_is_checked_before_anything_is_read_for_the_frame() {
        for length in [65u32, 1 << 20, u32::MAX] {
            let bytes = length.to_le_bytes();
            let refused = read_in_pieces(&bytes, 4, 64).expect_err("over the cap");
            assert_eq!(refused, TooLong { length: length as usize, cap: 64 });
        }
        assert_eq!(read_in_pieces(&stream(&[&[7; 64]]), 10, 64), Ok(vec![vec![7; 64]]));
    }

    #[test]
    fn a_promised_length_allocates_nothing() {
        let mut inbound = Inbound::default();
        let mut scratch = [0; 16];
        let bytes = (256u32 << 20).to_le_bytes();
        inbound.fill(&mut &bytes[..], &mut scratch).expect("reading memory works");
        assert_eq!(inbound.next(1 << 30), Ok(None));
        assert!(inbound.buffer.capacity() < 1024);
    }

    #[test]
    fn a_large_buffer_is_given_back() {
        let bytes = stream(&[&vec![1; 2 << 20], b"small"]);
        let (mut inbound, mut scratch) = (Inbound::default(), vec![0; 64 << 10]);
        let mut rest = &bytes[..];
        let mut count = 0;
        while inbound.fill(&mut rest, &mut scratch).expect("reading memory works") > 0 {
            while inbound.next(4 << 20).expect("below the cap").is_some() {
                count += 1;
            }
        }
        assert_eq!((count, inbound.buffer.capacity() <= KEPT), (2, true));
    }
}
