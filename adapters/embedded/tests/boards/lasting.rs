//! Replicas with their log on flash: they lose their power, and nothing that they said.

use crate::chip::Chip;
use crate::keys::{client, node};
use crate::line::{Line, Noise, Port};
use crate::replicas::{Cluster, DIMENSIONS, FRAME, LAYOUT, Memory, Server, Sum, board, config};
use crate::rng::Rng;
use quorate::pbft::Replica;
use quorate::{Digest, Instant};
use quorate_embedded::flash::{Blocking, FlashLog, Owner};
use quorate_embedded::{Origin, Service, Stream, wait};
use std::time::Duration;

type Flash = Chip<4, 1024>;
type Journal = FlashLog<Blocking<Flash>, { DIMENSIONS.message_bytes() }>;

/// A replica from what its flash holds.
fn restart(me: usize, start: u64, chip: &Flash, now: Instant) -> Option<Server<Journal>> {
    let owner = Owner { cluster: Digest::of(b"boards"), me: node(me) };
    let region = 0..chip.len() as u32;
    let log = wait(FlashLog::open(Blocking(chip.clone()), region, owner));
    let log = match log {
        Ok(log) => log,
        Err(error) => {
            assert!(!chip.has_power(), "{error:?}");
            return None;
        }
    };
    let parts = (Sum::default(), log, vec![0; LAYOUT.bytes()]);
    let storage = (config(me), Memory::new());
    let started: Result<(Replica<Memory>, _), _> =
        wait(Service::start(parts, LAYOUT, storage, now, Origin::New));
    let (replica, host) = started.unwrap_or_else(|error| panic!("{error}"));
    Some(board(me, start, replica, host))
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
