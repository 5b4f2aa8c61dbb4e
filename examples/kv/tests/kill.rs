//! Nothing acknowledged is lost when any one process gets SIGKILL at any time.

mod support;

use quorate_kv::cluster::{LocalCluster, free_ports};
use redis::{Commands, Connection, RedisError};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use support::{PATIENCE, Server, connect, connected, program};

const REPLICAS: usize = 4;
const KILLS: usize = 20;
const WRITERS: usize = 4;

/// The points at which processes are killed come from this; another one is taken from the
/// environment variable `KILL_SEED`.
const SEED: u64 = 2026;

struct Noise(u64);

impl Noise {
    /// A number below `limit`; splitmix64.
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }
}

/// What one writer was told.
#[derive(Default)]
struct Written {
    /// Keys that were set, each to its own name.
    keys: Vec<String>,
    /// Increments of the common counter that were acknowledged.
    increments: u64,
    /// Commands whose fate is not known.
    unknown: u64,
}

/// Writes until told to stop. When the gateway dies it connects to the next one.
fn write(writer: usize, port: u16, stop: &AtomicBool, acknowledged: &AtomicU64) -> Written {
    let mut redis = connect(port);
    let mut written = Written::default();
    for n in 0.. {
        if stop.load(Ordering::Acquire) {
            break;
        }
        let key = format!("writer:{writer}:{n}");
        match redis.set::<_, _, ()>(&key, &key) {
            Ok(()) => written.keys.push(key),
            Err(error) => written.give_up(&error, &mut redis, port),
        }
        match redis.incr::<_, _, u64>("counter", 1) {
            Ok(_) => written.increments += 1,
            Err(error) => written.give_up(&error, &mut redis, port),
        }
        acknowledged.fetch_add(1, Ordering::AcqRel);
    }
    written
}

impl Written {
    fn give_up(&mut self, error: &RedisError, redis: &mut Connection, port: u16) {
        self.unknown += 1;
        if error.code() == Some("TRYAGAIN") {
            return;
        }
        assert!(error.is_io_error(), "{error}");
        until("a gateway", || match connected(port) {
            Ok(connection) => {
                *redis = connection;
                true
            }
            Err(_) => false,
        });
    }
}

/// Waits for something that must happen.
fn until(what: &str, mut happened: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !happened() {
        assert!(Instant::now() < end, "waited in vain for {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Reads back what was acknowledged.
fn check(redis: &mut Connection, written: &[Written]) {
    for keys in written.iter().flat_map(|written| written.keys.chunks(100)) {
        let values: Vec<Option<String>> = redis.mget(keys).unwrap();
        for (key, value) in keys.iter().zip(values) {
            assert_eq!(value.as_deref(), Some(key.as_str()), "an acknowledged SET is lost");
        }
    }
    let counter: u64 = redis.get("counter").unwrap();
    let least: u64 = written.iter().map(|written| written.increments).sum();
    let unknown: u64 = written.iter().map(|written| written.unknown).sum();
    assert!((least..=least + unknown).contains(&counter), "{counter}, {least} acknowledged");
}

/// Whether the replicas have executed the same, to the same state.
fn agree(cluster: &LocalCluster) -> bool {
    let state = |at| cluster.status(at).and_then(|report| Some((report.executed, report.digest?)));
    let states: Vec<_> = (0..REPLICAS).map(state).collect();
    states.iter().all(|state| state.is_some() && *state == states[0])
}

#[test]
fn nothing_acknowledged_is_lost_by_a_kill_at_any_time() {
    let seed = std::env::var("KILL_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(SEED);
    println!("seed {seed}");
    let mut noise = Noise(seed);
    let dir = tempfile::tempdir().unwrap();
    let mut cluster = LocalCluster::start(program(), dir.path(), REPLICAS).unwrap();
    let port = free_ports(1).unwrap()[0];
    let mut gateway = Some(start_gateway(dir.path(), port));
    let stop = Arc::new(AtomicBool::new(false));
    let acknowledged = Arc::new(AtomicU64::new(0));
    let writers: Vec<JoinHandle<Written>> = (0..WRITERS)
        .map(|writer| {
            let (stop, acknowledged) = (Arc::clone(&stop), Arc::clone(&acknowledged));
            thread::spawn(move || write(writer, port, &stop, &acknowledged))
        })
        .collect();
    let progress = |more: u64| {
        let level = acknowledged.load(Ordering::Acquire) + more;
        until("writes to go on", || acknowledged.load(Ordering::Acquire) >= level);
    };
    for kill in 0..KILLS {
        // A number of writes, then some microseconds: the point lies anywhere in a write.
        progress(5 + noise.below(20));
        thread::sleep(Duration::from_micros(noise.below(2_000)));
        let victim = noise.below(REPLICAS as u64 + 1) as usize;
        if victim == REPLICAS {
            println!("kill {kill}: the gateway");
            gateway.take().expect("it runs").kill();
            gateway = Some(start_gateway(dir.path(), port));
            continue;
        }
        println!("kill {kill}: replica {victim}");
        cluster.kill(victim);
        if noise.below(2) == 0 {
            progress(5);
        }
        cluster.start_node(victim).unwrap();
        until("the killed replica to catch up", || caught_up(&cluster, victim));
    }
    stop.store(true, Ordering::Release);
    let written: Vec<Written> = writers.into_iter().map(|writer| writer.join().unwrap()).collect();
    check(&mut connect(port), &written);
    until("equal states", || agree(&cluster));
    // And once more when all have been killed together.
    (0..REPLICAS).for_each(|node| cluster.kill(node));
    (0..REPLICAS).for_each(|node| cluster.start_node(node).unwrap());
    check(&mut connect(port), &written);
}

fn start_gateway(dir: &Path, port: u16) -> Server {
    let config = dir.join("gateway.toml");
    let listen = format!("127.0.0.1:{port}");
    let config = config.to_str().expect("a path of text");
    Server::start(&["gateway", "--config", config, "--listen", &listen])
}

/// Whether a replica takes part again and has executed what others had a moment ago.
fn caught_up(cluster: &LocalCluster, node: usize) -> bool {
    let others = (0..REPLICAS).filter(|at| *at != node).filter_map(|at| cluster.status(at));
    let Some(level) = others.map(|report| report.executed).max() else { return false };
    cluster.status(node).is_some_and(|own| own.active && own.executed >= level)
}
