//! Frames that are lost on purpose.

use quorate::Principal;
use std::collections::BTreeMap;

/// Takes so many of a hundred frames away. For each pair of members it is drawn anew from the
/// seed, so that what happens to a pair's frames does not hang on who else spoke in between.
#[derive(Debug)]
pub(crate) struct Loss {
    percent: f64,
    seed: u64,
    pairs: BTreeMap<(Principal, Principal), fastrand::Rng>,
}

impl Loss {
    pub(crate) const fn new(percent: f64, seed: u64) -> Self {
        Self { percent, seed, pairs: BTreeMap::new() }
    }

    /// Whether the next frame of a pair is lost.
    pub(crate) fn takes(&mut self, to: Principal, from: Principal) -> bool {
        let drawn = self.pairs.entry((to, from)).or_insert_with(|| {
            let [a, b, c] = to.to_bytes();
            let [d, e, f] = from.to_bytes();
            let pair = u64::from_le_bytes([a, b, c, d, e, f, 0, 0]);
            fastrand::Rng::with_seed(self.seed ^ pair.wrapping_mul(0x9E37_79B9_7F4A_7C15))
        });
        drawn.f64() * 100.0 < self.percent
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quorate::NodeId;

    fn lost(loss: &mut Loss, to: u8, from: u8, frames: usize) -> Vec<bool> {
        let [to, from] = [to, from].map(|id| Principal::Node(NodeId(id)));
        (0..frames).map(|_| loss.takes(to, from)).collect()
    }

    #[test]
    fn about_as_many_are_lost_as_was_said() {
        for (percent, least, most) in [(0.0, 0, 0), (5.0, 400, 600), (100.0, 10_000, 10_000)] {
            let lost = lost(&mut Loss::new(percent, 1), 0, 1, 10_000);
            let lost = lost.iter().filter(|lost| **lost).count();
            assert!((least..=most).contains(&lost), "{lost} of 10,000 at {percent} %");
        }
    }

    #[test]
    fn a_seed_and_a_pair_say_which_whatever_happens_between() {
        let alone = lost(&mut Loss::new(30.0, 7), 0, 1, 100);
        let mut loss = Loss::new(30.0, 7);
        let mut between = Vec::new();
        for _ in 0..100 {
            lost(&mut loss, 1, 0, 3);
            between.extend(lost(&mut loss, 0, 1, 1));
        }
        assert_eq!(between, alone);
        assert_ne!(lost(&mut Loss::new(30.0, 8), 0, 1, 100), alone);
        assert_ne!(lost(&mut Loss::new(30.0, 7), 0, 2, 100), alone);
    }
}
