//! How many messages that lead to nothing are borne of each replica.

use quorate::{Instant, NodeId};
use std::time::Duration;

/// What is borne of one replica at once.
const AT_ONCE: i64 = 4096;
/// The time in which one more is.
const EACH: Duration = Duration::from_micros(500);
/// What is borne for each batch that was executed: late votes of a replica that is slower than
/// the others are nobody's wrong.
const A_BATCH: i64 = 4;

/// What an answer to a STATUS may hold: what one replica says again at 128 sequences, and more.
const AN_ANSWER: i64 = 640;

/// Counts the votes that were cast before, those out of the window and the questions of each
/// replica. A correct one sends what this bears many times over; one that sends more waits, its
/// socket unread, until time has borne it.
#[derive(Debug)]
pub(crate) struct Patience {
    left: Vec<i64>,
    since: Instant,
    executed: u64,
}

impl Patience {
    pub(crate) fn new(nodes: usize) -> Self {
        Self { left: vec![AT_ONCE; nodes], since: Instant::ZERO, executed: 0 }
    }

    /// This replica asked all others to say again what it may lack: their answers are borne,
    /// also if it had all of it.
    pub(crate) fn asked(&mut self) {
        for left in &mut self.left {
            *left = left.saturating_add(AN_ANSWER).min(AT_ONCE);
        }
    }

    /// A message of this replica led to nothing. How long it is to wait, if it is.
    pub(crate) fn spend(&mut self, from: NodeId, now: Instant, executed: u64) -> Option<Duration> {
        let periods = now.since(self.since).as_micros() / EACH.as_micros();
        let periods = i64::try_from(periods).unwrap_or(i64::MAX);
        let batches = i64::try_from(executed.saturating_sub(self.executed)).unwrap_or(i64::MAX);
        let borne = periods.saturating_add(batches.saturating_mul(A_BATCH));
        if borne > 0 {
            for left in &mut self.left {
                *left = left.saturating_add(borne).min(AT_ONCE);
            }
            self.executed = executed;
            if periods > 0 {
                self.since = now;
            }
        }
        let left = self.left.get_mut(from.index())?;
        *left -= 1;
        let owed = u32::try_from(-*left).ok().filter(|owed| *owed > 0)?;
        Some(EACH.saturating_mul(owed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FLOODER: NodeId = NodeId(3);

    #[test]
    fn a_flood_waits_and_what_a_correct_replica_sends_does_not() {
        let mut patience = Patience::new(4);
        let mut paused = Duration::ZERO;
        for at in 0..20_000u64 {
            let now = Instant::from_micros(at * 100);
            if let Some(wait) = patience.spend(FLOODER, now, 0) {
                assert!(wait >= paused || wait > Duration::ZERO);
                paused = wait;
            }
            // One late vote each millisecond, twice what a status interval brings.
            if at.is_multiple_of(10) {
                assert_eq!(patience.spend(NodeId(1), now, 0), None);
            }
        }
        assert!(paused > Duration::from_secs(5), "what it sent beyond 2,000 a second: {paused:?}");
        // A replica that is stuck asks each 50 ms, and is told the same each time.
        for ask in 1..400 {
            let now = Instant::from_micros(2_000_000 + ask * 50_000);
            patience.asked();
            for _ in 0..512 {
                assert_eq!(patience.spend(NodeId(0), now, 0), None, "asked {ask} times");
            }
        }
        // Two late votes a batch, however fast batches are.
        for batch in 1..100_000 {
            let now = Instant::from_micros(30_000_000 + batch);
            assert_eq!(patience.spend(NodeId(2), now, batch), None);
            assert_eq!(patience.spend(NodeId(2), now, batch), None);
        }
    }
}
