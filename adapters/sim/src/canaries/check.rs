//! What may find a planted bug.

use std::fmt;

/// A check that an ordinary build passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// Tests of the core.
    Tests {
        /// Their target, one of [`Check::TARGETS`].
        target: &'static str,
        /// What their names contain.
        filter: &'static str,
    },
    /// The scenarios that are told as text.
    Scripts,
    /// Random runs of a protocol, with or without traitors.
    Seeds {
        /// Its name on the command line.
        protocol: &'static str,
        /// Whether some of the replicas lie.
        traitors: bool,
    },
}

impl Check {
    /// The test targets of the core; the empty one is its library.
    pub const TARGETS: [&'static str; 12] = [
        "",
        "codec",
        "cost",
        "ed25519_profile",
        "evidence",
        "generals",
        "links",
        "lockstep",
        "pbft",
        "sizes",
        "statements",
        "wire_generals",
    ];

    /// How many seeds a check by random runs plays.
    pub const SEEDS: u32 = 300;

    /// Everything there is, the quickest first.
    pub fn all() -> impl Iterator<Item = Self> {
        let tests = Self::TARGETS.into_iter().map(|target| Self::Tests { target, filter: "" });
        let pbft = [false, true].map(|traitors| Self::Seeds { protocol: "pbft", traitors });
        let rounds = ["sm", "om", "king", "lockstep"];
        let rounds = rounds.map(|protocol| Self::Seeds { protocol, traitors: true });
        tests.chain([Self::Scripts]).chain(pbft).chain(rounds)
    }

    /// This one, then the rest of what is built with it, then all others.
    pub fn before_all_others(self) -> impl Iterator<Item = Self> {
        let whole = match self {
            Self::Tests { target, .. } => Self::Tests { target, filter: "" },
            _ => self,
        };
        let rest = (whole != self).then_some(whole);
        [self].into_iter().chain(rest).chain(Self::all().filter(move |other| *other != whole))
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Tests { target: "", .. } => f.write_str("unit tests of the core"),
            Self::Tests { target, .. } => write!(f, "core/tests/{target}"),
            Self::Scripts => f.write_str("scripts"),
            Self::Seeds { protocol, traitors } => {
                let with = if traitors { " with traitors" } else { "" };
                write!(f, "random runs of {protocol}{with}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_should_find_a_bug_is_tried_first_and_everything_once() {
        let whole = Check::Tests { target: "pbft", filter: "" };
        let part = Check::Tests { target: "pbft", filter: "choice" };
        let tried: Vec<_> = part.before_all_others().collect();
        assert_eq!(tried[..2], [part, whole]);
        assert_eq!(tried.len(), Check::all().count() + 1);
        assert!(Check::all().all(|check| tried.iter().filter(|it| **it == check).count() == 1));
        for first in [whole, Check::Scripts, Check::Seeds { protocol: "king", traitors: true }] {
            let tried: Vec<_> = first.before_all_others().collect();
            assert_eq!((tried[0], tried.len()), (first, Check::all().count()));
        }
    }
}
