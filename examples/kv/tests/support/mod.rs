//! What the tests of the program share: its path, processes that end with the test, clients.

#![allow(dead_code, reason = "each test uses its part")]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

/// How long anything may take before a test counts as hung.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// The program under test.
pub(crate) fn program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_quorate-kv"))
}

/// Runs the program to its end.
pub(crate) fn run(arguments: &[&str]) -> Output {
    let output = Command::new(program()).args(arguments).stdin(Stdio::null()).output();
    output.expect("the program runs")
}

/// A process of the program that serves Redis clients.
pub(crate) struct Server {
    child: Child,
    port: u16,
}

impl Server {
    /// Starts it and waits until it says where it listens.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(program())
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut line = String::new();
        let said = child.stdout.take().expect("standard output is a pipe");
        BufReader::new(said).read_line(&mut line).expect("it says a line");
        let port = line.trim().rsplit(' ').next().and_then(|port| port.parse().ok());
        Self { child, port: port.unwrap_or_else(|| panic!("it said {line:?}")) }
    }

    /// Where it listens.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// A connection to it.
    pub(crate) fn connect(&self) -> redis::Connection {
        connect(self.port)
    }

    /// Ends it with SIGKILL.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("it runs");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A connection to a gateway on this machine.
pub(crate) fn connect(port: u16) -> redis::Connection {
    connected(port).expect("the gateway accepts")
}

/// The same, or why there is none.
pub(crate) fn connected(port: u16) -> redis::RedisResult<redis::Connection> {
    open(&format!("redis://127.0.0.1:{port}/"))
}

/// A connection that speaks RESP3.
pub(crate) fn connect_resp3(port: u16) -> redis::Connection {
    open(&format!("redis://127.0.0.1:{port}/?protocol=resp3")).expect("the gateway accepts")
}

fn open(address: &str) -> redis::RedisResult<redis::Connection> {
    let connection = redis::Client::open(address)?.get_connection()?;
    connection.set_read_timeout(Some(PATIENCE))?;
    Ok(connection)
}
