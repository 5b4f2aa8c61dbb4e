//! The decision procedure under random histories: those of correct replicas fit an execution,
//! up to f others say anything that is well formed.

use crate::bench::*;
use crate::forgery::*;
use quorate::Digest;
use quorate::pbft::*;

/// Sequences with a random history.
const SEQUENCES: u64 = 3;

/// P and Q of one replica at one sequence, by the rules of section 3.2.4.
#[derive(Clone, Default)]
struct Past {
    q: Vec<(u64, Digest)>,
    p: Option<(Digest, u64)>,
}

impl Past {
    fn pre_prepare(&mut self, view: u64, digest: Digest) {
        self.q.retain(|(_, known)| *known != digest);
        if self.q.len() == DIGESTS {
            let named = self.p.map(|(digest, _)| digest);
            let others = self.q.iter().filter(|(_, digest)| Some(*digest) != named);
            let lowest = *others.min().unwrap();
            self.q.retain(|entry| *entry != lowest);
        }
        self.q.push((view, digest));
    }

    fn history(&self, sequence: u64) -> Option<History> {
        let p = self.p.map(|(digest, view)| {
            let which = self.q.iter().position(|(_, known)| *known == digest).unwrap();
            (which, view)
        });
        (!self.q.is_empty()).then(|| entry(sequence, &self.q, p))
    }
}

/// What happened before the view change.
struct World<const N: usize> {
    /// By replica, by sequence; empty for those that lie.
    pasts: Vec<Vec<Past>>,
    /// By sequence: what may have been committed.
    committed: Vec<Option<Digest>>,
    liars: Vec<usize>,
    /// The records of the new primary.
    records: Vec<Record<'static>>,
}

/// Batches by name: bytes and digest; NULL among them.
fn lots<const N: usize>(bench: &Bench<N>, count: usize) -> Vec<(&'static [u8], Digest)> {
    let null: &'static [u8] = &[];
    let mut lots: Vec<_> = (1..count as u64).map(|t| bench.lot(0, t, b"op")).collect();
    lots.push((null, Batch::null_digest()));
    lots
}

impl<const N: usize> World<N> {
    const FAULTS: usize = (N - 1) / 3;
    const STRONG: usize = (N + Self::FAULTS) / 2 + 1;

