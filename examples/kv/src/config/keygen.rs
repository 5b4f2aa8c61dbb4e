//! Makes the files of a new cluster.

use super::cluster_file::{BATCH_BYTES, REPLY_BYTES, WINDOW, check};
use super::{GatewayFile, Member, ReplicaFile};
use super::{random_key, write_cluster, write_key, write_toml};
use crate::problem::Problem;
use quorate::ed25519::SecretKey;
use quorate_std::{Cluster, Links};
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// What the new cluster is to be.
#[derive(Clone, Debug)]
pub struct Keygen {
    /// Its name.
    pub name: String,
    /// Where each replica listens: four at least.
    pub addresses: Vec<SocketAddr>,
    /// How many clients it has: two at least, the last is for `status`, the others for gateways.
    pub clients: u16,
    /// How links prove who sent a frame.
    pub links: Links,
    /// Whether what changes nothing is read without being ordered.
    pub fast_reads: bool,
    /// Where the files go. It is made if it is not there.
    pub out: PathBuf,
}

const COMMENT: &str = "# Made by `quorate-kv keygen`. Paths are relative to this file.\n\n";

/// Makes keys and files: `cluster.toml`, for each replica `nodeI.toml` and `nodeI.key`, for
/// gateways `gateway.toml` and for each client `clientI.key`. Key files have mode 0600.
///
/// # Errors
/// The cluster could not work, or a file is there already or cannot be written.
pub fn keygen(wanted: &Keygen) -> Result<Cluster, Problem> {
    let nodes = wanted.addresses.len();
    if !(4..=64).contains(&nodes) {
        return Err(Problem::configuration(format!(
            "a cluster of {nodes} cannot work: PBFT needs 4 to 64 replicas, with 3 or fewer not \
             one may be faulty"
        )));
    }
    if wanted.clients < 2 {
        return Err(Problem::configuration(
            "a cluster needs 2 clients at least: one for a gateway and the last for status",
        ));
    }
    let seeds = |count: usize| (0..count).map(|_| random_key()).collect::<Result<Vec<_>, _>>();
    let (node_keys, client_keys) = (seeds(nodes)?, seeds(wanted.clients.into())?);
    let public = |seed: &[u8; 32]| SecretKey::from_seed(*seed).public();
    let cluster = Cluster {
        name: wanted.name.clone(),
        nodes: node_keys.iter().map(public).collect(),
        clients: client_keys.iter().map(public).collect(),
        addresses: wanted.addresses.clone(),
        window: WINDOW,
        batch_bytes: BATCH_BYTES,
        reply_bytes: REPLY_BYTES,
        links: wanted.links,
        fast_reads: wanted.fast_reads,
    };
    check(&cluster).map_err(Problem::configuration)?;
    let out = &wanted.out;
    fs::create_dir_all(out).map_err(|error| {
        Problem::configuration(format!("cannot make {}: {error}", out.display()))
    })?;
    write_cluster(&out.join("cluster.toml"), &cluster)?;
    for (kind, seeds) in [("node", node_keys), ("client", client_keys)] {
        for (id, seed) in seeds.iter().enumerate() {
            write_key(&out.join(format!("{kind}{id}.key")), seed)?;
        }
    }
    write_members(wanted, out)?;
    Ok(cluster)
}

fn write_members(wanted: &Keygen, out: &Path) -> Result<(), Problem> {
    for (node, _) in (0..u8::MAX).zip(&wanted.addresses) {
        let file = ReplicaFile {
            cluster: "cluster.toml".into(),
            node,
            key: format!("node{node}.key").into(),
            data: format!("node{node}.data").into(),
            listen: None,
            timeout_ms: None,
        };
        write_toml(&out.join(format!("node{node}.toml")), COMMENT, &file)?;
    }
    let member = |client: u16| Member { client, key: format!("client{client}.key").into() };
    let last = wanted.clients - 1;
    let file = GatewayFile {
        cluster: "cluster.toml".into(),
        status: member(last),
        session: (0..last).map(member).collect(),
    };
    write_toml(&out.join("gateway.toml"), COMMENT, &file)
}
