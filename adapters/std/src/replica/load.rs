//! How much of one peer's input is under way, so that a flood of one starves nobody else.

use crate::net::{Bounds, LinkId, Post};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The longest that a peer waits at a time.
const LONGEST: Duration = Duration::from_secs(10);

/// What a peer may have under way between its socket and the end of its last step. At the bound
/// its socket is not read: TCP makes the peer wait, while all others go on.
#[derive(Debug)]
pub(crate) struct Load {
    link: LinkId,
    bounds: Bounds,
    post: Arc<Post>,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    count: usize,
    bytes: usize,
    /// Until when nothing of the peer is read: it has used up what it may cost.
    paused: Option<Instant>,
    /// Whether the network thread waits to be told that there is room.
    waited_for: bool,
}

impl Load {
    pub(crate) fn new(link: LinkId, bounds: Bounds, post: Arc<Post>) -> Arc<Self> {
        Arc::new(Self { link, bounds, post, held: Mutex::default() })
    }

    /// Whether one more message may come. If not, [`Post::resume`] tells when it may.
    pub(crate) fn has_room(&self) -> bool {
        let mut held = self.held();
        held.waited_for = self.is_full(&held);
        !held.waited_for
    }

    /// Lets the peer wait so long, at least: its socket is not read. Says whether it did not wait
    /// before.
    pub(crate) fn pause(&self, span: Duration) -> bool {
        let (now, mut held) = (Instant::now(), self.held());
        let until = now.checked_add(span.min(LONGEST));
        let new = held.paused.is_none_or(|paused| paused <= now);
        held.paused = held.paused.max(until);
        new
    }

    /// When the peer's socket is read again, if it waits.
    pub(crate) fn paused(&self) -> Option<Instant> {
        let mut held = self.held();
        held.paused = held.paused.filter(|until| *until > Instant::now());
        held.paused
    }

    /// A ticket for a message of so many bytes. It is dropped when the message is dealt with.
    pub(crate) fn ticket(self: &Arc<Self>, bytes: usize) -> Ticket {
        let mut held = self.held();
        held.count += 1;
        held.bytes += bytes;
        Ticket { load: Arc::clone(self), bytes }
    }

    fn is_full(&self, held: &Held) -> bool {
        held.count >= self.bounds.frames || held.bytes >= self.bounds.bytes
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One message under way.
#[derive(Debug)]
pub(crate) struct Ticket {
    load: Arc<Load>,
    bytes: usize,
}

impl Ticket {
    /// Lets the peer whose message it is wait, see [`Load::pause`].
    pub(crate) fn pause(&self, span: Duration) -> bool {
        self.load.pause(span)
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let mut held = self.load.held();
        held.count -= 1;
        held.bytes -= self.bytes;
        if held.waited_for && !self.load.is_full(&held) {
            held.waited_for = false;
            drop(held);
            self.load.post.resume(self.load.link);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_load_has_room_again_when_a_ticket_is_dropped() {
        let (_poll, waker) = crate::net::poll().expect("a poll");
        let bounds = Bounds { frames: 2, bytes: 100 };
        let post = Arc::new(Post::new(waker, [bounds].into_iter()));
        let load = Load::new(LinkId(0), bounds, Arc::clone(&post));
        let first = load.ticket(10);
        assert!(load.has_room());
        let second = load.ticket(10);
        assert!(!load.has_room());
        assert!(post.news().resumed.is_empty());
        drop(first);
        assert_eq!(post.news().resumed, [LinkId(0)]);
        assert!(load.has_room());
        drop(second);
        assert!(post.news().resumed.is_empty(), "nobody waited");
        let _large = load.ticket(1000);
        assert!(!load.has_room(), "one large message fills the bytes");
    }
}
