//! Random adversaries: everything that a traitor can do to its frames, over and over, against the
//! two conditions of the paper and against the paper's own recursion.
//!
//! `QUORATE_RUNS=1000000 cargo test --release -p quorate --test generals om::random` runs as many;
//! a failure names its seed.

use super::reference::om;
use super::*;
use crate::rng::Rng;
use std::collections::{BTreeMap, BTreeSet};

/// How many runs, if the environment does not say otherwise.
fn runs(default: u64) -> u64 {
    std::env::var("QUORATE_RUNS").map_or(default, |runs| runs.parse().expect("a number of runs"))
}

/// A frame as the test knows it, apart from how it is encoded.
#[derive(Clone, Debug)]
enum Frame {
    Wave {
        round: u8,
        orders: Vec<Option<u8>>,
    },
    Oral {
        path: Vec<u8>,
        order: Option<u8>,
    },
    /// Something that no general may believe.
    Rubbish,
}

/// A frame of a traitor that is on its way.
#[derive(Clone, Debug)]
struct Sent {
    from: u8,
    to: u8,
    arrives: u64,
    frame: Frame,
}

/// How the traitors of one run choose.
#[derive(Clone, Copy, Debug)]
enum Mood {
    /// Each order of each frame by itself.
    Chaos,
    /// All traitors tell half of the receivers one thing, and the other half another.
    Split(u8, u8, u64),
    /// All say the same against the loyal order.
    Chorus(u8),
}

struct Traitors {
    army: Army,
    rng: Rng,
    mood: Mood,
    /// How many in a hundred frames are tampered with beyond their orders.
    tricks: usize,
    skews: Vec<i64>,
    sent: Vec<Sent>,
}

impl Traitors {
    fn order(&mut self, to: u8, loyal: Option<u8>) -> Option<u8> {
        match self.mood {
            Mood::Chaos if self.rng.below(3) == 0 => loyal,
            Mood::Chaos => [None, Some(A), Some(B), Some(C), Some(R)][self.rng.below(5)],
            Mood::Split(one, two, half) => Some(if half >> to & 1 == 0 { one } else { two }),
            Mood::Chorus(value) => Some(value),
        }
    }

    fn orders(&mut self, from: u8, to: u8, round: u8, loyal: &[Option<u8>]) -> Vec<Option<u8>> {
        let count = self.army.paths(NodeId(from), NodeId(to), round).len();
        (0..count).map(|at| self.order(to, loyal.get(at).copied().flatten())).collect()
    }

    /// One of the things that a loyal general never sends.
    fn trick(&mut self, from: u8, to: u8, round: u8) -> (Frame, Vec<u8>) {
        let army = self.army;
        let rounds = usize::from(army.rounds());
        // Often enough this round's or the next one's, to contradict what is sent anyway.
        let round = if self.rng.below(3) > 0 { round } else { self.rng.below(rounds + 2) as u8 };
        let paths = army.paths(NodeId(from), NodeId(to), round);
        match self.rng.below(6) {
            0 | 1 if !paths.is_empty() => {
                let orders = self.orders(from, to, round, &[]);
                let payload = army.wave(NodeId(from), round, &orders);
                (Frame::Wave { round, orders }, payload)
            }
            2 if !paths.is_empty() => {
                let ids = paths[self.rng.below(paths.len())].ids().to_vec();
                let (path, order) =
                    (ids.iter().map(|id| id.0).collect::<Vec<_>>(), self.order(to, None));
                let payload = army.oral(&path, order);
                (Frame::Oral { path, order }, payload)
            }
            // A wave that is too long or too short, of another agreement, or no wave at all.
            3 => {
                let orders =
                    vec![Some(B); paths.len() + 1 - 2 * (self.rng.below(2)).min(paths.len())];
                (Frame::Rubbish, army.wave(NodeId(from), round, &orders))
            }
            4 => {
                let other = Army { number: army.number + 1, ..army };
                let orders = self.orders(from, to, round, &[]);
                (Frame::Rubbish, other.wave(NodeId(from), round, &orders))
            }
            _ => (Frame::Rubbish, self.off_path(from, to)),
        }
    }

