//! Replicas with their log on flash: they lose their power, and nothing that they said.

use crate::chip::Chip;
use crate::keys::{Board, client, member, node, nonce};
use crate::line::{Line, Noise, Port};
use crate::replicas::{
    Cluster, DIMENSIONS, FRAME, Host, LAYOUT, Memory, SEATS, Server, Sum, board, config,
};
use crate::rng::Rng;
use embedded_storage_async::nor_flash::NorFlash;
use quorate::pbft::Replica;
use quorate::wire::encoded_len;
use quorate::{Digest, Instant, Principal};
use quorate_embedded::flash::{Blocking, FlashError, FlashLog, Owner, flash_bytes};
use quorate_embedded::{
    Arrival, Elsewhere, Link, Node, Origin, Room, Service, Settings, Stream, wait,
};
use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

pub type Flash = Chip<4, 1024>;
/// Pages of a chip as small as may be.
pub const PAGES: usize = flash_bytes(&LAYOUT, 1024, 4) / 1024;
type JournalOn<F> = FlashLog<F, { DIMENSIONS.message_bytes() }>;
type Journal = JournalOn<Blocking<Flash>>;

/// A replica from what its flash holds.
fn restart(me: usize, start: u64, chip: &Flash, now: Instant) -> Option<Server<Journal>> {
    restart_capped(me, start, chip, now, config(me).timeout_cap)
}

/// The same, with another cap of its timeouts.
fn restart_capped(
    me: usize,
    start: u64,
    chip: &Flash,
    now: Instant,
    cap: Duration,
) -> Option<Server<Journal>> {
    let log = match wait(open(me, Blocking(chip.clone()))) {
        Ok(log) => log,
        Err(error) => {
            assert!(!chip.has_power(), "{error:?}");
            return None;
        }
    };
    let parts = (Sum::default(), log, vec![0; LAYOUT.bytes()]);
    let mut config = config(me);
    config.timeout_cap = cap;
    let storage = (config, Memory::new());
    let started: Result<(Replica<Memory>, _), _> =
        wait(Service::start(parts, LAYOUT, storage, now, Origin::New));
    let (replica, host) = started.unwrap_or_else(|error| panic!("{error}"));
    Some(board(me, start, replica, host))
}

async fn open<F: NorFlash>(me: usize, flash: F) -> Result<JournalOn<F>, FlashError<F::Error>> {
    let owner = Owner { cluster: Digest::of(b"boards"), epoch: 1, me: node(me) };
    let region = 0..flash.capacity() as u32;
    FlashLog::open(flash, region, owner).await
}

/// A replica that lies elsewhere, as does its host.
type Placed<F> =
    Node<Elsewhere<'static, Replica<Memory>>, &'static mut Host<JournalOn<F>>, Board, Vec<u8>, 6>;

/// A replica from what any flash holds, in the room where it stays.
pub async fn resume_on<F: NorFlash + 'static>(
    me: usize,
    start: u64,
    flash: F,
    now: Instant,
    origin: Origin,
) -> Placed<F> {
    let log = open(me, flash).await.unwrap();
    let host = Service::new(Sum::default(), log, vec![0; LAYOUT.bytes()], LAYOUT).unwrap();
    let (host, room) = (Box::leak(Box::new(host)), Box::leak(Box::new(Room::new())));
    let made = host.resume(room, (config(me), Memory::new()), now, origin).await;
    let (replica, settings) = (Elsewhere(made.unwrap()), Settings::new(nonce(node(me), start)));
    Node::new(replica, host, member(SEATS, node(me)), vec![0; 3 * FRAME], settings).unwrap()
}

fn cluster(line: &Line, chips: &[Flash]) -> Cluster<Stream<Port>, Journal> {
    let servers = chips.iter().enumerate();
    let servers = servers.map(|(me, chip)| restart(me, 0, chip, Instant::ZERO).unwrap());
    Cluster::of(servers, |board| {
        let me = if board < 4 { node(board) } else { client(board - 4) };
        Stream::new(line.port(board), me, FRAME)
    })
}

