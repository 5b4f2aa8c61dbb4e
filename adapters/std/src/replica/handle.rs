//! Starting a replica, asking it, stopping it.

use super::arrival::{Arrival, Asker};
use super::driver::Clock;
use super::restart::restart;
use super::stopped::{SpawnError, Stopped};
use super::threads::{Running, Start};
use crate::application::Application;
use crate::config::ReplicaConfig;
use crate::disk::{Directory, Owner};
use crate::heap::Heap;
use crate::recording::{Beginning, Recording};
use crate::status::StatusReport;
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, PoisonError};
use std::thread::JoinHandle;

/// A replica of a cluster, running in threads of this process.
#[derive(Debug)]
pub struct Replica;

impl Replica {
    /// Starts a replica: locks its directory, continues from its log and last checkpoint, listens,
    /// and takes part. `application` is in the initial state of the cluster; it is restored here
    /// if there is a checkpoint.
    ///
    /// # Errors
    /// A sentence that says what is wrong with configuration, disk or address.
    pub fn spawn<A: Application>(
        config: ReplicaConfig,
        mut application: A,
    ) -> Result<ReplicaHandle, SpawnError> {
        check(&config)?;
        let cluster = &config.cluster;
        let memory = Heap::new(cluster.dimensions()).map_err(SpawnError::Memory)?;
        let owner = Owner { cluster: cluster.id(), node: config.me };
        let directory = Arc::new(Directory::open(&config.data, owner)?);
        let clock = Clock::start();
        let recover = config.recover;
        let (core, now, mut recording) = (config.core(), clock.now(), record(&config)?);
        let note = |beginning: &Beginning<'_>| {
            if let Some(recording) = &mut recording {
                recording.begin(cluster, beginning);
            }
        };
        let restarted = restart(core, memory, &directory, &mut application, now, recover, note)?;
        let address = config.listen.unwrap_or(cluster.addresses[config.me.index()]);
        let listener =
            TcpListener::bind(address).map_err(|error| SpawnError::Listen { address, error })?;
        let start = Start { config, directory, clock, restarted, listener, application, recording };
        start.run().map(ReplicaHandle).map_err(SpawnError::System)
    }
}

/// Begins a recording, if one is asked for.
fn record(config: &ReplicaConfig) -> Result<Option<Recording>, SpawnError> {
    let create = |path: &PathBuf| {
        Recording::create(path).map_err(|error| SpawnError::Recording { path: path.clone(), error })
    };
    config.record.as_ref().map(create).transpose()
}

fn check(config: &ReplicaConfig) -> Result<(), SpawnError> {
    config.cluster.check().map_err(SpawnError::Cluster)?;
    let nodes = config.cluster.nodes.len();
    let key = config.cluster.nodes.get(config.me.index());
    let key = key.ok_or(SpawnError::NoSuchNode { me: config.me, nodes })?;
    if config.key.public() != *key {
        return Err(SpawnError::WrongKey(config.me));
    }
    config.core().check(&config.cluster.dimensions()).map_err(SpawnError::Config)
}

/// A running replica. Dropping it stops the replica, as [`ReplicaHandle::stop`] does.
#[derive(Debug)]
pub struct ReplicaHandle(Running);

impl ReplicaHandle {
    /// Where the replica stands; after it has ended, where it stood last.
    #[must_use]
    pub fn status(&self) -> StatusReport {
        let (answer, report) = sync_channel(1);
        let asked = Arrival::Asked { by: Asker::Local(answer), _ticket: None };
        self.0.arrivals.push(None, asked);
        let last = || self.0.last.lock().unwrap_or_else(PoisonError::into_inner).clone();
        report.recv().unwrap_or_else(|_| last())
    }

    /// Stops the replica in good order and waits until its threads have ended and its directory
    /// and address are free.
    pub fn stop(self) {
        drop(self);
    }

    /// Whether the replica has ended by itself. [`ReplicaHandle::wait`] then says why, at once.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.0.step.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Waits until the replica ends by itself, which it does only when it cannot go on.
    ///
    /// # Errors
    /// Why it ended.
    pub fn wait(mut self) -> Result<(), Stopped> {
        self.join()
    }

    fn join(&mut self) -> Result<(), Stopped> {
        let joined = self.0.step.take().map(JoinHandle::join);
        let result = joined.unwrap_or(Ok(Ok(())));
        let result = result.unwrap_or_else(|panic| Err(Stopped::from_panic(&*panic)));
        for thread in self.0.others.drain(..) {
            // What it had to say it has said to the step thread.
            let _ = thread.join();
        }
        result
    }
}

impl Drop for ReplicaHandle {
    fn drop(&mut self) {
        self.0.arrivals.push(None, Arrival::Stop);
        // If it had ended by itself, whoever wanted to know why has called `wait`.
        let _ = self.join();
    }
}
