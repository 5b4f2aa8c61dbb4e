//! What attacks cost a cluster of four replicas in this process, over sockets. Each attack and
//! its fault-free twin run in turns, in the same minute; what counts is the median of the ratios.
//!
//! ```text
//! cargo run --release -p quorate-std --example attack -- \
//!     [--json] [--seconds 3] [--rounds 5] [--sessions 16] [--times 10] [silent flood forgers]
//! ```
//!
//! * `silent`: replica 3 says nothing.
//! * `flood`: replica 3 sends each peer `times` as many messages as clients ask for operations:
//!   votes for everything in the window, and questions, all authentic.
//! * `forgers`: as many clients as there are sessions send each replica `times` as many requests
//!   with bad signatures as the others ask for operations.
//!
//! Attackers run on the processors that they attack, so what their own work costs is in the
//! figures too. Where the system tells, a second ratio is of the operations that the cluster does
//! with a second of its own threads' processor time, which neither attackers nor whatever else
//! runs on the machine have a part in.

mod attacker;

use attacker::{Attackers, Flood};
use quorate::ed25519::SecretKey;
use quorate::{ClientId, NodeId};
use quorate_std::{
    Client, ClientOptions, Cluster, Links, Replica, ReplicaConfig, ReplicaHandle, RestoreError,
    SinglePage, Snapshot,
};
use std::error::Error;
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Replicas; one may be faulty.
const NODES: usize = 4;
/// The one that attacks.
const TRAITOR: usize = 3;

/// Counts operations.
struct Count(u64);

impl Snapshot for Count {
    fn execute(&mut self, _client: ClientId, _operation: &[u8], reply: &mut Vec<u8>) {
        self.0 += 1;
        reply.extend_from_slice(&self.0.to_le_bytes());
    }

    fn snapshot(&self) -> Vec<u8> {
        self.0.to_le_bytes().to_vec()
    }

    fn restore(&mut self, snapshot: &[u8]) -> Result<(), RestoreError> {
        let bytes = snapshot.try_into().map_err(|_| RestoreError::new("it is no number"))?;
        self.0 = u64::from_le_bytes(bytes);
        Ok(())
    }
}

/// What is done to the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Attack {
    Silent,
    Flood,
    Forgers,
}

impl Attack {
    const ALL: [Self; 3] = [Self::Silent, Self::Flood, Self::Forgers];

    const fn name(self) -> &'static str {
        match self {
            Self::Silent => "silent",
            Self::Flood => "flood",
            Self::Forgers => "forgers",
        }
    }

    /// The part of its fault-free throughput that the cluster is to keep.
    const fn wanted(self) -> f64 {
        match self {
            Self::Silent => 0.97,
            Self::Flood => 0.90,
            Self::Forgers => 0.95,
        }
    }

    const fn takes_a_replica(self) -> bool {
        matches!(self, Self::Silent | Self::Flood)
    }
}

/// What the command line says.
struct Options {
    json: bool,
    seconds: u64,
    rounds: usize,
    sessions: usize,
    times: f64,
    attacks: Vec<Attack>,
}

impl Options {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, Box<dyn Error>> {
        let mut options = Self {
            json: false,
            seconds: 3,
            rounds: 5,
            sessions: 16,
            times: 10.0,
            attacks: Vec::new(),
        };
        while let Some(word) = arguments.next() {
            let mut value = || arguments.next().ok_or(format!("{word} needs a number"));
            match word.as_str() {
                "--json" => options.json = true,
                "--seconds" => options.seconds = value()?.parse()?,
                "--rounds" => options.rounds = value()?.parse()?,
                "--sessions" => options.sessions = value()?.parse()?,
                "--times" => options.times = value()?.parse()?,
                name => {
                    let attack = Attack::ALL.into_iter().find(|attack| attack.name() == name);
                    options.attacks.push(attack.ok_or(format!("no attack is called {name}"))?);
                }
            }
        }
        if options.attacks.is_empty() {
            options.attacks = Attack::ALL.to_vec();
        }
        let sensible = options.rounds > 0 && options.sessions > 0 && options.seconds > 0;
        if sensible { Ok(options) } else { Err("nothing to do: a number is zero".into()) }
    }
}

fn node_key(id: usize) -> SecretKey {
    SecretKey::from_seed([id as u8 + 1; 32])
}

fn client_key(id: usize) -> SecretKey {
    let mut seed = [7; 32];
    seed[..8].copy_from_slice(&(id as u64).to_le_bytes());
    SecretKey::from_seed(seed)
}

/// A cluster whose first `sessions` clients are correct and whose others are not.
fn cluster(sessions: usize) -> std::io::Result<Cluster> {
    let bind = |_| TcpListener::bind("127.0.0.1:0");
    let listeners = (0..NODES).map(bind).collect::<Result<Vec<_>, _>>()?;
    let addresses = listeners.iter().map(TcpListener::local_addr).collect::<Result<_, _>>()?;
    Ok(Cluster {
        name: "attack".into(),
        nodes: (0..NODES).map(|id| node_key(id).public()).collect(),
        clients: (0..2 * sessions).map(|id| client_key(id).public()).collect(),
        addresses,
        window: 128,
        batch_bytes: 64 << 10,
        reply_bytes: 1024,
        links: Links::Hmac,
        fast_reads: false,
    })
}

