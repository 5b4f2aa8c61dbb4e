//! Two live copies of one replica with one key, on both sides of partitions (P-48); and a primary
//! that tells one backup another sequence than the others (P-49).

use crate::bench::*;
use crate::forgery::*;
use quorate::pbft::*;
use quorate::{Principal, Protocol, Target};

/// Four replicas, and a second copy of one of them: actors 0 to 3, and actor 4.
struct Twins {
    main: Bench<4>,
    /// Of this bench only the twin lives.
    shadow: Bench<4>,
    twin: usize,
    /// Which side each actor is on.
    sides: [bool; 5],
}

impl Twins {
    fn new(twin: usize) -> Self {
        Self { main: Bench::new(), shadow: Bench::new(), twin, sides: [true; 5] }
    }

    fn copy(&mut self, actor: usize) -> (&mut Bench<4>, usize) {
        if actor == 4 { (&mut self.shadow, self.twin) } else { (&mut self.main, actor) }
    }

    fn ask(&mut self, actor: usize, client: u16, timestamp: u64, operation: &[u8]) {
        let (bench, id) = self.copy(actor);
        bench.ask(id, client, timestamp, operation);
    }

    /// Delivers all mail between actors of one side.
    fn run(&mut self) {
        loop {
            let (sender, letter) = match (self.main.mail.pop_front(), &mut self.shadow.mail) {
                (Some(letter), _) => {
                    let Principal::Node(from) = letter.from else { continue };
                    (from.index(), letter)
                }
                (None, shadow) => match shadow.pop_front() {
                    Some(letter) => (4, letter),
                    None => return,
                },
            };
            for actor in 0..5 {
                let id = if actor == 4 { self.twin } else { actor };
                let meant = letter.to.includes(node(id));
                let own = letter.from == replica(id) || is_own_change(&letter, id);
                if meant && !own && self.sides[actor] == self.sides[sender] {
                    let (bench, id) = self.copy(actor);
                    bench.deliver(id, &letter);
                }
            }
        }
    }

    fn pass(&mut self, millis: u64) {
        for _ in 0..millis / 10 {
            self.main.now += 10_000;
            self.shadow.now = self.main.now;
            for actor in 0..5 {
                let (bench, id) = self.copy(actor);
                // One that hears what the other signed stops, and has no deadline any more.
                let due = |bench: &Bench<4>| bench.hosts[id].replica.deadline();
                while due(bench).is_some_and(|due| due.as_micros() <= bench.now) {
                    bench.wake(id);
                }
            }
            self.run();
        }
    }

    fn correct(&self) -> Vec<usize> {
        (0..4).filter(|id| *id != self.twin).collect()
    }
}

/// Partitions that change while requests come in, each side with a copy of the twin or not; then
/// everything is connected.
fn partitioned_run(twin: usize, seed: u64) -> Result<(), String> {
    let mut rng = Rng(seed);
    let mut twins = Twins::new(twin);
    for phase in 0..4u16 {
        twins.sides = [0; 5].map(|_| rng.chance(50));
        if rng.chance(60) {
            twins.sides[4] = !twins.sides[twin];
        }
        // The two sides hear of different requests.
        for actor in 0..5 {
            let client = if twins.sides[actor] { phase } else { (phase + 1) % 4 };
            twins.ask(actor, client, 1, format!("op {client}").as_bytes());
        }
        twins.run();
        twins.pass(300 + 100 * (rng.next() % 20));
        let correct = twins.correct();
        twins.main.check_agreement(&correct)?;
        twins.main.check_votes(&correct)?;
    }

    twins.sides = [true; 5];
    let correct = twins.correct();
    for _ in 0..12 {
        for (actor, client) in (0..5).flat_map(|actor| (0..4).map(move |client| (actor, client))) {
            twins.ask(actor, client, 1, format!("op {client}").as_bytes());
        }
        twins.pass(2_000);
    }
    twins.main.check_agreement(&correct)?;
    twins.main.check_votes(&correct)?;
    for &id in &correct {
        let host = &twins.main.hosts[id];
        let executed = host.history.len();
        if executed != 4 && host.installs.is_empty() {
            return Err(format!("replica {id} executed {executed} requests"));
        }
        if host.state != twins.main.hosts[correct[0]].state {
            return Err(format!("replica {id} has another state"));
        }
    }
    Ok(())
}

