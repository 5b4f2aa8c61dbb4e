//! What catching up costs the others: rounds in pairs, a cluster of four of which replica 3 stays
//! away, and one of which it comes in the middle, with nothing, and fetches the state. Two ratios
//! of the same span of both, from when it comes to when it is where the others were, or to the
//! end of the round: operations a second, and operations a second of the processor time of the
//! three others' own threads. All four share the cores of one machine here, so the first one
//! counts what replica 3 computes itself, and that there are four and no longer three to run: with
//! few cores that alone may be a quarter, which machines of their own do not pay. The second one
//! counts only what its fetching costs the others, where the system tells.
//!
//! ```text
//! cargo run --release -p quorate-std --example catchup -- [--rounds N] [--seconds S] [--mib M]
//!     [--sessions N] [--json]
//! ```

use quorate::ed25519::SecretKey;
use quorate::{ClientId, NodeId};
use quorate_std::{
    Application, Client, ClientOptions, Cluster, Links, Replica, ReplicaConfig, ReplicaHandle,
    RestoreError,
};
use std::net::TcpListener;
use std::path::Path;
use std::time::{Duration, Instant};

const HELP: &str = "catchup [--rounds N] [--seconds S] [--mib M] [--sessions N] [--json]

  --rounds N    pairs of rounds (3)
  --seconds S   seconds of a round; replica 3 comes after a third of them (9)
  --mib M       size of the state, in pages of 16 KiB (16)
  --sessions N  requests under way at once (16)
  --json        print one JSON object";

/// Bytes of a page.
const PAGE: usize = 16 << 10;

/// A counter in every page; an operation adds one to that of the page that it names.
struct Cells {
    counters: Vec<u64>,
    changed: Vec<bool>,
}

impl Application for Cells {
    fn execute(&mut self, _client: ClientId, operation: &[u8], reply: &mut Vec<u8>) {
        let number = operation.first_chunk().map_or(0, |n| u64::from_le_bytes(*n));
        let index = (number % self.counters.len() as u64) as usize;
        self.counters[index] += 1;
        self.changed[index] = true;
        reply.extend_from_slice(&self.counters[index].to_le_bytes());
    }

    fn pages(&self) -> u32 {
        self.counters.len() as u32
    }

    fn page(&self, index: u32, page: &mut Vec<u8>) {
        page.extend_from_slice(&self.counters[index as usize].to_le_bytes());
        page.resize(PAGE, index as u8);
    }

    fn changed(&mut self, tell: &mut dyn FnMut(u32)) {
        let changed = (0..)
            .zip(&mut self.changed)
            .filter_map(|(index, changed)| std::mem::take(changed).then_some(index));
        changed.for_each(tell);
    }

    fn install(&mut self, index: u32, bytes: &[u8]) -> Result<(), RestoreError> {
        let counter = bytes.first_chunk().ok_or_else(|| RestoreError::new("it is no page"))?;
        let place = self.counters.get_mut(index as usize);
        *place.ok_or_else(|| RestoreError::new("there is no such page"))? =
            u64::from_le_bytes(*counter);
        Ok(())
    }
}

/// The numbers of a run.
#[derive(Clone, Copy)]
struct Settings {
    rounds: usize,
    seconds: f64,
    mib: usize,
    sessions: usize,
    json: bool,
}

type Failure = Box<dyn std::error::Error>;

fn settings() -> Result<Option<Settings>, Failure> {
    let mut it = Settings { rounds: 3, seconds: 9.0, mib: 16, sessions: 16, json: false };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{argument} needs a number"));
        match argument.as_str() {
            "--rounds" => it.rounds = value()?.parse()?,
            "--seconds" => it.seconds = value()?.parse()?,
            "--mib" => it.mib = value()?.parse()?,
            "--sessions" => it.sessions = value()?.parse()?,
            "--json" => it.json = true,
            "--help" | "-h" => return Ok(None),
            other => return Err(format!("{other} is not known\n\n{HELP}").into()),
        }
    }
    let sound =
        it.rounds > 0 && it.seconds >= 3.0 && it.mib > 0 && (1..=200).contains(&it.sessions);
    if sound { Ok(Some(it)) } else { Err(format!("too few, or too many\n\n{HELP}").into()) }
}

