//! Links that never come to an end.

use crate::keys::node;
use crate::replicas::{FRAME, SEATS, forgetful};
use crate::waiting::Hands;
use embedded_io::{ErrorType, Read, ReadReady, Write};
use quorate::{Instant, Principal};
use quorate_embedded::{Arrival, AsyncLink, Fragmented, Link, Stream};
use std::cell::Cell;
use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Wake};

/// A link that always has one more packet, made by a closure; asked too often it gives up.
struct Endless<F>(F, u32);

impl<F: FnMut(u32, &mut [u8]) -> Arrival> Link for Endless<F> {
    type Error = Infallible;

    fn mtu(&self) -> usize {
        20
    }

    fn send(&mut self, _to: Principal, _frame: &[u8]) -> Result<(), Infallible> {
        Ok(())
    }

    fn try_receive(&mut self, buffer: &mut [u8]) -> Result<Option<Arrival>, Infallible> {
        self.1 += 1;
        assert!(self.1 < 100_000, "one call takes packets without end");
        Ok(Some((self.0)(self.1, buffer)))
    }
}

/// A fragment of another frame each time, none of which is ever whole.
fn fragment(number: u32, buffer: &mut [u8]) -> Arrival {
    buffer[..20].fill(7);
    buffer[..2].copy_from_slice(&(number as u16).to_le_bytes());
    buffer[2..4].copy_from_slice(&[0, 5]);
    Arrival { from: node(1), length: 20 }
}

#[test]
fn fragments_without_end_end_a_poll() {
    let mut link = Fragmented::<_, 20, FRAME, 6>::new(Endless(fragment, 0), SEATS);
    let mut board = forgetful(0, 0);
    let now = Instant::from_micros(5);
    assert_eq!(board.poll(&mut link, now).unwrap(), Some(now), "there is more");
}

/// A port that babbles for ever.
struct Babble(Cell<u32>);

impl ErrorType for Babble {
    type Error = Infallible;
}

impl Read for Babble {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Infallible> {
        self.0.set(self.0.get() + 1);
        assert!(self.0.get() < 100_000, "one call takes bytes without end");
        buffer.fill(0x55);
        Ok(buffer.len())
    }
}

impl ReadReady for Babble {
    fn read_ready(&mut self) -> Result<bool, Infallible> {
        Ok(true)
    }
}

impl Write for Babble {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

#[test]
fn babble_without_end_ends_a_poll() {
    let mut link = Stream::new(Babble(Cell::new(0)), node(0), FRAME);
    let mut board = forgetful(0, 0);
    let now = Instant::from_micros(5);
    assert_eq!(board.poll(&mut link, now).unwrap(), Some(now), "there is more");
}

/// A link that is always ready: with one more frame, or with an error.
struct Ready<'c> {
    broken: bool,
    received: &'c Cell<u32>,
}

impl AsyncLink for Ready<'_> {
    type Error = ();

    fn mtu(&self) -> usize {
        FRAME
    }

    async fn send(&mut self, _to: Principal, _frame: &[u8]) -> Result<(), ()> {
        Ok(())
    }

    async fn receive(&mut self, buffer: &mut [u8]) -> Result<Arrival, ()> {
        self.received.set(self.received.get() + 1);
        assert!(self.received.get() < 100_000, "no other task has a turn");
        buffer[0] = 1;
        if self.broken { Err(()) } else { Ok(Arrival { from: node(3), length: 1 }) }
    }
}

/// Counts how often a task asks to be polled again.
#[derive(Default)]
struct Calls(AtomicU32);

impl Wake for Calls {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// After eight frames, and after each error, other tasks of the executor have their turn.
#[test]
fn a_link_that_is_always_ready_leaves_others_their_turn() {
    for (broken, at_once) in [(false, 8), (true, 1)] {
        let received = Cell::new(0);
        let (mut board, mut hands) = (forgetful(0, 0), Hands::default());
        let mut link = Ready { broken, received: &received };
        let mut task = pin!(async { while board.turn(&mut link, &mut hands).await.is_ok() {} });
        let calls = Arc::new(Calls::default());
        let waker = calls.clone().into();
        let mut waking = Context::from_waker(&waker);
        for turn in 1..=100 {
            assert!(task.as_mut().poll(&mut waking).is_pending());
            assert_eq!(calls.0.load(Ordering::Relaxed), turn, "it is polled again");
            assert!(received.get() <= turn * at_once, "broken: {broken}, {received:?}");
            assert!(received.get() + at_once > turn * at_once, "broken: {broken}, {received:?}");
        }
    }
}