/// The power of one board after the other goes in the middle of a write, and comes back. Whatever
/// a client was told is never lost, and nothing contradicts what was said before.
#[test]
fn boards_that_lose_their_power_while_they_write_go_on_from_their_flash() {
    for seed in 0..6 {
        let line = Line::new(6, seed, Noise::NONE);
        let chips: Vec<Flash> = (0..4).map(|_| Chip::new(24)).collect();
        let mut cluster = cluster(&line, &chips);
        let (mut rng, mut total) = (Rng::new(seed), 0);
        for start in 1..10 {
            let victim = rng.below(4);
            chips[victim].cut_after(Some(rng.below(400) as u64));
            for _ in 0..12 {
                let amount = rng.below(200) as u8;
                total += u64::from(amount);
                assert_eq!(cluster.ask(rng.below(2), amount), total, "seed {seed}");
            }
            cluster.servers[victim] = None;
            line.switch(victim, true);
            chips[victim].cut_after(None);
            line.switch(victim, false);
            cluster.servers[victim] = restart(victim, start, &chips[victim], cluster.now);
            let state = cluster.settle();
            assert_eq!(state.total, total, "seed {seed}");
        }
        let faults = cluster.servers.iter().flatten().map(|it| it.host().faults());
        let wrong = |(_, last): &(u32, Option<(_, quorate::Fault)>)| {
            last.is_some_and(|(_, fault)| fault == quorate::Fault::Equivocation)
        };
        assert_eq!(faults.filter(wrong).count(), 0, "seed {seed}");
        let erased: u64 = chips.iter().map(|chip| chip.wear().1).sum();
        assert!(erased > 4 * 24, "the logs were rotated: {erased}");
    }
}

/// Wherever a replica is made, it is the same one: new, one that may have lost its log, one that
/// has, and one that goes on from it.
#[test]
fn a_replica_that_is_made_where_it_stays_is_the_one_that_is_moved_there() {
    let line = Line::new(6, 1, Noise::NONE);
    let chips: Vec<Flash> = (0..4).map(|_| Chip::new(24)).collect();
    let mut cluster = cluster(&line, &chips);
    assert_eq!((0..40).map(|_| cluster.ask(0, 1)).last(), Some(40));
    cluster.settle();
    let (empty, used) = (Flash::new(24), &chips[2]);
    let (unsure, lost) = (Origin::Unsure { nonce: 7 }, Origin::Lost { nonce: 7 });
    for (chip, origin, recovers) in [
        (&empty, Origin::New, false),
        (&empty, unsure, true),
        (&empty, lost, true),
        (used, lost, false),
    ] {
        let (flash, now) = (|| Blocking(chip.twin()), cluster.now);
        let parts = (Sum::default(), wait(open(2, flash())).unwrap(), vec![0; LAYOUT.bytes()]);
        let moved = Service::start(parts, LAYOUT, (config(2), Memory::new()), now, origin);
        let (replica, host) = wait(moved).unwrap_or_else(|error| panic!("{error}"));
        let placed = wait(resume_on(2, 1, flash(), now, origin));
        assert_eq!(format!("{replica:?}"), format!("{:?}", placed.protocol().0), "{origin:?}");
        assert_eq!(host.application(), placed.host().application());
        assert_eq!(placed.protocol().is_recovering(), recovers);
        let totals = if std::ptr::eq(chip, used) { 1..=40 } else { 0..=0 };
        assert!(totals.contains(&placed.host().application().total), "{origin:?}");
    }
}

/// "All replicas power-cycled at once": everything that a client was told of is there.
#[test]
fn what_clients_were_told_outlives_a_loss_of_all_power() {
    for seed in 0..4 {
        let line = Line::new(6, seed, Noise::NONE);
        let chips: Vec<Flash> = (0..4).map(|_| Chip::new(24)).collect();
        let mut cluster = cluster(&line, &chips);
        let (mut rng, mut total) = (Rng::new(seed), 0);
        for start in 1..6 {
            for _ in 0..1 + rng.below(15) {
                let amount = rng.below(200) as u8;
                total += u64::from(amount);
                assert_eq!(cluster.ask(rng.below(2), amount), total, "seed {seed}");
            }
            for (me, chip) in chips.iter().enumerate() {
                line.switch(me, true);
                line.switch(me, false);
                cluster.servers[me] = restart(me, start, chip, cluster.now);
            }
            cluster.now = cluster.now.after(Duration::from_secs(3));
        }
        assert_eq!(cluster.ask(0, 0), total, "seed {seed}");
    }
}

