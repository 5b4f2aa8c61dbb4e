//! What a node needs of a board beside memory: a serial line, a clock, and rest.
//!
//! Interrupts are never taken: they only end a sleep, so there is no handler and nothing that is
//! shared with one.

#[cfg(target_arch = "arm")]
mod mps2;
#[cfg(target_arch = "riscv32")]
mod virt;

#[cfg(target_arch = "arm")]
use mps2 as machine;
#[cfg(target_arch = "riscv32")]
use virt as machine;

use core::cell::RefCell;
use core::convert::Infallible;
#[cfg(feature = "log")]
use core::sync::atomic::{AtomicU32, Ordering::Relaxed};
use embedded_io::{ErrorType, Read, ReadReady, Write};
use heapless::Deque;

/// How often the [counter](ticks) counts in a second.
pub const HERTZ: u32 = machine::HERTZ;

/// Bytes that are kept until somebody asks for them. More wait at the other end of the line.
const ROOM: usize = 2048;

/// The first UART of the board. A reference to it is the port of a link, so that it can be waited
/// for beside.
#[derive(Debug)]
pub struct Uart {
    bytes: RefCell<Deque<u8, ROOM>>,
}

impl Uart {
    /// Starts the line, and the clock.
    #[must_use]
    pub fn start() -> Self {
        machine::start();
        Self { bytes: RefCell::new(Deque::new()) }
    }

    /// Sleeps until the end of a frame has come, which is a zero, or so much time has passed. In
    /// between it wakes for each byte, and takes it from the line.
    pub fn wait(&self, micros: u32) {
        let mut bytes = self.bytes.borrow_mut();
        machine::set_alarm(micros);
        let (mut begun, mut ended) = (false, false);
        while !ended && !bytes.is_full() {
            if machine::has_byte() {
                let byte = machine::byte();
                let _ = bytes.push_back(byte);
                ended = begun && byte == 0;
                begun |= byte != 0;
            } else if machine::rings() {
                break;
            } else {
                machine::sleep();
            }
        }
        machine::stop_alarm();
    }
}

impl ErrorType for &Uart {
    type Error = Infallible;
}

impl ReadReady for &Uart {
    fn read_ready(&mut self) -> Result<bool, Infallible> {
        Ok(!self.bytes.borrow().is_empty() || machine::has_byte())
    }
}

impl Read for &Uart {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Infallible> {
        let mut bytes = self.bytes.borrow_mut();
        let (mut length, mut places) = (0, buffer.iter_mut());
        while let Some(byte) = bytes.pop_front() {
            let Some(place) = places.next() else {
                let _ = bytes.push_front(byte);
                break;
            };
            *place = byte;
            length += 1;
        }
        if let (0, Some(place)) = (length, places.next()) {
            while !machine::has_byte() {}
            *place = machine::byte();
            length = 1;
        }
        Ok(length)
    }
}

impl Write for &Uart {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        for byte in bytes {
            while !machine::has_room() {}
            machine::put(*byte);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

/// A counter that wraps.
#[must_use]
pub fn ticks() -> u32 {
    machine::ticks()
}

/// The counter as it was last, and how often it has wrapped.
#[cfg(feature = "log")]
static LAST: [AtomicU32; 2] = [AtomicU32::new(0), AtomicU32::new(0)];

/// Microseconds since the clock was started, for those who ask more often than the counter wraps,
/// which it does each 171 seconds or later.
#[cfg(feature = "log")]
pub(crate) fn micros() -> u64 {
    let [last, wraps] = &LAST;
    let now = ticks();
    let high = wraps.load(Relaxed) + u32::from(now < last.load(Relaxed));
    last.store(now, Relaxed);
    wraps.store(high, Relaxed);
    (u64::from(high) << 32 | u64::from(now)) / u64::from(HERTZ / 1_000_000)
}
