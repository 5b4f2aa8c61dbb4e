//! `cluster.toml`: what all members of a cluster have in common.

use super::{from_hex, read_toml, to_hex, write_toml};
use crate::problem::Problem;
use crate::store::{MAX_KEY, MAX_VALUE, MIN_REPLY_BYTES};
use quorate::PublicKey;
use quorate_std::{Cluster, Links};
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::path::Path;

/// Batches under way at a time in a cluster that `keygen` makes.
pub const WINDOW: usize = 64;

/// Bytes of the largest batch in a cluster that `keygen` makes.
pub const BATCH_BYTES: usize = 1024 * 1024;

/// Bytes of the longest reply to a bundle in a cluster that `keygen` makes.
pub const REPLY_BYTES: usize = MIN_REPLY_BYTES + 64 * 1024;

/// What a batch must have room for: one SET with the longest key and value, and its frame.
const MIN_BATCH_BYTES: usize = MAX_VALUE + MAX_KEY + 1024;

const COMMENT: &str = "# Made by `quorate-kv keygen`. All members of the cluster have this file.\n\
                       # Its id is a digest of name, sizes, keys and fast_reads; addresses may\n\
                       # differ.\n\n";

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct ClusterFile {
    name: String,
    id: String,
    links: LinksName,
    #[serde(default)]
    fast_reads: bool,
    window: usize,
    batch_bytes: usize,
    reply_bytes: usize,
    node: Vec<NodeRow>,
    client: Vec<ClientRow>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
enum LinksName {
    Hmac,
    Ed25519,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct NodeRow {
    key: String,
    address: SocketAddr,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct ClientRow {
    key: String,
}

/// Reads and checks a cluster.
///
/// # Errors
/// What cannot work, with the name of the file.
pub fn read_cluster(path: &Path) -> Result<Cluster, Problem> {
    let file: ClusterFile = read_toml(path)?;
    let wrong = |what: String| Problem::configuration(format!("{}: {what}", path.display()));
    let key = |who: &str, at: usize, text: &str| {
        let key = from_hex(text).map(PublicKey);
        key.ok_or_else(|| wrong(format!("the key of {who} {at} is not 64 hexadecimal digits")))
    };
    let nodes = file.node.iter().enumerate().map(|(at, row)| key("node", at, &row.key));
    let clients = file.client.iter().enumerate().map(|(at, row)| key("client", at, &row.key));
    let cluster = Cluster {
        name: file.name,
        nodes: nodes.collect::<Result<_, _>>()?,
        clients: clients.collect::<Result<_, _>>()?,
        addresses: file.node.iter().map(|row| row.address).collect(),
        window: file.window,
        batch_bytes: file.batch_bytes,
        reply_bytes: file.reply_bytes,
        links: match file.links {
            LinksName::Hmac => Links::Hmac,
            LinksName::Ed25519 => Links::Ed25519,
        },
        fast_reads: file.fast_reads,
    };
    check(&cluster).map_err(&wrong)?;
    if to_hex(&cluster.id().0) != file.id {
        let sentence = "its id does not fit its name, sizes and keys: take the file as keygen made \
                        it, the same for all members";
        return Err(wrong(sentence.to_owned()));
    }
    Ok(cluster)
}

/// Checks that a cluster can work, and that it can serve this store.
pub(super) fn check(cluster: &Cluster) -> Result<(), String> {
    cluster.check().map_err(|error| error.to_string())?;
    if cluster.reply_bytes < MIN_REPLY_BYTES {
        return Err(format!("reply_bytes must be at least {MIN_REPLY_BYTES}: one long value"));
    }
    if cluster.batch_bytes < MIN_BATCH_BYTES {
        return Err(format!("batch_bytes must be at least {MIN_BATCH_BYTES}: one long SET"));
    }
    Ok(())
}

/// Writes a cluster to a file that is not there yet.
///
/// # Errors
/// It is there, or it cannot be written.
pub fn write_cluster(path: &Path, cluster: &Cluster) -> Result<(), Problem> {
    let node = |(key, address): (&PublicKey, &SocketAddr)| NodeRow {
        key: to_hex(&key.0),
        address: *address,
    };
    let file = ClusterFile {
        name: cluster.name.clone(),
        id: to_hex(&cluster.id().0),
        links: match cluster.links {
            Links::Hmac => LinksName::Hmac,
            Links::Ed25519 => LinksName::Ed25519,
        },
        fast_reads: cluster.fast_reads,
        window: cluster.window,
        batch_bytes: cluster.batch_bytes,
        reply_bytes: cluster.reply_bytes,
        node: cluster.nodes.iter().zip(&cluster.addresses).map(node).collect(),
        client: cluster.clients.iter().map(|key| ClientRow { key: to_hex(&key.0) }).collect(),
    };
    write_toml(path, COMMENT, &file)
}
