//! When a line of a script happens, and how long an expectation waits.

use super::words::{Words, Wrong};
use core::time::Duration;
use quorate::Instant;

/// When a line happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    Next,
    At(Instant),
    After(Duration),
}

impl When {
    /// That no time is named before an expectation which is looked at in the end.
    pub(super) fn demand_next(self) -> Result<(), Wrong> {
        match self {
            Self::Next => Ok(()),
            _ => Err("it is looked at in the end: write `by` and a time behind it".to_owned()),
        }
    }

    /// Reads `at 2s` or `after 100ms`; neither: when the line before it has happened.
    pub(super) fn read(words: &mut Words) -> Result<Self, Wrong> {
        let when = Self::one_of(words, "at", "after")?;
        words.take(",");
        Ok(when)
    }

    /// Reads `by 5s` or `within 3s`; neither: at once.
    pub(super) fn read_end(words: &mut Words) -> Result<Self, Wrong> {
        Self::one_of(words, "by", "within")
    }

    /// Reads `by 5s` where all is looked at in the end, and `within` has nothing to begin with.
    pub(super) fn read_by(words: &mut Words) -> Result<Self, Wrong> {
        if words.peek() == Some("within") {
            return Err(words.instead("`by` and a time of day"));
        }
        Self::read_end(words)
    }

    fn one_of(words: &mut Words, at: &str, after: &str) -> Result<Self, Wrong> {
        if words.take(at) {
            return Ok(Self::At(Instant::ZERO.after(words.time()?)));
        }
        Ok(if words.take(after) { Self::After(words.time()?) } else { Self::Next })
    }

    /// The time that is meant, if it is now this; one that is past already is refused.
    pub(super) fn reach(self, now: Instant) -> Result<Instant, Wrong> {
        let at = self.from(now);
        if at < now {
            let seconds = now.as_micros() as f64 / 1e6;
            return Err(format!("it is {seconds} s already: take a later time, or `after`"));
        }
        Ok(at)
    }

    /// The time that is meant, if it is now this.
    pub(super) const fn from(self, now: Instant) -> Instant {
        match self {
            Self::Next => now,
            Self::After(time) => now.after(time),
            Self::At(at) => at,
        }
    }
}