/// A link on which no NEW-VIEW leaves for as long as a test wants.
struct Headless {
    link: Stream<Port>,
    cut: Rc<Cell<bool>>,
}

/// Where the tag of a message stands in a frame, behind header and channel, and what a NEW-VIEW's
/// is.
const TAG: (usize, u8) = (14, 7);

impl Link for Headless {
    type Error = <Stream<Port> as Link>::Error;

    fn mtu(&self) -> usize {
        self.link.mtu()
    }

    fn send(&mut self, to: Principal, frame: &[u8]) -> Result<(), Self::Error> {
        if self.cut.get() && frame.get(TAG.0) == Some(&TAG.1) {
            return Ok(());
        }
        self.link.send(to, frame)
    }

    fn try_receive(&mut self, buffer: &mut [u8]) -> Result<Option<Arrival>, Self::Error> {
        self.link.try_receive(buffer)
    }
}

/// Views fail one after the other and nothing becomes stable meanwhile: what that writes is
/// bounded, and all are there when views succeed again.
#[test]
fn forty_views_that_fail_fill_no_flash() {
    let line = Line::new(6, 1, Noise::NONE);
    let chips: Vec<Flash> = (0..4).map(|_| Chip::new(PAGES)).collect();
    let servers = chips.iter().enumerate();
    let cap = Duration::from_millis(800);
    let start = |(me, chip)| restart_capped(me, 0, chip, Instant::ZERO, cap).unwrap();
    let servers = servers.map(start);
    let cut = Rc::new(Cell::new(false));
    let mut cluster = Cluster::of(servers, |board| {
        let me = if board < 4 { node(board) } else { client(board - 4) };
        Headless { link: Stream::new(line.port(board), me, FRAME), cut: cut.clone() }
    });
    let mut total = 0;
    for amount in 0..5 {
        total += amount;
        assert_eq!(cluster.ask(0, amount as u8), total);
    }
    // The primary is gone, and a request is there.
    let primary = cluster.servers[0].take();
    line.switch(0, true);
    cut.set(true);
    cluster.submit(0, 7);
    let view = |cluster: &Cluster<_, _>| {
        let views = cluster.servers.iter().flatten();
        views.map(|server: &Server<Journal>| server.protocol().status().view.0).max()
    };
    for turn in 0..1_000_000 {
        if view(&cluster) >= Some(40) {
            break;
        }
        cluster.turn();
        if turn % 64 == 0 {
            assert_bounded(&cluster.servers);
        }
    }
    assert!(view(&cluster) >= Some(40), "{:?}", view(&cluster));
    assert_eq!(cluster.servers.iter().flatten().count(), 3, "a board has stopped");
    cut.set(false);
    line.switch(0, false);
    cluster.servers[0] = primary;
    // With what the first client asked for before, or without.
    let sums = [total + 1, total + 8];
    assert!(sums.contains(&cluster.ask(1, 1)));
    assert!(sums.contains(&cluster.settle().total));
}

/// A board that crashes right after each start comes up for as long as it tries. A small chip is
/// full soonest.
#[test]
fn a_loop_of_crashes_fills_no_flash() {
    let line = Line::new(6, 1, Noise::NONE);
    let chips: Vec<Flash> = (0..4).map(|_| Chip::new(24)).collect();
    let mut cluster = cluster(&line, &chips);
    assert_eq!(cluster.ask(0, 1), 1);
    for start in 1..=700 {
        cluster.servers[0] = restart(0, start, &chips[0], cluster.now);
    }
    assert_eq!(cluster.ask(0, 2), 3);
    assert_eq!(cluster.settle().total, 3);
}

/// What a rotation writes is not longer than the size of a region is made from.
fn assert_bounded(servers: &[Option<Server<Journal>>]) {
    for server in servers.iter().flatten() {
        let records = server.protocol().records().map(|record| encoded_len(&record));
        let records: Vec<usize> = records.collect();
        let bytes: usize = records.iter().sum();
        assert!(records.len() <= DIMENSIONS.records(), "{} records", records.len());
        assert!(bytes <= DIMENSIONS.record_bytes(), "{bytes} bytes");
    }
}
