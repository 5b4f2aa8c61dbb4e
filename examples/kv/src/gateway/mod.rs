//! The gateway: where Redis clients connect.
//!
//! One thread serves all connections. What they send is parsed at once; commands of the store
//! wait, encoded, with their connection. Whenever the backend is free for one more bundle, the
//! commands of as many waiting connections as fit go into it: the busier the gateway is, the
//! more commands share the cost of a signature, and an idle one lets nobody wait.
//!
//! A connection has commands in one bundle at a time, so that its commands keep their order
//! whatever order bundles are executed in. Commands that the gateway answers itself keep their
//! place too.
//!
//! Everything a client can make grow has a bound: a connection that has too much waiting, or
//! that does not read its replies, is not read from until it does.

mod connection;
mod poller;

use crate::backend::Backend;
use mio::{Poll, Token, Waker};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

/// The settings of a gateway.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The most connections at a time; further ones get an error.
    pub connections: usize,
    /// Bytes that a bundle is filled up to; a longer command goes alone.
    pub bundle_bytes: usize,
    /// Bundles under way at a time; at most as many as the backend takes.
    pub bundles: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { connections: 10_000, bundle_bytes: 32 * 1024, bundles: 4 }
    }
}

/// A running gateway. It ends when it is dropped.
#[derive(Debug)]
pub struct Gateway {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    waker: Arc<Waker>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

const LISTENER: Token = Token(0);
const WAKER: Token = Token(1);

impl Gateway {
    /// Serves the connections of a listener until it is dropped.
    ///
    /// # Errors
    /// The operating system gives no poller or no thread.
    pub fn spawn(
        listener: TcpListener,
        backend: impl Backend,
        options: Options,
    ) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let poll = Poll::new()?;
        let waker = Arc::new(Waker::new(poll.registry(), WAKER)?);
        let stop = Arc::new(AtomicBool::new(false));
        let poller = poller::Poller::new(
            poll,
            listener,
            Box::new(backend),
            options,
            (Arc::clone(&waker), Arc::clone(&stop)),
        )?;
        let thread =
            std::thread::Builder::new().name("gateway".to_owned()).spawn(move || poller.run())?;
        Ok(Self { address, stop, waker, thread: Some(thread) })
    }

    /// Where Redis clients connect.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until the poller of the operating system fails.
    ///
    /// # Errors
    /// What it says.
    pub fn wait(mut self) -> io::Result<()> {
        self.thread.take().map_or(Ok(()), join)
    }
}

fn join(thread: JoinHandle<io::Result<()>>) -> io::Result<()> {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        // A poller that cannot be woken has ended already.
        let _ = self.waker.wake();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