    /// A world in which views below `view` have passed; replica `primary` tells the truth.
    fn random(rng: &mut Rng, view: u64, primary: usize, lots: &[(&'static [u8], Digest)]) -> Self {
        let mut liars: Vec<usize> = (0..N).filter(|id| *id != primary).collect();
        rng.shuffle(&mut liars);
        liars.truncate(Self::FAULTS);
        let pasts = vec![vec![Past::default(); SEQUENCES as usize]; N];
        let committed = vec![None; SEQUENCES as usize];
        let mut world = Self { pasts, committed, liars, records: Vec::new() };
        for past in 0..view {
            for at in 0..SEQUENCES as usize {
                if rng.chance(60) {
                    world.agree(rng, past, at, primary, lots);
                }
            }
        }
        world
    }

    /// One view at one sequence: a lying primary may propose two batches, each correct replica
    /// sees one or none, and whoever could have prepared may have done so.
    fn agree(
        &mut self,
        rng: &mut Rng,
        view: u64,
        at: usize,
        primary: usize,
        lots: &[(&'static [u8], Digest)],
    ) {
        let leader = View(view).primary(N).index();
        let honest: Vec<usize> = (0..N).filter(|id| !self.liars.contains(id)).collect();
        let pick = |rng: &mut Rng| match self.committed[at] {
            Some(digest) => *lots.iter().find(|(_, known)| *known == digest).unwrap(),
            None => lots[rng.below(lots.len())],
        };
        let first = pick(rng);
        let second = if self.liars.contains(&leader) { pick(rng) } else { first };
        if honest.contains(&leader) && rng.chance(20) {
            return;
        }
        let sequence = Sequence(at as u64 + 1);
        let mut accepted = Vec::new();
        for &id in &honest {
            if id != leader && rng.chance(25) {
                continue;
            }
            let (bytes, digest) = if rng.chance(60) { first } else { second };
            self.pasts[id][at].pre_prepare(view, digest);
            accepted.push((id, digest));
            if id == primary {
                let (view, batch) = (View(view), Batch::from_bytes(bytes));
                self.records.push(Record::PrePrepared { view, sequence, batch });
            }
        }
        for digest in [first.1, second.1] {
            let backers: Vec<_> = accepted.iter().filter(|(_, d)| *d == digest).collect();
            if backers.len() + Self::FAULTS < Self::STRONG {
                continue;
            }
            let mut count = Self::FAULTS;
            for (id, _) in backers {
                if rng.chance(60) {
                    count += 1;
                    self.pasts[*id][at].p = Some((digest, view));
                    if *id == primary {
                        let view = View(view);
                        self.records.push(Record::Prepared { view, sequence, digest });
                    }
                }
            }
            if count >= Self::STRONG {
                self.committed[at] = Some(digest);
            }
        }
    }

    fn histories(&self, id: usize) -> Vec<History> {
        let pasts = (1..).zip(&self.pasts[id]);
        pasts.filter_map(|(sequence, past)| past.history(sequence)).collect()
    }

    /// The VIEW-CHANGE of a replica: the truth, or some well-formed lie.
    fn change(
        &self,
        rng: &mut Rng,
        id: usize,
        view: u64,
        digests: &[Digest],
    ) -> ViewChange<'static> {
        if !self.liars.contains(&id) {
            return change(id, view, &self.histories(id));
        }
        let stable = [0, 0, 0, 4, 8][rng.below(5)];
        let mut held = vec![(stable, if stable == 0 { Digest::ZERO } else { digest(b"lie") })];
        if rng.chance(30) {
            held.push((stable + 4, digest(b"lie")));
        }
        let mut entries = Vec::new();
        for sequence in stable + 1..=stable + 4 {
            let q: Vec<(u64, Digest)> =
                [0, 1].map(|_| (rng.next() % view, digests[rng.below(digests.len())])).into();
            let q = if q[0].1 == q[1].1 || rng.chance(50) { &q[..1] } else { &q };
            let which = rng.below(q.len());
            let p = rng.chance(70).then(|| (which, rng.next() % (q[which].0 + 1)));
            if rng.chance(80) {
                entries.push(entry(sequence, q, p));
            }
        }
        change_at(id, view, &held, &entries)
    }
}

/// Runs one world: VIEW-CHANGEs reach the new primary in a random order. Whatever it concludes
/// must contain what was committed, and a backup must conclude the same. Says whether the primary
/// came to a conclusion once it had all.
fn run_world<const N: usize>(seed: u64, batches: usize) -> bool {
    let mut rng = Rng(seed);
    let mut bench = Bench::<N>::new();
    let lots = lots(&bench, batches);
    let digests: Vec<Digest> = lots.iter().map(|(_, digest)| *digest).collect();
    let view = 1 + rng.next() % 6;
    let primary = View(view).primary(N).index();
    let world = World::<N>::random(&mut rng, view, primary, &lots);
    bench.remember(primary, &world.records);
    let mut others: Vec<usize> = (0..N).filter(|id| *id != primary).collect();
    rng.shuffle(&mut others);
    let changes: Vec<_> =
        others.iter().map(|id| world.change(&mut rng, *id, view, &digests)).collect();
    for (shown, change) in (1..).zip(&changes) {
        bench.show(primary, *change);
        let made = bench.own_new_views(primary);
        let Some(new_view) = made.first() else { continue };
        for (at, committed) in (1..).zip(&world.committed) {
            if let Some(digest) = committed {
                let chosen = new_view.chosen.get(Sequence(at));
                assert_eq!(chosen, Some(*digest), "n = {N}, seed {seed}: sequence {at} is lost");
            }
        }
        verify_at_backup(&mut bench, primary, *new_view, &changes[..shown], seed);
        break;
    }
    let own: Vec<History> = bench.own_change(primary).histories.iter().collect();
    let told: Vec<_> = own.iter().map(|h| (h.sequence, h.prepared())).collect();
    let meant: Vec<_> =
        world.histories(primary).iter().map(|h| (h.sequence, h.prepared())).collect();
    assert_eq!(told, meant, "n = {N}, seed {seed}: P of the primary itself");
    !bench.own_new_views(primary).is_empty()
}

/// The producer's verdict is the consumer's too.
fn verify_at_backup<const N: usize>(
    bench: &mut Bench<N>,
    primary: usize,
    new_view: NewView<'static>,
    changes: &[ViewChange<'static>],
    seed: u64,
) {
    let named = |id: usize| new_view.view_changes.get(Sequence(id as u64)).is_some();
    let Some(backup) = (0..N).find(|id| !named(*id)) else { return };
    bench.show(backup, bench.own_change(primary));
    for change in changes {
        bench.show(backup, *change);
    }
    bench.install(backup, new_view);
    let entered = bench.view(backup);
    assert_eq!(entered, (new_view.view.0, true), "n = {N}, seed {seed}: backup {backup}");
}

/// Runs worlds with `batches` different batches; returns how many were decided.
fn run_worlds<const N: usize>(seeds: u64, batches: usize) -> u64 {
    (0..seeds).map(|seed| u64::from(run_world::<N>(seed, batches))).sum()
}

#[test]
fn all_correct_members_are_enough_to_decide_and_what_was_committed_is_chosen() {
    // Two batches at a sequence at most, so that no element of Q is ever forgotten.
    assert_eq!(run_worlds::<4>(400, 2), 400);
    assert_eq!(run_worlds::<7>(400, 2), 400);
    let others = [run_worlds::<5>(100, 2), run_worlds::<6>(100, 2), run_worlds::<10>(100, 2)];
    assert_eq!(others, [100; 3]);
}

#[test]
fn what_was_committed_is_chosen_or_undecided_also_where_q_had_to_forget() {
    let decided = [run_worlds::<4>(400, 5), run_worlds::<7>(200, 5), run_worlds::<6>(200, 5)];
    assert!(decided.iter().sum::<u64>() > 400, "most are decided: {decided:?}");
}
