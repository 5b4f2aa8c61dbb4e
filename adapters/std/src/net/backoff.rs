//! When to try again: exponential backoff with jitter, and the randomness for it.

use std::time::Duration;

/// The first pause before a peer is dialled again.
const FIRST: Duration = Duration::from_millis(50);

/// The longest pause.
const LONGEST: Duration = Duration::from_secs(2);

/// A small generator (splitmix64) for jitter: nothing secret depends on it.
#[derive(Debug)]
pub(crate) struct Random(u64);

impl Random {
    /// Seeded with this number.
    pub(crate) const fn seeded(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

/// The pauses between the attempts to reach one peer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Backoff(Duration);

impl Backoff {
    /// As after a success.
    pub(crate) const fn new() -> Self {
        Self(FIRST)
    }

    /// The pause before the next attempt: half of the present one, and a random part of the
    /// other half, so that those who lost a peer together do not come back together. The one
    /// after it is twice as long, up to two seconds.
    pub(crate) fn pause(&mut self, random: &mut Random) -> Duration {
        let half = self.0 / 2;
        let jitter = random.next() % (half.as_micros() as u64).max(1);
        self.0 = (self.0 * 2).min(LONGEST);
        half + Duration::from_micros(jitter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest_and_never_vanish() {
        let mut random = Random::seeded(7);
        let mut backoff = Backoff::new();
        let mut expected = FIRST;
        for _ in 0..100 {
            let pause = backoff.pause(&mut random);
            assert!(pause >= expected / 2 && pause <= expected, "{pause:?} of {expected:?}");
            expected = (expected * 2).min(LONGEST);
        }
        assert_eq!(expected, LONGEST);
    }
}
