//! A Redis client that is not ours, against one process and against a cluster.

mod support;

use quorate_kv::backend::{Backend, Done, Failure};
use quorate_kv::cluster::LocalCluster;
use quorate_kv::gateway::{Gateway, Options};
use quorate_kv::single::Single;
use redis::{Commands, Connection, Value, cmd};
use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Sender, channel};
use support::{PATIENCE, Server, connect, connect_resp3, program};

/// Everything that a client can want, once.
fn tour(mut redis: Connection, mut resp3: Connection) {
    let _: () = cmd("FLUSHALL").query(&mut redis).unwrap();
    let _: () = redis.set("a", "1").unwrap();
    assert_eq!(redis.get::<_, String>("a").unwrap(), "1");
    assert_eq!(redis.get::<_, Option<String>>("none").unwrap(), None);
    assert_eq!(resp3.get::<_, Option<String>>("none").unwrap(), None);
    assert_eq!(redis.incr::<_, _, i64>("a", 41).unwrap(), 42);
    assert_eq!(redis.decr::<_, _, i64>("a", 2).unwrap(), 40);
    assert_eq!(redis.append::<_, _, usize>("text", "abc").unwrap(), 3);
    assert_eq!(redis.strlen::<_, usize>("text").unwrap(), 3);
    let set: Option<String> = cmd("SET").arg(&["a", "x", "NX"]).query(&mut redis).unwrap();
    assert_eq!(set, None);
    assert!(redis.exists::<_, bool>("a").unwrap());
    let old: Option<String> = cmd("SET").arg(&["a", "9", "XX", "GET"]).query(&mut redis).unwrap();
    assert_eq!(old.as_deref(), Some("40"));
    assert_eq!(redis.getset::<_, _, String>("a", "10").unwrap(), "9");
    let _: () = redis.mset(&[("k1", "v1"), ("k2", "v2")]).unwrap();
    for redis in [&mut redis, &mut resp3] {
        let values: Vec<Option<String>> = redis.mget(&["k1", "none", "k2"]).unwrap();
        assert_eq!(values, [Some("v1".to_owned()), None, Some("v2".to_owned())]);
    }
    assert_eq!(redis.del::<_, usize>(&["k1", "none", "k2"]).unwrap(), 2);
    let keys: BTreeSet<String> = redis.keys("*").unwrap();
    assert_eq!(keys, BTreeSet::from(["a".to_owned(), "text".to_owned()]));
    assert_eq!(cmd("DBSIZE").query::<usize>(&mut redis).unwrap(), 2);
    let error = redis.incr::<_, _, i64>("text", 1).unwrap_err();
    assert!(error.to_string().contains("not an integer"), "{error}");
    let error = cmd("LPUSH").arg(&["l", "x"]).query::<Value>(&mut redis).unwrap_err();
    assert!(error.to_string().contains("unknown command 'LPUSH'"), "{error}");
    let error = cmd("GET").query::<Value>(&mut redis).unwrap_err();
    assert!(error.to_string().contains("wrong number of arguments"), "{error}");

    let binary: Vec<u8> = (0..=255).collect();
    let _: () = resp3.set(&binary, &binary).unwrap();
    assert_eq!(redis.get::<_, Vec<u8>>(&binary).unwrap(), binary);
    let long = vec![b'x'; 512 * 1024];
    let _: () = redis.set("long", &long).unwrap();
    assert_eq!(resp3.get::<_, Vec<u8>>("long").unwrap(), long);
    let error = redis.set::<_, _, ()>("long", [&long[..], b"x"].concat()).unwrap_err();
    assert!(error.to_string().contains("exceeds maximum allowed size"), "{error}");
    assert_eq!(redis.get::<_, Vec<u8>>("long").unwrap(), long);
    let _: () = redis.del("long").unwrap();

    let names: Vec<String> = (0..300).map(|n| format!("scan:{n:03}")).collect();
    for name in &names {
        let _: () = redis.set(name, "x").unwrap();
    }
    let found: BTreeSet<String> = redis.scan_match("scan:*").unwrap().map(Result::unwrap).collect();
    assert!(found.into_iter().eq(names));
}

