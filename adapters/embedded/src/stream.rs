//! Frames over a stream of bytes: a UART, RS-485, a USB serial port, a pipe.
//!
//! A frame is a zero, then receiver (3 bytes), sender (3), body and the CRC-32 (ISO-HDLC, 4 bytes
//! little-endian) of those, all of them with zeros stuffed away by COBS, then a zero. So a zero is
//! the begin of a frame wherever it is met, a receiver that was switched on in the middle, or that
//! noise has led astray, is in step again with the next frame, and what is cut short spoils
//! nothing behind it. The names of receiver and sender let many boards share one line, or a hub
//! pass frames on.

use crate::link::{Arrival, AsyncLink, Link, rest};
use cobs::{DecodeResult, DecoderState, EncoderState, PushResult};
use core::fmt;
use crc::{CRC_32_ISO_HDLC, Crc};
use embedded_io::{Read, ReadReady, Write};
use quorate::Principal;

/// The checksum of frames.
static CHECKSUM: Crc<u32> = Crc::<u32>::new(&CRC_32_ISO_HDLC);

/// Bytes before the body: receiver and sender.
const HEAD: usize = 3 + 3;

/// Bytes after the body: the checksum.
const TAIL: usize = 4;

/// Bytes that are read from the port at a time.
const CHUNK: usize = 32;

/// How often the port is read in one call.
const READS: usize = 128;

/// Bytes of a run of stuffing, 255 at most, and of what is ready to be written before it.
const RUN: usize = 384;

/// A link over a port: anything with the traits of `embedded-io` ([`Link`]) or of
/// `embedded-io-async` ([`AsyncLink`]).
///
/// Frames for others are dropped. A port that is full is waited for: one with flow control whose
/// other end may fall silent needs a time-out of its own, or the async loop, which has one.
pub struct Stream<P> {
    port: P,
    me: Principal,
    mtu: usize,
    decoder: Deframer,
    chunk: [u8; CHUNK],
    unread: core::ops::Range<usize>,
    /// Whether the last call read all that it may read at a time.
    more: bool,
}

/// Why a frame was not sent or received over a [`Stream`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum StreamError<E> {
    /// The port says so.
    Port(E),
    /// The port has come to its end: there will be no more bytes.
    Closed,
}

impl<E: fmt::Debug> fmt::Display for StreamError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Port(error) => write!(f, "the port failed: {error:?}"),
            Self::Closed => f.write_str("the port was closed at its other end"),
        }
    }
}

impl<E: fmt::Debug> core::error::Error for StreamError<E> {}

impl<P> Stream<P> {
    /// A link of `me` over a port, for frames of up to `mtu` bytes.
    pub fn new(port: P, me: Principal, mtu: usize) -> Self {
        let (decoder, chunk) = (Deframer::default(), [0; CHUNK]);
        Self { port, me, mtu, decoder, chunk, unread: 0..0, more: false }
    }

    /// Frames that were dropped since the begin: cut short, changed on the way, too long. Noise on
    /// the line shows here.
    #[must_use]
    pub const fn damaged(&self) -> u32 {
        self.decoder.damaged
    }

    /// Gives the port back.
    pub fn into_port(self) -> P {
        self.port
    }

    /// The next frame for us in what was read.
    fn unpack(&mut self, buffer: &mut [u8]) -> Option<Arrival> {
        while let Some(byte) = self.chunk.get(self.unread.start..self.unread.end)?.first() {
            self.unread.start += 1;
            let Some(Framed { to, from, length }) = self.decoder.feed(*byte, buffer) else {
                continue;
            };
            if to == self.me && from != self.me {
                return Some(Arrival { from, length });
            }
        }
        None
    }
}

impl<P: Read + ReadReady + Write> Link for Stream<P> {
    type Error = StreamError<P::Error>;

    fn mtu(&self) -> usize {
        self.mtu
    }