/// How one run went.
struct Run {
    /// Operations a second.
    rate: f64,
    /// Operations a second of processor time, that of the attackers apart.
    thrift: f64,
    /// The highest view that a correct replica was in at the end.
    view: u64,
}

/// Runs a cluster under load for a while; `attack` with a number is carried out at that rate.
fn run(options: &Options, attack: Option<(Attack, f64)>) -> Result<Run, Box<dyn Error>> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let data = format!("quorate-attack-{}-{count}", std::process::id());
    let data: PathBuf = std::env::temp_dir().join(data);
    let cluster = cluster(options.sessions)?;
    let missing = attack.is_some_and(|(attack, _)| attack.takes_a_replica());
    let correct = if missing { TRAITOR } else { NODES };
    let mut replicas = Vec::new();
    for id in 0..correct {
        let directory = data.join(format!("node{id}"));
        let me = NodeId(id as u8);
        let config = ReplicaConfig::new(cluster.clone(), me, node_key(id), directory);
        replicas.push(Replica::spawn(config, SinglePage(Count(0)))?);
    }
    let keys = (0..options.sessions).map(|id| (ClientId(id as u16), client_key(id))).collect();
    let client = Client::spawn(cluster.clone(), keys, ClientOptions::default())?;
    client.invoke(b"warm up")?;
    let attackers = match attack {
        Some((Attack::Flood, rate)) => Some(Attackers::begin(&cluster, Flood::Votes, rate)?),
        Some((Attack::Forgers, rate)) => {
            let forgers = options.sessions..2 * options.sessions;
            Some(Attackers::begin(&cluster, Flood::Forgeries(forgers), rate)?)
        }
        Some((Attack::Silent, _)) | None => None,
    };
    let _ = load(&client, options.sessions, Duration::from_millis(500));
    let span = Duration::from_secs(options.seconds);
    let before = busy();
    let done = load(&client, options.sessions, span) as f64;
    let (rate, thrift) = (done / span.as_secs_f64(), done / (busy() - before));
    let view = replicas.iter().map(|replica| replica.status().view).max().unwrap_or(0);
    drop(attackers);
    drop(client);
    replicas.into_iter().for_each(ReplicaHandle::stop);
    std::fs::remove_dir_all(data)?;
    Ok(Run { rate, thrift, view })
}

/// Seconds that the threads of this process have run on a processor, without those of attackers
/// and clients; not a number where the system does not tell.
fn busy() -> f64 {
    let Ok(threads) = std::fs::read_dir("/proc/self/task") else { return f64::NAN };
    let seconds = |path: PathBuf| {
        let name = std::fs::read_to_string(path.join("comm")).ok()?;
        let told = std::fs::read_to_string(path.join("schedstat")).ok()?;
        let nanos: f64 = told.split(' ').next()?.parse().ok()?;
        name.starts_with("quorate-").then_some(nanos / 1e9)
    };
    threads.flatten().filter_map(|thread| seconds(thread.path())).sum()
}

/// One thread a session, each with one operation under way; returns how many were done.
fn load(client: &Client, sessions: usize, span: Duration) -> u64 {
    let (done, stop) = (AtomicU64::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        for _ in 0..sessions {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    if client.invoke(&[7; 64]).is_ok() && !stop.load(Ordering::Relaxed) {
                        done.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
        let until = Instant::now() + span;
        while let Some(left) = until.checked_duration_since(Instant::now()) {
            std::thread::sleep(left);
        }
        stop.store(true, Ordering::Relaxed);
    });
    done.into_inner()
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let (at, odd) = (sorted.len() / 2, sorted.len() % 2 == 1);
    if odd { sorted[at] } else { f64::midpoint(sorted[at - 1], sorted[at]) }
}

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse(std::env::args().skip(1))?;
    let mut rows = Vec::new();
    for attack in options.attacks.iter().copied() {
        let (mut fair, mut foul, mut view) = (vec![], vec![], 0);
        let (mut ratios, mut thrift) = (vec![], vec![]);
        for _ in 0..options.rounds {
            let twin = run(&options, None)?;
            let attacked = run(&options, Some((attack, twin.rate * options.times)))?;
            fair.push(twin.rate);
            foul.push(attacked.rate);
            ratios.push(attacked.rate / twin.rate);
            thrift.push(attacked.thrift / twin.thrift);
            view = view.max(attacked.view);
        }
        let (name, kept, wanted) = (attack.name(), median(&ratios), attack.wanted());
        let spared = median(&thrift);
        let (fair, foul) = (median(&fair), median(&foul));
        if !options.json {
            println!(
                "{name:8} keeps {:5.1} % (wanted: {:.0} %): {foul:.0} of {fair:.0} operations a \
                 second, ratios {ratios:.3?}; {:.1} % of them a second of processor time, ratios \
                 {thrift:.3?}; highest view {view}",
                100.0 * kept,
                100.0 * wanted,
                100.0 * spared
            );
        }
        rows.push(format!(
            "{{\"attack\":\"{name}\",\"ratio\":{kept:.4},\"wanted\":{wanted},\
             \"ratio_of_processor_time\":{spared:.4},\
             \"fault_free\":{fair:.0},\"attacked\":{foul:.0},\"view\":{view},\
             \"ratios\":{ratios:.4?}}}"
        ));
    }
    if options.json {
        println!("[{}]", rows.join(","));
    }
    Ok(())
}
