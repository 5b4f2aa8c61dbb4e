//! Random traitors over skewed clocks: missing, late, early, repeated, conflicting, forged, cut and
//! replayed chains, and rubbish.
//!
//! Every run is repeated by the reference, which is told what the traitors sent and when.
//! `QUORATE_RUNS=1000000 cargo test --release -p quorate --test generals sm::random` is the
//! nightly form; `QUORATE_SEED` repeats one run.

use super::reference::{Reference, Told, decided};
use super::scroll::{Scroll, frame_in, scrolls};
use super::*;
use crate::field::{DELAY, Field, Letter, ROUND, SKEW, START};
use crate::rng::Rng;
use quorate::Fault::{self, Missing};

const RUNS: u64 = 4_000;

/// All traitors together: they share keys, and know whatever was ever on its way.
struct Traitors {
    rng: Rng,
    nodes: usize,
    ids: Vec<u8>,
    /// How likely each of them is to do as a loyal general would, of 16.
    loyalty: usize,
    skews: Vec<i64>,
    /// Chains in which every signature is true.
    known: Vec<Scroll>,
    /// A chain of another instance, in which the commander did sign.
    elsewhere: Scroll,
    told: Vec<Told>,
}

impl Traitors {
    fn coin(&mut self, one_in: usize) -> bool {
        self.rng.below(one_in) == 0
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.rng.below(all.len())]
    }

    /// A chain with only true signatures, which ends with the traitor's.
    fn honest(&mut self, from: u8, round: u8) -> Scroll {
        let value = self.one_of(&[A, A, B, B, C, C + 1]);
        let mut scroll = if self.ids.contains(&0) && (from == 0 || self.coin(2)) {
            Scroll::signed(value, &[0])
        } else if self.known.is_empty() {
            Scroll { value, rows: vec![] }
        } else {
            let at = self.rng.below(self.known.len());
            self.known[at].clone()
        };
        // Whatever the chain was, its beginning is a chain as well.
        if self.coin(4) || scroll.signers().contains(&from) {
            let cut = scroll.signers().iter().position(|id| *id == from);
            let cut = cut.unwrap_or(1.min(scroll.rows.len()));
            scroll.rows.truncate(if from == 0 { 1 } else { cut });
        }
        // Accomplices make it long enough for the round, or longer.
        let early = usize::from(self.coin(6));
        for _ in 0..self.nodes {
            let id = self.one_of(&self.ids.clone());
            if from != 0
                && scroll.rows.len() + 1 < usize::from(round) + early
                && id != from
                && !scroll.signers().contains(&id)
                && !scroll.rows.is_empty()
            {
                scroll = scroll.then(id);
            }
        }
        if scroll.signers().last() == Some(&from) { scroll } else { scroll.then(from) }
    }

    /// A chain with something wrong about it.
    fn crooked(&mut self, from: u8, to: u8, round: u8) -> Scroll {
        let mut scroll = self.honest(from, round);
        let at = self.rng.below(scroll.rows.len());
        match self.rng.below(9) {
            0 => scroll = scroll.spoilt(at),
            1 => scroll.value = self.one_of(&[A, B, C]),
            2 => scroll.rows.truncate(at + 1),
            3 => drop(scroll.rows.remove(at)),
            4 => scroll.rows.swap(0, at),
            5 => scroll.rows[at][0] = self.rng.below(self.nodes + 1) as u8,
            6 => scroll = scroll.then(from),
            7 => scroll.rows.push(Scroll::signed(scroll.value, &[to]).rows[0]),
            _ => scroll = self.elsewhere.clone().then(from),
        }
        if scroll.rows.is_empty() { self.elsewhere.clone() } else { scroll }
    }

    fn letter(&mut self, round: u8, from: u8, to: u8) -> Letter {
        let mut frame = Vec::new();
        for _ in 0..=self.rng.below(2) {
            let crooked = self.coin(4);
            let scroll =
                if crooked { self.crooked(from, to, round) } else { self.honest(from, round) };
            frame.push(scroll);
        }
        for scroll in &frame {
            if *scroll == Scroll::signed(scroll.value, &scroll.signers()) && self.coin(3) {
                self.known.push(scroll.clone());
            }
        }
        let all: Vec<&Scroll> = frame.iter().collect();
        let mut payload = frame_in(INSTANCE, &all);
        let mut understood = Some(frame.clone());
        match self.rng.below(40) {
            0 => {
                payload.truncate(self.rng.below(payload.len()));
                understood = None;
            }
            1 => {
                payload = frame_in(Instance { number: 6, ..INSTANCE }, &all);
                understood = None;
            }
            _ => {}
        }
        self.send(payload, from, to, understood)
    }

    /// Notes for the reference when it will arrive. Odd delays: nothing arrives at the very moment
    /// at which a round begins.
    fn send(&mut self, payload: Vec<u8>, from: u8, to: u8, frame: Option<Vec<Scroll>>) -> Letter {
        let mut delay = 1 + 2 * self.rng.below(DELAY as usize / 2) as u64;
        if self.coin(10) {
            delay += self.one_of(&[ROUND / 2, ROUND, 2 * ROUND]);
        }
        self.told.push(Told { at: delay, from, to, frame });
        Letter { delay, payload }
    }
}

