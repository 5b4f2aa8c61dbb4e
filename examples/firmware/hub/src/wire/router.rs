//! Passes frames on: from the line of whoever sent it to that of whom it is meant for.
//!
//! It knows nothing of what it carries but the address, proves nothing and is believed by nobody:
//! members prove their frames to each other. But whose line a frame comes over it does know: what
//! comes in the name of another goes nowhere, so that a liar spends nothing that is another's, no
//! budget and no connection. A line that is slow delays nobody but its own end, whose frames are
//! lost when too many wait.

use super::frames::{Splitter, address, whole};
use super::loss::Loss;
use anyhow::Result;
use quorate::Principal;
use rustix::net::sockopt::set_socket_send_buffer_size;
use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// How long a line is left alone after something came.
const PAUSE: Duration = Duration::from_micros(500);
/// Frames that may wait for a line, and bytes that the kernel may keep for it. Few: what a slow
/// board is told is to be new, since it would act on old news, and be asked again and again, for
/// as long as a long queue is.
const QUEUE: usize = 24;
const KERNEL: usize = 4096;

/// What has become of frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Traffic {
    /// Passed on.
    pub(crate) passed: u64,
    /// Lost on purpose.
    pub(crate) lost: u64,
    /// For somebody who has no line, as a board without power, or whose line is too slow.
    pub(crate) undelivered: u64,
    /// Cut short or changed on the way.
    pub(crate) damaged: u64,
    /// In the name of another than the one whose line they came over.
    pub(crate) forged: u64,
}

/// The lines of a cluster.
#[derive(Debug)]
pub(crate) struct Router(Mutex<Lines>);

#[derive(Debug)]
struct Lines {
    open: BTreeMap<Principal, SyncSender<Vec<u8>>>,
    loss: Loss,
    traffic: Traffic,
}

impl Router {
    /// Nobody is connected yet.
    pub(crate) fn new(loss: Loss) -> Arc<Self> {
        let (open, traffic) = (BTreeMap::new(), Traffic::default());
        Arc::new(Self(Mutex::new(Lines { open, loss, traffic })))
    }

    /// Connects a member, in the place of the line that it had. It stays connected until the
    /// other end of the stream is gone.
    ///
    /// # Errors
    /// There is no second handle of the stream to be had.
    pub(crate) fn attach(self: &Arc<Self>, member: Principal, stream: UnixStream) -> Result<()> {
        let (sender, frames) = sync_channel(QUEUE);
        let out = stream.try_clone()?;
        set_socket_send_buffer_size(&out, KERNEL)?;
        self.lines().open.insert(member, sender);
        thread::spawn(move || write(out, &frames));
        let router = Arc::clone(self);
        thread::spawn(move || router.read(member, stream));
        Ok(())
    }

    /// What has become of frames so far.
    pub(crate) fn traffic(&self) -> Traffic {
        self.lines().traffic
    }

    fn lines(&self) -> MutexGuard<'_, Lines> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self, member: Principal, mut stream: UnixStream) {
        let (mut chunk, mut splitter) = ([0; 4096], Splitter::default());
        // The end of a line and a broken one are the same: nothing comes any more.
        while let Ok(length @ 1..) = stream.read(&mut chunk) {
            splitter.feed(&chunk[..length], |frame| self.lines().pass(member, frame));
            // An emulated UART sends byte by byte: waking up for each would cost more than all
            // else.
            thread::sleep(PAUSE);
        }
    }
}

impl Lines {
    /// Passes on what came over a member's line.
    fn pass(&mut self, member: Principal, stuffed: &[u8]) {
        let Self { open, loss, traffic } = self;
        let fate = match address(stuffed) {
            None => &mut traffic.damaged,
            Some((_, from)) if from != member => &mut traffic.forged,
            Some((to, from)) if loss.takes(to, from) => &mut traffic.lost,
            Some((to, _)) => match open.get(&to).map(|line| line.try_send(whole(stuffed))) {
                Some(Ok(())) => &mut traffic.passed,
                Some(Err(_)) | None => &mut traffic.undelivered,
            },
        };
        *fate += 1;
    }
}

