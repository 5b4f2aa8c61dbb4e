//! `replica --record FILE`: the file of a replica that serves, and that was killed.
//!
//! That such a recording is played again byte for byte, cut or not, is shown by the tests of
//! `quorate-std`, which has the simulator at hand; here is what the program itself adds.

mod support;

use quorate_kv::cluster::{LocalCluster, free_ports};
use redis::Commands;
use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use support::{PATIENCE, Server, program, run};

/// The kinds of the whole frames of a recording, in order.
fn kinds(bytes: &[u8]) -> Vec<u8> {
    let (mut kinds, mut at) = (Vec::new(), 12);
    while let Some((head, rest)) = bytes.get(at..).and_then(|it| it.split_first_chunk::<9>()) {
        let length = u32::from_le_bytes([head[1], head[2], head[3], head[4]]) as usize;
        let Some(body) = rest.get(..length) else { break };
        let place = (at as u64).to_le_bytes();
        let crc = crc32c::crc32c(&[&place[..], &head[..5], body].concat());
        assert_eq!(crc.to_le_bytes(), head[5..], "the checksum of the frame at {at}");
        kinds.push(head[0]);
        at += 9 + length;
    }
    kinds
}

/// A process that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_replica_records_what_it_is_told_and_never_over_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let mut cluster = LocalCluster::start(program(), dir.path(), 4).unwrap();
    cluster.kill(2);
    let (config, file) = (dir.path().join("node2.toml"), dir.path().join("recording"));
    let arguments = |it: &mut Command| {
        it.args(["replica", "--config"]).arg(&config).arg("--record").arg(&file);
    };
    let mut replica = Command::new(program());
    arguments(&mut replica);
    let replica = replica.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
    let replica = Running(replica);
    let port = free_ports(1).unwrap()[0];
    let listen = format!("127.0.0.1:{port}");
    let gateway = dir.path().join("gateway.toml");
    let gateway = gateway.to_str().expect("a path of text");
    let server = Server::start(&["gateway", "--config", gateway, "--listen", &listen]);
    let mut redis = server.connect();
    let end = Instant::now() + PATIENCE;
    // Until it has executed something: inputs of all kinds lie before that.
    while !fs::read(&file).is_ok_and(|bytes| kinds(&bytes).len() > 200) {
        assert!(Instant::now() < end, "nothing is recorded");
        let () = redis.set("key", "value").unwrap();
        std::thread::sleep(Duration::from_millis(1));
    }
    drop(replica);

    let bytes = fs::read(&file).unwrap();
    assert!(bytes.starts_with(b"QUORREC\n\x01\0\0\0"), "what it is, and its version");
    let kinds = kinds(&bytes);
    assert_eq!(kinds[..2], [1, 2], "the cluster, and how the replica began");
    let ready = kinds.iter().position(|kind| *kind == 5).expect("it became ready");
    assert!(kinds[2..ready].iter().all(|kind| matches!(kind, 3 | 4)), "{kinds:?}");
    assert!(kinds[ready + 1..].iter().all(|kind| matches!(kind, 6 | 7)), "inputs alone follow");

    // Started again with the same file, it refuses, and leaves the file as it is.
    let mut again = Command::new(program());
    arguments(&mut again);
    let refused = again.stdin(Stdio::null()).output().unwrap();
    assert!(!refused.status.success());
    let why = String::from_utf8(refused.stderr).unwrap();
    assert!(why.contains("Name a file that is not there yet"), "{why}");
    assert_eq!(fs::read(&file).unwrap(), bytes);
    let help = String::from_utf8(run(&["replica", "--help"]).stdout).unwrap();
    assert!(help.contains("--record <FILE>") && help.contains("quorate-sim replay"), "{help}");
}
