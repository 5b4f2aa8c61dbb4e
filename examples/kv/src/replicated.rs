//! The store on a cluster: what a replica runs, and what a gateway talks to.

use crate::backend::{Backend, Done, Failure};
use crate::store::{BUCKETS, Store};
use quorate::ClientId;
use quorate_std::{Application, Client, ClientOptions, Cluster, RestoreError};
use std::time::Duration;

/// The store as the application of a replica: its buckets are the pages.
#[derive(Debug)]
pub struct Replicated(Store);

impl Replicated {
    /// The empty store of a cluster.
    #[must_use]
    pub fn new(cluster: &Cluster) -> Self {
        Self(Store::new(cluster.reply_bytes))
    }
}

impl Application for Replicated {
    fn execute(&mut self, _client: ClientId, operation: &[u8], reply: &mut Vec<u8>) {
        self.0.execute(operation, reply);
    }

    fn read(&self, _client: ClientId, operation: &[u8], reply: &mut Vec<u8>) -> bool {
        self.0.read(operation, reply)
    }

    fn pages(&self) -> u32 {
        BUCKETS
    }

    fn page(&self, index: u32, page: &mut Vec<u8>) {
        self.0.bucket(index, page);
    }

    fn changed(&mut self, changed: &mut dyn FnMut(u32)) {
        self.0.take_changed(changed);
    }

    fn install(&mut self, index: u32, bytes: &[u8]) -> Result<(), RestoreError> {
        self.0.install_bucket(index, bytes).map_err(|error| RestoreError::new(error.to_string()))
    }
}

/// A cluster as the backend of a gateway.
#[derive(Debug)]
pub struct Members {
    client: Client,
    replicas: usize,
    sessions: usize,
    bundle_bytes: usize,
    fast_reads: bool,
}

impl Members {
    /// The settings of a gateway's client: a request goes to all replicas after `retry`, and is
    /// given up after `give_up`.
    #[must_use]
    pub fn options(retry: Duration, give_up: Duration) -> ClientOptions {
        ClientOptions { retry, give_up, ..ClientOptions::default() }
    }

    /// A backend over a client of this cluster that has so many sessions.
    #[must_use]
    pub fn new(client: Client, cluster: &Cluster, sessions: usize) -> Self {
        let bundle_bytes = cluster.dimensions().operation_bytes();
        let (replicas, fast_reads) = (cluster.nodes.len(), cluster.fast_reads);
        Self { client, replicas, sessions, bundle_bytes, fast_reads }
    }
}

impl Backend for Members {
    fn describe(&self) -> String {
        format!("{} replicas", self.replicas)
    }

    fn bundle_bytes(&self) -> usize {
        self.bundle_bytes
    }

    fn sessions(&self) -> usize {
        self.sessions
    }

    fn submit(&self, bundle: Vec<u8>, done: Done) {
        let outcome = |failure| match failure {
            quorate_std::Failure::TimedOut | quorate_std::Failure::ClusterBusy { .. } => {
                Failure::TimedOut
            }
            other => Failure::Refused(other.to_string()),
        };
        let done = move |result: Result<_, _>| done(result.map_err(outcome));
        if self.fast_reads && Store::only_reads(&bundle) {
            self.client.submit_read(bundle, done);
        } else {
            self.client.submit(bundle, done);
        }
    }
}