/// What happened in one round, in seconds from its begin.
struct Round {
    /// When each operation was done.
    done: Vec<f64>,
    /// When replica 3 came, and when it was where the others had been, if it was.
    came: f64,
    there: Option<f64>,
    /// From time to time, how long the threads of the three others had run on a processor.
    ran: Vec<(f64, f64)>,
}

impl Round {
    /// Operations a second in a span.
    fn rate(&self, from: f64, until: f64) -> f64 {
        self.done.iter().filter(|at| (from..until).contains(*at)).count() as f64 / (until - from)
    }

    /// Operations a second of the others' processor time in a span.
    fn thrift(&self, from: f64, until: f64) -> f64 {
        let ran = |at: f64| {
            let later = self.ran.iter().find(|(time, _)| *time >= at);
            later.or(self.ran.last()).map_or(f64::NAN, |(_, ran)| *ran)
        };
        self.rate(from, until) * (until - from) / (ran(until) - ran(from))
    }
}

/// The threads of replicas that run now.
fn threads() -> Vec<std::path::PathBuf> {
    let Ok(threads) = std::fs::read_dir("/proc/self/task") else { return Vec::new() };
    let of_replicas = |path: &std::path::PathBuf| {
        let name = std::fs::read_to_string(path.join("comm")).unwrap_or_default();
        name.starts_with("quorate-") && name.trim_end() != "quorate-client"
    };
    threads.filter_map(|thread| Some(thread.ok()?.path())).filter(of_replicas).collect()
}

/// Seconds that threads have run on a processor; not a number where the system does not tell.
fn ran(threads: &[std::path::PathBuf]) -> f64 {
    let nanos = threads.iter().map(|path| {
        let told = std::fs::read_to_string(path.join("schedstat")).ok()?;
        told.split_ascii_whitespace().next()?.parse::<f64>().ok()
    });
    nanos.sum::<Option<f64>>().filter(|nanos| *nanos > 0.0).map_or(f64::NAN, |nanos| nanos / 1e9)
}

fn spawn(it: &Settings, cluster: &Cluster, id: u8, data: &Path) -> Result<ReplicaHandle, Failure> {
    let pages = it.mib * (1 << 20) / PAGE;
    let cells = Cells { counters: vec![0; pages], changed: vec![true; pages] };
    let directory = data.join(format!("node{id}"));
    let config = ReplicaConfig::new(cluster.clone(), NodeId(id), node(id), directory);
    Ok(Replica::spawn(config, cells)?)
}

fn node(id: u8) -> SecretKey {
    SecretKey::from_seed([id + 1; 32])
}

fn client(id: usize) -> SecretKey {
    SecretKey::from_seed([id as u8 + 50; 32])
}

fn round(it: &Settings, comes: bool) -> Result<Round, Failure> {
    let listeners: Result<Vec<_>, _> = (0..4).map(|_| TcpListener::bind("127.0.0.1:0")).collect();
    let addresses: Result<Vec<_>, _> = listeners?.iter().map(TcpListener::local_addr).collect();
    let cluster = Cluster {
        name: "catchup".into(),
        nodes: (0..4).map(|id| node(id).public()).collect(),
        clients: (0..it.sessions).map(|id| client(id).public()).collect(),
        addresses: addresses?,
        window: 128,
        batch_bytes: 64 << 10,
        reply_bytes: 64,
        links: Links::Hmac,
        fast_reads: false,
    };
    let data = std::env::temp_dir().join(format!("quorate-catchup-{}", std::process::id()));
    let mut replicas = Vec::new();
    for id in 0..3 {
        replicas.push(spawn(it, &cluster, id, &data)?);
    }
    let keys = (0..it.sessions).map(|id| (ClientId(id as u16), client(id))).collect();
    let clients = Client::spawn(cluster.clone(), keys, ClientOptions::default())?;
    clients.invoke(b"warm up!")?;
    let others = threads();
    let begin = Instant::now();
    let (came, mut there, mut samples) = (it.seconds / 3.0, None, Vec::new());
    let work = |session: usize| {
        let (mut done, mut number) = (Vec::new(), session as u64);
        while begin.elapsed().as_secs_f64() < it.seconds {
            number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            if clients.invoke(&(number >> 33).to_le_bytes()).is_ok() {
                done.push(begin.elapsed().as_secs_f64());
            }
        }
        done
    };
    let done = std::thread::scope(|scope| -> Result<Vec<f64>, Failure> {
        let threads: Vec<_> =
            (0..it.sessions).map(|session| scope.spawn(move || work(session))).collect();
        std::thread::sleep(Duration::from_secs_f64(came).saturating_sub(begin.elapsed()));
        let aim = replicas[0].status().executed;
        if comes {
            replicas.push(spawn(it, &cluster, 3, &data)?);
        }
        while begin.elapsed().as_secs_f64() < it.seconds {
            let at = begin.elapsed().as_secs_f64();
            samples.push((at, ran(&others)));
            let reached = replicas.get(3).is_some_and(|replica| replica.status().executed >= aim);
            there = there.or(reached.then_some(at));
            std::thread::sleep(Duration::from_millis(20));
        }
        let joined = threads.into_iter().flat_map(|thread| thread.join().unwrap_or_default());
        Ok(joined.collect())
    })?;
    replicas.into_iter().for_each(ReplicaHandle::stop);
    std::fs::remove_dir_all(data)?;
    Ok(Round { done, came, there, ran: samples })
}

