//! Queues that take turns: one for each peer, so that a peer that floods waits for itself.

use quorate::Principal;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Things that wait for a thread, in a queue for each peer and one for this process itself.
/// One is taken of each queue before a second of any. The queues of peers are bounded by
/// [tickets](super::load::Ticket), and this process waits for the answer to what it asks.
#[derive(Debug)]
pub(crate) struct Turns<T> {
    waiting: Mutex<Waiting<T>>,
    arrived: Condvar,
}

#[derive(Debug)]
struct Waiting<T> {
    queues: BTreeMap<Option<Principal>, VecDeque<T>>,
    /// Whose queues are not empty, each once, in the order of their turns.
    order: VecDeque<Option<Principal>>,
    closed: bool,
}

impl<T> Turns<T> {
    pub(crate) fn new() -> Self {
        let (queues, order) = (BTreeMap::new(), VecDeque::new());
        let waiting = Mutex::new(Waiting { queues, order, closed: false });
        Self { waiting, arrived: Condvar::new() }
    }

    /// Adds something of a peer, or of this process. Nothing is added once it is closed.
    pub(crate) fn push(&self, of: Option<Principal>, thing: T) {
        let mut waiting = self.lock();
        if waiting.closed {
            return;
        }
        let Waiting { queues, order, .. } = &mut *waiting;
        let queue = queues.entry(of).or_default();
        if queue.is_empty() {
            order.push_back(of);
        }
        queue.push_back(thing);
        drop(waiting);
        self.arrived.notify_one();
    }

    /// Waits for something, at most so long; then moves up to `count` things to `into`. Says
    /// whether there can ever be more.
    pub(crate) fn take(&self, count: usize, patience: Option<Duration>, into: &mut Vec<T>) -> bool {
        let until = patience.and_then(|patience| Instant::now().checked_add(patience));
        let mut waiting = self.lock();
        while !waiting.closed && waiting.order.is_empty() {
            let Some(until) = until else {
                waiting = self.arrived.wait(waiting).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            let woken = self.arrived.wait_timeout(waiting, left);
            waiting = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
        into.extend((0..count).map_while(|_| waiting.next()));
        !waiting.closed
    }

    /// Drops what waits, and lets nothing in any more.
    pub(crate) fn close(&self) {
        let mut waiting = self.lock();
        waiting.closed = true;
        waiting.order.clear();
        let dropped = std::mem::take(&mut waiting.queues);
        drop(waiting);
        drop(dropped);
        self.arrived.notify_all();
    }

    /// No foreign code runs under this lock, so nothing in it is ever half done.
    fn lock(&self) -> MutexGuard<'_, Waiting<T>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Waiting<T> {
    fn next(&mut self) -> Option<T> {
        let of = self.order.pop_front()?;
        let queue = self.queues.get_mut(&of)?;
        let thing = queue.pop_front();
        if !queue.is_empty() {
            self.order.push_back(of);
        }
        thing
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate::NodeId;

    #[test]
    fn a_flood_of_one_peer_waits_for_itself() {
        let turns = Turns::new();
        let push = |id, thing| turns.push(Some(Principal::Node(NodeId(id))), thing);
        (0..100).for_each(|at| push(3, at));
        push(1, 200);
        push(2, 201);
        push(1, 202);
        turns.push(None, 203);
        let mut taken = Vec::new();
        assert!(turns.take(7, None, &mut taken));
        assert_eq!(taken, [0, 200, 201, 203, 1, 202, 2]);
    }

    #[test]
    fn waiting_ends_with_patience_and_with_the_end() {
        let turns = Turns::<u8>::new();
        let mut taken = Vec::new();
        assert!(turns.take(1, Some(Duration::from_millis(1)), &mut taken));
        assert_eq!(taken, []);
        turns.push(None, 1);
        turns.close();
        turns.push(None, 2);
        assert!(!turns.take(1, None, &mut taken));
        assert_eq!(taken, []);
    }
}
