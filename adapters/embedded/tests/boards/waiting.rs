//! The async loop: boards that wait, on one executor, with one clock.

use crate::keys::{client, node};
use crate::line::{Line, Noise, Waiting};
use crate::replicas::{Ends, FRAME, asker, forgetful};
use quorate::service::ClientCommand;
use quorate::{Instant, Principal};
use quorate_embedded::{Arrival, AsyncLink, Clock, Embassy, Stream, Timer};
use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::Duration;

/// A clock that the test turns.
#[derive(Clone, Debug, Default)]
pub struct Hands(Rc<Cell<Instant>>);

impl Clock for Hands {
    fn now(&mut self) -> Instant {
        self.0.get()
    }
}

impl Timer for Hands {
    async fn until(&mut self, at: Instant) {
        let now = &self.0;
        std::future::poll_fn(|_| if now.get() >= at { Poll::Ready(()) } else { Poll::Pending })
            .await;
    }
}

type Task = Pin<Box<dyn Future<Output = ()>>>;

/// Runs tasks, and turns the clock when all wait, until something is done.
fn run(tasks: &mut [Task], hands: &Hands, mut done: impl FnMut() -> bool) {
    let mut waking = std::task::Context::from_waker(Waker::noop());
    while !done() {
        for task in tasks.iter_mut() {
            assert!(task.as_mut().poll(&mut waking).is_pending(), "a board has stopped");
        }
        hands.0.set(hands.0.get().after(Duration::from_micros(200)));
        assert!(hands.0.get() < Instant::from_micros(60_000_000), "no end");
    }
}

/// A link on which nothing ever leaves for some.
struct Stuck<L> {
    link: L,
    on: Principal,
}

impl<L: AsyncLink> AsyncLink for Stuck<L> {
    type Error = L::Error;

    fn mtu(&self) -> usize {
        self.link.mtu()
    }

    async fn send(&mut self, to: Principal, frame: &[u8]) -> Result<(), L::Error> {
        if to == self.on {
            std::future::pending().await
        }
        self.link.send(to, frame).await
    }

    async fn receive(&mut self, buffer: &mut [u8]) -> Result<Arrival, L::Error> {
        self.link.receive(buffer).await
    }
}

fn four_boards(stuck: Principal, patience: Duration) {
    let (line, hands, ends) = (Line::new(6, 3, Noise::NONE), Hands::default(), Ends::default());
    let mut tasks: Vec<Task> = Vec::new();
    for me in 0..4 {
        let (port, mut hands) = (Waiting(line.port(me)), hands.clone());
        let mut link = Stuck { link: Stream::new(port, node(me), FRAME), on: stuck };
        let mut board = forgetful(me, 0);
        board.set_patience(patience);
        tasks.push(Box::pin(
            async move { while board.turn(&mut link, &mut hands).await.is_ok() {} },
        ));
    }
    let (port, mut timer, said) = (Waiting(line.port(4)), hands.clone(), ends.clone());
    let mut link = Stream::new(port, client(0), FRAME);
    let mut client = asker(0, ends.clone());
    tasks.push(Box::pin(async move {
        for amount in 0..20u8 {
            let before = said.borrow().len();
            let wall_micros = timer.now().as_micros() + 1;
            let command = ClientCommand::Submit { operation: &[amount], wall_micros };
            client.tell(&mut link, &mut timer, command).await.unwrap();
            while said.borrow().len() == before {
                client.turn(&mut link, &mut timer).await.unwrap();
            }
        }
        std::future::pending().await
    }));
    run(&mut tasks, &hands, || ends.borrow().len() == 20);
    let sums = (0..20u64).scan(0, |sum, amount| {
        *sum += amount;
        Some(Ok(*sum))
    });
    assert_eq!(*ends.borrow(), sums.collect::<Vec<_>>());
}

#[test]
fn four_boards_that_wait_serve_a_client() {
    four_boards(client(1), Duration::from_millis(250));
}

/// Nothing that is meant for one board leaves: it is given up, and the others are served.
#[test]
fn a_stuck_link_to_one_board_stops_nobody_else() {
    four_boards(node(3), Duration::from_millis(2));
}

#[test]
fn embassy_tells_the_time_and_waits_for_it() {
    let driver = embassy_time::MockDriver::get();
    let begin = Embassy.now();
    driver.advance(embassy_time::Duration::from_millis(5));
    assert_eq!(Embassy.now().since(begin), Duration::from_millis(5));
    let at = Embassy.now().after(Duration::from_millis(3));
    let mut until = std::pin::pin!(async { Embassy.until(at).await });
    let mut waking = std::task::Context::from_waker(Waker::noop());
    assert!(until.as_mut().poll(&mut waking).is_pending());
    driver.advance(embassy_time::Duration::from_millis(3));
    assert!(until.as_mut().poll(&mut waking).is_ready());
    // No instant is too far to be waited for.
    let mut never = std::pin::pin!(async { Embassy.until(Instant::from_micros(u64::MAX)).await });
    assert!(never.as_mut().poll(&mut waking).is_pending());
}