/// The number in the middle, or the mean of the two there; `None` of none.
fn median(mut numbers: Vec<f64>) -> Option<f64> {
    numbers.sort_unstable_by(f64::total_cmp);
    let upper = *numbers.get(numbers.len() / 2)?;
    let lower = *numbers.get((numbers.len() - 1) / 2)?;
    Some(f64::midpoint(lower, upper))
}

fn main() -> Result<(), Failure> {
    let Some(it) = settings()? else {
        println!("{HELP}");
        return Ok(());
    };
    let (mut ratios, mut spared, mut rows) = (Vec::new(), Vec::new(), Vec::new());
    for number in 0..it.rounds {
        // By turns, so that a machine that gets slower or faster favours nobody.
        let first = round(&it, number % 2 == 0)?;
        let second = round(&it, number % 2 == 1)?;
        let (with, without) = if number % 2 == 0 { (first, second) } else { (second, first) };
        let (from, until) = (with.came, with.there.unwrap_or(it.seconds));
        let [fetching, alone] = [&with, &without].map(|round| round.rate(from, until));
        let (ratio, spare) =
            (fetching / alone, with.thrift(from, until) / without.thrift(from, until));
        // A round in which it did not arrive says nothing of what arriving costs.
        if with.there.is_some() {
            ratios.push(ratio);
            spared.push(spare);
        }
        let seconds = with.there.map(|there| there - from);
        if it.json {
            let seconds = seconds.map_or("null".to_owned(), |seconds| format!("{seconds:.3}"));
            rows.push(format!(
                "{{\"seconds\":{seconds},\"with\":{fetching:.1},\"without\":{alone:.1}}}"
            ));
        } else {
            let how = seconds.map_or("did not catch up in this round".to_owned(), |seconds| {
                format!("caught up in {seconds:.2} s")
            });
            println!(
                "it {how}: {fetching:.0} operations a second meanwhile, {alone:.0} without it, \
                 {ratio:.3}; a second of processor time {spare:.3}"
            );
        }
    }
    let counted = ratios.len();
    let [median, spared] = [ratios, spared].map(median);
    if it.json {
        let Settings { mib, sessions, .. } = it;
        let rows = rows.join(",");
        let shown = |number: Option<f64>| {
            let finite = number.filter(|number| number.is_finite());
            finite.map_or("null".to_owned(), |number| format!("{number:.3}"))
        };
        let (median, spared) = (shown(median), shown(spared));
        println!(
            "{{\"mib\":{mib},\"sessions\":{sessions},\"rounds\":[{rows}],\"median\":{median},\
             \"median_of_processor_time\":{spared}}}"
        );
    } else if let (Some(median), Some(spared)) = (median, spared) {
        println!(
            "median {median:.3}; a second of processor time {spared:.3}; of {counted} of {} rounds",
            it.rounds
        );
    } else {
        println!("no median: it caught up in no round");
    }
    Ok(())
}
