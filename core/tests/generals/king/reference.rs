//! The phase king as the paper has it, one processor at a time: maps and vectors, no cleverness,
//! and nothing of the library in it.

use std::collections::BTreeMap;

/// A value of V. "No order" is a value; `Two` is the third symbol, larger than all values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Said {
    Order(u8),
    Nothing,
    Two,
}

/// What a processor received in a round, by sender; its own message is among it.
pub type Received = BTreeMap<u8, Said>;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Processor {
    n: usize,
    t: usize,
    pub v: Said,
    d_of_v: usize,
}

impl Processor {
    pub fn new(n: usize, t: usize) -> Self {
        Self { n, t, v: Said::Nothing, d_of_v: 0 }
    }

    /// Every value of V that anybody sent, and how often, from the largest to the smallest.
    fn counts(received: &Received) -> Vec<(Said, usize)> {
        let mut counts = BTreeMap::new();
        for said in received.values() {
            *counts.entry(*said).or_insert(0) += 1;
        }
        counts.into_iter().rev().collect()
    }

    /// What the commander said is the value to begin with.
    pub fn begin(&mut self, received: &Received) {
        self.v = received.values().next().copied().unwrap_or(Said::Nothing);
    }

    /// "V := 2; for k := 0 to 1 do C(k) := the number of received k's; if C(k) >= n - t then
    /// V := k."
    pub fn universal_exchange_1(&mut self, received: &Received) {
        self.v = Said::Two;
        for (k, count) in Self::counts(received) {
            if k != Said::Two && count >= self.n - self.t {
                self.v = k;
            }
        }
    }

    /// "For k := 2 downto 0 do D(k) := the number of received k's; if D(k) > t then V := k."
    pub fn universal_exchange_2(&mut self, received: &Received) {
        let counts = Self::counts(received);
        for (k, count) in &counts {
            if *count > self.t {
                self.v = *k;
            }
        }
        let same = counts.iter().find(|(k, _)| *k == self.v);
        self.d_of_v = same.map_or(0, |(_, count)| *count);
    }

    /// "If V = 2 or D(V) < n - t then V := min(1, the king's message)."
    pub fn kings_broadcast(&mut self, king: u8, received: &Received) {
        if self.v == Said::Two || self.d_of_v < self.n - self.t {
            self.v = match received.get(&king) {
                None | Some(Said::Two) => Said::Nothing,
                Some(value) => *value,
            };
        }
        self.d_of_v = 0;
    }

    pub fn decision(&self) -> Option<u8> {
        match self.v {
            Said::Order(order) => Some(order),
            Said::Nothing | Said::Two => None,
        }
    }

    /// Does what round `round` asks for: round 1 is the commander's, the others come in threes.
    pub fn round(&mut self, round: u8, received: &Received) {
        let (phase, step) = ((round + 1) / 3, (round + 1) % 3);
        match (phase, step) {
            (0, _) => self.begin(received),
            (_, 0) => self.universal_exchange_1(received),
            (_, 1) => self.universal_exchange_2(received),
            (_, _) => self.kings_broadcast(phase - 1, received),
        }
    }

    /// Whether processor `id` sends in a round.
    pub fn sends(round: u8, id: u8, commander: u8) -> bool {
        let (phase, step) = ((round + 1) / 3, (round + 1) % 3);
        match (phase, step) {
            (0, _) => id == commander,
            (_, 0 | 1) => true,
            (_, _) => id == phase - 1,
        }
    }

    /// Whether a correct processor can send this value in a round.
    pub fn can_say(round: u8, said: Said) -> bool {
        match (round, (round + 1) % 3) {
            (1, _) => matches!(said, Said::Order(_)),
            (_, 1) => true,
            _ => said != Said::Two,
        }
    }
}
