//! Three boards that run in this program, and a replica of `quorate-std` behind a gateway.

use super::*;
use crate::demo::Load;
use crate::linux::{LINUX, State, Told, config};
use crate::wire::{Loss, Router};
use cluster::{LAYOUT, MEMBERS, Memory, NODES, Registers};
use quorate::pbft::{Durability, Replica};
use quorate::{Fault, Instant, NodeId};
use quorate_embedded::{Forgetful, Node, Service, Settings};
use quorate_std::{ReplicaHandle, SinglePage, StatusReport};
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::JoinHandle;

/// How long anything may take before it counts as hanging.
const PATIENCE: Duration = Duration::from_secs(300);

fn nodes() -> impl Iterator<Item = NodeId> {
    (0..NODES as u8).map(NodeId)
}

/// A board without a flash. It ends with the state that it has then.
fn board(router: &Arc<Router>, me: NodeId, over: &Arc<AtomicBool>) -> JoinHandle<Registers> {
    let (here, there) = UnixStream::pair().unwrap();
    let who = Principal::Node(me);
    router.attach(who, there).unwrap();
    let over = Arc::clone(over);
    thread::spawn(move || {
        let (port, member) = (Port::new(here), cluster::member(who, false).unwrap());
        let mut config = cluster::replica(me, *member.roster.scope());
        config.durability = Durability::None;
        let replica = Replica::new(config, Memory::new()).unwrap();
        let memory = vec![0; LAYOUT.bytes()];
        let host = Service::new(Registers::default(), Forgetful, memory, LAYOUT).unwrap();
        let settings = Settings::new(cluster::nonce(who, 1, 1));
        let mut node: Node<_, _, _, _, MEMBERS> =
            Node::new(replica, host, member, vec![0; 3 * FRAME], settings).unwrap();
        let mut link = Stream::new(&port, who, FRAME);
        let begin = std::time::Instant::now();
        let now = || Instant::from_micros(begin.elapsed().as_micros() as u64);
        while !over.load(Relaxed) {
            let due = node.poll(&mut link, now()).unwrap();
            let nap = Duration::from_millis(20);
            port.wait(due.map_or(nap, |due| due.since(now())).min(nap)).unwrap();
        }
        *node.host().application()
    })
}

/// Starts the server, with what its folder holds.
fn serve(gateway: &Gateway, folder: &Path) -> (ReplicaHandle, State) {
    let listen = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
    let (data, state) = (folder.to_path_buf(), State::default());
    let told = Told { data, listen, lies: false };
    let server = quorate_std::Replica::spawn(config(told), SinglePage(state.clone())).unwrap();
    gateway.lead_to(listen);
    (server, state)
}

/// What others did wrong. A server that stalls while this one catches up is no wrong: the frames
/// that it sends are among those that this line loses.
fn wrongs(status: &StatusReport) -> Vec<&(NodeId, String, u64)> {
    let stalled = format!("{:?}", Fault::Stalled);
    status.faults.iter().filter(|(_, what, _)| *what != stalled).collect()
}

