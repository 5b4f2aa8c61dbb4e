//! A link that fails to receive, as a UART does whose ring was overrun.

use crate::keys::node;
use crate::line::{Line, Noise};
use crate::replicas::{FRAME, forgetful};
use embedded_io::ReadReady;
use quorate::{Instant, Principal};
use quorate_embedded::{Arrival, Link, Stream};

/// A link whose next calls fail.
struct Stumbling<L> {
    link: L,
    failures: u32,
}

impl<L: Link> Link for Stumbling<L> {
    type Error = ();

    fn mtu(&self) -> usize {
        self.link.mtu()
    }

    fn send(&mut self, to: Principal, frame: &[u8]) -> Result<(), ()> {
        self.link.send(to, frame).map_err(|_| ())
    }

    fn try_receive(&mut self, buffer: &mut [u8]) -> Result<Option<Arrival>, ()> {
        if self.failures > 0 {
            self.failures -= 1;
            return Err(());
        }
        self.link.try_receive(buffer).map_err(|_| ())
    }

    fn has_more(&self) -> bool {
        self.link.has_more()
    }
}

/// A board that sleeps for as long as it may leaves nothing unread: what has arrived already wakes
/// nobody.
#[test]
fn what_arrived_behind_a_failure_is_read_before_the_board_sleeps() {
    for failures in [0, 1, 7, 8, 9, 100] {
        let line = Line::new(6, 1, Noise::NONE);
        let now = Instant::ZERO;
        let mut other = Stream::new(line.port(1), node(1), FRAME);
        forgetful(1, 0).poll(&mut other, now).unwrap();
        assert!(line.port(0).read_ready().unwrap(), "it greets");
        let link = Stream::new(line.port(0), node(0), FRAME);
        let mut link = Stumbling { link, failures };
        let mut board = forgetful(0, 0);
        let calls = (0..100).take_while(|_| board.poll(&mut link, now) == Ok(Some(now))).count();
        assert!(!line.port(0).read_ready().unwrap(), "{failures} failures, {calls} calls");
        let traffic = board.traffic();
        assert_eq!((traffic.broken, traffic.received), (failures, 1), "{traffic:?}");
    }
}
