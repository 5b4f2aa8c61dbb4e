//! What happens to a general and is no lie.

use crate::plain::{moment, percent};
use crate::random::Random;
use core::time::Duration;
use quorate::Instant;
use std::fmt;

/// Something that happens to a general and counts as treason: the rounds cannot tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mishap {
    /// So many of a thousand frames do not reach it.
    Deaf(u32),
    /// So many of a thousand of its frames are lost.
    Mute(u32),
    /// So many of a thousand of its frames take up to two rounds.
    Late(u32),
    /// Its clock is wrong by more than the skew.
    Clock,
    /// It stands still for a time: what comes meanwhile waits.
    Frozen(Instant, Instant),
    /// It loses its power.
    Crashed(Instant),
    /// Its host takes longer for a request than a slot does, from then on: only of a service.
    Slow(Instant),
}

impl Mishap {
    /// A word or two for it.
    pub(super) const fn mark(self) -> &'static str {
        match self {
            Self::Deaf(_) => "deaf",
            Self::Mute(_) => "mute",
            Self::Late(_) => "late",
            Self::Clock => "wrong clock",
            Self::Frozen(..) => "frozen",
            Self::Crashed(_) => "crashed",
            Self::Slow(_) => "slow",
        }
    }
}

impl fmt::Display for Mishap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Deaf(often) => write!(f, "{} of all frames do not reach it", percent(often)),
            Self::Mute(often) => write!(f, "{} of its frames are lost", percent(often)),
            Self::Late(often) => write!(f, "{} of its frames are late", percent(often)),
            Self::Clock => f.write_str("its clock is wrong by more than the skew"),
            Self::Frozen(from, until) => {
                write!(f, "it stands still from {} to {}", moment(from), moment(until))
            }
            Self::Crashed(at) => write!(f, "it loses its power at {}", moment(at)),
            Self::Slow(from) => {
                write!(f, "its host takes longer than a slot from {}", moment(from))
            }
        }
    }
}

/// Until when a general with these mishaps stands still, if it does now.
pub(super) fn frozen(mishaps: &[Mishap], now: Instant) -> Option<Instant> {
    mishaps.iter().find_map(|mishap| match *mishap {
        Mishap::Frozen(from, until) if from <= now && now < until => Some(until),
        _ => None,
    })
}

/// How late a frame of such a general is, with rounds of so many microseconds; `None`: it is lost.
pub(super) fn outbound(mishaps: &[Mishap], luck: &mut Random, round: u64) -> Option<Duration> {
    let (mut late, mut lost) = (Duration::ZERO, false);
    for mishap in mishaps {
        match *mishap {
            Mishap::Mute(often) => lost |= luck.chance(often),
            Mishap::Late(often) if luck.chance(often) => {
                late = Duration::from_micros(luck.below(2 * round));
            }
            _ => {}
        }
    }
    (!lost).then_some(late)
}

/// Whether such a general fails to hear a frame.
pub(super) fn is_deaf(mishaps: &[Mishap], luck: &mut Random) -> bool {
    let mut deaf = false;
    for mishap in mishaps {
        if let Mishap::Deaf(often) = *mishap {
            deaf |= luck.chance(often);
        }
    }
    deaf
}
