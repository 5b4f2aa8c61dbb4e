//! What happens on the sockets of a replica: frames in pieces, peers that lie, stall, flood.

mod common;

use common::peer::{Peer, connect, framed, hello, is_closed, read_frame};
use common::{Members, PATIENCE, add, client_key, cluster, eventually, node_key};
use quorate::link::{Hello, Proof};
use quorate::{ClientId, Digest, NodeId, Principal};
use quorate_std::Links;
use std::io::Write;
use std::net::{Shutdown, TcpStream};

fn client(id: u16) -> Principal {
    Principal::Client(ClientId(id))
}

fn node(id: u8) -> Principal {
    Principal::Node(NodeId(id))
}

#[test]
fn half_frames_and_coalesced_frames_are_put_together() {
    let members = Members::start("pieces", cluster(4, 2, Links::Hmac));
    let mut peer = Peer::prove(&members.cluster, client(1), &client_key(1), 0);
    for byte in peer.seal(&Peer::question(1)) {
        peer.stream.write_all(&[byte]).expect("a byte is sent");
    }
    peer.expect_answer(1);
    let many: Vec<u8> = (2..10).flat_map(|number| peer.seal(&Peer::question(number))).collect();
    peer.stream.write_all(&many).expect("all are sent at once");
    peer.expect_answer(9);
}

#[test]
fn a_peer_that_closes_in_the_middle_of_a_frame_leaves_nothing_behind() {
    let members = Members::start("middle", cluster(4, 2, Links::Hmac));
    for length in 0..60 {
        let mut peer = Peer::prove(&members.cluster, client(1), &client_key(1), 0);
        let frame = peer.seal(&Peer::question(1));
        let cut = length.min(frame.len() - 1);
        peer.stream.write_all(&frame[..cut]).expect("a part is sent");
    }
    let mut peer = Peer::prove(&members.cluster, client(1), &client_key(1), 0);
    peer.send(&Peer::question(2));
    peer.expect_answer(2);
}

#[test]
fn a_length_over_the_cap_closes_the_connection_at_once() {
    let members = Members::start("cap", cluster(4, 2, Links::Hmac));
    for length in [Hello::LEN as u32 + 1, 1 << 20, u32::MAX] {
        let mut stream = connect(&members.cluster, 0);
        stream.write_all(&length.to_le_bytes()).expect("the length is sent");
        assert!(is_closed(&mut stream), "an unproved peer promised {length} bytes");
    }
    let largest = members.cluster.batch_bytes as u32 + 1024;
    for length in [largest, 1 << 24, u32::MAX] {
        let mut peer = Peer::prove(&members.cluster, client(1), &client_key(1), 0);
        peer.stream.write_all(&length.to_le_bytes()).expect("the length is sent");
        assert!(is_closed(&mut peer.stream), "a client promised {length} bytes");
    }
}

#[test]
fn a_hello_that_is_not_for_us_is_not_answered() {
    let members = Members::start("hello", cluster(4, 2, Links::Hmac));
    let good = hello(&members.cluster, client(1), 0);
    let bad = [
        Hello { cluster: Digest([1; 32]), ..good },
        Hello { epoch: 1, ..good },
        Hello { to: node(1), ..good },
        Hello { from: client(2), ..good },
        Hello { from: node(4), ..good },
        Hello { from: node(0), ..good },
        Hello { proof: Proof::Ed25519, ..good },
    ];
    for hello in bad {
        let mut stream = connect(&members.cluster, 0);
        stream.write_all(&framed(&hello.to_bytes())).expect("the hello is sent");
        assert_eq!(read_frame(&mut stream), None, "{hello:?}");
    }
    let mut stream = connect(&members.cluster, 0);
    stream.write_all(&framed(&[0xff; Hello::LEN])).expect("garbage is sent");
    assert_eq!(read_frame(&mut stream), None, "garbage");
    drop(Peer::prove(&members.cluster, client(1), &client_key(1), 0));
}

#[test]
fn who_has_not_the_key_displaces_nobody() {
    let members = Members::start("spoof", cluster(4, 2, Links::Hmac));
    let mut real = Peer::prove(&members.cluster, client(1), &client_key(1), 0);
    let spoof = |proof: &[u8]| {
        let mut stream = connect(&members.cluster, 0);
        let hello = hello(&members.cluster, client(1), 0);
        stream.write_all(&framed(&hello.to_bytes())).expect("a hello is free");
        assert!(read_frame(&mut stream).is_some(), "hellos are answered");
        stream.write_all(proof).expect("something is sent");
        assert!(is_closed(&mut stream), "it is no proof");
    };
    spoof(&framed(&[0; 46]));
    spoof(&framed(b""));
    let recorded = real.handshake[4 + Hello::LEN..].to_vec();
    spoof(&recorded);
    real.send(&Peer::question(1));
    real.expect_answer(1);
}