impl Treason for Traitors {
    fn letters(
        &mut self,
        round: u8,
        from: NodeId,
        to: NodeId,
        loyal: Option<Vec<u8>>,
    ) -> Vec<Letter> {
        let (from, to) = (from.0, to.0);
        let begun = START + ROUND * (u64::from(round) - 1);
        let now = begun.saturating_add_signed(-self.skews[usize::from(from)]);
        let noted = self.told.len();
        let mut letters = Vec::new();
        if self.rng.below(16) < self.loyalty {
            if let Some(payload) = loyal {
                let frame = Some(scrolls(&payload));
                letters.push(self.send(payload, from, to, frame));
            }
        } else {
            for _ in 0..self.one_of(&[0, 1, 1, 1, 1, 2, 3]) {
                letters.push(self.letter(round, from, to));
                if self.coin(8) {
                    let again = letters[letters.len() - 1].payload.clone();
                    let frame = self.told[self.told.len() - 1].frame.clone();
                    letters.push(self.send(again, from, to, frame));
                }
            }
        }
        self.told[noted..].iter_mut().for_each(|told| told.at += now);
        letters
    }

    fn overhear(&mut self, _: u8, _: NodeId, _: NodeId, payload: &[u8]) {
        self.known.extend(scrolls(payload));
    }
}

/// One random battle.
struct Run {
    battle: Battle<Verdict<Value>>,
    reference: Reference,
}

impl Run {
    /// Of so many generals, with so many traitors although it is SM(m).
    fn new(seed: u64, nodes: usize, m: usize, ids: Vec<u8>) -> Self {
        let mut rng = Rng::new(seed);
        let order = if rng.below(16) == 0 { None } else { Some(A) };
        let mut skew = |id| {
            let skew = 2 * rng.below(SKEW as usize + 1) as i64 - SKEW as i64;
            if ids.contains(&id) && rng.below(4) == 0 { 5 * skew } else { skew }
        };
        let skews: Vec<i64> = (0..nodes as u8).map(&mut skew).collect();
        let loyalty = [0, 4, 8, 12][rng.below(4)];
        let elsewhere =
            Scroll::signed_in(&crate::field::scope(), Instance { number: 6, ..INSTANCE }, B, &[0]);
        let mut traitors = Traitors {
            rng,
            nodes,
            ids: ids.clone(),
            loyalty,
            skews: skews.clone(),
            known: vec![],
            elsewhere,
            told: vec![],
        };
        let mut field = Field::new(generals(nodes, m, order), &ids);
        field.skews = skews.clone();
        let battle = field.fight(&mut traitors, |verdict| verdict);
        let told = traitors.told;
        Self { battle, reference: Reference { nodes, traitors: m, ids, order, skews, told } }
    }

