//! What waits to be sent: a bounded queue for each link, filled by any thread.

use super::LinkId;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// An unsealed payload, its channel first. Receivers of one message share it.
pub(crate) type Payload = Arc<[u8]>;

/// How much may wait on a link. A payload is taken while both counts are below their bounds,
/// so at most one payload more than `bytes` waits; one that comes later is dropped. Nothing
/// that waits already is ever dropped for it: a peer that is slow misses what is new, and asks
/// for it by telling where it stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) frames: usize,
    pub(crate) bytes: usize,
}

/// The queues of all links.
#[derive(Debug)]
pub(crate) struct Post {
    state: Mutex<State>,
    waker: mio::Waker,
    woken: AtomicBool,
}

#[derive(Debug)]
struct State {
    queues: Vec<Queue>,
    /// Links with something new in their queue, each once.
    filled: Vec<LinkId>,
    /// Links that may be read again, see [`Post::resume`].
    resumed: Vec<LinkId>,
    stopped: bool,
}

#[derive(Debug)]
struct Queue {
    bounds: Bounds,
    /// Whether the link is up. Nothing waits for a peer that is away.
    open: bool,
    listed: bool,
    payloads: VecDeque<Payload>,
    bytes: usize,
    /// Bytes that were taken, sealed, and are not written yet.
    sealed: usize,
    dropped: u64,
}

/// What one queue looks like from outside.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Depth {
    pub(crate) open: bool,
    pub(crate) bytes: usize,
    pub(crate) dropped: u64,
}

/// What the network thread takes over when it is woken.
#[derive(Debug, Default)]
pub(crate) struct News {
    pub(crate) filled: Vec<LinkId>,
    pub(crate) resumed: Vec<LinkId>,
    pub(crate) stopped: bool,
}

impl Post {
    pub(crate) fn new(waker: mio::Waker, bounds: impl Iterator<Item = Bounds>) -> Self {
        let queues = bounds.map(Queue::new).collect();
        let state = State { queues, filled: Vec::new(), resumed: Vec::new(), stopped: false };
        Self { state: Mutex::new(state), waker, woken: AtomicBool::new(false) }
    }

    /// Queues payloads, in order, and wakes the network thread once.
    pub(crate) fn send(&self, payloads: impl IntoIterator<Item = (LinkId, Payload)>) {
        if self.queue(payloads) {
            self.wake();
        }
    }

    /// Queues payloads, in order; says whether the network thread has something to do now.
    pub(crate) fn queue(&self, payloads: impl IntoIterator<Item = (LinkId, Payload)>) -> bool {
        let mut state = self.lock();
        let State { queues, filled, .. } = &mut *state;
        for (link, payload) in payloads {
            let Some(queue) = queues.get_mut(link.0) else { continue };
            if queue.push(payload) && !std::mem::replace(&mut queue.listed, true) {
                filled.push(link);
            }
        }
        !filled.is_empty()
    }

    /// Moves payloads of about `bytes` bytes, at least one if there is any, to `into`.
    pub(crate) fn take(&self, link: LinkId, bytes: usize, into: &mut Vec<Payload>) {
        let mut state = self.lock();
        let Some(queue) = state.queues.get_mut(link.0) else { return };
        let mut taken = 0;
        while taken < bytes {
            let Some(payload) = queue.payloads.pop_front() else { break };
            queue.bytes -= payload.len();
            taken += payload.len();
            into.push(payload);
        }
    }

    /// Says how much of what was taken is not written yet.
    pub(crate) fn set_sealed(&self, link: LinkId, sealed: usize) {
        if let Some(queue) = self.lock().queues.get_mut(link.0) {
            queue.sealed = sealed;
        }
    }

    /// Says whether the link is up. A queue begins empty each time.
    pub(crate) fn set_open(&self, link: LinkId, open: bool) {
        let mut state = self.lock();
        let Some(queue) = state.queues.get_mut(link.0) else { return };
        queue.open = open;
        queue.dropped += queue.payloads.len() as u64;
        queue.payloads.clear();
        queue.bytes = 0;
        queue.sealed = 0;
    }

    /// How a link's queue stands.
    pub(crate) fn depth(&self, link: LinkId) -> Depth {
        let state = self.lock();
        state.queues.get(link.0).map_or(Depth::default(), |queue| Depth {
            open: queue.open,
            bytes: queue.bytes + queue.sealed,
            dropped: queue.dropped,
        })
    }