/// Writes what is sent to a line until it is gone, or replaced.
fn write(mut stream: UnixStream, frames: &Receiver<Vec<u8>>) {
    while let Ok(frame) = frames.recv() {
        if stream.write_all(&frame).is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Port;
    use super::*;
    use quorate::NodeId;
    use quorate_embedded::{Arrival, Link as _, Stream};

    const fn node(id: u8) -> Principal {
        Principal::Node(NodeId(id))
    }

    fn connect(router: &Arc<Router>, member: Principal) -> Port {
        let (here, there) = UnixStream::pair().unwrap();
        router.attach(member, there).unwrap();
        Port::new(here)
    }

    /// The next frame; it comes, so this waits for as long as it takes.
    fn receive(link: &mut Stream<&Port>, port: &Port) -> (Principal, Vec<u8>) {
        let mut buffer = [0; 600];
        loop {
            if let Some(Arrival { from, length }) = link.try_receive(&mut buffer).unwrap() {
                return (from, buffer[..length].to_vec());
            }
            port.wait(Duration::from_secs(1)).unwrap();
        }
    }

    #[test]
    fn frames_go_to_whom_they_are_meant_for() {
        let router = Router::new(Loss::new(0.0, 1));
        let ports = [0, 1, 2].map(|id| connect(&router, node(id)));
        let [mut zero, mut one, mut two] =
            [0, 1, 2].map(|id| Stream::new(&ports[usize::from(id)], node(id), 600));
        let long: Vec<u8> = (0..600).map(|at| (at % 7) as u8).collect();
        zero.send(node(2), &long).unwrap();
        zero.send(node(1), b"one").unwrap();
        two.send(node(1), b"").unwrap();
        assert_eq!(receive(&mut two, &ports[2]), (node(0), long));
        let mut heard = [receive(&mut one, &ports[1]), receive(&mut one, &ports[1])];
        heard.sort();
        assert_eq!(heard, [(node(0), b"one".to_vec()), (node(2), Vec::new())]);
        assert_eq!(router.traffic(), Traffic { passed: 3, ..Traffic::default() });
    }

    #[test]
    fn a_member_that_comes_again_has_a_new_line() {
        let router = Router::new(Loss::new(0.0, 1));
        let ports = [0, 1].map(|id| connect(&router, node(id)));
        let mut zero = Stream::new(&ports[0], node(0), 600);
        let again = connect(&router, node(1));
        zero.send(node(1), b"you").unwrap();
        let mut one = Stream::new(&again, node(1), 600);
        assert_eq!(receive(&mut one, &again), (node(0), b"you".to_vec()));
    }

    #[test]
    fn what_cannot_arrive_is_counted_and_stops_nothing() {
        let router = Router::new(Loss::new(0.0, 1));
        let ports = [0, 1].map(|id| connect(&router, node(id)));
        embedded_io::Write::write_all(&mut &ports[0], &[0, 9, 9, 0]).unwrap();
        let mut zero = Stream::new(&ports[0], node(0), 600);
        zero.send(node(3), b"nobody").unwrap();
        zero.send(node(1), b"there").unwrap();
        let mut one = Stream::new(&ports[1], node(1), 600);
        assert_eq!(receive(&mut one, &ports[1]), (node(0), b"there".to_vec()));
        let counted = Traffic { passed: 1, undelivered: 1, damaged: 1, ..Traffic::default() };
        assert_eq!(router.traffic(), counted);
    }

    #[test]
    fn nobody_speaks_in_the_name_of_another() {
        let router = Router::new(Loss::new(0.0, 1));
        let ports = [0, 1, 2].map(|id| connect(&router, node(id)));
        let mut liar = Stream::new(&ports[0], node(2), 600);
        liar.send(node(1), b"I am two").unwrap();
        let mut zero = Stream::new(&ports[0], node(0), 600);
        zero.send(node(1), b"I am zero").unwrap();
        let mut one = Stream::new(&ports[1], node(1), 600);
        assert_eq!(receive(&mut one, &ports[1]), (node(0), b"I am zero".to_vec()));
        let counted = Traffic { passed: 1, forged: 1, ..Traffic::default() };
        assert_eq!(router.traffic(), counted);
    }

    #[test]
    fn a_line_that_nobody_reads_keeps_little_and_stops_nobody() {
        let router = Router::new(Loss::new(0.0, 1));
        let ports = [0, 1, 2].map(|id| connect(&router, node(id)));
        let mut zero = Stream::new(&ports[0], node(0), 600);
        (0..1000).for_each(|_| zero.send(node(1), &[7; 100]).unwrap());
        zero.send(node(2), b"last").unwrap();
        let mut two = Stream::new(&ports[2], node(2), 600);
        assert_eq!(receive(&mut two, &ports[2]), (node(0), b"last".to_vec()));
        let Traffic { passed, undelivered, .. } = router.traffic();
        assert_eq!(passed + undelivered, 1001);
        assert!(passed < 200, "{passed} frames were kept for a line that nobody reads");
    }

    #[test]
    fn what_is_lost_does_not_arrive() {
        let router = Router::new(Loss::new(50.0, 1));
        let ports = [0, 1].map(|id| connect(&router, node(id)));
        let mut zero = Stream::new(&ports[0], node(0), 600);
        let mut expected = Loss::new(50.0, 1);
        let mut one = Stream::new(&ports[1], node(1), 600);
        for id in 0..200 {
            zero.send(node(1), &[id]).unwrap();
            if !expected.takes(node(1), node(0)) {
                assert_eq!(receive(&mut one, &ports[1]), (node(0), vec![id]));
            }
        }
    }
}
