//! A correct primary stays: f faulty replicas and any clients can cause no view change at all.

use crate::bench::*;
use crate::forgery::*;
use quorate::pbft::*;
use quorate::{Principal, Protocol, Target};
use std::collections::BTreeMap;

/// A cluster whose messages take their time, with its last f replicas and three of its four
/// clients faulty.
struct Street<const N: usize> {
    bench: Bench<N>,
    rng: Rng,
    /// Messages under way: when they arrive, where, and the message.
    under_way: BTreeMap<(u64, u64), (usize, Letter)>,
    serial: u64,
    /// Timestamps of the clients' last requests; since when the correct client waits.
    last: [u64; CLIENTS],
    asked: Option<u64>,
}

/// The client that keeps to the protocol.
const HONEST: u16 = 3;
/// The longest that a message between correct replicas takes, in microseconds. There and back is
/// below a quarter of the timeout of one second.
const DELAY: u64 = 60_000;

impl<const N: usize> Street<N> {
    const LIARS: usize = (N - 1) / 3;

    fn new(seed: u64) -> Self {
        let (bench, under_way) = (Bench::new(), BTreeMap::new());
        Self { bench, rng: Rng(seed), under_way, serial: 0, last: [0; CLIENTS], asked: None }
    }

    fn lies(id: usize) -> bool {
        id >= N - Self::LIARS
    }

    /// Sends what the machines said on its way. What a liar says may take seconds, or be lost.
    fn post(&mut self) {
        for letter in std::mem::take(&mut self.bench.mail) {
            let Principal::Node(from) = letter.from else { continue };
            for to in (0..N).filter(|to| *to != from.index() && letter.to.includes(node(*to))) {
                let lies = Self::lies(from.index());
                if lies && self.rng.chance(30) {
                    continue;
                }
                let longest = if lies { 50 * DELAY } else { DELAY };
                let at = self.bench.now + 1 + self.rng.next() % longest;
                self.serial += 1;
                self.under_way.insert((at, self.serial), (to, letter.clone()));
            }
        }
    }

    /// Five milliseconds pass.
    fn tick(&mut self) {
        let until = self.bench.now + 5_000;
        while let Some(first) = self.under_way.first_entry().filter(|it| it.key().0 <= until) {
            let ((at, _), (to, letter)) = first.remove_entry();
            self.bench.now = self.bench.now.max(at);
            self.bench.deliver(to, &letter);
            self.post();
        }
        self.bench.now = until;
        for id in 0..N {
            for _ in 0..64 {
                // A liar whose VIEW-CHANGE was forged by another tongue of its own has none.
                let due = self.bench.hosts[id].replica.deadline();
                if due.is_none_or(|due| due.as_micros() > until) {
                    break;
                }
                self.bench.wake(id);
                self.post();
            }
        }
        self.bench.sent.clear();
        self.ask_honestly();
    }

    /// The honest client asks the primary, then everybody, and when it is served asks anew.
    fn ask_honestly(&mut self) {
        let t = self.last[usize::from(HONEST)];
        let replies = self.bench.replies.iter().filter(|reply| (reply.1, reply.2) == (HONEST, t));
        if t == 0 || replies.count() > Self::LIARS {
            self.bench.replies.clear();
            self.last[usize::from(HONEST)] = t + 1;
            self.asked = Some(self.bench.now);
            self.bench.ask(0, HONEST, t + 1, b"honest");
        } else if self.asked.is_some_and(|asked| asked + 250_000 <= self.bench.now) {
            self.asked = None;
            (0..N).for_each(|id| self.bench.ask(id, HONEST, t, b"honest"));
        }
        self.post();
    }

    /// A client or a replica that is faulty does something.
    fn trick(&mut self) {
        let client = self.rng.below(3) as u16;
        let t = self.last[usize::from(client)] + 1 + self.rng.next() % 3;
        self.last[usize::from(client)] = t;
        let long = [b'x'; 900];
        let operation = long.get(..[1, 30, 900][self.rng.below(3)]).unwrap();
        let backup = 1 + self.rng.below(N - 1);
        match self.rng.below(9) {
            // To one backup only.
            0 => self.bench.ask(backup, client, t, operation),
            // Two operations under one timestamp.
            1 => (0..N).for_each(|id| self.bench.ask(id, client, t, &long[..1 + id % 2])),
            // To backups only, and something else to the primary.
            2 => {
                (1..N).for_each(|id| self.bench.ask(id, client, t, operation));
                self.bench.ask(0, client, t.saturating_sub(1).max(1), b"another");
            }
            // One after another, without waiting for replies.
            3 => {
                self.bench.ask(backup, client, t, operation);
                (t..t + 20).for_each(|t| self.bench.ask(0, client, t, operation));
                self.last[usize::from(client)] = t + 20;
            }
            // Out of order.
            4 => {
                let id = self.rng.below(N);
                [t + 1, t].iter().for_each(|t| self.bench.ask(id, client, *t, operation));
                self.bench.ask(backup, client, t, operation);
            }
            // By way of a faulty replica, to correct backups, for all faulty clients at once.
            5 => {
                for client in 0..3 {
                    let t = self.last[usize::from(client)] + 1;
                    self.last[usize::from(client)] = t;
                    let request = Message::Request(self.bench.request(client, t, operation));
                    (1..N - Self::LIARS).for_each(|to| {
                        self.bench.tell(to, N - 1, request);
                    });
                }
            }
            // Demands for new views: the next one, a far one, one that was made before.
            6 | 7 => {
                let view = [1, 1 + self.rng.next() % 100, 1 << 40][self.rng.below(3)];
                let author = N - 1 - self.rng.below(Self::LIARS);
                let demand = change(author, view, &[]);
                (0..N - Self::LIARS).for_each(|to| {
                    self.bench.tell(to, author, Message::ViewChange(demand));
                });
            }
            // What is said of oneself.
            _ => {
                let status = Status {
                    view: View(self.rng.next() % 9),
                    active: self.rng.chance(50),
                    executed: Sequence(self.rng.next() % 1_000),
                    wanting: true,
                    ..Status::default()
                };
                let to = self.rng.below(N - Self::LIARS);
                self.bench.tell(to, N - 1, Message::Status(status));
            }
        }
        self.post();
    }