    /// How many of these links are up.
    pub(crate) fn count_open(&self, links: std::ops::Range<usize>) -> usize {
        let state = self.lock();
        state.queues.get(links).unwrap_or_default().iter().filter(|queue| queue.open).count()
    }

    /// Tells the network thread that a link, which it had stopped reading, has room again.
    pub(crate) fn resume(&self, link: LinkId) {
        self.lock().resumed.push(link);
        self.wake();
    }

    /// Tells the network thread to end.
    pub(crate) fn stop(&self) {
        self.lock().stopped = true;
        self.wake();
    }

    /// Makes the network thread look at its intake.
    pub(crate) fn wake(&self) {
        if !self.woken.swap(true, Ordering::AcqRel) {
            // It fails only if the poll behind it is gone, and then nobody is left to wake.
            let _ = self.waker.wake();
        }
    }

    /// What happened since the last call; for the network thread.
    pub(crate) fn news(&self) -> News {
        self.woken.store(false, Ordering::Release);
        let mut state = self.lock();
        let State { queues, filled, resumed, stopped } = &mut *state;
        for link in filled.iter() {
            queues[link.0].listed = false;
        }
        News { filled: std::mem::take(filled), resumed: std::mem::take(resumed), stopped: *stopped }
    }

    /// Links that the network thread itself has just filled.
    pub(crate) fn filled(&self) -> Vec<LinkId> {
        let mut state = self.lock();
        let State { queues, filled, .. } = &mut *state;
        for link in filled.iter() {
            queues[link.0].listed = false;
        }
        std::mem::take(filled)
    }

    /// A panic elsewhere leaves queues of whole payloads: they are as good as before.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            open: false,
            listed: false,
            payloads: VecDeque::new(),
            bytes: 0,
            sealed: 0,
            dropped: 0,
        }
    }

    /// Whether the payload was taken.
    fn push(&mut self, payload: Payload) -> bool {
        let full = self.payloads.len() >= self.bounds.frames || self.bytes >= self.bounds.bytes;
        if !self.open || full {
            self.dropped += 1;
            return false;
        }
        self.bytes += payload.len();
        self.payloads.push_back(payload);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn post(bounds: Bounds, links: usize) -> (mio::Poll, Post) {
        let poll = mio::Poll::new().expect("a poll");
        let waker = mio::Waker::new(poll.registry(), mio::Token(0)).expect("a waker");
        let post = Post::new(waker, std::iter::repeat_n(bounds, links));
        (poll, post)
    }

    fn payload(length: usize) -> Payload {
        vec![0; length].into()
    }

    #[test]
    fn a_full_queue_drops_what_is_new_and_no_other_queue_notices() {
        let (_poll, post) = post(Bounds { frames: 4, bytes: 100 }, 2);
        post.set_open(LinkId(0), true);
        post.set_open(LinkId(1), true);
        for _ in 0..10 {
            post.send([(LinkId(0), payload(10))]);
        }
        post.send([(LinkId(1), payload(10))]);
        assert_eq!(post.depth(LinkId(0)), Depth { open: true, bytes: 40, dropped: 6 });
        assert_eq!(post.depth(LinkId(1)), Depth { open: true, bytes: 10, dropped: 0 });
    }

    #[test]
    fn one_payload_may_be_larger_than_the_bound_but_a_second_must_wait() {
        let (_poll, post) = post(Bounds { frames: 4, bytes: 100 }, 1);
        post.set_open(LinkId(0), true);
        post.send([(LinkId(0), payload(1000)), (LinkId(0), payload(1))]);
        assert_eq!(post.depth(LinkId(0)), Depth { open: true, bytes: 1000, dropped: 1 });
        let mut taken = Vec::new();
        post.take(LinkId(0), 1, &mut taken);
        assert_eq!((taken.len(), post.depth(LinkId(0)).bytes), (1, 0));
    }

    #[test]
    fn nothing_waits_for_a_peer_that_is_away() {
        let (_poll, post) = post(Bounds { frames: 4, bytes: 100 }, 1);
        post.send([(LinkId(0), payload(1))]);
        assert_eq!(post.depth(LinkId(0)), Depth { open: false, bytes: 0, dropped: 1 });
        assert!(post.news().filled.is_empty());
    }
}