#[test]
fn who_has_the_key_replaces_its_older_connection() {
    let members = Members::start("replace", cluster(4, 2, Links::Hmac));
    let mut old = Peer::prove(&members.cluster, client(1), &client_key(1), 0);
    let mut new = Peer::prove(&members.cluster, client(1), &client_key(1), 0);
    assert!(is_closed(&mut old.stream));
    new.send(&Peer::question(1));
    new.expect_answer(1);
}

#[test]
fn there_is_one_connection_a_pair_and_the_lower_replica_does_not_dial() {
    let mut members = Members::start("pair", cluster(4, 2, Links::Hmac));
    members.stop_one(0);
    let mut stream = connect(&members.cluster, 3);
    let mine = hello(&members.cluster, node(0), 3);
    stream.write_all(&framed(&mine.to_bytes())).expect("the hello is sent");
    let theirs = read_frame(&mut stream).expect("hellos are answered");
    let theirs = Hello::from_bytes(&theirs).expect("it is a hello");
    let pair = node_key(0).agree(&members.cluster.nodes[3]).expect("the keys are good");
    let (mut sealer, _) = quorate::hmac::session(&pair, &mine, &theirs).expect("they fit");
    let mut proof = [0; 46];
    let length = quorate::link::Sealer::seal(&mut sealer, &[2], &mut proof).expect("it fits");
    stream.write_all(&framed(&proof[..length])).expect("a good proof is sent");
    assert!(is_closed(&mut stream));
}

#[test]
fn a_changed_or_repeated_frame_closes_the_link() {
    let members = Members::start("change", cluster(4, 2, Links::Hmac));
    let mut peer = Peer::prove(&members.cluster, client(1), &client_key(1), 0);
    let mut frame = peer.seal(&Peer::question(1));
    frame[20] ^= 1;
    peer.stream.write_all(&frame).expect("a changed frame is sent");
    assert!(is_closed(&mut peer.stream), "changed");
    let mut peer = Peer::prove(&members.cluster, client(1), &client_key(1), 0);
    let frame = peer.seal(&Peer::question(1));
    peer.stream.write_all(&[&frame[..], &frame].concat()).expect("a frame is sent twice");
    assert!(is_closed(&mut peer.stream), "repeated");
}

#[test]
fn authentic_nonsense_is_counted_and_the_link_stays() {
    let mut members = Members::start("nonsense", cluster(4, 2, Links::Hmac));
    members.stop_one(3);
    let mut peer = Peer::prove(&members.cluster, node(3), &node_key(3), 0);
    for nonsense in [&[0, 0xff, 1][..], &[0], &[7, 7], &[], &[1, 9], &[2]] {
        peer.send(nonsense);
    }
    peer.send(&Peer::question(1));
    peer.expect_answer(1);
    let replica = members.replicas[0].as_ref().expect("it runs");
    eventually("all of it is counted", || {
        replica.status().faults == [(NodeId(3), "Malformed".to_owned(), 6)]
    });
}

#[test]
fn junk_connections_and_a_slow_loris_disturb_no_working_link() {
    let members = Members::start("junk", cluster(4, 3, Links::Hmac));
    let working = members.client(1);
    assert_eq!(add(&working, 1), 1);
    // What was said before the links were up is dropped, and said again.
    let dropped = |members: &Members| {
        let reports = members.running().map(|replica| replica.status());
        reports.flat_map(|it| it.peers).map(|peer| peer.dropped).sum::<u64>()
    };
    let before = dropped(&members);
    let hello = framed(&hello(&members.cluster, client(1), 0).to_bytes());
    let mut held: Vec<TcpStream> = Vec::new();
    for at in 0..1000usize {
        let mut stream = connect(&members.cluster, at % 4);
        // Some say nothing, some half a hello, some a whole one, some garbage.
        let begin = at % (hello.len() + 1);
        let _ = stream.write_all(if at % 3 == 0 { &[0xaa; 32] } else { &hello[..begin] });
        held.push(stream);
        if held.len() > 400 {
            held.drain(..200);
        }
        if at % 20 == 0 {
            assert_eq!(add(&working, 1), at as u64 / 20 + 2);
        }
    }
    let mut late = Peer::prove(&members.cluster, client(2), &client_key(2), 0);
    late.send(&Peer::question(1));
    late.expect_answer(1);
    for replica in members.running() {
        let report = replica.status();
        assert!(report.peers.iter().all(|peer| peer.connected), "{report:?}");
    }
    assert_eq!(dropped(&members), before);
    members.wait_until_equal();
}

#[test]
fn a_half_open_connection_has_a_deadline() {
    let mut members = Members::start("deadline", cluster(4, 1, Links::Hmac));
    members.stop_one(0);
    let config = quorate_std::ReplicaConfig {
        handshake: std::time::Duration::from_millis(50),
        ..members.config(0)
    };
    let replica =
        quorate_std::Replica::spawn(config, quorate_std::SinglePage(common::Counter::default()));
    members.replicas[0] = Some(replica.expect("the replica starts"));
    let mut stream = connect(&members.cluster, 0);
    stream.write_all(&[75, 0]).expect("half a length is sent");
    assert!(is_closed(&mut stream));
}