/// A pipeline that mixes what the gateway answers with what the store answers.
fn pipeline(mut redis: Connection) {
    for round in 0..20 {
        let mut pipeline = redis::pipe();
        for n in 0..100 {
            pipeline.set(format!("p:{n}"), n + round).ignore();
            pipeline.cmd("ECHO").arg(n);
            pipeline.get(format!("p:{n}"));
        }
        let replies: Vec<i64> = pipeline.query(&mut redis).unwrap();
        let expected: Vec<i64> = (0..100).flat_map(|n| [n, n + round]).collect();
        assert_eq!(replies, expected);
    }
}

#[test]
fn a_redis_client_is_served_by_one_process() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().to_str().unwrap();
    let server = Server::start(&["single", "--listen", "127.0.0.1:0", "--data", data]);
    tour(server.connect(), connect_resp3(server.port()));
    pipeline(server.connect());
    let _: () = server.connect().set("kept", "yes").unwrap();
    server.kill();
    let server = Server::start(&["single", "--listen", "127.0.0.1:0", "--data", data]);
    assert_eq!(server.connect().get::<_, String>("kept").unwrap(), "yes");
}

#[test]
fn a_redis_client_is_served_by_a_cluster_of_processes() {
    let dir = tempfile::tempdir().unwrap();
    served_by(&LocalCluster::start(program(), dir.path(), 4).unwrap());
}

#[test]
fn a_redis_client_is_served_by_a_cluster_with_fast_reads() {
    let dir = tempfile::tempdir().unwrap();
    served_by(&LocalCluster::start_fast(program(), dir.path(), 4).unwrap());
}

fn served_by(cluster: &LocalCluster) {
    let gateway = cluster.gateway(PATIENCE).unwrap();
    let port = gateway.address().port();
    tour(connect(port), connect_resp3(port));
    pipeline(connect(port));
    let clients: Vec<_> = (0..8)
        .map(|_| {
            std::thread::spawn(move || {
                let mut redis = connect(port);
                for _ in 0..50 {
                    let count: i64 = redis.incr("shared", 1).unwrap();
                    assert!(redis.get::<_, i64>("shared").unwrap() >= count, "a stale read");
                }
            })
        })
        .collect();
    for client in clients {
        client.join().unwrap();
    }
    assert_eq!(connect(port).get::<_, i64>("shared").unwrap(), 400);
}

/// A gateway on a store in this process, with its directory.
fn gateway(options: Options) -> (Gateway, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let single = Single::open(dir.path()).unwrap();
    (Gateway::spawn(listener, single, options).unwrap(), dir)
}

