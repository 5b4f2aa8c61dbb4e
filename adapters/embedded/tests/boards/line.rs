//! A line that boards share through a hub: what one writes all others read, but for noise.

use crate::rng::Rng;
use embedded_io::{ErrorKind, ErrorType, Read, ReadReady, Write};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::task::Poll;

/// What happens to frames, out of a thousand.
#[derive(Clone, Copy, Debug, Default)]
pub struct Noise {
    pub lost: usize,
    pub flipped: usize,
    pub cut: usize,
    /// Bytes out of nowhere before a frame.
    pub babble: usize,
}

impl Noise {
    pub const NONE: Self = Self { lost: 0, flipped: 0, cut: 0, babble: 0 };
    pub const ROUGH: Self = Self { lost: 30, flipped: 30, cut: 20, babble: 30 };
}

#[derive(Debug)]
struct Shared {
    inboxes: Vec<VecDeque<u8>>,
    rng: Rng,
    noise: Noise,
    /// Boards without power: they hear nothing.
    off: Vec<bool>,
}

/// The line.
#[derive(Clone, Debug)]
pub struct Line(Rc<RefCell<Shared>>);

impl Line {
    pub fn new(boards: usize, seed: u64, noise: Noise) -> Self {
        let inboxes = vec![VecDeque::new(); boards];
        let (rng, off) = (Rng::new(seed), vec![false; boards]);
        Self(Rc::new(RefCell::new(Shared { inboxes, rng, noise, off })))
    }

    pub fn port(&self, board: usize) -> Port {
        Port { line: self.clone(), board, out: Vec::new() }
    }

    pub fn set_noise(&self, noise: Noise) {
        self.0.borrow_mut().noise = noise;
    }

    /// Switches a board off, or on again with an empty inbox.
    pub fn switch(&self, board: usize, off: bool) {
        let mut shared = self.0.borrow_mut();
        shared.off[board] = off;
        shared.inboxes[board].clear();
    }
}

/// One board's port.
#[derive(Debug)]
pub struct Port {
    line: Line,
    board: usize,
    out: Vec<u8>,
}

impl ErrorType for Port {
    type Error = ErrorKind;
}

impl Read for Port {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, ErrorKind> {
        let inbox = &mut self.line.0.borrow_mut().inboxes[self.board];
        let count = inbox.len().min(buffer.len());
        for (place, byte) in buffer.iter_mut().zip(inbox.drain(..count)) {
            *place = byte;
        }
        Ok(count)
    }
}

impl ReadReady for Port {
    fn read_ready(&mut self) -> Result<bool, ErrorKind> {
        Ok(!self.line.0.borrow().inboxes[self.board].is_empty())
    }
}

impl Write for Port {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        self.out.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    /// A frame ends: it is on the line.
    fn flush(&mut self) -> Result<(), ErrorKind> {
        let frame = std::mem::take(&mut self.out);
        let Shared { inboxes, rng, noise, off } = &mut *self.line.0.borrow_mut();
        let others = (0..inboxes.len()).filter(|at| *at != self.board);
        for at in others.collect::<Vec<_>>() {
            let mut happens = |often: usize| rng.below(1000) < often;
            let (lost, flipped) = (happens(noise.lost), happens(noise.flipped));
            let (cut, babble) = (happens(noise.cut), happens(noise.babble));
            if off[at] || lost {
                continue;
            }
            let mut frame = frame.clone();
            if flipped {
                let place = rng.below(frame.len());
                frame[place] ^= 1 << rng.below(8);
            }
            if cut {
                frame.truncate(rng.below(frame.len()));
            }
            if babble {
                inboxes[at].extend(rng.bytes(40));
            }
            inboxes[at].extend(frame);
        }
        Ok(())
    }
}

/// The same port for a loop that waits.
#[derive(Debug)]
pub struct Waiting(pub Port);

impl ErrorType for Waiting {
    type Error = ErrorKind;
}

impl embedded_io_async::Read for Waiting {
    async fn read(&mut self, buffer: &mut [u8]) -> Result<usize, ErrorKind> {
        std::future::poll_fn(|_| match self.0.read_ready() {
            Ok(true) => Poll::Ready(self.0.read(buffer)),
            _ => Poll::Pending,
        })
        .await
    }
}

impl embedded_io_async::Write for Waiting {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        self.0.write(bytes)
    }

    async fn flush(&mut self) -> Result<(), ErrorKind> {
        self.0.flush()
    }
}
