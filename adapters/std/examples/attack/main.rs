//! What attacks cost a cluster of four replicas in this process, over sockets. Each attack and
//! its fault-free twin run in turns, in the same minute; what counts is the median of the ratios.
//!
//! ```text
//! cargo run --release -p quorate-std --example attack -- \
//!     [--json] [--seconds 3] [--long 20] [--rounds 5] [--sessions 16] [--times 10] [--pin] \
//!     [silent flood forgers slow censor]
//! ```
//!
//! * `silent`: replica 3 says nothing.
//! * `flood`: replica 3 sends each peer `times` as many messages as clients ask for operations:
//!   votes for everything in the window, and questions, all authentic.
//! * `forgers`: as many clients as there are sessions send each replica `times` as many requests
//!   with bad signatures as the others ask for operations.
//!
//! * `slow`: replica 0, the first primary, keeps each proposal back for nine tenths of the timeout.
//!   Runs last `long` seconds, from the first request on; it is told when it was replaced, too.
//! * `censor`: replica 0 is deaf to one client more, whoever passes its request on. As long; it is
//!   told when that request was executed, too.
//!
//! Attackers run on the processors that they attack, so what their own work costs is in the
//! figures too. With `--pin` all threads of the cluster share processor 0, while clients and
//! attackers have the others, in the fault-free twin too (this needs `taskset`). Where the system
//! tells, a second ratio is of the operations that the cluster does with a second of its own
//! threads' processor time, which neither attackers nor whatever else runs on the machine have a
//! part in.

mod attacker;
mod pin;
mod traitor;

use attacker::{Attackers, Flood};
use pin::pin;
use quorate::ed25519::SecretKey;
use quorate::{ClientId, NodeId};
use quorate_std::{
    Client, ClientOptions, Cluster, Links, Replica, ReplicaConfig, ReplicaHandle, RestoreError,
    SinglePage, Snapshot, Tamper,
};
use std::error::Error;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use traitor::{Deaf, Slow};

const HELP: &str = "attack [--json] [--seconds 3] [--long 20] [--rounds 5] [--sessions 16] \
[--times 10] [--pin]
    [silent flood forgers slow censor]

  --json        print one JSON array, with an object for each attack
  --seconds S   seconds of a run (3)
  --long S      seconds of a run of slow or censor (20)
  --rounds N    runs of each attack and of its fault-free twin (5)
  --sessions N  requests under way at once (16)
  --times X     messages of an attacker for each operation of the clients (10)
  --pin         all threads of the cluster on processor 0, all else on the others

Exit code: 0 if every median is what is wanted or better, 1 if one is worse, or if it cannot run.";

/// Replicas; one may be faulty.
const NODES: usize = 4;
/// The one that attacks, unless it is the primary.
const TRAITOR: usize = 3;
/// T, how long it is watched at a time, and when clients ask everybody.
const TIMEOUT: Duration = Duration::from_secs(1);
const WINDOW: Duration = Duration::from_millis(500);
const RETRY: Duration = Duration::from_millis(250);
/// What it may take to connect, to tell the others, and to look.
const SLACK: Duration = Duration::from_millis(100);

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
    Slow,
    Censor,
}

impl Attack {
    const ALL: [Self; 5] = [Self::Silent, Self::Flood, Self::Forgers, Self::Slow, Self::Censor];

    const fn name(self) -> &'static str {
        match self {
            Self::Silent => "silent",
            Self::Flood => "flood",
            Self::Forgers => "forgers",
            Self::Slow => "slow",
            Self::Censor => "censor",
        }
    }

    /// The part of its fault-free throughput that the cluster is to keep.
    const fn wanted(self) -> f64 {
        match self {
            Self::Silent => 0.97,
            Self::Flood | Self::Slow | Self::Censor => 0.90,
            Self::Forgers => 0.95,
        }
    }

    const fn takes_a_replica(self) -> bool {
        matches!(self, Self::Silent | Self::Flood)
    }

    /// What it is a matter of time for, and how long that may take: two windows from when the
    /// backups know of a request, or twice the timeout.
    fn within(self) -> Option<(&'static str, Duration)> {
        match self {
            Self::Silent | Self::Flood | Self::Forgers => None,
            Self::Slow => Some(("primary replaced", RETRY + 2 * WINDOW + SLACK)),
            Self::Censor => Some(("client served", 2 * TIMEOUT)),
        }
    }

    /// What the primary does.
    fn tamper(self, victim: ClientId) -> Option<Box<dyn Tamper>> {
        match self {
            Self::Silent | Self::Flood | Self::Forgers => None,
            Self::Slow => Some(Box::new(Slow(TIMEOUT * 9 / 10))),
            Self::Censor => Some(Box::new(Deaf(victim))),
        }
    }
}

