//! Datagrams over UDP.

use crate::link::{Arrival, AsyncLink, rest};
use core::fmt;
use core::net::SocketAddr;
use edge_nal::{UdpReceive, UdpSend};
use quorate::Principal;

/// Datagrams that are taken in one call.
const DATAGRAMS: usize = 64;

/// A link over a UDP socket with the traits of `edge-nal`, and an address for everybody.
///
/// What comes from an address that is nobody's is dropped. Datagrams of up to 1,472 bytes cross
/// an Ethernet whole; longer frames go through a [`Fragmented`](crate::Fragmented) link, since
/// small network stacks do not put datagrams together again.
pub struct Udp<S, B> {
    socket: S,
    book: B,
    mtu: usize,
    strangers: u32,
    /// Whether the last call took all that it may take at a time.
    more: bool,
}

/// Why a frame was not sent or received over a [`Udp`] link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum UdpError<E> {
    /// The socket says so.
    Socket(E),
    /// The receiver has no address.
    Nowhere,
    /// The frame is longer than the longest datagram.
    TooLong,
}

impl<E: fmt::Debug> fmt::Display for UdpError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket(error) => write!(f, "the socket failed: {error:?}"),
            Self::Nowhere => f.write_str("the receiver has no address in the book"),
            Self::TooLong => f.write_str("the frame is longer than a datagram"),
        }
    }
}

impl<E: fmt::Debug> core::error::Error for UdpError<E> {}

impl<S, B: AsRef<[(Principal, SocketAddr)]>> Udp<S, B> {
    /// A link over a socket, for datagrams of up to `mtu` bytes; `book` tells who is where.
    pub const fn new(socket: S, book: B, mtu: usize) -> Self {
        Self { socket, book, mtu, strangers: 0, more: false }
    }

    /// Datagrams that were dropped since the begin: from nobody, or too long.
    #[must_use]
    pub const fn strangers(&self) -> u32 {
        self.strangers
    }
}

impl<S, B> AsyncLink for Udp<S, B>
where
    S: UdpReceive + UdpSend,
    B: AsRef<[(Principal, SocketAddr)]>,
{
    type Error = UdpError<S::Error>;

    fn mtu(&self) -> usize {
        self.mtu
    }

    async fn send(&mut self, to: Principal, frame: &[u8]) -> Result<(), Self::Error> {
        if frame.len() > self.mtu {
            return Err(UdpError::TooLong);
        }
        let mut book = self.book.as_ref().iter();
        let (_, address) = *book.find(|(who, _)| *who == to).ok_or(UdpError::Nowhere)?;
        self.socket.send(address, frame).await.map_err(UdpError::Socket)
    }

    async fn receive(&mut self, buffer: &mut [u8]) -> Result<Arrival, Self::Error> {
        loop {
            self.more = false;
            for _ in 0..DATAGRAMS {
                let received = self.socket.receive(buffer).await.map_err(UdpError::Socket)?;
                let (length, address) = received;
                let mut book = self.book.as_ref().iter();
                let from = book.find(|(_, known)| *known == address).map(|(who, _)| *who);
                match from.filter(|_| length <= buffer.len()) {
                    Some(from) => return Ok(Arrival { from, length }),
                    None => self.strangers = self.strangers.saturating_add(1),
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

impl<S, B> fmt::Debug for Udp<S, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Udp").field("strangers", &self.strangers).finish_non_exhaustive()
    }
}

#[cfg(feature = "defmt")]
impl<S, B> defmt::Format for Udp<S, B> {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "Udp(strangers: {})", self.strangers);
    }
}