    /// A message along a path of random ids, which is off path if chance does not forbid it.
    fn off_path(&mut self, from: u8, to: u8) -> Vec<u8> {
        let length = 1 + self.rng.below(4);
        let mut path: Vec<u8> =
            (0..length).map(|_| self.rng.below(self.army.nodes + 2) as u8).collect();
        // With the receiver on it, it is never a path.
        path.insert(self.rng.below(length + 1), to);
        let head = [1, 7, self.army.commander, path.len() as u8];
        [&head[..], &path, &[1, self.rng.below(256) as u8 & !from]].concat()
    }
}

impl Treason for Traitors {
    fn letters(&mut self, at: u8, from: NodeId, to: NodeId, loyal: Option<Vec<u8>>) -> Vec<Letter> {
        let army = self.army;
        let honest = loyal.as_deref().map_or(vec![], orders_of);
        let mut frames = Vec::new();
        let tricky = self.rng.below(100) < self.tricks;
        let orders = self.orders(from.0, to.0, at, &honest);
        let withheld = tricky && self.rng.below(3) == 0;
        if !orders.is_empty() && !withheld {
            let payload = army.wave(from, at, &orders);
            frames.push((Frame::Wave { round: at, orders }, payload));
        }
        for _ in 0..if tricky { self.rng.below(4) } else { 0 } {
            frames.push(self.trick(from.0, to.0, at));
            let last = frames.len() - 1;
            frames.swap(last, self.rng.below(last + 1));
        }
        let now = START + ROUND * (u64::from(at) - 1);
        let now = now.saturating_add_signed(-self.skews[from.index()]);
        let mut letters = Vec::new();
        for (frame, payload) in frames {
            let slow = if tricky { self.rng.below(3) as u64 * ROUND } else { 0 };
            let delay = self.rng.below(DELAY as usize) as u64 + slow;
            self.sent.push(Sent { from: from.0, to: to.0, arrives: now + delay, frame });
            letters.push(Letter { delay, payload });
        }
        letters
    }
}

/// What each general was told in time along each path by a traitor: the first, whole frames only.
fn heard(traitors: &Traitors) -> BTreeMap<(Vec<u8>, u8), Option<u8>> {
    let army = traitors.army;
    let mut sent = traitors.sent.clone();
    sent.sort_by_key(|sent| sent.arrives);
    let mut heard = BTreeMap::new();
    for Sent { from, to, arrives, frame } in sent {
        let (round, said) = match frame {
            Frame::Rubbish => continue,
            Frame::Oral { path, order } => (path.len() as u8, vec![(path, order)]),
            Frame::Wave { round, orders } => {
                let paths = army.paths(NodeId(from), NodeId(to), round);
                let ids = paths.iter().map(|path| path.ids().iter().map(|id| id.0).collect());
                (round, ids.zip(orders).collect())
            }
        };
        let clock = arrives.saturating_add_signed(traitors.skews[usize::from(to)]);
        let open = clock.checked_sub(START).map_or(0, |since| since / ROUND + 1);
        let late = u64::from(round) < open;
        let slot = |path: &Vec<u8>| (path.clone(), to);
        let fits = |(path, order)| heard.get(&slot(path)).is_none_or(|first| first == order);
        if !late && said.iter().map(|(path, order)| (path, order)).all(fits) {
            heard.extend(said.iter().map(|(path, order)| (slot(path), *order)));
        }
    }
    heard
}

/// What `to` was told along this path: by a traitor whatever it said, by a loyal general what it
/// was told itself.
fn said(
    heard: &BTreeMap<(Vec<u8>, u8), Option<u8>>,
    traitors: &[u8],
    order: u8,
    path: &[u8],
    to: u8,
) -> Option<u8> {
    let (last, earlier) = path.split_last().unwrap();
    if traitors.contains(last) {
        heard.get(&(path.to_vec(), to)).copied().flatten()
    } else if earlier.is_empty() {
        Some(order)
    } else {
        said(heard, traitors, order, earlier, *last)
    }
}

