//! How the delays of messages are spread between the shortest and the longest.

use crate::random::Random;

/// A distribution of delays. All of them stay within the two ends that they are given, and are
/// computed with whole numbers, so that a seed means the same on every machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tail {
    /// Every delay is as likely as every other one.
    #[default]
    Uniform,
    /// Most are short and few are long, as behind a queue: half as many with each sixteenth of
    /// the way up.
    Exponential,
    /// Most are very short, and long ones are rare but not as rare as they should be, as on
    /// links that are shared: twice as long, half as many.
    Heavy,
}

/// The part of the way from the shortest to the longest in which half of the exponential ones
/// lie, and where the heavy ones begin to fall off.
const HALF: u64 = 16;
/// The same for the heavy ones.
const FOOT: u64 = 256;

impl Tail {
    /// What transcripts call it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Uniform => "uniform",
            Self::Exponential => "exponential",
            Self::Heavy => "heavy-tailed",
        }
    }

    /// A delay from `low` to `high`, both included; `low` if `high` is below it.
    pub fn draw(self, random: &mut Random, low: u64, high: u64) -> u64 {
        let width = high.saturating_sub(low);
        let above = match self {
            Self::Uniform => return random.between(low, high),
            Self::Exponential => {
                // So many halvings, and a part of the next one.
                let halvings = u64::from(random.bits().leading_zeros());
                let half = width / HALF;
                halvings * half + random.below(half.saturating_add(1))
            }
            Self::Heavy => {
                // The inverse of a fraction is twice as large half as often.
                let fraction = random.bits() >> 32 | 1;
                let foot = (width / FOOT).max(1);
                (u128::from(foot) << 32).div_euclid(u128::from(fraction)) as u64 - foot
            }
        };
        low + above.min(width)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many of ten thousand delays from 1,000 to 257,000 are at least so long.
    fn beyond(tail: Tail, limits: [u64; 4]) -> [usize; 4] {
        let mut random = Random::new(5);
        let drawn: Vec<u64> = (0..10_000).map(|_| tail.draw(&mut random, 1_000, 257_000)).collect();
        assert!(drawn.iter().all(|delay| (1_000..=257_000).contains(delay)));
        limits.map(|limit| drawn.iter().filter(|delay| **delay >= limit).count())
    }

    #[test]
    fn delays_are_spread_as_the_name_says() {
        let limits = [2_000, 17_000, 129_000, 257_000];
        let [_, short, half, longest] = beyond(Tail::Uniform, limits);
        assert!((9_200..9_500).contains(&short) && (4_800..5_200).contains(&half), "{half}");
        assert!(longest < 10);
        let [_, short, half, longest] = beyond(Tail::Exponential, limits);
        assert!((4_800..5_200).contains(&short), "{short}");
        assert!((15..80).contains(&half) && longest < 10, "{half} {longest}");
        let [foot, short, half, longest] = beyond(Tail::Heavy, limits);
        assert!((4_800..5_200).contains(&foot), "{foot}");
        assert!((500..750).contains(&short) && (50..110).contains(&half), "{short} {half}");
        assert!((20..70).contains(&longest), "{longest}");
    }

    #[test]
    fn one_possible_delay_is_drawn_by_all() {
        for tail in [Tail::Uniform, Tail::Exponential, Tail::Heavy] {
            let mut random = Random::new(1);
            assert_eq!((0..100).map(|_| tail.draw(&mut random, 7, 7)).max(), Some(7));
            assert_eq!(tail.draw(&mut random, 7, 3), 7);
        }
    }
}
