//! What carries frames: the traits that one's own link implements.

use core::fmt;
use core::future::poll_fn;
use core::pin::pin;
use core::task::{Context as Waking, Poll, Waker};
use quorate::Principal;

/// A frame that has arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Arrival {
    /// Who sent it, as far as the link can tell; one that cannot tell says what the frame itself
    /// [claims](crate::claimed). Nothing is believed because of it, since sessions prove who spoke,
    /// but a frame that claims to be of somebody else is dropped. A link on which anybody can take
    /// another's name lets him spoil (never fake) what the other sends in fragments.
    pub from: Principal,
    /// Its bytes: the first so many of the buffer.
    pub length: usize,
}

/// A link that never waits for a frame: what a poll loop needs.
///
/// It carries frames whole or not at all, may lose, repeat and reorder them, and is shared by all
/// peers. Frames are at most [`Link::mtu`] bytes long. Supplying one takes two functions and a
/// number; the crate's front page has one for a radio and one for CAN.
pub trait Link {
    /// What can go wrong. A frame that was not sent or received counts as lost, and nothing else
    /// comes of it: protocols say again what is needed.
    type Error: fmt::Debug;

    /// Bytes of the longest frame.
    fn mtu(&self) -> usize;

    /// Sends a frame to a peer. It may wait for the link, but not for the peer.
    ///
    /// # Errors
    /// The frame did not leave.
    fn send(&mut self, to: Principal, frame: &[u8]) -> Result<(), Self::Error>;

    /// Takes the next frame, if one has arrived. Until it returns one it is called with the same
    /// buffer and what it left in it, so a link that receives a frame in parts may collect it
    /// there. A frame that is longer than the buffer is dropped, and the next one is not.
    ///
    /// # Errors
    /// Something was lost. The next call may be lucky.
    fn try_receive(&mut self, buffer: &mut [u8]) -> Result<Option<Arrival>, Self::Error>;

    /// Whether [`Link::try_receive`] returned without a frame although more has arrived: a link
    /// that makes a frame of several parts takes a bounded number of them in a call.
    fn has_more(&self) -> bool {
        false
    }
}

/// A link that can be waited for: what an async loop needs. Otherwise it is as [`Link`].
#[allow(async_fn_in_trait, reason = "boards run one executor: nobody asks for Send")]
pub trait AsyncLink {
    /// What can go wrong, see [`Link::Error`].
    type Error: fmt::Debug;

    /// Bytes of the longest frame.
    fn mtu(&self) -> usize;

    /// Sends a frame to a peer. Dropped before its end, the frame may be lost or cut short, and the
    /// next one is not.
    ///
    /// # Errors
    /// The frame did not leave.
    async fn send(&mut self, to: Principal, frame: &[u8]) -> Result<(), Self::Error>;

    /// Waits for the next frame. Dropped before its end, nothing is lost: it is called again with
    /// the same buffer and what it left in it.
    ///
    /// # Errors
    /// Something was lost. The next call may be lucky.
    async fn receive(&mut self, buffer: &mut [u8]) -> Result<Arrival, Self::Error>;

    /// Whether [`AsyncLink::receive`] waits for others to have their turn, not for a frame: as
    /// [`Link::has_more`].
    fn has_more(&self) -> bool {
        false
    }
}

impl<L: Link> Link for &mut L {
    type Error = L::Error;

    fn mtu(&self) -> usize {
        (**self).mtu()
    }

    fn send(&mut self, to: Principal, frame: &[u8]) -> Result<(), L::Error> {
        (**self).send(to, frame)
    }

    fn try_receive(&mut self, buffer: &mut [u8]) -> Result<Option<Arrival>, L::Error> {
        (**self).try_receive(buffer)
    }

    fn has_more(&self) -> bool {
        (**self).has_more()
    }
}

impl<L: AsyncLink> AsyncLink for &mut L {
    type Error = L::Error;

    fn mtu(&self) -> usize {
        (**self).mtu()
    }

    async fn send(&mut self, to: Principal, frame: &[u8]) -> Result<(), L::Error> {
        (**self).send(to, frame).await
    }

    async fn receive(&mut self, buffer: &mut [u8]) -> Result<Arrival, L::Error> {
        (**self).receive(buffer).await
    }

    fn has_more(&self) -> bool {
        (**self).has_more()
    }
}

/// A [`Link`] where an [`AsyncLink`] is asked for. Waiting for a frame asks the link again each
/// time that the executor comes by.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Polling<L>(pub L);

impl<L: Link> AsyncLink for Polling<L> {
    type Error = L::Error;

    fn mtu(&self) -> usize {
        self.0.mtu()
    }

    async fn send(&mut self, to: Principal, frame: &[u8]) -> Result<(), L::Error> {
        self.0.send(to, frame)
    }

    async fn receive(&mut self, buffer: &mut [u8]) -> Result<Arrival, L::Error> {
        poll_fn(|waking| match self.0.try_receive(buffer).transpose() {
            Some(arrival) => Poll::Ready(arrival),
            None => {
                waking.waker().wake_by_ref();
                Poll::Pending
            }
        })
        .await
    }

    fn has_more(&self) -> bool {
        self.0.has_more()
    }
}

/// An [`AsyncLink`] where a [`Link`] is asked for: it is asked once whether something is there.
/// Sending asks it again and again until the frame has left.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Polled<L>(pub L);

impl<L: AsyncLink> Link for Polled<L> {
    type Error = L::Error;

    fn mtu(&self) -> usize {
        self.0.mtu()
    }

    fn send(&mut self, to: Principal, frame: &[u8]) -> Result<(), L::Error> {
        wait(self.0.send(to, frame))
    }

    fn try_receive(&mut self, buffer: &mut [u8]) -> Result<Option<Arrival>, L::Error> {
        let mut receiving = pin!(self.0.receive(buffer));
        match receiving.as_mut().poll(&mut Waking::from_waker(Waker::noop())) {
            Poll::Ready(arrival) => arrival.map(Some),
            Poll::Pending => Ok(None),
        }
    }

    fn has_more(&self) -> bool {
        self.0.has_more()
    }
}

/// Lets others have their turn.
pub(crate) async fn rest() {
    let mut rested = false;
    poll_fn(|waking| {
        if core::mem::replace(&mut rested, true) {
            return Poll::Ready(());
        }
        waking.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Runs a future to its end on the spot, asking again and again: for futures that are ready at
/// once, or that a busy board may wait for.
pub fn wait<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let mut waking = Waking::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut waking) {
            return output;
        }
        core::hint::spin_loop();
    }
}
