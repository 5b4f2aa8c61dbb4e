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
    /// Random runs of PBFT clusters, with or without traitors.
    Seeds {
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
        let seeds = [false, true].map(|traitors| Self::Seeds { traitors });
        tests.chain([Self::Scripts]).chain(seeds)
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Tests { target: "", .. } => f.write_str("unit tests of the core"),
            Self::Tests { target, .. } => write!(f, "core/tests/{target}"),
            Self::Scripts => f.write_str("scripts"),
            Self::Seeds { traitors: false } => f.write_str("random clusters"),
            Self::Seeds { traitors: true } => f.write_str("random clusters with traitors"),
        }
    }
}
