//! What lies between the machines whatever the weather: distances, narrow lanes, echoes.

use crate::matrix::Matrix;
use crate::tail::Tail;
use core::time::Duration;
use quorate::{Instant, Principal};
use std::collections::BTreeMap;

/// What each link adds to the weather. The default adds nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Terrain {
    /// How the delays of the weather are spread.
    pub tail: Tail,
    /// Messages that arrive once more, long after.
    pub echoes: Echoes,
    /// How much fits through a link.
    pub lanes: Lanes,
    /// Bytes a second of all that one machine sends, over all its links, one message after
    /// another; 0: any number.
    pub uplink: u64,
    /// How much longer each link is, one way; one that is not named is as the weather says.
    pub distances: BTreeMap<(Principal, Principal), Duration>,
}

/// Replays: what was delivered is delivered again, also views later.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Echoes {
    /// How many of a thousand messages arrive once more.
    pub permille: u32,
    /// How much later at most.
    pub within: Duration,
}

/// How much fits through each link, one way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lanes {
    /// Bytes a second; 0: all that comes.
    pub bandwidth: u64,
    /// How long a message waits for those before it and for itself to be sent; one that would
    /// have to wait longer is lost.
    pub queue: Duration,
}

impl Lanes {
    /// Has a message of so many bytes wait for another such one, if it must.
    pub(crate) fn fit(&mut self, longest: usize) {
        self.queue = self.queue.max(self.sending(2 * longest));
    }

    /// How long it takes to send so many bytes.
    #[must_use]
    pub fn sending(&self, bytes: usize) -> Duration {
        sending(bytes, self.bandwidth)
    }
}

/// How long so many bytes take at so many a second.
fn sending(bytes: usize, bandwidth: u64) -> Duration {
    let micros = (bytes as u64).saturating_mul(1_000_000).checked_div(bandwidth);
    Duration::from_micros(micros.unwrap_or_default())
}

impl Terrain {
    /// How much longer the link from one to another is.
    #[must_use]
    pub fn distance(&self, from: Principal, to: Principal) -> Duration {
        self.distances.get(&(from, to)).copied().unwrap_or_default()
    }

    /// The longest that any message takes beyond what the weather says.
    #[must_use]
    pub fn longest(&self) -> Duration {
        let farthest = self.distances.values().max().copied().unwrap_or_default();
        let queued = if self.lanes.bandwidth == 0 { Duration::ZERO } else { self.lanes.queue };
        farthest + queued
    }

    /// Puts everybody somewhere on a map: half of the round trip is one way.
    pub fn settle(&mut self, matrix: &Matrix, places: &[(Principal, usize)]) {
        for (from, here) in places {
            for (to, there) in places.iter().filter(|(to, _)| to != from) {
                self.distances.insert((*from, *to), matrix.round_trip(*here, *there) / 2);
            }
        }
    }
}

/// Until when each link is busy with what was sent over it.
#[derive(Clone, Debug, Default)]
pub struct Traces {
    busy: BTreeMap<(Principal, Principal), Instant>,
    latest: BTreeMap<(Principal, Principal), Instant>,
    uplinks: BTreeMap<Principal, Instant>,
}

impl Traces {
    /// No link was used.
    #[must_use]
    pub const fn new() -> Self {
        Self { busy: BTreeMap::new(), latest: BTreeMap::new(), uplinks: BTreeMap::new() }
    }

    /// When the last byte of a message that is handed over now has left its sender.
    pub fn leave(&mut self, uplink: u64, now: Instant, from: Principal, bytes: usize) -> Instant {
        if uplink == 0 {
            return now;
        }
        let busy = self.uplinks.entry(from).or_default();
        *busy = now.max(*busy).after(sending(bytes, uplink));
        *busy
    }

    /// When a message that is handed over now has been sent; `None`: the queue is full.
    pub fn send(
        &mut self,
        lanes: &Lanes,
        now: Instant,
        link: (Principal, Principal),
        bytes: usize,
    ) -> Option<Instant> {
        if lanes.bandwidth == 0 {
            return Some(now);
        }
        let busy = self.busy.entry(link).or_insert(now);
        let sent = now.max(*busy).after(lanes.sending(bytes));
        if sent.since(now) > lanes.queue {
            return None;
        }
        *busy = sent;
        Some(sent)
    }

    /// A message will arrive at this time. Says whether it overtakes one that was sent before.
    pub fn overtakes(&mut self, link: (Principal, Principal), at: Instant) -> bool {
        let latest = self.latest.entry(link).or_insert(at);
        let overtakes = at < *latest;
        *latest = at.max(*latest);
        overtakes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate::NodeId;

    const LINK: (Principal, Principal) = (Principal::Node(NodeId(0)), Principal::Node(NodeId(1)));

    #[test]
    fn a_narrow_link_sends_one_after_the_other_and_loses_what_would_wait_too_long() {
        let lanes = Lanes { bandwidth: 100_000, queue: Duration::from_millis(35) };
        let mut traces = Traces::new();
        let mut send = |now, bytes| traces.send(&lanes, Instant::from_micros(now), LINK, bytes);
        let at = |micros| Some(Instant::from_micros(micros));
        assert_eq!(
            [send(0, 1000), send(0, 1000), send(0, 1000)],
            [at(10_000), at(20_000), at(30_000)]
        );
        assert_eq!((send(0, 1000), send(0, 500)), (None, at(35_000)));
        assert_eq!((send(50_000, 1000), send(50_000, 0)), (at(60_000), at(60_000)));
        let wide = Lanes::default();
        assert_eq!(traces.send(&wide, Instant::ZERO, LINK, 1 << 30), Some(Instant::ZERO));
    }

    #[test]
    fn what_arrives_before_something_older_overtakes_it() {
        let mut traces = Traces::new();
        let mut overtakes = |micros| traces.overtakes(LINK, Instant::from_micros(micros));
        assert_eq!([5, 9, 7, 9, 10].map(&mut overtakes), [false, false, true, false, false]);
    }

    #[test]
    fn an_uplink_sends_to_everybody_one_after_another() {
        let (a, b) = LINK;
        let at = Instant::from_micros;
        let mut traces = Traces::new();
        assert_eq!(traces.leave(0, at(5), a, 1 << 40), at(5));
        assert_eq!(traces.leave(1_000_000, at(5), a, 100), at(105));
        assert_eq!(traces.leave(1_000_000, at(5), a, 100), at(205));
        assert_eq!(traces.leave(1_000_000, at(5), b, 1), at(6), "each has its own");
        assert_eq!(traces.leave(1_000_000, at(1_000), a, 0), at(1_000));
    }
}
