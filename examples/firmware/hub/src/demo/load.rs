//! The clients: each adds to a register of its own, one request at a time, and knows what it must
//! be told.

use crate::wire::{Port, Router};
use anyhow::{Context as _, Result, bail};
use cluster::{CLIENTS, FRAME, MEMBERS, REPLY, operation};
use quorate::pbft::{Client, Failure};
use quorate::service::{ClientCommand, ClientDecision};
use quorate::{ClientId, Instant, Principal};
use quorate_embedded::{Caller, Node, Settings, Stream};
use std::cell::RefCell;
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// What has come of requests.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// So many may be made.
    allowed: AtomicU64,
    made: AtomicU64,
    done: AtomicU64,
    failed: AtomicU64,
    /// Answered, and not as it must be.
    wrong: AtomicU64,
    /// The sum of all amounts that were acknowledged.
    total: AtomicU64,
    over: AtomicBool,
    latencies: Mutex<Vec<Duration>>,
}

impl Tally {
    /// Lets the clients make so many requests altogether.
    pub(crate) fn allow(&self, requests: u64) {
        self.allowed.store(requests, Relaxed);
    }

    /// Requests that were acknowledged, rightly.
    pub(crate) fn done(&self) -> u64 {
        self.done.load(Relaxed)
    }

    /// Requests that ended, however.
    pub(crate) fn ended(&self) -> u64 {
        self.done() + self.failed() + self.wrong()
    }

    pub(crate) fn failed(&self) -> u64 {
        self.failed.load(Relaxed)
    }

    pub(crate) fn wrong(&self) -> u64 {
        self.wrong.load(Relaxed)
    }

    pub(crate) fn total(&self) -> u64 {
        self.total.load(Relaxed)
    }

    /// How long requests took, sorted.
    pub(crate) fn latencies(&self) -> Vec<Duration> {
        let mut latencies = self.latencies.lock().unwrap_or_else(PoisonError::into_inner).clone();
        latencies.sort();
        latencies
    }

    /// Whether one more request may be made; then it counts as made.
    fn take(&self) -> bool {
        let one_more = |made| (made < self.allowed.load(Relaxed)).then_some(made + 1);
        self.made.fetch_update(Relaxed, Relaxed, one_more).is_ok()
    }

    fn account(&self, end: &Result<Vec<u8>, Failure>, amount: u64, sum: u64, took: Duration) {
        let count = match end {
            Err(_) => &self.failed,
            Ok(reply) if *reply != sum.to_le_bytes() => &self.wrong,
            Ok(_) => {
                self.total.fetch_add(amount, Relaxed);
                self.latencies.lock().unwrap_or_else(PoisonError::into_inner).push(took);
                &self.done
            }
        };
        count.fetch_add(1, Relaxed);
    }
}

/// Clients at work. They are sent home when it is dropped.
#[derive(Debug)]
pub(crate) struct Load {
    pub(crate) tally: Arc<Tally>,
    clients: Vec<JoinHandle<Result<()>>>,
}

impl Load {
    /// All clients of the cluster, each with a line of its own. They make no request before they
    /// are allowed to.
    pub(crate) fn start(router: &Arc<Router>, seed: u64, run: u64) -> Result<Self> {
        let tally = Arc::new(Tally::default());
        let mut clients = Vec::new();
        for id in 0..CLIENTS as u16 {
            let (here, there) = UnixStream::pair()?;
            router.attach(Principal::Client(ClientId(id)), there)?;
            let (port, tally) = (Port::new(here), Arc::clone(&tally));
            clients.push(thread::spawn(move || work(ClientId(id), &port, &tally, seed, run)));
        }
        Ok(Self { tally, clients })
    }

    /// Fails if a client has stopped, which none does by itself.
    pub(crate) fn check(&mut self) -> Result<()> {
        let Some(at) = self.clients.iter().position(JoinHandle::is_finished) else { return Ok(()) };
        match self.clients.swap_remove(at).join() {
            Ok(ended) => ended.context("a client stopped"),
            Err(_) => bail!("a client panicked"),
        }
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.tally.over.store(true, Relaxed);
        for client in self.clients.drain(..) {
            // What went wrong with it was told by `check`, or does not matter any more.
            let _ = client.join();
        }
    }
}

/// One client's life.
fn work(id: ClientId, port: &Port, tally: &Tally, seed: u64, run: u64) -> Result<()> {
    let me = Principal::Client(id);
    let ended = Rc::new(RefCell::new(None));
    let caller = Rc::clone(&ended);
    let host = Caller::new(move |end: ClientDecision<'_>| {
        *caller.borrow_mut() = Some(match end {
            ClientDecision::Done { reply } => Ok(reply.to_vec()),
            ClientDecision::Failed(failure) => Err(failure),
        });
    });
    let protocol = Client::new(cluster::client(id), vec![0; 64], vec![0; REPLY]);
    let member = cluster::member(me, false).context("keys")?;
    let settings =
        Settings { greeting: cluster::GREETING, ..Settings::new(cluster::nonce(me, run, 0)) };
    let mut node: Node<_, _, _, _, MEMBERS> =
        Node::new(protocol, host, member, vec![0; 3 * FRAME], settings)?;
    let mut link = Stream::new(port, me, FRAME);

    let begin = std::time::Instant::now();
    let now = || Instant::from_micros(begin.elapsed().as_micros() as u64);
    let mut amounts = fastrand::Rng::with_seed(seed ^ u64::from(id.0));
    let (mut sum, mut outstanding) = (0, None);
    while !tally.over.load(Relaxed) {
        if outstanding.is_none() && tally.take() {
            let amount = amounts.u64(1..1000);
            outstanding = Some((amount, now()));
            let operation = &operation(amount);
            let command = ClientCommand::Submit { operation, wall_micros: 0 };
            node.command(&mut link, now(), command)?;
        }
        let due = node.poll(&mut link, now())?;
        if let (Some((amount, since)), Some(end)) = (outstanding, ended.borrow_mut().take()) {
            sum += amount;
            tally.account(&end, amount, sum, now().since(since));
            outstanding = None;
            continue;
        }
        let nap = Duration::from_millis(20);
        port.wait(due.map_or(nap, |due| due.since(now())).min(nap)).context("its line")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_requests_are_made_than_are_allowed() {
        let tally = Tally::default();
        assert!(!tally.take());
        tally.allow(2);
        assert_eq!([tally.take(), tally.take(), tally.take()], [true, true, false]);
        tally.allow(3);
        assert_eq!([tally.take(), tally.take()], [true, false]);
    }

    #[test]
    fn only_the_right_sum_counts_as_done() {
        let tally = Tally::default();
        let moment = Duration::from_millis(1);
        tally.account(&Ok(7_u64.to_le_bytes().to_vec()), 7, 7, moment);
        tally.account(&Ok(7_u64.to_le_bytes().to_vec()), 1, 8, moment);
        tally.account(&Ok(Vec::new()), 1, 9, moment);
        tally.account(&Err(Failure::TimedOut), 1, 10, moment);
        let counts = [tally.done(), tally.wrong(), tally.failed(), tally.ended(), tally.total()];
        assert_eq!(counts, [1, 2, 1, 4, 7]);
    }
}
