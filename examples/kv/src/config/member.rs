//! `nodeI.toml` and `gateway.toml`: what one member needs beside the cluster's constants.

use super::{beside, cluster_file::read_cluster, read_key, read_toml};
use crate::problem::Problem;
use quorate::ed25519::SecretKey;
use quorate::{ClientId, NodeId, Principal};
use quorate_std::{Cluster, ReplicaConfig};
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A replica's file. Paths are relative to its directory.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ReplicaFile {
    /// The cluster's file.
    pub cluster: PathBuf,
    /// Which of the cluster's replicas this is.
    pub node: u8,
    /// The file of its secret key.
    pub key: PathBuf,
    /// The directory of its log and checkpoints.
    pub data: PathBuf,
    /// Where it listens, if not at its address in the cluster's file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listen: Option<SocketAddr>,
    /// Milliseconds that a request may wait before the replica asks for another primary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
}

/// A gateway's file. Paths are relative to its directory.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct GatewayFile {
    /// The cluster's file.
    pub cluster: PathBuf,
    /// The client that `status` speaks as, so that it does not take a running gateway's place.
    pub status: Member,
    /// The clients that the gateway speaks as: as many bundles can be under way.
    pub session: Vec<Member>,
}

/// A client and the file of its secret key.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Member {
    /// Which of the cluster's clients this is.
    pub client: u16,
    /// The file of its secret key.
    pub key: PathBuf,
}

/// Clients and their keys.
pub type Sessions = Vec<(ClientId, SecretKey)>;

impl ReplicaFile {
    /// Reads a replica's file and everything that it names.
    ///
    /// # Errors
    /// What cannot work, with the name of the file.
    pub fn load(path: &Path) -> Result<ReplicaConfig, Problem> {
        let file: Self = read_toml(path)?;
        let cluster_path = beside(path, &file.cluster);
        let cluster = read_cluster(&cluster_path)?;
        let key_path = beside(path, &file.key);
        let me = NodeId(file.node);
        let key = owned_key(&cluster, &cluster_path, &key_path, Principal::Node(me))?;
        let mut config = ReplicaConfig::new(cluster, me, key, beside(path, &file.data));
        config.listen = file.listen;
        if let Some(timeout) = file.timeout_ms {
            config.timeout = Duration::from_millis(timeout);
        }
        Ok(config)
    }
}

impl GatewayFile {
    /// Reads a gateway's file and everything that it names: the cluster and the gateway's
    /// sessions.
    ///
    /// # Errors
    /// What cannot work, with the name of the file.
    pub fn load(path: &Path) -> Result<(Cluster, Sessions), Problem> {
        let file: Self = read_toml(path)?;
        if file.session.is_empty() {
            let shown = path.display();
            return Err(Problem::configuration(format!("{shown} names no session")));
        }
        for (at, session) in file.session.iter().enumerate() {
            if file.session.iter().skip(at + 1).any(|other| other.client == session.client) {
                let (shown, client) = (path.display(), session.client);
                let sentence = format!("{shown} names client {client} in two sessions");
                return Err(Problem::configuration(sentence));
            }
        }
        Self::sessions(path, &file.cluster, &file.session)
    }

    /// Reads the same file for `status`: the cluster and the one session to ask with.
    ///
    /// # Errors
    /// What cannot work, with the name of the file.
    pub fn load_status(path: &Path) -> Result<(Cluster, Sessions), Problem> {
        let file: Self = read_toml(path)?;
        Self::sessions(path, &file.cluster, &[file.status])
    }

    fn sessions(
        path: &Path,
        cluster: &Path,
        members: &[Member],
    ) -> Result<(Cluster, Sessions), Problem> {
        let cluster_path = beside(path, cluster);
        let cluster = read_cluster(&cluster_path)?;
        let session = |member: &Member| {
            let client = ClientId(member.client);
            let key_path = beside(path, &member.key);
            let who = Principal::Client(client);
            owned_key(&cluster, &cluster_path, &key_path, who).map(|key| (client, key))
        };
        let sessions = members.iter().map(session).collect::<Result<_, _>>()?;
        Ok((cluster, sessions))
    }
}

/// Reads a key and checks that it is the principal's.
fn owned_key(
    cluster: &Cluster,
    cluster_path: &Path,
    path: &Path,
    who: Principal,
) -> Result<SecretKey, Problem> {
    let (kind, id, public) = match who {
        Principal::Node(node) => ("node", node.index(), cluster.nodes.get(node.index())),
        Principal::Client(client) => {
            ("client", client.index(), cluster.clients.get(client.index()))
        }
    };
    let (key_file, cluster_file) = (path.display(), cluster_path.display());
    let Some(public) = public else {
        let sentence = format!("{cluster_file} has no {kind} {id}");
        return Err(Problem::configuration(sentence));
    };
    let key = read_key(path)?;
    if key.public() == *public {
        return Ok(key);
    }
    let sentence = format!("the key in {key_file} is not that of {kind} {id} in {cluster_file}");
    Err(Problem::configuration(sentence))
}
