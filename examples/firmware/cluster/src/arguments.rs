//! What a board is told when it is started: one image, and as many boards as you like.

use core::fmt;
use core::str::FromStr;
use quorate::{NodeId, Principal};
use quorate_embedded::Origin;

/// The arguments of a board: `ID RUN START [lies]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arguments {
    /// Which board it is.
    pub me: NodeId,
    /// The run of the cluster.
    pub run: u64,
    /// How often this board was started in it: 1 is the first time.
    pub start: u32,
    /// Whether it is a traitor.
    pub lies: bool,
}

impl Arguments {
    /// How the board begins if its flash is empty. One that ran before has lost its votes with it:
    /// it must not vote as if it had never done, or it votes twice.
    #[must_use]
    pub fn origin(&self) -> Origin {
        if self.start <= 1 {
            return Origin::New;
        }
        let [a, b, c, d, e, f, g, h, ..] =
            crate::nonce(Principal::Node(self.me), self.run, self.start);
        Origin::Lost { nonce: u64::from_le_bytes([a, b, c, d, e, f, g, h]) }
    }
}

impl fmt::Display for Arguments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { me, run, start, lies } = self;
        write!(f, "{} {run} {start}{}", me.0, if *lies { " lies" } else { "" })
    }
}

impl FromStr for Arguments {
    type Err = &'static str;

    fn from_str(line: &str) -> Result<Self, Self::Err> {
        let mut words = line.split_ascii_whitespace();
        let wrong = "a board is told ID RUN START [lies], three numbers";
        let [id, run, start] =
            [words.next(), words.next(), words.next()].map(Option::unwrap_or_default);
        let me = NodeId(id.parse().map_err(|_| wrong)?);
        let run = run.parse().map_err(|_| wrong)?;
        let start = start.parse().map_err(|_| wrong)?;
        let lies = match words.next() {
            None => false,
            Some("lies") => true,
            Some(_) => return Err("a board lies, or is told nothing more"),
        };
        match words.next() {
            None => Ok(Self { me, run, start, lies }),
            Some(_) => Err("a board is told four things at most"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_board_is_told_is_what_it_reads() {
        for lies in [false, true] {
            let told = Arguments { me: NodeId(3), run: 1 << 40, start: 7, lies };
            assert_eq!(told.to_string().parse(), Ok(told));
        }
    }

    #[test]
    fn only_the_first_start_is_that_of_a_new_board() {
        let told = |run, start| Arguments { me: NodeId(3), run, start, lies: false }.origin();
        assert_eq!(told(7, 1), Origin::New);
        let mut nonces = Vec::new();
        for (run, start) in [(7, 2), (7, 3), (8, 2), (7, u32::MAX)] {
            let Origin::Lost { nonce } = told(run, start) else {
                panic!("start {start} of run {run} with an empty flash is {:?}", told(run, start))
            };
            assert!(!nonces.contains(&nonce), "{run} {start}");
            nonces.push(nonce);
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for line in ["", "1", "1 2", "1 2 x", "256 2 3", "1 2 3 lie", "1 2 3 lies too"] {
            assert!(line.parse::<Arguments>().is_err(), "{line:?}");
        }
    }
}
