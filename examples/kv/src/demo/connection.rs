//! A Redis client of a few lines: it sends commands, many at a time, and reads the replies.

use crate::problem::Problem;
use redis_protocol::resp2::decode::decode;
use redis_protocol::resp2::types::OwnedFrame;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// How long a reply may take before the demonstration counts as hung.
const PATIENCE: Duration = Duration::from_secs(60);

/// A connection to the gateway.
#[derive(Debug)]
pub(super) struct Connection {
    stream: TcpStream,
    output: Vec<u8>,
    waiting: usize,
    input: Vec<u8>,
}

impl Connection {
    pub(super) fn open(gateway: SocketAddr) -> Result<Self, Problem> {
        let connect = || {
            let stream = TcpStream::connect(gateway)?;
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            Ok(stream)
        };
        let stream = connect().map_err(|error: std::io::Error| {
            Problem::failed(format!("cannot connect to the gateway: {error}"))
        })?;
        Ok(Self { stream, output: Vec::new(), waiting: 0, input: Vec::new() })
    }

    /// Adds a command to those that are sent next.
    pub(super) fn add(&mut self, arguments: &[&[u8]]) {
        self.waiting += 1;
        self.output.extend_from_slice(format!("*{}\r\n", arguments.len()).as_bytes());
        for argument in arguments {
            self.output.extend_from_slice(format!("${}\r\n", argument.len()).as_bytes());
            self.output.extend_from_slice(argument);
            self.output.extend_from_slice(b"\r\n");
        }
    }

    /// Sends the commands that were added and hands out their replies in order.
    pub(super) fn exchange(&mut self, mut reply: impl FnMut(OwnedFrame)) -> Result<(), Problem> {
        let broken = |error: std::io::Error| {
            Problem::failed(format!("the connection to the gateway broke: {error}"))
        };
        self.stream.write_all(&self.output).map_err(broken)?;
        self.output.clear();
        let mut used = 0;
        while self.waiting > 0 {
            let decoded = decode(self.input.get(used..).unwrap_or_default())
                .map_err(|error| Problem::failed(format!("the gateway sent no RESP: {error}")))?;
            if let Some((frame, len)) = decoded {
                used += len;
                self.waiting -= 1;
                reply(frame);
                continue;
            }
            self.input.drain(..std::mem::take(&mut used));
            let len = self.input.len();
            self.input.resize(len + 64 * 1024, 0);
            let read = self.stream.read(&mut self.input[len..]).map_err(broken)?;
            self.input.truncate(len + read);
            if read == 0 {
                return Err(broken(std::io::ErrorKind::UnexpectedEof.into()));
            }
        }
        self.input.drain(..used);
        Ok(())
    }
}
