//! All scenarios, those that are alike counted once, in an order that a seed chooses.

use super::scenario::{NODES, ROUNDS, Scenario, Setting};

/// Scenarios with so many twins. Two are alike if one comes of the other by renaming replicas, the
/// twinned ones among themselves, or by exchanging a replica and its twin; the one with the lowest
/// number stands for all.
#[derive(Clone, Debug)]
pub struct Enumeration {
    twins: usize,
    /// What each renaming makes of each setting, by its number.
    renamings: Vec<Vec<u64>>,
}

impl Enumeration {
    /// The scenarios with one twin, or two.
    ///
    /// # Panics
    /// Another number of twins.
    #[must_use]
    pub fn new(twins: usize) -> Self {
        assert!((1..=2).contains(&twins), "one twin or two");
        let mut renamings = Vec::new();
        for nodes in permutations(NODES) {
            if !nodes[..twins].iter().all(|node| *node < twins) {
                continue;
            }
            for exchanged in 0..1 << twins {
                let instances = renamed(&nodes, twins, exchanged);
                let setting = |number| Setting::of(twins, number);
                let renamed = |number| rename(setting(number), &nodes, &instances).number(twins);
                renamings.push((0..Setting::count(twins)).map(renamed).collect());
            }
        }
        Self { twins, renamings }
    }

    /// How many different scenarios there are: by Burnside's lemma the mean number of those that a
    /// renaming leaves as they are.
    #[must_use]
    pub fn different(&self) -> u64 {
        let fixed = self.renamings.iter().map(|renaming| {
            let same = (0u64..).zip(renaming).filter(|(number, renamed)| number == *renamed);
            (same.count() as u64).pow(ROUNDS as u32)
        });
        fixed.sum::<u64>() / self.renamings.len() as u64
    }

    /// Whether a scenario stands for those that are alike.
    #[must_use]
    pub fn is_first(&self, scenario: &Scenario) -> bool {
        let numbers = scenario.rounds.map(|round| round.number(self.twins));
        let renamed = |renaming: &Vec<u64>| numbers.map(|number| renaming[number as usize]);
        self.renamings.iter().all(|renaming| renamed(renaming) >= numbers)
    }

    /// Every different scenario once, in the order of a seed.
    pub fn iter(&self, seed: u64) -> impl Iterator<Item = Scenario> + '_ {
        let bits = Scenario::count(self.twins).trailing_zeros();
        let numbers = (0..Scenario::count(self.twins)).map(move |at| stirred(at, bits, seed));
        let all = numbers.filter_map(|number| Scenario::of(self.twins, number));
        all.filter(|scenario| self.is_first(scenario))
    }
}

/// A permutation of the numbers below 2^bits that looks random: each step can be undone.
fn stirred(number: u64, bits: u32, seed: u64) -> u64 {
    let mask = (1 << bits) - 1;
    let mut key = seed;
    let mut number = number;
    for _ in 0..4 {
        key = key.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        number = number.wrapping_add(key >> 20) & mask;
        number = number.wrapping_mul((key >> 8) | 1) & mask;
        number ^= number >> (bits / 2);
    }
    number
}

/// All permutations of so many things.
fn permutations(things: usize) -> Vec<Vec<usize>> {
    let mut all = vec![vec![]];
    for thing in 0..things {
        let longer = |order: &Vec<usize>| {
            let order = order.clone();
            (0..=order.len()).map(move |at| {
                let mut order = order.clone();
                order.insert(at, thing);
                order
            })
        };
        all = all.iter().flat_map(longer).collect();
    }
    all
}

/// What becomes of each instance if replicas are renamed, and some twinned ones, by the bits of
/// `exchanged`, are exchanged with their twins.
fn renamed(nodes: &[usize], twins: usize, exchanged: usize) -> Vec<usize> {
    let originals = (0..NODES).map(|node| {
        let moved = node < twins && exchanged & 1 << node != 0;
        nodes[node] + if moved { NODES } else { 0 }
    });
    let copies = (0..twins).map(|node| {
        let moved = exchanged & 1 << node != 0;
        nodes[node] + if moved { 0 } else { NODES }
    });
    originals.chain(copies).collect()
}

/// A setting under other names.
fn rename(setting: Setting, nodes: &[usize], instances: &[usize]) -> Setting {
    let home = (0..instances.len()).find(|instance| instances[*instance] == 0);
    let home = setting.is_here(home.expect("a permutation"));
    let there = (0..instances.len()).filter(|instance| setting.is_here(*instance) != home);
    let sides = there.fold(0, |sides, instance| sides | 1 << (instances[instance] - 1));
    Setting { leader: nodes[usize::from(setting.leader)] as u8, sides }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn as_many_scenarios_are_different_as_the_chapter_says() {
        let one = Enumeration::new(1);
        assert_eq!((one.renamings.len(), one.different()), (12, 1_502_936));
        let two = Enumeration::new(2);
        assert_eq!(two.renamings.len(), 16);
        assert_eq!(two.different(), 19_026_432);
    }

    #[test]
    fn renamings_are_permutations_and_what_stands_for_a_class_is_in_it() {
        for twins in [1, 2] {
            let all = Enumeration::new(twins);
            for renaming in &all.renamings {
                assert_eq!(renaming.iter().collect::<BTreeSet<_>>().len(), renaming.len());
            }
            // Of two rounds all classes, by brute force: the first of each is the only first.
            let count = Setting::count(twins);
            let pairs = (0..count).flat_map(|one| (0..count).map(move |two| [one, two]));
            let renamed = |pair: [u64; 2], r: &Vec<u64>| pair.map(|number| r[number as usize]);
            let class = |pair| all.renamings.iter().map(|r| renamed(pair, r)).min().unwrap();
            let classes: BTreeSet<[u64; 2]> = pairs.clone().map(class).collect();
            let firsts = pairs.filter(|pair| class(*pair) == *pair).count();
            assert_eq!(firsts, classes.len());
            let fixed = |r: &Vec<u64>| (0..count).filter(|n| r[*n as usize] == *n).count().pow(2);
            let sum: usize = all.renamings.iter().map(fixed).sum();
            assert_eq!(sum / all.renamings.len(), classes.len(), "Burnside");
        }
    }

    #[test]
    fn every_number_comes_once_in_the_order_of_any_seed() {
        for seed in [0, 1, u64::MAX] {
            let all: BTreeSet<u64> = (0..1 << 14).map(|at| stirred(at, 14, seed)).collect();
            assert_eq!(all.len(), 1 << 14);
        }
        let few = |seed| Enumeration::new(1).iter(seed).take(50).collect::<Vec<_>>();
        assert_eq!(few(1), few(1));
        assert_ne!(few(1), few(2));
    }

    #[test]
    fn scenarios_under_other_names_are_alike() {
        let all = Enumeration::new(1);
        // One replica with r0 or with its twin, the two others with the other of these.
        let sides = [0b1110, 0b1101, 0b1011, 0b1001, 0b1010, 0b1100];
        let scenario = |sides| Scenario { twins: 1, rounds: [Setting { leader: 0, sides }; 4] };
        let firsts = sides.map(scenario).into_iter().filter(|scenario| all.is_first(scenario));
        assert_eq!(firsts.collect::<Vec<_>>(), [scenario(0b1001)]);
    }
}
