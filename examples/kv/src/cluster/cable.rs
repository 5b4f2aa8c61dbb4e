//! A cable between two replicas of this machine that can be cut.

use crate::problem::Problem;
use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

/// How a cable is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// Connections break, and new ones break as soon as they are made.
    Severed,
    /// Connections stay and nothing comes through. What was said meanwhile arrives late.
    Silent,
}

/// Carries connections to a replica. It breaks them all when it is dropped.
#[derive(Debug)]
pub(super) struct Cable {
    address: SocketAddr,
    line: Arc<Line>,
    acceptor: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Line {
    to: SocketAddr,
    wires: Mutex<Wires>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Wires {
    state: State,
    /// Both ends of each connection that it carries.
    open: HashMap<usize, [TcpStream; 2]>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Whole,
    Cut(Cut),
    Gone,
}

impl Cable {
    /// Lays a cable to this address.
    pub(super) fn lay(to: SocketAddr) -> Result<Self, Problem> {
        let failed = |error: io::Error| Problem::failed(format!("cannot lay a cable: {error}"));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let line = Arc::new(Line { to, wires: Mutex::default(), changed: Condvar::new() });
        let own = Arc::clone(&line);
        let acceptor = thread::Builder::new().name("cable".to_owned());
        let acceptor = acceptor.spawn(move || accept(&listener, &own)).map_err(failed)?;
        Ok(Self { address, line, acceptor: Some(acceptor) })
    }

    /// Its near end: who connects to it reaches the far one.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Cuts it.
    pub(super) fn cut(&self, cut: Cut) {
        self.line.become_now(State::Cut(cut));
    }

    /// Makes it whole again.
    pub(super) fn mend(&self) {
        self.line.become_now(State::Whole);
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        self.line.become_now(State::Gone);
        // Wakes the thread that accepts, so that it sees that it is over.
        let _ = TcpStream::connect(self.address);
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
    }
}

impl Line {
    fn wires(&self) -> MutexGuard<'_, Wires> {
        self.wires.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn become_now(&self, state: State) {
        let mut wires = self.wires();
        wires.state = state;
        if matches!(state, State::Cut(Cut::Severed) | State::Gone) {
            for end in wires.open.drain().flat_map(|(_, ends)| ends) {
                // It may be closed already.
                let _ = end.shutdown(Shutdown::Both);
            }
        }
        drop(wires);
        self.changed.notify_all();
    }

    /// What it is once it is not silent.
    fn heard(&self) -> State {
        let mut wires = self.wires();
        while wires.state == State::Cut(Cut::Silent) {
            wires = self.changed.wait(wires).unwrap_or_else(PoisonError::into_inner);
        }
        wires.state
    }

    /// Carries a connection to the far end from now on.
    fn carry(self: &Arc<Self>, id: usize, near: TcpStream) -> io::Result<()> {
        let far = TcpStream::connect(self.to)?;
        near.set_nodelay(true)?;
        far.set_nodelay(true)?;
        let ends = [near.try_clone()?, far.try_clone()?];
        let back = (far.try_clone()?, near.try_clone()?);
        let mut wires = self.wires();
        if matches!(wires.state, State::Cut(Cut::Severed) | State::Gone) {
            return Ok(());
        }
        wires.open.insert(id, ends);
        drop(wires);
        for (from, to) in [(near, far), back] {
            let line = Arc::clone(self);
            thread::spawn(move || line.pass(id, from, to));
        }
        Ok(())
    }

    /// Passes on what comes, in one direction. The end of one direction ends the other.
    fn pass(&self, id: usize, mut from: TcpStream, mut to: TcpStream) {
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let read = from.read(&mut buffer);
            if self.heard() != State::Whole {
                break;
            }
            match read {
                Ok(0) => break,
                Ok(count) => {
                    if to.write_all(&buffer[..count]).is_err() {
                        break;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        let _ = from.shutdown(Shutdown::Both);
        let _ = to.shutdown(Shutdown::Both);
        self.wires().open.remove(&id);
    }
}

fn accept(listener: &TcpListener, line: &Arc<Line>) {
    for (id, near) in listener.incoming().enumerate() {
        match (line.heard(), near) {
            (State::Gone, _) => return,
            // If the far end is away, the near one sees its connection end.
            (State::Whole, Ok(near)) => drop(line.carry(id, near)),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn ends(cable: &Cable, far: &TcpListener) -> (TcpStream, TcpStream) {
        let near = TcpStream::connect(cable.address()).unwrap();
        (near, far.accept().unwrap().0)
    }

    fn says(from: &mut TcpStream, to: &mut TcpStream, word: &[u8; 4]) {
        from.write_all(word).unwrap();
        let mut heard = [0; 4];
        to.read_exact(&mut heard).unwrap();
        assert_eq!(heard, *word);
    }

    #[test]
    fn a_severed_cable_breaks_what_it_carries_and_what_comes() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let cable = Cable::lay(listener.local_addr().unwrap()).unwrap();
        let (mut near, mut far) = ends(&cable, &listener);
        says(&mut near, &mut far, b"ping");
        says(&mut far, &mut near, b"pong");
        cable.cut(Cut::Severed);
        assert!(!matches!(near.read(&mut [0]), Ok(1..)));
        assert!(!matches!(far.read(&mut [0]), Ok(1..)));
        let mut late = TcpStream::connect(cable.address()).unwrap();
        assert!(!matches!(late.read(&mut [0]), Ok(1..)));
        cable.mend();
        let (mut near, mut far) = ends(&cable, &listener);
        says(&mut near, &mut far, b"ping");
        drop(cable);
        assert!(!matches!(near.read(&mut [0]), Ok(1..)));
    }

    #[test]
    fn a_silent_cable_delivers_late() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let cable = Cable::lay(listener.local_addr().unwrap()).unwrap();
        let (mut near, mut far) = ends(&cable, &listener);
        says(&mut near, &mut far, b"ping");
        cable.cut(Cut::Silent);
        near.write_all(b"late").unwrap();
        far.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        assert!(far.read(&mut [0; 4]).is_err(), "nothing comes through");
        cable.mend();
        far.set_read_timeout(None).unwrap();
        let mut heard = [0; 4];
        far.read_exact(&mut heard).unwrap();
        assert_eq!(&heard, b"late");
    }
}