fn dial(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Sends bytes, says that no more come, and reads until the gateway closes.
fn say(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = dial(address);
    stream.write_all(bytes).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut said = Vec::new();
    stream.read_to_end(&mut said).unwrap();
    String::from_utf8_lossy(&said).into_owned()
}

#[test]
fn what_was_sent_is_answered_before_the_connection_closes() {
    let (gateway, _dir) = gateway(Options::default());
    let address = gateway.address();
    assert_eq!(say(address, b"SET a 1\r\nPING\r\nGET a\r\n"), "+OK\r\n+PONG\r\n$1\r\n1\r\n");
    assert_eq!(say(address, b"GET a\r\nQUIT\r\nGET a\r\n"), "$1\r\n1\r\n+OK\r\n");
    assert_eq!(
        say(address, b"GET a\r\n*1\r\n:1\r\nGET a\r\n"),
        "$1\r\n1\r\n-ERR Protocol error: expected '$', got ':'\r\n"
    );
    let resp3 = say(address, b"GET none\r\nHELLO 3\r\nGET none\r\nMGET a none\r\n");
    assert!(resp3.starts_with("$-1\r\n%7\r\n"), "{resp3}");
    assert!(resp3.ends_with("_\r\n*2\r\n$1\r\n1\r\n_\r\n"), "{resp3}");
}

#[test]
fn a_command_beyond_all_limits_is_refused_and_others_go_on() {
    let (gateway, _dir) = gateway(Options::default());
    let address = gateway.address();
    let mut redis = connect(address.port());
    let mut stream = dial(address);
    let head = b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1000000000\r\n";
    stream.write_all(head).unwrap();
    let chunk = vec![b'x'; 64 * 1024];
    // The gateway closes before all of this is written, so writing may fail.
    for _ in 0..64 {
        if stream.write_all(&chunk).is_err() {
            break;
        }
    }
    let mut said = Vec::new();
    // What it said may be lost with the connection, which is reset while bytes are under way.
    if stream.read_to_end(&mut said).is_ok() {
        assert!(said.starts_with(b"-ERR Protocol error: more than"));
    }
    let _: () = redis.set("k", "v").unwrap();
    assert_eq!(redis.get::<_, String>("k").unwrap(), "v");
}

#[test]
fn a_client_that_does_not_read_holds_up_nobody_else() {
    let (gateway, _dir) = gateway(Options::default());
    let address = gateway.address();
    let mut redis = connect(address.port());
    let long = vec![b'x'; 256 * 1024];
    let _: () = redis.set("long", &long).unwrap();
    let mut deaf = dial(address);
    let asks = 400;
    deaf.write_all(&b"GET long\r\n".repeat(asks)).unwrap();
    for n in 0..100 {
        assert_eq!(redis.incr::<_, _, i64>("n", 1).unwrap(), n + 1);
    }
    let mut said = 0;
    let mut buffer = vec![0; 1 << 20];
    while said < asks * (long.len() + "$262144\r\n\r\n".len()) {
        let len = deaf.read(&mut buffer).unwrap();
        assert!(len > 0, "closed after {said} bytes");
        said += len;
    }
}

#[test]
fn one_connection_too_many_is_told_so() {
    let (gateway, _dir) = gateway(Options { connections: 2, ..Options::default() });
    let address = gateway.address();
    let held: Vec<_> = (0..2).map(|_| connect(address.port())).collect();
    assert_eq!(say(address, b""), "-ERR max number of clients reached\r\n");
    drop(held);
}

/// A backend that hands every bundle to the test.
struct Puppet(Sender<(Vec<u8>, Done)>);

impl Backend for Puppet {
    fn describe(&self) -> String {
        "a test".to_owned()
    }

    fn bundle_bytes(&self) -> usize {
        4096
    }

    fn sessions(&self) -> usize {
        2
    }

    fn submit(&self, bundle: Vec<u8>, done: Done) {
        self.0.send((bundle, done)).expect("the test runs");
    }
}

#[test]
fn a_bundle_that_fails_is_an_error_for_each_of_its_commands() {
    let (sender, bundles) = channel();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let gateway = Gateway::spawn(listener, Puppet(sender), Options::default()).unwrap();
    let address = gateway.address();
    let failures = [
        (Err(Failure::TimedOut), "-TRYAGAIN the cluster did not answer in time"),
        (Err(Failure::Refused("no\r\nspace".to_owned())), "-ERR no  space"),
        (Ok(vec![1]), "-ERR the backend"),
        (Ok(vec![]), "-ERR the backend"),
        (Ok(vec![0, 0, 0, 0, 0]), "-ERR the backend"),
    ];
    for (result, reply) in failures {
        let client = std::thread::spawn(move || say(address, b"GET a\r\nPING\r\nGET b\r\n"));
        let (bundle, done) = bundles.recv_timeout(PATIENCE).unwrap();
        assert_eq!(bundle, b"\x01\x02\x03get\x01a\x02\x03get\x01b");
        done(result);
        let said = client.join().unwrap();
        let lines: Vec<&str> = said.split("\r\n").collect();
        assert!(lines[0].starts_with(reply) && lines[2].starts_with(reply), "{said}");
        assert_eq!((lines[1], lines.len()), ("+PONG", 4));
    }
}

#[test]
fn commands_that_were_left_out_of_a_bundle_are_sent_again() {
    let (sender, bundles) = channel();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let gateway = Gateway::spawn(listener, Puppet(sender), Options::default()).unwrap();
    let address = gateway.address();
    let client = std::thread::spawn(move || say(address, b"GET a\r\nGET b\r\nGET c\r\n"));
    let (bundle, done) = bundles.recv_timeout(PATIENCE).unwrap();
    assert_eq!(bundle, b"\x01\x02\x03get\x01a\x02\x03get\x01b\x02\x03get\x01c");
    done(Ok(b"\0\x02\0\0\0\x04:1\r\n\x04:2\r\n".to_vec()));
    let (bundle, done) = bundles.recv_timeout(PATIENCE).unwrap();
    assert_eq!(bundle, b"\x01\x02\x03get\x01c");
    done(Ok(b"\0\x01\0\0\0\x04:3\r\n".to_vec()));
    assert_eq!(client.join().unwrap(), ":1\r\n:2\r\n:3\r\n");
}
