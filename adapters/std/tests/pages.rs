//! A state of many pages: a replica that lags fetches those that differ, with load and without.

mod common;

use common::{Members, cluster, eventually};
use quorate::ClientId;
use quorate_std::{Application, Client, Cluster, Links, Replica, ReplicaHandle, RestoreError};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Pages of the service's state: trees of three levels.
const PAGES: u32 = 300;
/// Bytes of each.
const BYTES: usize = 2048;

/// A counter in every page. An operation adds one to the counter of the page that it names, and
/// its reply is the sum of all.
#[derive(Debug)]
struct Cells {
    counters: Vec<u64>,
    changed: Vec<bool>,
    /// How many pages were installed, for the test to see.
    installed: Arc<AtomicU64>,
}

impl Cells {
    fn new(installed: Arc<AtomicU64>) -> Self {
        let (counters, changed) = (vec![0; PAGES as usize], vec![true; PAGES as usize]);
        Self { counters, changed, installed }
    }
}

impl Application for Cells {
    fn execute(&mut self, _client: ClientId, operation: &[u8], reply: &mut Vec<u8>) {
        let index = operation.first_chunk().map_or(0, |n| u32::from_le_bytes(*n)) % PAGES;
        self.counters[index as usize] += 1;
        self.changed[index as usize] = true;
        reply.extend_from_slice(&self.counters.iter().sum::<u64>().to_le_bytes());
    }

    fn pages(&self) -> u32 {
        PAGES
    }

    fn page(&self, index: u32, page: &mut Vec<u8>) {
        page.extend_from_slice(&self.counters[index as usize].to_le_bytes());
        page.resize(BYTES, index as u8);
    }

    fn changed(&mut self, tell: &mut dyn FnMut(u32)) {
        for (index, changed) in (0..).zip(&mut self.changed) {
            if std::mem::take(changed) {
                tell(index);
            }
        }
    }

    fn install(&mut self, index: u32, bytes: &[u8]) -> Result<(), RestoreError> {
        let whole = bytes.len() == BYTES && index < PAGES;
        let counter = bytes.first_chunk().filter(|_| whole);
        let counter = counter.ok_or_else(|| RestoreError::new("it is no page"))?;
        self.counters[index as usize] = u64::from_le_bytes(*counter);
        self.installed.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

/// Starts a replica and returns how many pages it has been given.
fn start(members: &mut Members, id: usize) -> Arc<AtomicU64> {
    let installed = Arc::new(AtomicU64::new(0));
    let application = Cells::new(Arc::clone(&installed));
    let replica = Replica::spawn(members.config(id), application);
    members.replicas[id] = Some(replica.expect("the replica starts"));
    installed
}

fn members(name: &str, clients: usize, window: usize) -> Members {
    let cluster = Cluster { window, ..cluster(4, clients, Links::Hmac) };
    let replicas = (0..4).map(|_| None).collect();
    let scratch = common::Scratch::new(name);
    let mut members =
        Members { cluster, scratch, replicas, ballast: 0, log_bytes: 64 << 20, recover: false };
    for id in 0..4 {
        start(&mut members, id);
    }
    members
}

fn write(client: &Client, page: u32) -> u64 {
    let reply = client.invoke(&page.to_le_bytes()).expect("the cluster answers");
    u64::from_le_bytes(reply.try_into().expect("a sum is eight bytes"))
}

#[test]
fn one_that_missed_five_windows_fetches_the_pages_that_differ_with_no_load() {
    let mut members = members("pages", 2, 16);
    let client = members.client(2);
    for page in 0..PAGES {
        assert_eq!(write(&client, page), u64::from(page) + 1);
    }
    members.wait_until_equal();
    members.stop_one(3);
    let missed = 5 * members.cluster.window as u64;
    for at in 0..missed {
        write(&client, 40 + (at % 7) as u32);
    }
    let installed = start(&mut members, 3);
    let restored = installed.load(Ordering::Relaxed);
    assert_eq!(restored, u64::from(PAGES), "its own checkpoint, from its disk");
    members.wait_until_equal();
    // Its last checkpoint may be half a window old: what was written since then differs too.
    let fetched = installed.load(Ordering::Relaxed) - restored;
    let most = 7 + members.cluster.window as u64 / 2;
    assert!((7..=most).contains(&fetched), "{fetched} pages were fetched");
}

#[test]
fn one_with_nothing_fetches_all_pages_while_the_others_work() {
    let mut members = members("loaded", 4, 64);
    let client = members.client(4);
    members.stop_one(3);
    let missed = 5 * members.cluster.window as u64;
    for at in 0..missed {
        write(&client, at as u32);
    }
    let stop = Arc::new(AtomicU64::new(0));
    let load = {
        let (client, stop) = (client.clone(), Arc::clone(&stop));
        std::thread::spawn(move || {
            let mut last = 0;
            while stop.load(Ordering::Relaxed) == 0 {
                last = write(&client, last as u32 * 7);
            }
            last
        })
    };
    let installed = start(&mut members, 3);
    let executed = |replica: &ReplicaHandle| replica.status().executed;
    eventually("it takes part again", || {
        let others = members.running().map(executed).max().unwrap_or_default();
        let mine = members.replicas[3].as_ref().map_or(0, executed);
        mine > missed && mine + members.cluster.window as u64 >= others
    });
    assert!(installed.load(Ordering::Relaxed) >= u64::from(PAGES), "it had nothing");
    stop.store(1, Ordering::Relaxed);
    let last = load.join().expect("the load ends well");
    assert_eq!(write(&client, 0), last + 1);
    members.wait_until_equal();
}

/// How many pages a replica has staged on its disk.
fn staged(members: &Members, id: usize) -> usize {
    let files = std::fs::read_dir(members.config(id).data).into_iter().flatten().flatten();
    files.filter(|file| file.file_name().to_string_lossy().starts_with("page-")).count()
}

#[test]
fn one_that_is_stopped_over_and_over_while_it_fetches_goes_on_where_it_was() {
    let mut members = members("again", 2, 16);
    let client = members.client(2);
    members.stop_one(3);
    for at in 0..5 * members.cluster.window as u64 {
        write(&client, at as u32);
    }
    let mut before = 0;
    for enough in [1, 20, 80, 160] {
        let installed = start(&mut members, 3);
        let done = || installed.load(Ordering::Relaxed) > 0;
        eventually("pages come", || staged(&members, 3) >= enough || done());
        members.stop_one(3);
        let now = staged(&members, 3);
        assert!(now >= before || done(), "{before} pages were staged, then {now}");
        before = now;
    }
    start(&mut members, 3);
    members.wait_until_equal();
    assert_eq!(staged(&members, 3), 0, "what was staged goes when it is installed");
}
