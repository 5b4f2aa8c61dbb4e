//! A small cluster on loopback, and a service that counts.

#![allow(dead_code)] // Each test file uses its own part of this.

pub(crate) mod peer;

use quorate::ed25519::SecretKey;
use quorate::{ClientId, NodeId};
use quorate_std::{
    Client, ClientOptions, Cluster, Links, Replica, ReplicaConfig, ReplicaHandle, RestoreError,
    SinglePage, Snapshot,
};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How long anything may take before a test counts as hanging.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// Adds the numbers that it is given and replies with the sum; remembers how many there were. No
/// number at all reads the sum.
#[derive(Debug, Default)]
pub(crate) struct Counter {
    sum: u64,
    count: u64,
    /// Bytes that make the snapshot as large as a test wants it.
    ballast: Vec<u8>,
}

impl Counter {
    pub(crate) fn with_ballast(bytes: usize) -> Self {
        Self { ballast: vec![7; bytes], ..Self::default() }
    }
}

impl Snapshot for Counter {
    fn execute(&mut self, client: ClientId, operation: &[u8], reply: &mut Vec<u8>) {
        if self.read(client, operation, reply) {
            return;
        }
        let number = operation.first_chunk().map_or(0, |n| u64::from_le_bytes(*n));
        self.sum = self.sum.wrapping_add(number);
        self.count += 1;
        reply.extend_from_slice(&self.sum.to_le_bytes());
    }

    fn read(&self, _client: ClientId, operation: &[u8], reply: &mut Vec<u8>) -> bool {
        if operation.is_empty() {
            reply.extend_from_slice(&self.sum.to_le_bytes());
        }
        operation.is_empty()
    }

    fn snapshot(&self) -> Vec<u8> {
        [&self.sum.to_le_bytes()[..], &self.count.to_le_bytes(), &self.ballast].concat()
    }

    fn restore(&mut self, snapshot: &[u8]) -> Result<(), RestoreError> {
        let cut = || RestoreError::new("it is cut short");
        let (sum, rest) = snapshot.split_first_chunk().ok_or_else(cut)?;
        let (count, ballast) = rest.split_first_chunk().ok_or_else(cut)?;
        (self.sum, self.count) = (u64::from_le_bytes(*sum), u64::from_le_bytes(*count));
        self.ballast = ballast.to_vec();
        Ok(())
    }
}

/// A directory that goes when the test does.
#[derive(Debug)]
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new(name: &str) -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let (id, count) = (std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(format!("quorate-{name}-{id}-{count}"));
        std::fs::create_dir_all(&path).expect("a directory for the test");
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Ports that nobody listens at.
pub(crate) fn free_addresses(count: usize) -> Vec<SocketAddr> {
    let bind = |_| TcpListener::bind("127.0.0.1:0").expect("a free port");
    let listeners: Vec<_> = (0..count).map(bind).collect();
    let address = |listener: &TcpListener| listener.local_addr().expect("its address");
    listeners.iter().map(address).collect()
}

pub(crate) fn node_key(id: usize) -> SecretKey {
    SecretKey::from_seed([id as u8 + 1; 32])
}

pub(crate) fn client_key(id: usize) -> SecretKey {
    SecretKey::from_seed([id as u8 + 101; 32])
}

pub(crate) fn cluster(nodes: usize, clients: usize, links: Links) -> Cluster {
    Cluster {
        name: "test".into(),
        nodes: (0..nodes).map(|id| node_key(id).public()).collect(),
        clients: (0..clients).map(|id| client_key(id).public()).collect(),
        addresses: free_addresses(nodes),
        window: 16,
        batch_bytes: 4096,
        reply_bytes: 64,
        links,
        fast_reads: false,
    }
}

/// Replicas of one cluster, in this process.
#[derive(Debug)]
pub(crate) struct Members {
    pub(crate) cluster: Cluster,
    pub(crate) scratch: Scratch,
    pub(crate) replicas: Vec<Option<ReplicaHandle>>,
    pub(crate) ballast: usize,
    pub(crate) log_bytes: u64,
    /// Whether the next one that is started has lost its log.
    pub(crate) recover: bool,
}

impl Members {
    pub(crate) fn start(name: &str, cluster: Cluster) -> Self {
        Self::start_with(name, cluster, 0)
    }

    pub(crate) fn start_with(name: &str, cluster: Cluster, ballast: usize) -> Self {
        let (nodes, scratch) = (cluster.nodes.len(), Scratch::new(name));
        let mut members = Self {
            cluster,
            scratch,
            replicas: Vec::new(),
            ballast,
            log_bytes: 64 << 20,
            recover: false,
        };
        members.replicas = (0..nodes).map(|_| None).collect();
        for id in 0..nodes {
            members.start_one(id);
        }
        members
    }

    pub(crate) fn config(&self, id: usize) -> ReplicaConfig {
        let data = self.scratch.path().join(format!("node{id}"));
        let (me, key) = (NodeId(id as u8), node_key(id));
        ReplicaConfig {
            timeout: Duration::from_millis(500),
            log_bytes: self.log_bytes,
            recover: self.recover,
            ..ReplicaConfig::new(self.cluster.clone(), me, key, data)
        }
    }

    pub(crate) fn start_one(&mut self, id: usize) {
        let application = Counter::with_ballast(self.ballast);
        let spawned = Replica::spawn(self.config(id), SinglePage(application));
        self.replicas[id] = Some(spawned.expect("the replica starts"));
    }

    pub(crate) fn stop_one(&mut self, id: usize) {
        self.replicas[id].take().expect("it runs").stop();
    }

    pub(crate) fn running(&self) -> impl Iterator<Item = &ReplicaHandle> {
        self.replicas.iter().flatten()
    }

    pub(crate) fn client(&self, sessions: usize) -> Client {
        let keys = (0..sessions).map(|id| (ClientId(id as u16), client_key(id))).collect();
        let options =
            ClientOptions { retry: Duration::from_millis(200), ..ClientOptions::default() };
        Client::spawn(self.cluster.clone(), keys, options).expect("the client starts")
    }

    /// Waits until a replica has executed what another one has executed by now.
    pub(crate) fn wait_until_caught_up(&self, id: usize) {
        let executed = self.running().map(|replica| replica.status().executed).max();
        eventually("it catches up", || {
            self.replicas[id].as_ref().map(|replica| replica.status().executed) >= executed
        });
    }

    /// Waits until all running replicas have executed the same and have the same digest.
    pub(crate) fn wait_until_equal(&self) {
        let begin = Instant::now();
        loop {
            let reports: Vec<_> = self.running().map(ReplicaHandle::status).collect();
            let first = &reports[0];
            if reports.iter().all(|r| (r.executed, r.digest) == (first.executed, first.digest)) {
                return;
            }
            assert!(begin.elapsed() < PATIENCE, "they never became equal: {reports:#?}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// Waits for something that must come true.
pub(crate) fn eventually(what: &str, mut is_true: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !is_true() {
        assert!(begin.elapsed() < PATIENCE, "never came true: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Has the number added and returns the sum.
pub(crate) fn add(client: &Client, number: u64) -> u64 {
    let reply = client.invoke(&number.to_le_bytes()).expect("the cluster answers");
    u64::from_le_bytes(reply.try_into().expect("a sum is eight bytes"))
}