/// One run: returns which conditions broke, after everything else was checked.
fn run(army: Army, count: usize, seed: u64) -> Broken {
    let mut rng = Rng::new(seed);
    let army = Army { commander: rng.below(army.nodes) as u8, ..army };
    let mut traitors = BTreeSet::new();
    while traitors.len() < count {
        traitors.insert(rng.below(army.nodes) as u8);
    }
    let traitors: Vec<u8> = traitors.into_iter().collect();
    let order = [A, B, R][rng.below(3)];
    let values = [A, B, C, R];
    let mood = match rng.below(4) {
        0 => Mood::Split(values[rng.below(4)], values[rng.below(4)], rng.next()),
        1 => Mood::Chorus(values[rng.below(4)]),
        _ => Mood::Chaos,
    };
    let mut field = army.field(Some(order), &traitors);
    let skew = |rng: &mut Rng| rng.below(2 * SKEW as usize + 1) as i64 - SKEW as i64;
    field.skews = (0..army.nodes).map(|_| skew(&mut rng)).collect();
    let (tricks, skews) = ([0, 30, 100][rng.below(3)], field.skews.clone());
    let mut treason = Traitors { army, rng, mood, tricks, skews, sent: Vec::new() };
    let battle = field.fight(&mut treason, |verdict| verdict);
    let obeyed = obeyed(&battle);
    let heard = heard(&treason);
    let sayings = |path: &[u8], to| said(&heard, &traitors, order, path, to);
    let loyal = |id: &u8| !traitors.contains(id);
    let about = format!("seed {seed}, {army:?}, traitors {traitors:?}, {mood:?}");
    for me in (0..army.nodes as u8).filter(|me| *me != army.commander && loyal(me)) {
        let others: Vec<u8> =
            (0..army.nodes as u8).filter(|id| ![me, army.commander].contains(id)).collect();
        let mut path = vec![army.commander];
        let paper = om(army.traitors, &mut path, &others, me, R, &sayings);
        assert_eq!(obeyed[usize::from(me)], paper, "{me} against the paper: {about}");
        // The same once more, with nothing as a value that no traitor can say.
        let told = |path: &[u8], to| Some(sayings(path, to));
        let value = om(army.traitors, &mut path, &others, me, None, &told);
        assert_eq!(battle.decisions[usize::from(me)][0].value(), value, "{me}: {about}");
    }
    for (by, node, fault) in &battle.accusations {
        assert!(!loyal(&by.0) || !loyal(&node.0), "{by:?} accuses {node:?} of {fault:?}: {about}");
    }
    assert_eq!(battle.refusals, vec![], "{about}");
    assert!(battle.crowded <= 1, "{about}");
    judge(army, order, &traitors, &obeyed)
}

/// As many runs within the bound, with any number of traitors up to m.
fn in_bounds(army: Army, runs: u64) {
    for seed in 0..runs {
        let count = Rng::new(!seed).below(army.traitors + 1).max(usize::from(seed % 4 > 0));
        let broken = run(army, count, seed);
        assert_eq!(broken, Broken::default(), "seed {seed}, {army:?}, {count} traitors");
    }
}

/// How many of these runs break something.
fn broken(army: Army, count: usize, runs: u64) -> usize {
    (0..runs).filter(|seed| run(army, count, *seed) != Broken::default()).count()
}

#[test]
fn four_withstand_one_random_traitor() {
    in_bounds(Army::new(4, 1), runs(3_000));
}

#[test]
fn five_and_six_withstand_one_random_traitor() {
    in_bounds(Army::new(5, 1), runs(750));
    in_bounds(Army::new(6, 1), runs(750));
}

#[test]
fn seven_and_more_withstand_two_random_traitors() {
    in_bounds(Army::new(7, 2), runs(1_200));
    in_bounds(Army::new(8, 2), runs(1_200) / 6);
    in_bounds(Army::new(13, 2), runs(1_200) / 60);
}

#[test]
fn ten_withstand_three_random_traitors() {
    in_bounds(Army::new(10, 3), runs(1_000) / 10);
}

#[test]
fn thirteen_withstand_four_random_traitors() {
    in_bounds(Army::new(13, 4), runs(1_000) / 1_000);
}

#[test]
fn one_traitor_too_many_breaks_the_conditions_before_the_same_judge() {
    for (nodes, traitors, count) in [(3, 1, 1), (6, 2, 2), (4, 1, 2), (7, 2, 3), (7, 1, 2)] {
        let army = Army::new(nodes, traitors);
        let found = broken(army, count, 200);
        println!("{found} of 200: {count} traitors among {nodes}, OM({traitors})");
        assert!(found > 0, "no violation with {count} traitors among {nodes}, OM({traitors})");
    }
}
