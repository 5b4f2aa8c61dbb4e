//! A cluster of processes on this machine, for the demonstration and for tests.

mod cable;
mod cabling;
mod ports;
mod process;

pub use cable::Cut;
pub use ports::free_ports;
pub use process::{Disk, ReplicaProcess};

use crate::config::{GatewayFile, Keygen, Sessions, keygen};
use crate::gateway::{Gateway, Options};
use crate::problem::Problem;
use crate::replicated::Members;
use cabling::Cabling;
use quorate::NodeId;
use quorate_std::{Client, Cluster, Links, StatusReport};
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a replica has to say where it stands.
const ASKED: Duration = Duration::from_secs(2);

/// How long a gateway waits before it sends a request to all replicas.
const RETRY: Duration = Duration::from_millis(250);

/// Replicas as processes, each with its own directory and key.
#[derive(Debug)]
pub struct LocalCluster {
    program: PathBuf,
    dir: PathBuf,
    cluster: Cluster,
    /// A client that only asks where replicas stand.
    watcher: Client,
    nodes: Vec<Option<ReplicaProcess>>,
    /// What the replicas talk to each other over, if it can be cut.
    cabling: Option<Cabling>,
}

impl LocalCluster {
    /// Makes the files of a new cluster in an empty directory and starts its replicas, which are
    /// processes of `program`, a `quorate-kv`.
    ///
    /// # Errors
    /// No free ports, files that cannot be written, or a replica that does not start.
    pub fn start(program: &Path, dir: &Path, replicas: usize) -> Result<Self, Problem> {
        let mut made = Self::make(program, dir, replicas, false)?;
        made.start_all()?;
        Ok(made)
    }

    /// The same with a cluster that reads without ordering.
    ///
    /// # Errors
    /// As of [`LocalCluster::start`].
    pub fn start_fast(program: &Path, dir: &Path, replicas: usize) -> Result<Self, Problem> {
        let mut made = Self::make(program, dir, replicas, true)?;
        made.start_all()?;
        Ok(made)
    }

    /// The same with a cable between any two replicas, which can be cut. Clients reach the
    /// replicas past the cables.
    ///
    /// # Errors
    /// As of [`LocalCluster::start`].
    pub fn start_cabled(program: &Path, dir: &Path, replicas: usize) -> Result<Self, Problem> {
        let mut made = Self::make(program, dir, replicas, false)?;
        made.cabling = Some(Cabling::lay(&made.cluster, dir)?);
        made.start_all()?;
        Ok(made)
    }

    fn make(
        program: &Path,
        dir: &Path,
        replicas: usize,
        fast_reads: bool,
    ) -> Result<Self, Problem> {
        let ports = free_ports(replicas)?;
        let address = |port: &u16| SocketAddr::from((Ipv4Addr::LOCALHOST, *port));
        let cluster = keygen(&Keygen {
            name: "local".to_owned(),
            addresses: ports.iter().map(address).collect(),
            clients: 9,
            links: Links::Hmac,
            fast_reads,
            out: dir.to_owned(),
        })?;
        let (_, own) = GatewayFile::load_status(&dir.join("gateway.toml"))?;
        let watcher = client(&cluster, own, ASKED)?;
        let nodes = (0..replicas).map(|_| None).collect();
        let (program, dir) = (program.to_owned(), dir.to_owned());
        Ok(Self { program, dir, cluster, watcher, nodes, cabling: None })
    }

    fn start_all(&mut self) -> Result<(), Problem> {
        (0..self.len()).try_for_each(|node| self.start_node(node))
    }