    /// Half a minute; says how many requests of the honest client were served.
    fn run(&mut self) -> u64 {
        let correct = 0..N - Self::LIARS;
        for tick in 0..6_000 {
            self.tick();
            if self.rng.chance(10) {
                self.trick();
            }
            let moved = |id: &usize| self.bench.view(*id) != (0, true);
            if let Some(id) = correct.clone().find(moved) {
                let replicas = self.bench.hosts.iter().map(|host| &host.replica);
                let why: Vec<_> = replicas.map(|it| (it.status(), it.departures())).collect();
                panic!("replica {id} of {N} left at tick {tick}: {why:#?}");
            }
        }
        self.last[usize::from(HONEST)]
    }
}

#[test]
fn clients_that_flood_the_primary_alone_neither_keep_others_out_nor_have_it_replaced() {
    let all = &[0, 1, 2][..];
    for (seed, floods) in [(0, &all[..1]), (1, all), (2, &all[..1]), (3, all)] {
        let mut street = Street::<4>::new(seed);
        let mut served = 0;
        for tick in 0..4_000u64 {
            street.tick();
            // Each long enough to be a batch of its own, and more of them than the log takes.
            for (client, t) in floods.iter().flat_map(|client| (0..3).map(move |at| (client, at))) {
                street.bench.ask(0, *client, 3 * tick + t + 1, &[b'x'; 900]);
            }
            street.post();
            // What the honest client said to the primary itself is lost; it asks the backups.
            let t = street.last[usize::from(HONEST)];
            if t != served {
                served = t;
                (1..4).for_each(|id| street.bench.ask(id, HONEST, t, b"honest"));
                street.post();
            }
            let moved = (0..3).find(|id| street.bench.view(*id) != (0, true));
            let why = [0, 1, 2].map(|id| street.bench.hosts[id].replica.departures());
            assert!(moved.is_none(), "seed {seed}: {moved:?} left at tick {tick}: {why:?}");
        }
        assert!(served > 20, "seed {seed}: {served} in twenty seconds");
    }
}

#[test]
fn f_replicas_that_delay_and_lie_and_clients_that_play_tricks_change_no_view() {
    for seed in 0..4 {
        let served = [Street::<4>::new(seed).run(), Street::<7>::new(seed).run()];
        // There and back and the agreement take five delays, 150 ms on average.
        assert!(served.iter().all(|served| *served > 60), "seed {seed}: {served:?}");
    }
}

/// The last f replicas ask for new views in 10^5 ticks of 10 ms: in every tick for the next one,
/// for a higher one than ever, for a far one, and as they did before; in turn.
fn spam<const N: usize>() {
    let mut bench = Bench::<N>::new();
    let liars = N - (N - 1) / 3..N;
    let honest = 0..liars.start;
    for tick in 1..=100_000u64 {
        bench.now += 10_000;
        for author in liars.clone() {
            let view = [1, 1 + tick, (tick << 40) | 1, 7][(tick / 10 % 4) as usize];
            let demand = bench.letter(
                replica(author),
                Target::All,
                Message::ViewChange(change(author, view, &[])),
            );
            honest.clone().for_each(|id| {
                bench.deliver(id, &demand);
            });
        }
        let within = |from: usize, to: usize| from < liars.start && to < liars.start;
        if tick % 1_000 == 0 {
            bench.ask(0, 0, tick, b"served");
        }
        for id in honest.clone() {
            if bench.hosts[id].replica.deadline().unwrap().as_micros() <= bench.now {
                bench.wake(id);
            }
        }
        bench.run_where(|from, to, _| within(from, to));
        let moved = honest.clone().any(|id| bench.view(id) != (0, true));
        assert!(!moved, "a view changed at tick {tick}");
        let changes = |letter: &Letter| matches!(message(letter), Message::ViewChange(_));
        assert!(!bench.sent.iter().any(changes));
        bench.sent.clear();
    }
    assert!(honest.clone().all(|id| bench.operations(id).len() == 100));
    assert!(honest.clone().all(|id| departures(&bench, id) == Departures::default()));
}

fn departures<const N: usize>(bench: &Bench<N>, id: usize) -> Departures {
    bench.hosts[id].replica.departures()
}

#[test]
fn p17_f_of_4_replicas_that_ask_for_new_views_in_a_hundred_thousand_ticks_move_nobody() {
    spam::<4>();
}

#[test]
fn p17_f_of_7_replicas_that_ask_for_new_views_in_a_hundred_thousand_ticks_move_nobody() {
    spam::<7>();
}
