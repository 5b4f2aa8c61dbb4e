//! Frames on a noisy stream.

use crate::keys::node;
use crate::rng::Rng;
use embedded_io::{ErrorKind, ErrorType, Read, ReadReady, Write};
use quorate_embedded::{Arrival, Link, Stream};
use std::collections::VecDeque;

/// A port whose both ends are in the test's hands.
#[derive(Debug, Default)]
struct Loose {
    input: VecDeque<u8>,
    output: Vec<u8>,
}

impl ErrorType for Loose {
    type Error = ErrorKind;
}

impl Read for Loose {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, ErrorKind> {
        let count = self.input.len().min(buffer.len());
        buffer.iter_mut().zip(self.input.drain(..count)).for_each(|(to, byte)| *to = byte);
        Ok(count)
    }
}

impl ReadReady for Loose {
    fn read_ready(&mut self) -> Result<bool, ErrorKind> {
        Ok(!self.input.is_empty())
    }
}

impl Write for Loose {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        self.output.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<(), ErrorKind> {
        Ok(())
    }
}

fn encode(from: usize, to: usize, frame: &[u8]) -> Vec<u8> {
    let mut stream = Stream::new(Loose::default(), node(from), 2000);
    stream.send(node(to), frame).unwrap();
    stream.into_port().output
}

/// Everything that node 1 gets out of these bytes, and how many frames it found damaged.
fn decode(bytes: &[u8], longest: usize) -> (Vec<(u8, Vec<u8>)>, u32) {
    let port = Loose { input: bytes.iter().copied().collect(), output: Vec::new() };
    let mut stream = Stream::new(port, node(1), longest);
    let (mut all, mut buffer) = (Vec::new(), vec![0; longest]);
    loop {
        let next = stream.try_receive(&mut buffer).unwrap();
        let Some(Arrival { from, length }) = next else {
            if stream.has_more() {
                continue;
            }
            break;
        };
        let quorate::Principal::Node(from) = from else { panic!("a client has spoken") };
        all.push((from.0, buffer[..length].to_vec()));
    }
    (all, stream.damaged())
}

fn body(rng: &mut Rng, longest: usize) -> Vec<u8> {
    // Zeros and long runs without them are what stuffing is about.
    let zeros = rng.below(3);
    let length = rng.below(longest + 1);
    (0..length)
        .map(|_| match zeros {
            0 => 0,
            1 => rng.next() as u8 | 1,
            _ => rng.next() as u8,
        })
        .collect()
}

#[test]
fn frames_of_all_lengths_and_contents_arrive() {
    let mut rng = Rng::new(1);
    for length in (0..300).chain([508, 509, 510, 511, 762, 1023, 2000]) {
        for fill in [Some(0), Some(255), None] {
            let frame: Vec<u8> =
                (0..length).map(|_| fill.unwrap_or_else(|| rng.next() as u8)).collect();
            let bytes = encode(0, 1, &frame);
            let inside = &bytes[1..bytes.len() - 1];
            assert!(bytes.starts_with(&[0]) && bytes.ends_with(&[0]) && !inside.contains(&0));
            assert!(bytes.len() <= frame.len() + 10 + 3 + frame.len() / 254 + 1);
            assert_eq!(decode(&bytes, 2000), (vec![(0, frame)], 0));
        }
    }
}

/// Whatever stands between frames: all of them arrive, and nothing else does.
#[test]
fn noise_between_frames_takes_none_of_them() {
    for seed in 0..500 {
        let mut rng = Rng::new(seed);
        let (mut bytes, mut expected) = (Vec::new(), Vec::new());
        for _ in 0..5 {
            bytes.extend(rng.bytes(60));
            let frame = body(&mut rng, 400);
            bytes.extend(encode(2, 1, &frame));
            expected.push((2, frame));
            // Cut short: the receiver must not take the next one for its rest.
            let cut = encode(2, 1, &body(&mut rng, 400));
            let rest = rng.below(cut.len() - 1);
            bytes.extend(&cut[..rest]);
        }
        assert_eq!(decode(&bytes, 400).0, expected, "seed {seed}");
    }
}

#[test]
fn a_changed_frame_is_dropped_and_the_next_is_not() {
    for seed in 0..500 {
        let mut rng = Rng::new(seed);
        let frame = body(&mut rng, 200);
        let mut bytes = encode(0, 1, &frame);
        for _ in 0..1 + rng.below(3) {
            let at = rng.below(bytes.len());
            bytes[at] ^= 1 << rng.below(8);
        }
        let next = body(&mut rng, 200);
        bytes.extend(encode(3, 1, &next));
        let (got, _) = decode(&bytes, 200);
        assert_eq!(got.last(), Some(&(3, next)), "seed {seed}");
        assert!(got.len() == 1 || got[0] == (0, frame), "seed {seed}: {got:?}");
    }
}

#[test]
fn a_frame_that_is_too_long_is_dropped_and_the_next_is_not() {
    let bytes = [encode(0, 1, &[7; 101]), encode(0, 1, &[8; 100]), encode(0, 1, &[9; 2000])];
    let (got, damaged) = decode(&bytes.concat(), 100);
    assert_eq!((got, damaged), (vec![(0, vec![8; 100])], 2));
}

#[test]
fn frames_for_others_and_from_oneself_are_not_ours() {
    let bytes = [encode(0, 2, b"two"), encode(1, 1, b"echo"), encode(0, 1, b"one")].concat();
    assert_eq!(decode(&bytes, 100), (vec![(0, b"one".to_vec())], 0));
}

/// Random bytes are never taken for a frame, and never anything worse.
#[test]
fn babble_is_nothing() {
    let mut rng = Rng::new(11);
    for _ in 0..300 {
        let bytes = rng.bytes(3000);
        assert_eq!(decode(&bytes, 100).0, []);
    }
}