#[test]
fn p48_twins_of_the_first_primary_break_nothing_and_the_healed_cluster_serves() {
    for seed in 0..25 {
        partitioned_run(0, seed).unwrap_or_else(|e| panic!("seed {seed}: {e}"));
    }
}

#[test]
fn p48_twins_of_a_backup_break_nothing_and_the_healed_cluster_serves() {
    for seed in 0..25 {
        partitioned_run(3, seed).unwrap_or_else(|e| panic!("seed {seed}: {e}"));
    }
}

#[test]
fn p48_twins_that_are_primary_on_both_sides_of_every_partition() {
    // All ways to put the three others with one copy or the other, four views long.
    for split in 0..8u8 {
        let mut twins = Twins::new(0);
        let side = |other: usize| split & 1 << (other - 1) == 0;
        twins.sides = [true, side(1), side(2), side(3), false];
        for (actor, client) in [(0, 0), (4, 1)] {
            twins.ask(actor, client, 1, format!("op {client}").as_bytes());
        }
        for actor in 1..4 {
            let client = if twins.sides[actor] { 0 } else { 1 };
            twins.ask(actor, client, 1, format!("op {client}").as_bytes());
        }
        twins.run();
        twins.pass(9_000);
        twins.main.check_agreement(&[1, 2, 3]).unwrap();
        twins.sides = [true; 5];
        for _ in 0..4 {
            for actor in 0..5 {
                twins.ask(actor, 0, 1, b"op 0");
                twins.ask(actor, 1, 1, b"op 1");
            }
            twins.pass(3_000);
        }
        twins.main.check_agreement(&[1, 2, 3]).unwrap();
        twins.main.check_votes(&[1, 2, 3]).unwrap();
        for id in 1..4 {
            assert_eq!(twins.main.operations(id).len(), 2, "replica {id}, split {split}");
        }
    }
}

#[test]
fn p49_first_proposal_with_the_next_sequence_to_one_backup_only_divides_nobody() {
    let mut bench = Bench::<4>::new();
    let batch = bench.lot(0, 1, b"A").0;
    bench.ask(0, 0, 1, b"A");
    bench.propose(3, 0, 2, batch);
    bench.run_where(|from, to, m| !matches!(m, Message::PrePrepare { .. }) || (from, to) != (0, 3));
    for (client, operation) in [(1, &b"B"[..]), (2, b"C")] {
        bench.ask(0, client, 1, operation);
        bench.run();
    }
    for _ in 0..6 {
        bench.pass(2_000);
        for id in 0..4 {
            for (client, operation) in [(0, &b"A"[..]), (1, b"B"), (2, b"C")] {
                bench.ask(id, client, 1, operation);
            }
        }
    }
    bench.check_agreement(&[1, 2, 3]).unwrap();
    bench.check_votes(&[1, 2, 3]).unwrap();
    for id in 1..4 {
        assert_eq!(bench.operations(id), [b"A", b"B", b"C"], "replica {id}");
    }
}