    /// Of any size, within the bound.
    fn of_any_size(seed: u64) -> Self {
        let mut rng = Rng::new(!seed);
        // Large armies are rare: a run of thirteen takes as long as ten runs of five.
        let nodes = 3 + rng.below(if seed.is_multiple_of(8) { 11 } else { 5 });
        let m = 1 + rng.below((nodes - 2).min(5));
        let traitors = rng.below(m + 1);
        let ids = some(&mut rng, nodes, traitors);
        Self::new(seed, nodes, m, ids)
    }

    fn check(&self) {
        let Reference { ids, order, .. } = &self.reference;
        assert_eq!(violated(&self.battle, ids, *order), None, "{:?}", self.battle.decisions);
        let mut accusations = self.battle.accusations.iter();
        if order.is_some() || ids.contains(&0) {
            assert_the_loyal_trust_each_other(&self.battle, ids);
        } else {
            // A commander without an order is silent, and missed.
            let loyal = |node: &NodeId| !ids.contains(&node.0);
            let between = |(by, node, _): &&(NodeId, NodeId, Fault)| loyal(by) && loyal(node);
            let missed = accusations.all(|it| !between(&it) || (it.1.0, it.2) == (0, Missing));
            assert!(missed, "{:?}", self.battle.accusations);
        }
        assert_eq!(decided(&self.battle.decisions, ids), self.reference.decide());
        assert!(self.battle.crowded <= 1);
    }
}

/// So many different ids, in ascending order.
fn some(rng: &mut Rng, nodes: usize, count: usize) -> Vec<u8> {
    let mut ids = std::collections::BTreeSet::new();
    while ids.len() < count {
        // The commander is a traitor in every other run that has one.
        let id = if ids.is_empty() && rng.below(2) == 0 { 0 } else { rng.below(nodes) as u8 };
        ids.insert(id);
    }
    ids.into_iter().collect()
}

/// Says which run it was, if a check fails.
struct Seed(u64);

impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("repeat this run with QUORATE_SEED={}", self.0);
        }
    }
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap())
}

/// The seeds of this test: one if it is named, else as many as the environment says.
fn seeds(runs: u64) -> std::ops::Range<u64> {
    match number("QUORATE_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("QUORATE_RUNS").unwrap_or(runs),
    }
}

#[test]
fn no_random_traitors_within_the_bound_break_anything() {
    let (mut obeyed, mut conflicts, mut faults) = (0, 0, [0; 3]);
    let seeds = seeds(RUNS);
    let alone = seeds.end - seeds.start == 1;
    for seed in seeds {
        let _repeat = Seed(seed);
        let run = Run::of_any_size(seed);
        run.check();
        let conflict = run.battle.decisions.iter().any(|decided| decided.contains(&CONFLICT));
        conflicts += usize::from(conflict);
        obeyed += usize::from(!conflict);
        let kinds = [Fault::Forged, Fault::Late, Fault::BadChain];
        for (count, kind) in faults.iter_mut().zip(kinds) {
            *count += run.battle.accusations.iter().filter(|it| it.2 == kind).count();
        }
    }
    // The traitors must have been up to something, or this proves nothing.
    let busy = obeyed > 1_000 && conflicts > 200 && faults.iter().all(|count| *count > 1_000);
    assert!(alone || busy, "{obeyed} obeyed, {conflicts} conflicts, {faults:?} faults");
}

/// S-13: the commander and another traitor among four, of whom two are to agree.
#[test]
fn s_13_two_loyal_generals_among_four_agree() {
    for seed in seeds(2_000) {
        let _repeat = Seed(seed);
        Run::new(seed, 4, 2, vec![0, 1]).check();
    }
}

#[test]
fn the_same_harness_sees_what_one_traitor_too_many_does() {
    let mut violations = [0; 2];
    for seed in 0..1_000 {
        let ids = if seed % 2 == 0 { vec![0, 1] } else { vec![0, 3] };
        let run = Run::new(seed, 4, 1, ids);
        let broken = violated(&run.battle, &run.reference.ids, run.reference.order);
        violations[usize::from(broken.is_some())] += 1;
    }
    assert!(violations[1] > 0, "no run of two traitors breaks SM(1)");
}
