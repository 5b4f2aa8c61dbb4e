//! The cables between all replicas, and the files by which each finds its own.

use super::cable::{Cable, Cut};
use crate::config::{ReplicaFile, write_cluster, write_toml};
use crate::problem::Problem;
use quorate_std::Cluster;
use std::path::{Path, PathBuf};

const COMMENT: &str = "# As the file of the replica, with its own addresses of the others.\n\n";

/// A cable for each two replicas: from the one that connects to the one that accepts.
#[derive(Debug)]
pub(super) struct Cabling(Vec<(usize, usize, Cable)>);

impl Cabling {
    /// Lays the cables, and writes files for each replica in which the addresses of the others
    /// are the near ends of its cables.
    pub(super) fn lay(cluster: &Cluster, dir: &Path) -> Result<Self, Problem> {
        let mut cables = Vec::new();
        for (node, from) in (0..u8::MAX).zip(0..cluster.nodes.len()) {
            let mut own = cluster.clone();
            // Of two replicas the one with the higher id connects.
            for (to, address) in own.addresses.iter_mut().enumerate().take(from) {
                let cable = Cable::lay(*address)?;
                *address = cable.address();
                cables.push((from, to, cable));
            }
            write_cluster(&dir.join(format!("cabled{node}.cluster.toml")), &own)?;
            let file = ReplicaFile {
                cluster: format!("cabled{node}.cluster.toml").into(),
                node,
                key: format!("node{node}.key").into(),
                data: format!("node{node}.data").into(),
                listen: None,
                timeout_ms: None,
            };
            write_toml(&Self::config(dir, from), COMMENT, &file)?;
        }
        Ok(Self(cables))
    }

    /// The file of a replica.
    pub(super) fn config(dir: &Path, node: usize) -> PathBuf {
        dir.join(format!("cabled{node}.toml"))
    }

    /// Cuts all cables of a replica.
    pub(super) fn cut(&self, node: usize, cut: Cut) {
        self.of(node).for_each(|cable| cable.cut(cut));
    }

    /// Mends all cables of a replica.
    pub(super) fn mend(&self, node: usize) {
        self.of(node).for_each(Cable::mend);
    }

    fn of(&self, node: usize) -> impl Iterator<Item = &Cable> {
        let touches = move |(from, to, _): &&(usize, usize, Cable)| *from == node || *to == node;
        self.0.iter().filter(touches).map(|(.., cable)| cable)
    }
}
