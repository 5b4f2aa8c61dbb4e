//! How many operations a cluster of four replicas in this process orders, executes and makes
//! durable in a second:
//!
//! ```text
//! cargo run --release -p quorate-std --example throughput -- [SECONDS] [SESSIONS] [BYTES]
//! ```

use quorate::ed25519::SecretKey;
use quorate::{ClientId, NodeId};
use quorate_std::{
    Client, ClientOptions, Cluster, Links, Replica, ReplicaConfig, RestoreError, SinglePage,
    Snapshot,
};
use std::net::TcpListener;
use std::time::{Duration, Instant};

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

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut number = |default: usize| -> Result<usize, std::num::ParseIntError> {
        arguments.next().map_or(Ok(default), |text| text.parse())
    };
    let (seconds, sessions, bytes) = (number(5)?, number(16)?, number(64)?);
    let node = |id: u8| SecretKey::from_seed([id + 1; 32]);
    let client = |id: usize| SecretKey::from_seed([(id % 200) as u8 + 50; 32]);
    let listeners: Result<Vec<_>, _> = (0..4).map(|_| TcpListener::bind("127.0.0.1:0")).collect();
    let addresses: Result<Vec<_>, _> = listeners?.iter().map(TcpListener::local_addr).collect();
    let cluster = Cluster {
        name: "throughput".into(),
        nodes: (0..4).map(|id| node(id).public()).collect(),
        clients: (0..sessions).map(|id| client(id).public()).collect(),
        addresses: addresses?,
        window: 128,
        batch_bytes: 64 << 10,
        reply_bytes: 1024,
        links: Links::Hmac,
        fast_reads: false,
    };
    let data = std::env::temp_dir().join(format!("quorate-throughput-{}", std::process::id()));
    let mut replicas = Vec::new();
    for id in 0..4 {
        let directory = data.join(format!("node{id}"));
        let config = ReplicaConfig::new(cluster.clone(), NodeId(id), node(id), directory);
        replicas.push(Replica::spawn(config, SinglePage(Count(0)))?);
    }
    let keys = (0..sessions).map(|id| (ClientId(id as u16), client(id))).collect();
    let client = Client::spawn(cluster, keys, ClientOptions::default())?;
    client.invoke(b"warm up")?;
    let latencies = load(&client, sessions, &vec![7; bytes], Duration::from_secs(seconds as u64));
    let at = |part: f64| latencies[((latencies.len() - 1) as f64 * part) as usize].as_micros();
    println!(
        "{} operations of {bytes} bytes a second in {sessions} sessions; latency p50 {} us, \
         p99 {} us; {} bytes on disk at replica 0",
        latencies.len() / seconds.max(1),
        at(0.5),
        at(0.99),
        replicas[0].status().log_bytes
    );
    replicas.into_iter().for_each(quorate_std::ReplicaHandle::stop);
    std::fs::remove_dir_all(data)?;
    Ok(())
}

/// One thread a session, each with one operation under way; returns all latencies, ascending.
fn load(client: &Client, sessions: usize, operation: &[u8], span: Duration) -> Vec<Duration> {
    let until = Instant::now() + span;
    let one = || {
        let mut latencies = Vec::new();
        while Instant::now() < until {
            let begin = Instant::now();
            if client.invoke(operation).is_ok() {
                latencies.push(begin.elapsed());
            }
        }
        latencies
    };
    let mut latencies = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..sessions).map(|_| scope.spawn(one)).collect();
        let joined = threads.into_iter().flat_map(|thread| thread.join().unwrap_or_default());
        joined.collect::<Vec<_>>()
    });
    latencies.sort_unstable();
    latencies
}