fn wait_until(load: &mut Load, mut is: impl FnMut(&Load) -> bool) {
    let end = std::time::Instant::now() + PATIENCE;
    while !is(load) {
        load.check().unwrap();
        assert!(std::time::Instant::now() < end, "not within {PATIENCE:?}");
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_server_serves_among_boards_and_again_when_it_was_started_again() {
    let router = Router::new(Loss::new(5.0, 1));
    let over = Arc::new(AtomicBool::new(false));
    let boards = nodes().filter(|id| *id != LINUX).map(|id| board(&router, id, &over));
    let boards: Vec<_> = boards.collect();
    let (line, other) = UnixStream::pair().unwrap();
    router.attach(Principal::Node(LINUX), other).unwrap();
    let gateway = Gateway::new(Principal::Node(LINUX), line).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut load = Load::start(&router, 1, 1).unwrap();

    let (server, _) = serve(&gateway, folder.path());
    load.tally.allow(40);
    wait_until(&mut load, |load| load.tally.ended() == 40);
    server.stop();
    let (server, state) = serve(&gateway, folder.path());
    load.tally.allow(80);
    wait_until(&mut load, |load| load.tally.ended() == 80);
    // All members have heard each other again, and nobody has said anything that was wrong.
    wait_until(&mut load, |load| {
        let status = server.status();
        let connected = status.peers.iter().all(|peer| peer.connected);
        connected && status.clients > 0 && state.registers().total() == load.tally.total()
    });
    let status = server.status();
    assert_eq!((wrongs(&status), status.client_faults), (Vec::new(), 0));
    assert_eq!((load.tally.failed(), load.tally.wrong()), (0, 0));

    let total = load.tally.total();
    over.store(true, Relaxed);
    let states: Vec<_> = boards.into_iter().map(|board| board.join().unwrap()).collect();
    let served = state.registers().digest();
    let equal = states.iter().filter(|it| it.digest() == served && it.total() == total).count();
    assert!(equal >= 2, "{states:?} are not {served:?}");
}

/// A gateway that leads to a server that hears and says nothing, and the other end of its line.
fn silent() -> (Gateway, TcpListener, Port) {
    let (line, other) = UnixStream::pair().unwrap();
    let gateway = Gateway::new(Principal::Node(LINUX), line).unwrap();
    let server = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    server.set_nonblocking(true).unwrap();
    gateway.lead_to(server.local_addr().unwrap());
    (gateway, server, Port::new(other))
}

fn greet(port: &Port, from: Principal, nonce: u8) {
    let (cluster, to) = (quorate::Digest::ZERO, Principal::Node(LINUX));
    let proof = quorate::link::Proof::Hmac;
    let hello = Hello { cluster, epoch: 0, from, to, nonce: [nonce; 32], proof };
    Stream::new(port, from, FRAME).send(to, &hello.to_bytes()).unwrap();
}

/// The connections that have come until none has for a while, the nonces they were greeted with,
/// and how many were under way at most.
fn accepted(gateway: &Gateway, server: &TcpListener) -> (Vec<u8>, usize) {
    let (mut nonces, mut last, mut most) = (Vec::new(), std::time::Instant::now(), 0);
    while last.elapsed() < 5 * PAUSE {
        most = most.max(gateway.0.work().under_way.values().sum());
        match server.accept() {
            Ok((mut stream, _)) => {
                stream.set_nonblocking(false).unwrap();
                let hello = take(&mut stream).map(|it| Hello::from_bytes(&it).unwrap());
                nonces.extend(hello.map(|it| it.nonce[0]));
                last = std::time::Instant::now();
                // Whoever is hung up on sees it; all others stay.
                std::mem::forget(stream);
            }
            Err(_) => thread::sleep(Duration::from_millis(2)),
        }
    }
    (nonces, most)
}

#[test]
fn whoever_greets_ever_anew_has_few_connections_and_the_newest_at_last() {
    let (gateway, server, port) = silent();
    let who = Principal::Node(NodeId(1));
    (1..=200).for_each(|nonce| greet(&port, who, nonce));
    let (nonces, most) = accepted(&gateway, &server);
    assert!(most <= EACH, "{most} connections");
    assert!(nonces.len() <= 3 * EACH, "{} connections: {nonces:?}", nonces.len());
    assert_eq!(nonces.last(), Some(&200));
}

#[test]
fn however_many_greet_there_are_so_many_connections_and_no_more() {
    let (gateway, server, port) = silent();
    for nonce in 1..=30 {
        let all = (0..MEMBERS).filter_map(|row| SEATS.principal(row));
        all.for_each(|who| greet(&port, who, nonce));
    }
    let (nonces, most) = accepted(&gateway, &server);
    assert!(most <= ALL, "{most} connections");
    assert_eq!(nonces.iter().filter(|nonce| **nonce == 30).count(), MEMBERS - 1, "{nonces:?}");
}
