//! The disk thread: captured checkpoints are written, served and deleted beside the step thread.

use super::arrival::Arrival;
use super::stopped::Stopped;
use super::turns::Turns;
use crate::disk::{Checkpoints, Directory, DiskError};
use crate::net::{Channel, LinkId, Payload, Post};
use quorate::pbft::{Message, Sequence};
use quorate::wire::{self, Bytes};
use quorate::{Digest, NodeId};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender};

/// What the disk thread is to do, in order.
#[derive(Debug)]
pub(crate) enum Job {
    /// Make a checkpoint durable and say so.
    Store { era: u64, sequence: Sequence, clients: Vec<u8>, state: Vec<u8> },
    /// Make the checkpoint of an installed state durable, and delete those above it: they were
    /// captured from another state.
    Replace {
        sequence: Sequence,
        clients: Vec<u8>,
        state: Vec<u8>,
        done: SyncSender<Result<(), DiskError>>,
    },
    /// Delete checkpoints below a stable one.
    Forget { below: Sequence },
    /// Send a checkpoint to a replica that missed it.
    Serve { to: NodeId, sequence: Sequence },
}

/// The disk thread's tools.
#[derive(Debug)]
pub(crate) struct Archive {
    pub(crate) directory: Arc<Directory>,
    pub(crate) post: Arc<Post>,
    pub(crate) arrivals: Arc<Turns<Arrival>>,
    /// Bytes of all captured checkpoints, for reports.
    pub(crate) bytes: Arc<AtomicU64>,
}

impl Archive {
    /// Works until nobody can send another job.
    pub(crate) fn run(self, jobs: &Receiver<Job>) {
        for job in jobs {
            if let Err(error) = self.work(job) {
                self.arrivals.push(None, Arrival::Failed(Stopped::Disk(error)));
                return;
            }
        }
    }

    fn work(&self, job: Job) -> Result<(), DiskError> {
        let checkpoints = Checkpoints(&self.directory);
        match job {
            Job::Store { era, sequence, clients, state } => {
                checkpoints.store(sequence, &clients, &state)?;
                let state = Digest::of(&state);
                self.arrivals.push(None, Arrival::Captured { era, sequence, state });
            }
            Job::Replace { sequence, clients, state, done } => {
                let forgotten = checkpoints.forget_above(sequence);
                let stored = forgotten.and_then(|()| checkpoints.store(sequence, &clients, &state));
                // The step thread waits for this, and ends if it went wrong.
                let _ = done.send(stored);
            }
            Job::Forget { below } => checkpoints.forget_below(below)?,
            Job::Serve { to, sequence } => self.serve(to, sequence)?,
        }
        self.bytes.store(checkpoints.bytes()?, Ordering::Relaxed);
        Ok(())
    }

    /// Queues a state for a peer, unless as much is on its way to it already or the link is
    /// down: it asks again as long as it lacks it.
    fn serve(&self, to: NodeId, sequence: Sequence) -> Result<(), DiskError> {
        let link = LinkId(to.index());
        let checkpoints = Checkpoints(&self.directory);
        let depth = self.post.depth(link);
        let size = checkpoints.size(sequence);
        if !depth.open || depth.bytes as u64 > size / 2 {
            return Ok(());
        }
        let Some(checkpoint) = checkpoints.load(sequence)? else { return Ok(()) };
        let (clients, state) = (Bytes(checkpoint.clients()), Bytes(checkpoint.state()));
        let message = Message::State { sequence, clients, state };
        let mut payload = vec![0; 1 + wire::encoded_len(&message)];
        payload[0] = Channel::Protocol as u8;
        let encoded = wire::encode(&message, &mut payload[1..]);
        encoded.expect("a message is as long as it said");
        self.post.send([(link, Payload::from(payload))]);
        Ok(())
    }
}