/// What the command line says.
struct Options {
    json: bool,
    pin: bool,
    seconds: u64,
    long: u64,
    rounds: usize,
    sessions: usize,
    times: f64,
    processors: usize,
    attacks: Vec<Attack>,
}

impl Options {
    /// What the command line says; `None` if it asks for help.
    fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Option<Self>, Box<dyn Error>> {
        let mut options = Self {
            json: false,
            pin: false,
            seconds: 3,
            long: 20,
            rounds: 5,
            sessions: 16,
            times: 10.0,
            processors: std::thread::available_parallelism()?.get(),
            attacks: Vec::new(),
        };
        while let Some(word) = arguments.next() {
            let mut value = || arguments.next().ok_or(format!("{word} needs a number"));
            match word.as_str() {
                "--help" | "-h" => return Ok(None),
                "--json" => options.json = true,
                "--pin" => options.pin = true,
                "--long" => options.long = value()?.parse()?,
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
        let spans = options.seconds > 0 && options.long > 0;
        let sensible = options.rounds > 0 && options.sessions > 0 && spans;
        if sensible { Ok(Some(options)) } else { Err("nothing to do: a number is zero".into()) }
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
    /// Operations a second of processor time, that of attackers and clients apart.
    thrift: f64,
    /// The highest view that a correct replica was in at the end.
    view: u64,
    /// How long what is a matter of time took.
    took: Option<Duration>,
}

/// What a run is made of.
#[derive(Clone, Copy)]
struct Plan {
    /// Measured with this attack in mind, be it carried out or not.
    attack: Attack,
    /// Messages a second that attackers send each replica, if it is carried out.
    rate: Option<f64>,
}

impl Plan {
    fn carried_out(self) -> Option<Attack> {
        self.rate.map(|_| self.attack)
    }
}

/// Starts the correct replicas of a cluster, and a primary that is not.
fn replicas(
    cluster: &Cluster,
    data: &std::path::Path,
    plan: Plan,
    victim: ClientId,
) -> Result<Vec<ReplicaHandle>, Box<dyn Error>> {
    let attack = plan.carried_out();
    let missing = attack.is_some_and(Attack::takes_a_replica);
    let mut replicas = Vec::new();
    for id in 0..if missing { TRAITOR } else { NODES } {
        let directory = data.join(format!("node{id}"));
        let me = NodeId(id as u8);
        let mut config = ReplicaConfig::new(cluster.clone(), me, node_key(id), directory);
        config.timeout = TIMEOUT;
        config.tamper = attack.filter(|_| id == 0).and_then(|attack| attack.tamper(victim));
        replicas.push(Replica::spawn(config, SinglePage(Count(0)))?);
    }
    Ok(replicas)
}

fn client(cluster: &Cluster, ids: std::ops::Range<usize>) -> Result<Client, Box<dyn Error>> {
    let keys = ids.map(|id| (ClientId(id as u16), client_key(id))).collect();
    let options = ClientOptions { retry: RETRY, ..ClientOptions::default() };
    Ok(Client::spawn(cluster.clone(), keys, options)?)
}

/// Runs a cluster under load for a while.
fn run(options: &Options, plan: Plan) -> Result<Run, Box<dyn Error>> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let data = format!("quorate-attack-{}-{count}", std::process::id());
    let data: PathBuf = std::env::temp_dir().join(data);
    let (cluster, sessions) = (cluster(options.sessions)?, options.sessions);
    if options.pin {
        pin("0")?;
    }
    let replicas = replicas(&cluster, &data, plan, ClientId(sessions as u16))?;
    if options.pin {
        pin(&format!("1-{}", options.processors - 1))?;
    }
    let correct = client(&cluster, 0..sessions)?;
    let victim = client(&cluster, sessions..sessions + 1)?;
    let lasting = plan.attack.within().is_some();
    let attackers = match (plan.attack, plan.rate) {
        (Attack::Flood, Some(rate)) => Some(Attackers::begin(&cluster, Flood::Votes, rate)?),
        (Attack::Forgers, Some(rate)) => {
            let forgers = Flood::Forgeries(sessions..2 * sessions);
            Some(Attackers::begin(&cluster, forgers, rate)?)
        }
        _ => None,
    };
    if !lasting {
        correct.invoke(b"warm up")?;
        let _ = load(&correct, sessions, Duration::from_millis(500));
    }
    let span = Duration::from_secs(if lasting { options.long } else { options.seconds });
    let (before, begin) = (busy(), Instant::now());
    let waited = std::thread::scope(|scope| {
        let waiting = scope.spawn(|| match plan.carried_out() {
            Some(Attack::Slow) => wait_for_view(&replicas[1..], span).then(|| begin.elapsed()),
            Some(Attack::Censor) => victim.invoke(&[7; 64]).is_ok().then(|| begin.elapsed()),
            _ => None,
        });
        (load(&correct, sessions, span) as f64, waiting.join().unwrap_or(None))
    });
    let (done, took) = waited;
    let (rate, thrift) = (done / span.as_secs_f64(), done / (busy() - before));
    let view = replicas.iter().map(|replica| replica.status().view).max().unwrap_or(0);
    drop((attackers, correct, victim));
    replicas.into_iter().for_each(ReplicaHandle::stop);
    std::fs::remove_dir_all(data)?;
    Ok(Run { rate, thrift, view, took })
}

/// Waits until all of these replicas have left the first view; false if that takes too long.
fn wait_for_view(replicas: &[ReplicaHandle], longest: Duration) -> bool {
    let begin = Instant::now();
    while begin.elapsed() < longest {
        if replicas.iter().all(|replica| replica.status().view > 0) {
            return true;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    false
}

/// Seconds that the threads of the replicas have run on a processor; not a number where the system
/// does not tell.
fn busy() -> f64 {
    let Ok(threads) = std::fs::read_dir("/proc/self/task") else { return f64::NAN };
    let seconds = |path: PathBuf| {
        let name = std::fs::read_to_string(path.join("comm")).ok()?;
        let told = std::fs::read_to_string(path.join("schedstat")).ok()?;
        let nanos: f64 = told.split(' ').next()?.parse().ok()?;
        let replica = name.starts_with("quorate-") && !name.starts_with("quorate-client");
        replica.then_some(nanos / 1e9)
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

/// Carries an attack out in turns with its fault-free twin, and says how it went, and whether no
/// median is worse than what is wanted.
fn measure(options: &Options, attack: Attack) -> Result<(String, bool), Box<dyn Error>> {
    let (mut fair, mut foul, mut view) = (vec![], vec![], 0);
    let (mut ratios, mut thrift) = (vec![], vec![]);
    let mut took = Vec::new();
    for _ in 0..options.rounds {
        let twin = run(options, Plan { attack, rate: None })?;
        let rate = Some(twin.rate * options.times);
        let attacked = run(options, Plan { attack, rate })?;
        fair.push(twin.rate);
        foul.push(attacked.rate);
        ratios.push(attacked.rate / twin.rate);
        thrift.push(attacked.thrift / twin.thrift);
        view = view.max(attacked.view);
        // What never came to pass took for ever.
        took.push(attacked.took.map_or(f64::INFINITY, |took| took.as_secs_f64() * 1e3));
    }
    let (name, kept, wanted) = (attack.name(), median(&ratios), attack.wanted());
    let (fair, foul, spared) = (median(&fair), median(&foul), median(&thrift));
    let (mut sentence, mut fields) = (String::new(), String::new());
    let mut good = kept >= wanted;
    if let Some((what, within)) = attack.within() {
        let (within, median) = (within.as_millis(), median(&took));
        good &= median <= within as f64;
        sentence = format!("; {what} after {median:.0} ms (wanted: {within} ms), {took:.0?}");
        let number = if median.is_finite() { format!("{median:.0}") } else { "null".into() };
        fields = format!(",\"took_ms\":{number},\"within_ms\":{within}");
    }
    if !options.json {
        println!(
            "{name:8} keeps {:5.1} % (wanted: {:.0} %): {foul:.0} of {fair:.0} operations a \
             second, ratios {ratios:.3?}; {:.1} % of them a second of processor time, ratios \
             {thrift:.3?}; highest view {view}{sentence}",
            100.0 * kept,
            100.0 * wanted,
            100.0 * spared
        );
    }
    let row = format!(
        "{{\"attack\":\"{name}\",\"ratio\":{kept:.4},\"wanted\":{wanted},\
         \"ratio_of_processor_time\":{spared:.4},\
         \"fault_free\":{fair:.0},\"attacked\":{foul:.0},\"view\":{view},\
         \"ratios\":{ratios:.4?}{fields}}}"
    );
    Ok((row, good))
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let Some(options) = Options::parse(std::env::args().skip(1))? else {
        println!("{HELP}");
        return Ok(ExitCode::SUCCESS);
    };
    let attacks = options.attacks.iter();
    let measured = attacks.map(|attack| measure(&options, *attack));
    let (rows, good): (Vec<_>, Vec<_>) =
        measured.collect::<Result<Vec<_>, _>>()?.into_iter().unzip();
    if options.json {
        println!("[{}]", rows.join(","));
    }
    Ok(ExitCode::from(u8::from(good.contains(&false))))
}
