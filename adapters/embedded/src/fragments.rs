//! Long frames over links with short ones: CAN-FD with 64 bytes, IEEE 802.15.4 with 127.
//!
//! A frame is cut into fragments as long as the link carries; only the last one may be shorter. A
//! fragment begins with the number of its frame (2 bytes, little-endian), its place in it, counted
//! from 0, and the place of the last one. So where its bytes belong follows from its place alone,
//! and fragments cannot overlap.
//!
//! Each peer has room for one frame of its own, for ever: what others send, in whatever order and
//! whether they end it or not, takes nothing from it. A fragment of another frame of the peer than
//! the one under way begins that one anew; the one before is lost, and protocols say again what is
//! needed. A frame of one fragment needs no room, and disturbs nothing.

use crate::link::{Arrival, AsyncLink, Link, rest};
use crate::seats::Seats;
use core::fmt;
use quorate::Principal;

/// Bytes before the body of a fragment: frame, place, last place.
const HEAD: usize = 2 + 1 + 1;

/// The most fragments of a frame.
const FRAGMENTS: usize = 256;

/// Packets that are taken in one call: a frame of the most fragments is whole after four.
const PACKETS: usize = 64;

/// A link for frames of up to `N` bytes over one for frames of `M`. It has a room of `N` bytes for
/// each of `P` principals, which is the number of nodes and clients.
///
/// Who sends a fragment is what the link below says. If it can be made to lie, a liar can spoil
/// what others send, as by jamming; sessions see to it that nothing false is heard. Both ends of
/// a link have the same `M`.
pub struct Fragmented<L, const M: usize, const N: usize, const P: usize> {
    link: L,
    seats: Seats,
    /// The number of the next frame.
    next: u16,
    packet: [u8; M],
    rooms: [Room<N>; P],
    dropped: u32,
    /// Whether the last call took all that it may take at a time.
    more: bool,
}

/// Why a frame was not sent or received over a [`Fragmented`] link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum FragmentError<E> {
    /// The link below says so.
    Link(E),
    /// The frame is longer than the receivers have room for.
    TooLong,
}

impl<E: fmt::Debug> fmt::Display for FragmentError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Link(error) => write!(f, "the link below failed: {error:?}"),
            Self::TooLong => f.write_str("the frame is longer than its receivers have room for"),
        }
    }
}

impl<E: fmt::Debug> core::error::Error for FragmentError<E> {}

/// What has come of one frame.
struct Room<const N: usize> {
    /// The frame under way, and the place of its last fragment.
    filling: Option<(u16, u8)>,
    /// The last frame that was whole: further fragments of it are repeats.
    whole: Option<u16>,
    /// One bit for each fragment that is there.
    come: [u32; FRAGMENTS / 32],
    missing: u16,
    length: usize,
    bytes: [u8; N],
}

/// A fragment, taken apart.
struct Fragment<'p> {
    frame: u16,
    place: u8,
    last: u8,
    body: &'p [u8],
}

impl<'p> Fragment<'p> {
    /// `None` for what no correct peer sends.
    fn parse(packet: &'p [u8], chunk: usize) -> Option<Self> {
        let ([a, b, place, last], body) = packet.split_first_chunk::<HEAD>()?;
        let ends = place == last && (1..=chunk).contains(&body.len());
        let goes_on = place < last && body.len() == chunk;
        let frame = u16::from_le_bytes([*a, *b]);
        let fragment = Self { frame, place: *place, last: *last, body };
        (ends || goes_on).then_some(fragment)
    }
}

impl<const N: usize> Room<N> {
    const EMPTY: Self = Self {
        filling: None,
        whole: None,
        come: [0; FRAGMENTS / 32],
        missing: 0,
        length: 0,
        bytes: [0; N],
    };

    /// Takes a fragment; true if its frame is whole now. `None` if it is of no use.
    fn take(&mut self, fragment: &Fragment<'_>, chunk: usize) -> Option<bool> {
        let Fragment { frame, place, last, body } = *fragment;
        let start = usize::from(place) * chunk;
        let end = start + body.len();
        if self.whole == Some(frame) || usize::from(last) * chunk >= N || end > N {
            return None;
        }
        match self.filling {
            Some((same, as_before)) if same == frame => {
                if as_before != last {
                    return None;
                }
            }
            _ => {
                self.filling = Some((frame, last));
                self.come = [0; FRAGMENTS / 32];
                self.missing = u16::from(last) + 1;
            }
        }
        let (come, bit) = (self.come.get_mut(usize::from(place / 32))?, 1 << (place % 32));
        if *come & bit != 0 {
            return None;
        }
        *come |= bit;
        self.bytes.get_mut(start..end)?.copy_from_slice(body);
        if place == last {
            self.length = end;
        }
        self.missing -= 1;
        if self.missing > 0 {
            return Some(false);
        }
        (self.filling, self.whole) = (None, Some(frame));
        Some(true)
    }
}

impl<L, const M: usize, const N: usize, const P: usize> Fragmented<L, M, N, P> {
    /// Bytes of a body.
    const CHUNK: usize = {
        assert!(M > HEAD, "a fragment has 4 bytes before its body");
        assert!(N <= FRAGMENTS * (M - HEAD), "a frame has at most 256 fragments");
        M - HEAD
    };

    /// A link over another one, whose frames have `M` bytes. The frames that it sends are numbered
    /// from zero: a board that may be started again goes on with [`Fragmented::starting_at`].
    pub const fn new(link: L, seats: Seats) -> Self {
        let rooms = [const { Room::EMPTY }; P];
        Self { link, seats, next: 0, packet: [0; M], rooms, dropped: 0, more: false }
    }