/// A message as a traitor may alter it.
fn altered<'a>(rng: &mut Rng, message: Message<'a>, other: &'a [u8]) -> Message<'a> {
    let shift = |rng: &mut Rng, number: u64| match rng.below(3) {
        0 => number + 1,
        1 => number.saturating_sub(1),
        _ => number,
    };
    let vote = |rng: &mut Rng, vote: Vote| Vote {
        view: View(shift(rng, vote.view.0)),
        sequence: Sequence(shift(rng, vote.sequence.0)),
        digest: if rng.chance(40) { Batch::from_bytes(other).digest() } else { vote.digest },
    };
    match message {
        Message::PrePrepare { view, sequence, batch } => Message::PrePrepare {
            view: View(shift(rng, view.0)),
            sequence: Sequence(shift(rng, sequence.0)),
            batch: if rng.chance(40) { Batch::from_bytes(other) } else { batch },
        },
        Message::Prepare(cast) => Message::Prepare(vote(rng, cast)),
        Message::Commit(cast) => Message::Commit(vote(rng, cast)),
        Message::ViewChange(change) => {
            Message::ViewChange(ViewChange { view: View(shift(rng, change.view.0)), ..change })
        }
        Message::NewView(new_view) => {
            Message::NewView(NewView { chosen: Pairs::default(), ..new_view })
        }
        other => other,
    }
}

/// Whether a letter brings a traitor its own VIEW-CHANGE, of a twin or altered: a correct replica
/// would stop, a traitor does not.
fn is_own_change(letter: &Letter, id: usize) -> bool {
    let decoded = quorate::wire::decode::<Message<'_>>(&letter.bytes);
    matches!(decoded, Ok(Message::ViewChange(change)) if change.author == node(id))
}

/// Replica 0 runs the protocol, but some of what it sends is altered or lost on the way to some
/// receivers; some of what the others send is lost too, for a while.
fn altered_run(seed: u64) -> Result<(), String> {
    let mut rng = Rng(seed);
    let mut bench = Bench::<4>::new();
    let other = bench.lot(3, 1, b"op 3").0;
    for client in 0..4 {
        for id in 0..4 {
            bench.ask(id, client, 1, format!("op {client}").as_bytes());
        }
    }
    let (lies, losses) = (5 + rng.below(60), rng.below(25));
    for round in 0..2_400u64 {
        let hostile = round < 400;
        let mail = std::mem::take(&mut bench.mail);
        for (letter, to) in mail.iter().flat_map(|letter| (0..4).map(move |to| (letter, to))) {
            let meant = letter.to == Target::All || letter.to == Target::Node(node(to));
            let own = letter.from == replica(to) || is_own_change(letter, to);
            if !meant || own || (hostile && rng.chance(losses)) {
                continue;
            }
            if hostile && letter.from == replica(0) && rng.chance(lies) {
                let message = message(letter);
                let forged = altered(&mut rng, message, other);
                let letter = bench.letter(replica(0), letter.to, forged);
                bench.deliver(to, &letter);
            } else {
                bench.deliver(to, letter);
            }
        }
        bench.now += 10_000;
        for id in 0..4 {
            while bench.hosts[id].replica.deadline().unwrap().as_micros() <= bench.now {
                bench.wake(id);
            }
        }
        if round % 200 == 199 {
            for (id, client) in (0..4).flat_map(|id| (0..4).map(move |client| (id, client))) {
                bench.ask(id, client, 1, format!("op {client}").as_bytes());
            }
            // What a replica lacks because of the traitor it gets with the next checkpoint.
            let later = (round / 200).saturating_sub(3).min(7);
            (0..4).for_each(|id| bench.ask(id, 0, 1 + later, b"later"));
        }
    }
    bench.check_agreement(&[1, 2, 3])?;
    bench.check_votes(&[1, 2, 3])?;
    for id in 1..4 {
        let (host, first) = (&bench.hosts[id], &bench.hosts[1]);
        let executed = host.history.len();
        if executed != 11 && host.installs.is_empty() || host.state != first.state {
            return Err(format!("replica {id} executed {executed} requests"));
        }
    }
    Ok(())
}

#[test]
fn p49_altered_messages_of_one_traitor_divide_nobody_and_requests_complete() {
    for seed in 0..25 {
        altered_run(seed).unwrap_or_else(|e| panic!("seed {seed}: {e}"));
    }
}