    fn send(&mut self, to: Principal, frame: &[u8]) -> Result<(), Self::Error> {
        let mut stuffing = Stuffing::new();
        for byte in bytes(to, self.me, frame, checksum(to, self.me, frame)) {
            if let Some(ready) = stuffing.push(byte) {
                self.port.write_all(ready).map_err(StreamError::Port)?;
            }
        }
        self.port.write_all(stuffing.finish()).map_err(StreamError::Port)?;
        self.port.flush().map_err(StreamError::Port)
    }

    fn try_receive(&mut self, buffer: &mut [u8]) -> Result<Option<Arrival>, Self::Error> {
        self.more = false;
        for _ in 0..READS {
            if let Some(arrival) = self.unpack(buffer) {
                return Ok(Some(arrival));
            }
            if !self.port.read_ready().map_err(StreamError::Port)? {
                return Ok(None);
            }
            match self.port.read(&mut self.chunk).map_err(StreamError::Port)? {
                0 => return Err(StreamError::Closed),
                read => self.unread = 0..read,
            }
        }
        self.more = true;
        Ok(None)
    }

    fn has_more(&self) -> bool {
        self.more
    }
}

impl<P: embedded_io_async::Read + embedded_io_async::Write> AsyncLink for Stream<P> {
    type Error = StreamError<P::Error>;

    fn mtu(&self) -> usize {
        self.mtu
    }

    async fn send(&mut self, to: Principal, frame: &[u8]) -> Result<(), Self::Error> {
        let mut stuffing = Stuffing::new();
        for byte in bytes(to, self.me, frame, checksum(to, self.me, frame)) {
            if let Some(ready) = stuffing.push(byte) {
                self.port.write_all(ready).await.map_err(StreamError::Port)?;
            }
        }
        self.port.write_all(stuffing.finish()).await.map_err(StreamError::Port)?;
        self.port.flush().await.map_err(StreamError::Port)
    }

    async fn receive(&mut self, buffer: &mut [u8]) -> Result<Arrival, Self::Error> {
        loop {
            self.more = false;
            for _ in 0..READS {
                if let Some(arrival) = self.unpack(buffer) {
                    return Ok(arrival);
                }
                match self.port.read(&mut self.chunk).await.map_err(StreamError::Port)? {
                    0 => return Err(StreamError::Closed),
                    read => self.unread = 0..read,
                }
            }
            self.more = true;
            rest().await;
        }
    }

    fn has_more(&self) -> bool {
        self.more
    }
}

impl<P> fmt::Debug for Stream<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let damaged = self.decoder.damaged;
        f.debug_struct("Stream").field("damaged", &damaged).finish_non_exhaustive()
    }
}

#[cfg(feature = "defmt")]
impl<P> defmt::Format for Stream<P> {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "Stream(damaged: {})", self.decoder.damaged);
    }
}

fn checksum(to: Principal, from: Principal, body: &[u8]) -> u32 {
    let mut digest = CHECKSUM.digest();
    digest.update(&to.to_bytes());
    digest.update(&from.to_bytes());
    digest.update(body);
    digest.finalize()
}

fn bytes(
    to: Principal,
    from: Principal,
    body: &[u8],
    checksum: u32,
) -> impl Iterator<Item = u8> + '_ {
    let head = to.to_bytes().into_iter().chain(from.to_bytes());
    head.chain(body.iter().copied()).chain(checksum.to_le_bytes())
}

/// Stuffs the bytes of one frame, in pieces that fit into little memory.
struct Stuffing {
    state: EncoderState,
    piece: [u8; RUN],
    length: usize,
    /// Where the byte stands that tells the length of the run under way. What is before it is
    /// ready to be written.
    code: usize,
    /// What is before this was given out.
    written: usize,
}

impl Stuffing {
    /// Begins a frame: with a zero, and a place for the first run's length.
    fn new() -> Self {
        let state = EncoderState::default();
        Self { state, piece: [0; RUN], length: 2, code: 1, written: 0 }
    }