    /// Numbers the frames that it sends from here on: with some bytes of what was never used before
    /// by this board, as the nonce of its [settings](crate::Settings). Otherwise its first long
    /// frame may have the number of the last one before it lost its power, and be taken for a
    /// repeat of that.
    #[must_use]
    pub const fn starting_at(mut self, number: u16) -> Self {
        self.next = number;
        self
    }

    /// Fragments that were dropped since the begin: repeats, and what no correct peer sends.
    #[must_use]
    pub const fn dropped(&self) -> u32 {
        self.dropped
    }

    /// The link below.
    pub const fn link(&self) -> &L {
        &self.link
    }

    /// The fragments of a frame, in order.
    fn cut<'f>(
        &mut self,
        frame: &'f [u8],
    ) -> Option<impl Iterator<Item = Packet<'f>> + use<'f, L, M, N, P>> {
        let last = frame.len().checked_sub(1)? / Self::CHUNK;
        let last = u8::try_from(last).ok().filter(|_| frame.len() <= N)?;
        let [a, b] = self.next.to_le_bytes();
        self.next = self.next.wrapping_add(1);
        let bodies = frame.chunks(Self::CHUNK).zip(0..=last);
        Some(bodies.map(move |(body, place)| Packet { head: [a, b, place, last], body }))
    }

    /// A packet is in the place for it. If a frame is whole now, it is moved to the buffer.
    fn absorb(&mut self, packet: Arrival, buffer: &mut [u8]) -> Option<Arrival> {
        let arrival = self.place(packet, buffer);
        if arrival.is_none() {
            self.dropped = self.dropped.saturating_add(1);
        }
        arrival.flatten()
    }

    /// The same; `None`: the fragment is dropped.
    fn place(&mut self, packet: Arrival, buffer: &mut [u8]) -> Option<Option<Arrival>> {
        let Arrival { from, length } = packet;
        let row = self.seats.row(from)?;
        let fragment = Fragment::parse(self.packet.get(..length)?, Self::CHUNK)?;
        if fragment.last == 0 {
            let length = fragment.body.len();
            buffer.get_mut(..length)?.copy_from_slice(fragment.body);
            return Some(Some(Arrival { from, length }));
        }
        let room = self.rooms.get_mut(row)?;
        if !room.take(&fragment, Self::CHUNK)? {
            return Some(None);
        }
        let length = room.length;
        buffer.get_mut(..length)?.copy_from_slice(room.bytes.get(..length)?);
        Some(Some(Arrival { from, length }))
    }
}

/// A fragment that is about to leave.
struct Packet<'f> {
    head: [u8; HEAD],
    body: &'f [u8],
}

impl Packet<'_> {
    /// Writes it to the front of a buffer; its length.
    fn write<'b>(&self, buffer: &'b mut [u8]) -> &'b [u8] {
        let length = HEAD + self.body.len();
        if let Some((head, rest)) = buffer.split_first_chunk_mut::<HEAD>() {
            *head = self.head;
            if let Some(body) = rest.get_mut(..self.body.len()) {
                body.copy_from_slice(self.body);
            }
        }
        buffer.get(..length).unwrap_or_default()
    }
}

impl<L: Link, const M: usize, const N: usize, const P: usize> Link for Fragmented<L, M, N, P> {
    type Error = FragmentError<L::Error>;

    fn mtu(&self) -> usize {
        N
    }

    fn send(&mut self, to: Principal, frame: &[u8]) -> Result<(), Self::Error> {
        let mut buffer = [0; M];
        for packet in self.cut(frame).ok_or(FragmentError::TooLong)? {
            self.link.send(to, packet.write(&mut buffer)).map_err(FragmentError::Link)?;
        }
        Ok(())
    }

    fn try_receive(&mut self, buffer: &mut [u8]) -> Result<Option<Arrival>, Self::Error> {
        self.more = false;
        for _ in 0..PACKETS {
            let next = self.link.try_receive(&mut self.packet).map_err(FragmentError::Link)?;
            let Some(packet) = next else { return Ok(None) };
            if let Some(arrival) = self.absorb(packet, buffer) {
                return Ok(Some(arrival));
            }
        }
        self.more = true;
        Ok(None)
    }

    fn has_more(&self) -> bool {
        self.more || self.link.has_more()
    }
}

impl<L: AsyncLink, const M: usize, const N: usize, const P: usize> AsyncLink
    for Fragmented<L, M, N, P>
{
    type Error = FragmentError<L::Error>;

    fn mtu(&self) -> usize {
        N
    }

    async fn send(&mut self, to: Principal, frame: &[u8]) -> Result<(), Self::Error> {
        let mut buffer = [0; M];
        for packet in self.cut(frame).ok_or(FragmentError::TooLong)? {
            self.link.send(to, packet.write(&mut buffer)).await.map_err(FragmentError::Link)?;
        }
        Ok(())
    }

    async fn receive(&mut self, buffer: &mut [u8]) -> Result<Arrival, Self::Error> {
        loop {
            self.more = false;
            for _ in 0..PACKETS {
                let next = self.link.receive(&mut self.packet).await;
                let packet = next.map_err(FragmentError::Link)?;
                if let Some(arrival) = self.absorb(packet, buffer) {
                    return Ok(arrival);
                }
            }
            self.more = true;
            rest().await;
        }
    }

    fn has_more(&self) -> bool {
        self.more || self.link.has_more()
    }
}

impl<L, const M: usize, const N: usize, const P: usize> fmt::Debug for Fragmented<L, M, N, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fragmented").field("dropped", &self.dropped).finish_non_exhaustive()
    }
}

#[cfg(feature = "defmt")]
impl<L, const M: usize, const N: usize, const P: usize> defmt::Format for Fragmented<L, M, N, P> {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "Fragmented(dropped: {})", self.dropped);
    }
}