    /// How many replicas the cluster has, running or not.
    #[must_use]
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Never: a cluster has four replicas at least.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        false
    }

    /// Starts a replica that does not run; nothing happens if it does.
    ///
    /// # Errors
    /// It does not start; the sentence is its own.
    pub fn start_node(&mut self, node: usize) -> Result<(), Problem> {
        self.start_from(node, Disk::Kept)
    }

    /// Empties the data directory of a replica that does not run and starts it with `--recover`.
    ///
    /// # Errors
    /// As of [`LocalCluster::start_node`], or its directory cannot be emptied.
    pub fn start_wiped(&mut self, node: usize) -> Result<(), Problem> {
        let data = self.data(node);
        fs::remove_dir_all(&data)
            .map_err(|error| Problem::failed(format!("cannot wipe {}: {error}", data.display())))?;
        self.start_from(node, Disk::Lost)
    }

    fn start_from(&mut self, node: usize, disk: Disk) -> Result<(), Problem> {
        let config = match &self.cabling {
            Some(_) => Cabling::config(&self.dir, node),
            None => self.dir.join(format!("node{node}.toml")),
        };
        if let Some(place @ None) = self.nodes.get_mut(node) {
            *place = Some(ReplicaProcess::start(&self.program, &config, disk)?);
        }
        Ok(())
    }

    /// Ends a replica with SIGKILL and waits until it is gone.
    pub fn kill(&mut self, node: usize) {
        if let Some(place) = self.nodes.get_mut(node) {
            *place = None;
        }
    }

    /// Makes a replica lie from now on, see [`Liar`](crate::liar::Liar).
    ///
    /// # Errors
    /// It does not run any more.
    pub fn make_liar(&mut self, node: usize) -> Result<(), Problem> {
        let process = self.nodes.get_mut(node).and_then(Option::as_mut);
        process.map_or(Ok(()), ReplicaProcess::lie)
    }

    /// Stops a replica where it is, see [`ReplicaProcess::pause`].
    ///
    /// # Errors
    /// The system cannot do so.
    pub fn pause(&self, node: usize) -> Result<(), Problem> {
        self.nodes.get(node).and_then(Option::as_ref).map_or(Ok(()), ReplicaProcess::pause)
    }

    /// Lets a replica that was stopped go on.
    ///
    /// # Errors
    /// The system cannot do so.
    pub fn resume(&self, node: usize) -> Result<(), Problem> {
        self.nodes.get(node).and_then(Option::as_ref).map_or(Ok(()), ReplicaProcess::resume)
    }

    /// Cuts a replica off from all others, but not from clients; nothing happens without cables.
    pub fn cut(&self, node: usize, cut: Cut) {
        self.cabling.iter().for_each(|cabling| cabling.cut(node, cut));
    }

    /// Mends the cables of a replica.
    pub fn mend(&self, node: usize) {
        self.cabling.iter().for_each(|cabling| cabling.mend(node));
    }

    /// What a replica says of itself; nothing if it does not answer.
    #[must_use]
    pub fn status(&self, node: usize) -> Option<StatusReport> {
        self.watcher.status(NodeId(u8::try_from(node).ok()?), ASKED).ok()
    }

    /// A gateway to the cluster in this process, on a free port of this machine. It tries for
    /// `give_up` to have a request executed.
    ///
    /// # Errors
    /// No port or no thread.
    pub fn gateway(&self, give_up: Duration) -> Result<Gateway, Problem> {
        let failed = |error| Problem::failed(format!("the gateway does not start: {error}"));
        let (_, sessions) = GatewayFile::load(&self.dir.join("gateway.toml"))?;
        let count = sessions.len();
        let client = client(&self.cluster, sessions, give_up)?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(failed)?;
        let backend = Members::new(client, &self.cluster, count);
        Gateway::spawn(listener, backend, Options::default()).map_err(failed)
    }

    /// Bytes in the data directory of a replica.
    #[must_use]
    pub fn disk_bytes(&self, node: usize) -> u64 {
        directory_bytes(&self.data(node))
    }

    fn data(&self, node: usize) -> PathBuf {
        self.dir.join(format!("node{node}.data"))
    }
}

fn client(cluster: &Cluster, sessions: Sessions, give_up: Duration) -> Result<Client, Problem> {
    Client::spawn(cluster.clone(), sessions, Members::options(RETRY, give_up))
        .map_err(|error| Problem::failed(format!("the client does not start: {error}")))
}

fn directory_bytes(dir: &Path) -> u64 {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let bytes = |entry: fs::DirEntry| match entry.file_type() {
        Ok(kind) if kind.is_dir() => directory_bytes(&entry.path()),
        Ok(_) => entry.metadata().map_or(0, |metadata| metadata.len()),
        Err(_) => 0,
    };
    entries.map(bytes).sum()
}
