//! Configuration that cannot work: one sentence on standard error, exit code 2.

mod support;

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::Duration;
use support::run;

/// Checks that the program refused with a sentence that has all of these words.
fn refused(output: &Output, words: &[&str]) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert_eq!(said.trim_end().lines().count(), 1, "one sentence: {said}");
    assert!(said.starts_with("quorate-kv: "), "{said}");
    for word in words {
        assert!(said.contains(word), "{word:?} in {said}");
    }
    assert!(output.stdout.is_empty());
}

struct Files {
    _dir: tempfile::TempDir,
    path: PathBuf,
}

impl Files {
    /// The files of a cluster on ports that are free.
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cluster");
        let port = quorate_kv::cluster::free_ports(1).unwrap()[0].to_string();
        let out = path.to_str().unwrap();
        let output = run(&["keygen", "--out", out, "--clients", "3", "--port", &port]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Self { _dir: dir, path }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    fn edit(&self, name: &str, edit: impl FnOnce(String) -> String) {
        let path = self.file(name);
        fs::write(&path, edit(fs::read_to_string(&path).unwrap())).unwrap();
    }

    fn replica(&self) -> Output {
        run(&["replica", "--config", path(&self.file("node0.toml"))])
    }

    fn gateway(&self) -> Output {
        let config = self.file("gateway.toml");
        run(&["gateway", "--listen", "127.0.0.1:0", "--config", path(&config)])
    }
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// The keys of a cluster file in order, nodes first.
fn keys(text: &str) -> Vec<String> {
    let key = |line: &str| line.strip_prefix("key = \"")?.strip_suffix('"').map(str::to_owned);
    text.lines().filter_map(key).collect()
}

#[test]
fn keygen_writes_what_its_help_says() {
    let files = Files::new();
    for id in 0..4 {
        assert!(files.file(&format!("node{id}.toml")).is_file());
    }
    assert_eq!(keys(&fs::read_to_string(files.file("cluster.toml")).unwrap()).len(), 7);
    #[cfg(unix)]
    for name in ["node0.key", "node3.key", "client0.key", "client2.key"] {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(files.file(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    let again = run(&["keygen", "--out", path(&files.path)]);
    refused(&again, &["cluster.toml", "exists"]);
}

#[test]
fn clusters_that_cannot_work_are_not_made() {
    let dir = tempfile::tempdir().unwrap();
    let out = path(dir.path());
    refused(&run(&["keygen", "--nodes", "3", "--out", out]), &["4 to 64"]);
    refused(&run(&["keygen", "--nodes", "65", "--out", out]), &["4 to 64"]);
    refused(&run(&["keygen", "--clients", "1", "--out", out]), &["2 clients"]);
    refused(&run(&["keygen", "--port", "65534", "--out", out]), &["not so many ports"]);
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    refused(&run(&["keygen", "--out", path(&file)]), &["cannot make"]);
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "and nothing is left");
}

#[test]
fn files_that_cannot_be_read_are_named() {
    let files = Files::new();
    refused(&run(&["replica", "--config", "nowhere/node0.toml"]), &["nowhere/node0.toml"]);
    refused(&run(&["gateway", "--config", "nowhere.toml"]), &["nowhere.toml"]);
    refused(&run(&["status", "--config", "nowhere.toml"]), &["nowhere.toml"]);
    fs::remove_file(files.file("node0.key")).unwrap();
    refused(&files.replica(), &["cannot read", "node0.key"]);
    fs::write(files.file("node0.key"), "not a key").unwrap();
    refused(&files.replica(), &["node0.key holds no key"]);
    fs::copy(files.file("node1.key"), files.file("node0.key")).unwrap();
    refused(&files.replica(), &["node0.key is not that of node 0"]);
    files.edit("node1.toml", |text| text.replace("node = 1", "node = 9"));
    let config = files.file("node1.toml");
    refused(&run(&["replica", "--config", path(&config)]), &["has no node 9"]);
    files.edit("node2.toml", |text| text.replace("data =", "date ="));
    let config = files.file("node2.toml");
    refused(&run(&["replica", "--config", path(&config)]), &["node2.toml, line", "date"]);
}

#[test]
fn two_members_with_one_key_are_refused() {
    let files = Files::new();
    files.edit("cluster.toml", |text| {
        let keys = keys(&text);
        text.replace(&keys[1], &keys[0])
    });
    refused(&files.replica(), &["cluster.toml", "same public key"]);
    refused(&files.gateway(), &["cluster.toml", "same public key"]);
    let files = Files::new();
    files.edit("cluster.toml", |text| {
        let keys = keys(&text);
        text.replace(&keys[5], &keys[2])
    });
    refused(&files.replica(), &["cluster.toml", "same public key"]);
}

#[test]
fn a_key_that_is_none_is_refused() {
    let zero = "0".repeat(64);
    let identity = format!("01{}", "0".repeat(62));
    let not_canonical = "f".repeat(64);
    for key in [&zero, &identity, &not_canonical] {
        let files = Files::new();
        files.edit("cluster.toml", |text| {
            let keys = keys(&text);
            text.replace(&keys[3], key)
        });
        refused(&files.replica(), &["cluster.toml", "not a valid key"]);
    }
    let files = Files::new();
    files.edit("cluster.toml", |text| {
        let keys = keys(&text);
        text.replace(&keys[3], "abc")
    });
    refused(&files.replica(), &["the key of node 3", "64 hexadecimal"]);
}

#[test]
fn a_cluster_file_of_three_replicas_or_of_other_sizes_is_refused() {
    let files = Files::new();
    files.edit("cluster.toml", |text| {
        let start = text.find("[[node]]").unwrap();
        let end = start + 1 + text[start + 1..].find("[[node]]").unwrap();
        format!("{}{}", &text[..start], &text[end..])
    });
    refused(&files.replica(), &["cluster.toml", "4 to 64"]);
    for (from, to, word) in [
        ("window = 64", "window = 63", "even"),
        ("window = 64", "window = 128", "its id does not fit"),
        ("batch_bytes = 1048576", "batch_bytes = 1000", "batch_bytes must be at least"),
        ("reply_bytes = 590848", "reply_bytes = 1000", "reply_bytes must be at least"),
        ("links = \"hmac\"", "links = \"tls\"", "line"),
        ("name = \"kv\"", "name = \"vk\"", "its id does not fit"),
    ] {
        let files = Files::new();
        files.edit("cluster.toml", |text| {
            assert!(text.contains(from), "{from}");
            text.replace(from, to)
        });
        refused(&files.replica(), &["cluster.toml", word]);
    }
}

#[test]
fn a_port_in_use_is_named() {
    let held = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = held.local_addr().unwrap().to_string();
    let files = Files::new();
    let config = files.file("gateway.toml");
    let output = run(&["gateway", "--listen", &address, "--config", path(&config)]);
    refused(&output, &["cannot listen", &address]);
    let data = files.file("single");
    let output = run(&["single", "--listen", &address, "--data", path(&data)]);
    refused(&output, &["cannot listen", &address]);
    files.edit("node0.toml", |text| format!("listen = \"{address}\"\n{text}"));
    refused(&files.replica(), &["cannot listen", &address]);
}

#[test]
fn a_gateway_file_that_names_a_client_twice_is_refused() {
    let files = Files::new();
    files.edit("gateway.toml", |text| {
        text.replace("client = 1", "client = 0").replace("client1.key", "client0.key")
    });
    refused(&files.gateway(), &["names client 0 in two sessions"]);
}

#[test]
fn a_demonstration_without_input_says_which_file_is_missing() {
    refused(&run(&["demo", "--input", "nowhere.txt"]), &["nowhere.txt"]);
}

#[test]
fn fast_reads_are_asked_for_at_keygen_and_are_part_of_the_id() {
    let files = Files::new();
    let made = fs::read_to_string(files.file("cluster.toml")).unwrap();
    assert!(made.contains("fast_reads = false"), "{made}");
    files.edit("cluster.toml", |text| text.replace("fast_reads = false", "fast_reads = true"));
    refused(&files.replica(), &["cluster.toml", "id"]);
    refused(&files.gateway(), &["cluster.toml", "id"]);
    let other = tempfile::tempdir().unwrap();
    let out = path(other.path());
    assert!(run(&["keygen", "--fast-reads", "--out", out]).status.success());
    let made = fs::read_to_string(other.path().join("cluster.toml")).unwrap();
    assert!(made.contains("fast_reads = true"), "{made}");
}

#[test]
fn a_replica_file_sets_how_long_requests_may_wait() {
    let files = Files::new();
    let timeout = |files: &Files| {
        quorate_kv::config::ReplicaFile::load(&files.file("node0.toml")).unwrap().timeout
    };
    assert_eq!(timeout(&files), Duration::from_secs(1), "what it is without the line");
    files.edit("node0.toml", |text| format!("{text}timeout_ms = 4000\n"));
    assert_eq!(timeout(&files), Duration::from_secs(4));
    files.edit("node0.toml", |text| text.replace("= 4000", "= \"long\""));
    refused(&files.replica(), &["node0.toml"]);
}