    /// Takes a byte; returns what is to be written before the next one, if anything.
    fn push(&mut self, byte: u8) -> Option<&[u8]> {
        if self.written > 0 {
            self.compact();
        }
        match self.state.push(byte) {
            PushResult::AddSingle(byte) => self.put(byte),
            PushResult::ModifyFromStartAndSkip((_, code)) => self.end_run(code),
            PushResult::ModifyFromStartAndPushAndSkip((_, code, byte)) => {
                self.put(byte);
                self.end_run(code);
            }
        }
        // The next byte may take two places.
        if self.length + 2 <= RUN {
            return None;
        }
        self.written = self.code;
        self.piece.get(..self.written)
    }

    /// Ends the frame; returns what is to be written at last.
    fn finish(&mut self) -> &[u8] {
        self.compact();
        let (_, code) = self.state.clone().finalize();
        self.end_run(code);
        self.piece.get(..self.length).unwrap_or_default()
    }

    /// Drops what was given out.
    fn compact(&mut self) {
        self.piece.copy_within(self.written..self.length, 0);
        self.length -= self.written;
        self.code -= self.written;
        self.written = 0;
    }

    fn end_run(&mut self, code: u8) {
        if let Some(place) = self.piece.get_mut(self.code) {
            *place = code;
        }
        self.code = self.length;
        self.put(0);
    }

    fn put(&mut self, byte: u8) {
        if let Some(place) = self.piece.get_mut(self.length) {
            *place = byte;
            self.length += 1;
        }
    }
}

/// A frame whose body is in the buffer.
struct Framed {
    to: Principal,
    from: Principal,
    length: usize,
}

/// Takes frames out of a stream of bytes, whatever is between them.
#[derive(Default)]
struct Deframer {
    state: DecoderState,
    head: [u8; HEAD],
    /// The last bytes that were met, by their place modulo their number: they may be the checksum.
    tail: [u8; TAIL],
    met: usize,
    too_long: bool,
    damaged: u32,
}

impl Deframer {
    /// Takes a byte. The body of the frame is collected in `buffer`.
    fn feed(&mut self, byte: u8, buffer: &mut [u8]) -> Option<Framed> {
        match self.state.feed(byte) {
            Ok(DecodeResult::NoData) => None,
            Ok(DecodeResult::DataStart) => {
                (self.met, self.too_long) = (0, false);
                None
            }
            Ok(DecodeResult::DataContinue(byte)) => {
                self.collect(byte, buffer);
                None
            }
            Ok(DecodeResult::DataComplete) => {
                let framed = self.complete(buffer);
                self.damaged = self.damaged.saturating_add(framed.is_none().into());
                framed
            }
            Err(_) => {
                self.damaged = self.damaged.saturating_add(1);
                None
            }
        }
    }

    fn collect(&mut self, byte: u8, buffer: &mut [u8]) {
        let met = self.met;
        self.met = met.saturating_add(1);
        if let Some(place) = self.head.get_mut(met) {
            *place = byte;
            return;
        }
        let Some(place) = self.tail.get_mut(met % TAIL) else { return };
        let earlier = core::mem::replace(place, byte);
        if let Some(at) = met.checked_sub(HEAD + TAIL) {
            match buffer.get_mut(at) {
                Some(place) => *place = earlier,
                None => self.too_long = true,
            }
        }
    }

    fn complete(&self, buffer: &[u8]) -> Option<Framed> {
        let length = self.met.checked_sub(HEAD + TAIL).filter(|_| !self.too_long)?;
        let (to, from) = self.head.split_first_chunk::<3>()?;
        let to = Principal::from_bytes(*to)?;
        let from = Principal::from_bytes(*from.first_chunk::<3>()?)?;
        let mut told = self.tail;
        told.rotate_left(self.met % TAIL);
        let right = u32::from_le_bytes(told) == checksum(to, from, buffer.get(..length)?);
        right.then_some(Framed { to, from, length })
    }
}
