//! The two loops: one that polls, one that waits.

use crate::agent::Agent;
use crate::clock::Timer;
use crate::host::Host;
use crate::link::{Arrival, AsyncLink, Link, Polling, rest, wait};
use crate::member::Identity;
use crate::node::{Node, Stopped};
use core::future::poll_fn;
use core::pin::pin;
use core::task::Poll;
use core::time::Duration;
use quorate::{Input, Instant, Principal};

/// Frames that one call of [`Node::poll`] takes, so that time is looked at in between; and that the
/// async loop takes without leaving other tasks their turn.
const HANDFUL: usize = 8;

/// Beside those, frames that take no work, as those that are not looked at: what is sent for
/// nothing must not fill the link.
const IDLE: usize = 128;

/// What a node is waiting for has happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[must_use = "hand it to Node::handle"]
pub enum Event {
    /// A frame has arrived.
    Frame(Arrival),
    /// It is time to wake the node.
    Time,
    /// The link failed to receive.
    Broken,
}

impl<P, H, I, B, const N: usize> Node<P, H, I, B, N>
where
    P: Agent,
    H: Host<P>,
    I: Identity,
    B: AsMut<[u8]>,
{
    /// Takes what has arrived, wakes the protocol if it is time, and returns at once with the time
    /// of the next call at the latest; `None`: not before a frame arrives. Call it in a loop. What
    /// it returns is later than now only if the link has said that it has nothing; a link that
    /// fails each time keeps the board awake.
    ///
    /// # Errors
    /// The host cannot go on, and the node has stopped; or the link is of no use to it.
    pub fn poll<L: Link>(
        &mut self,
        link: &mut L,
        now: Instant,
    ) -> Result<Option<Instant>, Stopped<H::Error>> {
        self.ensure_fits(link.mtu())?;
        let mut more = true;
        let (mut taken, mut passed) = (0, 0);
        while taken < HANDFUL && passed < IDLE {
            match link.try_receive(self.inbox()) {
                Ok(Some(arrival)) => {
                    let done = wait(self.take(&mut Polling(&mut *link), now, arrival))?;
                    *(if done { &mut taken } else { &mut passed }) += 1;
                }
                Ok(None) => {
                    more = link.has_more();
                    break;
                }
                Err(_) => {
                    // What arrived behind what was lost waits in the link: nothing else may tell.
                    let broken = &mut self.voice.traffic.broken;
                    *broken = broken.saturating_add(1);
                    taken += 1;
                }
            }
        }
        if self.deadline().is_some_and(|deadline| deadline <= now) {
            wait(self.wake(&mut Polling(&mut *link), now))?;
        }
        Ok(if more { Some(now) } else { self.deadline() })
    }

    /// Gives the protocol a command. What comes of it is the host's: a refusal too.
    ///
    /// # Errors
    /// The host cannot go on, and the node has stopped; or the link is of no use to it.
    pub fn command<L: Link>(
        &mut self,
        link: &mut L,
        now: Instant,
        command: P::Command<'_>,
    ) -> Result<(), Stopped<H::Error>> {
        self.ensure_fits(link.mtu())?;
        wait(self.give(&mut Polling(link), now, Input::Command(command)))
    }

    /// Waits until something is to be done. Dropped before its end, nothing is lost, so it can
    /// be waited for beside other things; then hand what it returns to [`Node::handle`], and let
    /// that come to its end.
    ///
    /// If there was no need to wait for the last eight events, or the last one was a broken link,
    /// the executor's other tasks have their turn first.
    pub async fn next<L: AsyncLink, T: Timer>(&mut self, link: &mut L, timer: &mut T) -> Event {
        if self.at_once >= HANDFUL {
            self.at_once = 0;
            rest().await;
        }
        let (event, waited) = self.first(link, timer).await;
        self.at_once = match event {
            Event::Broken => HANDFUL,
            Event::Frame(_) | Event::Time if waited => 0,
            Event::Frame(_) | Event::Time => self.at_once + 1,
        };
        event
    }

    /// What happens first, and whether it had to be waited for.
    async fn first<L, T>(&mut self, link: &mut L, timer: &mut T) -> (Event, bool)
    where
        L: AsyncLink,
        T: Timer,
    {
        let deadline = self.deadline();
        let mut receive = pin!(link.receive(self.inbox()));
        let mut due = pin!(async {
            match deadline {
                Some(at) => timer.until(at).await,
                None => core::future::pending().await,
            }
        });
        let mut waited = false;
        let event = poll_fn(|waking| {
            // Time first: a flood of frames must not hold it up.
            if due.as_mut().poll(waking).is_ready() {
                return Poll::Ready(Event::Time);
            }
            let arrival = receive.as_mut().poll(waking);
            waited |= arrival.is_pending();
            arrival.map(|arrival| arrival.map_or(Event::Broken, Event::Frame))
        })
        .await;
        (event, waited)
    }

    /// Does what is to be done about an event of [`Node::next`].
    ///
    /// Let it come to its end: given up in the middle of a write to the journal, the node has
    /// stopped.
    ///
    /// # Errors
    /// The host cannot go on, and the node has stopped; or the link is of no use to it.
    pub async fn handle<L: AsyncLink, T: Timer>(
        &mut self,
        link: &mut L,
        timer: &mut T,
        event: Event,
    ) -> Result<(), Stopped<H::Error>> {
        self.ensure_fits(link.mtu())?;
        let now = timer.now();
        let mut link = Patient { patience: self.patience, link, timer };
        match event {
            Event::Frame(arrival) => self.take(&mut link, now, arrival).await.map(|_| ()),
            Event::Time => self.wake(&mut link, now).await,
            Event::Broken => {
                let broken = &mut self.voice.traffic.broken;
                *broken = broken.saturating_add(1);
                Ok(())
            }
        }
    }

    /// One turn of the async loop: [`Node::next`], then [`Node::handle`]. Call it in a loop.
    ///
    /// # Errors
    /// The host cannot go on, and the node has stopped; or the link is of no use to it.
    pub async fn turn<L: AsyncLink, T: Timer>(
        &mut self,
        link: &mut L,
        timer: &mut T,
    ) -> Result<(), Stopped<H::Error>> {
        self.ensure_fits(link.mtu())?;
        let event = self.next(link, timer).await;
        self.handle(link, timer, event).await
    }

    /// Gives the protocol a command, in an async loop. As with [`Node::handle`], let it come to
    /// its end.
    ///
    /// # Errors
    /// The host cannot go on, and the node has stopped; or the link is of no use to it.
    pub async fn tell<L: AsyncLink, T: Timer>(
        &mut self,
        link: &mut L,
        timer: &mut T,
        command: P::Command<'_>,
    ) -> Result<(), Stopped<H::Error>> {
        self.ensure_fits(link.mtu())?;
        let now = timer.now();
        let mut link = Patient { patience: self.patience, link, timer };
        self.give(&mut link, now, Input::Command(command)).await
    }
}

/// A link that gives up a frame which does not leave in time.
struct Patient<'l, L, T> {
    link: &'l mut L,
    timer: &'l mut T,
    patience: Duration,
}

impl<L: AsyncLink, T: Timer> AsyncLink for Patient<'_, L, T> {
    type Error = Option<L::Error>;

    fn mtu(&self) -> usize {
        self.link.mtu()
    }

    async fn send(&mut self, to: Principal, frame: &[u8]) -> Result<(), Self::Error> {
        let until = self.timer.now().after(self.patience);
        let mut send = pin!(self.link.send(to, frame));
        let mut due = pin!(self.timer.until(until));
        poll_fn(|waking| {
            if let Poll::Ready(sent) = send.as_mut().poll(waking) {
                return Poll::Ready(sent.map_err(Some));
            }
            due.as_mut().poll(waking).map(|()| Err(None))
        })
        .await
    }

    async fn receive(&mut self, buffer: &mut [u8]) -> Result<Arrival, Self::Error> {
        self.link.receive(buffer).await.map_err(Some)
    }

    fn has_more(&self) -> bool {
        self.link.has_more()
    }
}
