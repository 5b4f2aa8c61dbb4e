//! Frames as they are on a line: what lies between zeros, see `quorate_embedded::Stream`.

use quorate::Principal;

/// Longer than any frame: a line that never sends a zero takes no more memory than that.
const LONGEST: usize = 64 * 1024;

/// Cuts a stream of bytes at its zeros.
#[derive(Debug, Default)]
pub(crate) struct Splitter {
    begun: Vec<u8>,
}

impl Splitter {
    /// Takes bytes, and hands out the frames that end in them, still stuffed.
    pub(crate) fn feed(&mut self, bytes: &[u8], mut take: impl FnMut(&[u8])) {
        for byte in bytes {
            if *byte != 0 {
                self.begun.push(*byte);
                self.begun.truncate(LONGEST);
            } else if !self.begun.is_empty() {
                take(&self.begun);
                self.begun.clear();
            }
        }
    }
}

/// To whom a frame is, and from whom; `None` if it was cut short or changed on the way so that
/// it cannot be told.
pub(crate) fn address(stuffed: &[u8]) -> Option<(Principal, Principal)> {
    let frame = cobs::decode_vec(stuffed).ok()?;
    let (to, rest) = frame.split_first_chunk()?;
    let (from, _) = rest.split_first_chunk()?;
    Some((Principal::from_bytes(*to)?, Principal::from_bytes(*from)?))
}

/// A frame as it is sent.
pub(crate) fn whole(stuffed: &[u8]) -> Vec<u8> {
    [&[0], stuffed, &[0]].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(pieces: &[&[u8]]) -> Vec<Vec<u8>> {
        let (mut splitter, mut frames) = (Splitter::default(), Vec::new());
        for piece in pieces {
            splitter.feed(piece, |frame| frames.push(frame.to_vec()));
        }
        frames
    }

    #[test]
    fn a_frame_is_what_lies_between_zeros_however_it_comes() {
        let whole = split(&[&[0, 1, 2, 0, 0, 3, 0, 4]]);
        assert_eq!(whole, [vec![1, 2], vec![3]]);
        assert_eq!(split(&[&[0, 1], &[2, 0, 0], &[3], &[0, 4]]), whole);
    }

    #[test]
    fn a_line_without_zeros_takes_no_memory_without_end() {
        let mut splitter = Splitter::default();
        splitter.feed(&vec![1; 3 * LONGEST], |_| panic!("no zero, no frame"));
        assert_eq!(splitter.begun.len(), LONGEST);
    }

    #[test]
    fn noise_has_no_address() {
        for noise in [&[][..], &[1], &[200, 1, 2], &[7, 9, 1, 1, 1, 1, 1]] {
            assert_eq!(address(noise), None, "{noise:?}");
        }
    }
}
