//! The end of a line in this program.

use embedded_io::{ErrorType, Read, ReadReady, Write};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// A port for a `quorate_embedded::Stream` that can be waited for.
#[derive(Debug)]
pub(crate) struct Port {
    stream: UnixStream,
    bytes: RefCell<VecDeque<u8>>,
}

impl Port {
    pub(crate) fn new(stream: UnixStream) -> Self {
        Self { stream, bytes: RefCell::default() }
    }

    /// Waits until something has come, but not for longer than that.
    pub(crate) fn wait(&self, at_most: Duration) -> io::Result<()> {
        self.stream.set_read_timeout(Some(at_most.max(Duration::from_millis(1))))?;
        let mut chunk = [0; 4096];
        match (&self.stream).read(&mut chunk) {
            Ok(0) => Err(ErrorKind::UnexpectedEof.into()),
            Ok(length) => {
                self.bytes.borrow_mut().extend(&chunk[..length]);
                Ok(())
            }
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted => Ok(()),
                _ => Err(error),
            },
        }
    }
}

impl ErrorType for &Port {
    type Error = io::Error;
}

impl ReadReady for &Port {
    fn read_ready(&mut self) -> io::Result<bool> {
        Ok(!self.bytes.borrow().is_empty())
    }
}

impl Read for &Port {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        io::Read::read(&mut *self.bytes.borrow_mut(), buffer)
    }
}

impl Write for &Port {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        (&self.stream).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
