//! The command line.

use crate::config::{Keygen, keygen};
use crate::demo::{self, DemoArgs};
use crate::problem::Problem;
use crate::{proof, serve, status};
use clap::{Args, Parser, Subcommand, ValueEnum};
use quorate_std::Links;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

/// A replicated key-value store that speaks the Redis protocol, on Byzantine agreement.
#[derive(Clone, Debug, Parser)]
#[command(version, about, propagate_version = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Subcommands,
}

#[derive(Clone, Debug, Subcommand)]
enum Subcommands {
    /// Show it all on this machine: four replicas and a gateway load real text, lose their
    /// primary, get it back, stand a liar, and lose nothing.
    Demo(DemoArgs),
    /// Make the keys and files of a new cluster.
    Keygen(KeygenArgs),
    /// Run one replica of a cluster.
    Replica(ReplicaArgs),
    /// Serve Redis clients from a cluster.
    Gateway(GatewayArgs),
    /// Ask every replica where it stands: view, sequence, checkpoint, digest, peers, faults.
    Status(StatusArgs),
    /// Serve Redis clients from one unreplicated process with the same store and the same kind
    /// of log.
    Single(SingleArgs),
    /// Judge a file of evidence, proof-N in a replica's directory, with nothing but the keys of
    /// the cluster: who signed what no correct member signs.
    Proof(ProofArgs),
}

/// Arguments of `keygen`.
#[derive(Args, Clone, Debug)]
pub struct KeygenArgs {
    /// Replicas: 4 or more; of n, (n - 1) / 3 may be faulty at a time.
    #[arg(long, default_value_t = 4)]
    nodes: usize,
    /// Clients: each gateway needs one for each bundle under way; the last is for `status`.
    #[arg(long, default_value_t = 16)]
    clients: u16,
    /// The directory for the files; it is made if it is not there.
    #[arg(long)]
    out: PathBuf,
    /// The name of the cluster.
    #[arg(long, default_value = "kv")]
    name: String,
    /// The address of all replicas, to be edited in cluster.toml if they are on several machines.
    #[arg(long, default_value = "127.0.0.1")]
    host: IpAddr,
    /// The port of replica 0; replica I has the I-th after it.
    #[arg(long, default_value_t = 7400)]
    port: u16,
    /// How the members prove who sent a frame.
    #[arg(long, value_enum, default_value_t = LinksChoice::Hmac)]
    links: LinksChoice,
    /// Read without ordering: for loads that mostly read. Writes then wait for more replies.
    #[arg(long)]
    fast_reads: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum LinksChoice {
    /// HMAC-SHA256 under pairwise keys: fast.
    Hmac,
    /// An Ed25519 signature on every frame.
    Ed25519,
}

/// Arguments of `replica`.
#[derive(Args, Clone, Debug)]
pub struct ReplicaArgs {
    /// The replica's file, nodeI.toml.
    #[arg(long)]
    pub(crate) config: PathBuf,
    /// The replica took part before and its data directory was lost or comes from a backup: it
    /// stays silent until it cannot contradict what it said then. A log that is there is set
    /// aside, once.
    #[arg(long)]
    pub(crate) recover: bool,
    /// Record everything that the replica is told in this new file, for `quorate-sim replay`.
    #[arg(long, value_name = "FILE")]
    pub(crate) record: Option<PathBuf>,
    /// End with the end of standard input, and take orders from there.
    #[arg(long, hide = true)]
    pub(crate) control_stdin: bool,
}

/// Arguments of `gateway`.
#[derive(Args, Clone, Debug)]
pub struct GatewayArgs {
    /// The gateway's file, gateway.toml.
    #[arg(long)]
    pub(crate) config: PathBuf,
    /// Where Redis clients connect. They are trusted: keep it on this machine.
    #[arg(long, default_value = "127.0.0.1:6379")]
    pub(crate) listen: SocketAddr,
    /// Milliseconds until a request goes to all replicas.
    #[arg(long, default_value_t = 250)]
    pub(crate) retry_ms: u64,
    /// Milliseconds until a request is given up and its commands are answered -TRYAGAIN.
    #[arg(long, default_value_t = 30_000)]
    pub(crate) give_up_ms: u64,
    /// Bundles under way at a time; more than the sessions of the file are not possible.
    #[arg(long, default_value_t = 4)]
    pub(crate) bundles: usize,
}

/// Arguments of `status`.
#[derive(Args, Clone, Debug)]
pub struct StatusArgs {
    /// The gateway's file, gateway.toml.
    #[arg(long)]
    pub(crate) config: PathBuf,
    /// Print one JSON array, with an object for each replica.
    #[arg(long)]
    pub(crate) json: bool,
    /// Milliseconds that each replica has to answer.
    #[arg(long, default_value_t = 2_000)]
    pub(crate) timeout_ms: u64,
}

/// Arguments of `proof`.
#[derive(Args, Clone, Debug)]
pub struct ProofArgs {
    /// The cluster's file, cluster.toml.
    #[arg(long)]
    pub(crate) cluster: PathBuf,
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
    /// The file of evidence.
    pub(crate) file: PathBuf,
}

/// Arguments of `single`.
#[derive(Args, Clone, Debug)]
pub struct SingleArgs {
    /// Where Redis clients connect.
    #[arg(long, default_value = "127.0.0.1:6379")]
    pub(crate) listen: SocketAddr,
    /// The directory of the log; it is made if it is not there.
    #[arg(long)]
    pub(crate) data: PathBuf,
}

impl Cli {
    /// Does what the command line says.
    ///
    /// # Errors
    /// Why not, as one sentence.
    pub fn run(self) -> Result<(), Problem> {
        match self.command {
            Subcommands::Demo(arguments) => demo::run(&arguments),
            Subcommands::Keygen(arguments) => run_keygen(arguments),
            Subcommands::Replica(arguments) => serve::replica(&arguments),
            Subcommands::Gateway(arguments) => serve::gateway(&arguments),
            Subcommands::Status(arguments) => status::run(&arguments),
            Subcommands::Single(arguments) => serve::single(&arguments),
            Subcommands::Proof(arguments) => proof::run(&arguments),
        }
    }
}

fn run_keygen(arguments: KeygenArgs) -> Result<(), Problem> {
    let KeygenArgs { nodes, clients, out, name, host, port, links, fast_reads } = arguments;
    let ports = (port..=u16::MAX).take(nodes.min(65));
    let wanted = Keygen {
        name,
        addresses: ports.map(|port| SocketAddr::new(host, port)).collect(),
        clients,
        links: match links {
            LinksChoice::Hmac => Links::Hmac,
            LinksChoice::Ed25519 => Links::Ed25519,
        },
        fast_reads,
        out,
    };
    if wanted.addresses.len() < nodes.min(65) {
        let sentence = format!("{nodes} replicas from port {port} on: there are not so many ports");
        return Err(Problem::configuration(sentence));
    }
    keygen(&wanted)?;
    let out = wanted.out.display();
    println!(
        "wrote a cluster of {nodes} replicas and {clients} clients to {out}. Next:\n\
         quorate-kv replica --config {out}/node0.toml   # and so on, one for each\n\
         quorate-kv gateway --config {out}/gateway.toml"
    );
    Ok(())
}