#[test]
fn a_replica_that_does_not_read_blocks_nobody() {
    let mut cluster = cluster(4, 4, Links::Hmac);
    (cluster.batch_bytes, cluster.window) = (64 << 10, 8);
    let mut members = Members::start("slow", cluster);
    members.stop_one(3);
    let mut deaf: Vec<Peer> =
        (0..3).map(|to| Peer::prove(&members.cluster, node(3), &node_key(3), to)).collect();
    let client = members.client(4);
    let operation = vec![0; 60 << 10];
    let peers = || members.replicas[0].as_ref().expect("it runs").status().peers;
    let before: Vec<u64> = peers().iter().map(|peer| peer.dropped).collect();
    eventually("the queue of the deaf replica is full", || {
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| client.invoke(&operation).expect("the others go on"));
            }
        });
        // It says something now and then, so it does not count as gone.
        deaf.iter_mut().for_each(|peer| peer.send(&Peer::question(1)));
        peers()[2].dropped > before[2]
    });
    let peers = peers();
    assert!(peers.iter().all(|peer| peer.connected), "{peers:?}");
    assert!(peers[2].queued_bytes >= 1 << 20, "{peers:?}");
    assert_eq!([peers[0].dropped, peers[1].dropped], before[..2], "{peers:?}");
}

#[test]
fn a_flood_of_one_peer_starves_nobody() {
    let mut members = Members::start("flood", cluster(4, 2, Links::Hmac));
    members.stop_one(3);
    let peer = Peer::prove(&members.cluster, node(3), &node_key(3), 0);
    let stop = peer.stream.try_clone().expect("a handle of the socket");
    let flood = std::thread::spawn(move || flood(peer));
    let client = members.client(1);
    for at in 1..=50 {
        assert_eq!(add(&client, 1), at);
    }
    stop.shutdown(Shutdown::Both).expect("the flood ends");
    assert!(flood.join().expect("the flood ends well") > 0);
}

/// Sends votes and requests with bad signatures as fast as the socket takes them.
fn flood(mut peer: Peer) -> u64 {
    use quorate::pbft::{Message, Request, Sequence, View, Vote};
    use quorate::wire::{self, Bytes};
    let mut count = 0;
    loop {
        let vote =
            Vote { view: View(0), sequence: Sequence(count % 16 + 1), digest: Digest([3; 32]) };
        let request = Request {
            client: ClientId(1),
            timestamp: count + 1,
            operation: Bytes(b"forged"),
            signature: quorate::Signature::ZERO,
        };
        let messages = [Message::Prepare(vote), Message::Commit(vote), Message::Request(request)];
        let mut bytes = Vec::new();
        for message in messages {
            let mut payload = vec![0; 1 + wire::encoded_len(&message)];
            wire::encode(&message, &mut payload[1..]).expect("it fits");
            bytes.extend(peer.seal(&payload));
        }
        if peer.stream.write_all(&bytes).is_err() {
            return count;
        }
        count += 1;
    }
}

#[test]
fn a_link_that_was_cut_comes_back() {
    let members = Members::start("cut", cluster(4, 2, Links::Hmac));
    let working = members.client(1);
    assert_eq!(add(&working, 1), 1);
    for at in 2..10 {
        // Whoever has the key takes the link of the client over, and lets it go again.
        drop(Peer::prove(&members.cluster, client(0), &client_key(0), 0));
        assert_eq!(add(&working, 1), at);
    }
    let report = working.status(NodeId(0), PATIENCE).expect("the link is back");
    assert_eq!(report.node, NodeId(0));
}

#[test]
fn a_stranger_who_answered_a_dial_with_nonsense_does_not_end_the_link_for_ever() {
    let mut members = Members::start("stranger", cluster(4, 2, Links::Hmac));
    let client = members.client(1);
    assert_eq!(add(&client, 1), 1);
    // Everybody dials replica 0. A stranger takes its place and answers each hello with nonsense.
    members.stop_one(0);
    let address = members.cluster.addresses[0];
    let stranger = std::net::TcpListener::bind(address).expect("the address is free");
    for _ in 0..4 {
        let (mut stream, _) = stranger.accept().expect("somebody dials");
        let _ = stream.write_all(&framed(&[7; Hello::LEN]));
        let _ = is_closed(&mut stream);
    }
    drop(stranger);
    members.start_one(0);
    assert_eq!(add(&client, 1), 2);
    members.wait_until_caught_up(0);
    eventually("every peer is linked to it again", || {
        let report = members.replicas[0].as_ref().map(quorate_std::ReplicaHandle::status);
        report.is_some_and(|report| report.peers.iter().all(|peer| peer.connected))
    });
}
