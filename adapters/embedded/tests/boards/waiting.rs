//! The async loop: boards that wait, on one executor, with one clock.

use crate::air::{Air, Socket, Weather, address, who};
use crate::chip::{Chip, NoPower};
use crate::keys::{client, node};
use crate::lasting::{Flash, PAGES, resume_on};
use crate::line::{Line, Noise, Waiting};
use crate::replicas::{Ends, FRAME, SEATS, asker, forgetful};
use embedded_storage::nor_flash::{self as blocking, ReadNorFlash as _};
use embedded_storage_async::nor_flash::{ErrorType, NorFlash, ReadNorFlash};
use quorate::service::ClientCommand;
use quorate::{Instant, Principal};
use quorate_embedded::flash::Blocking;
use quorate_embedded::{
    Agent, Arrival, AsyncLink, Clock, Embassy, Fragmented, Host, Identity, Node, Origin, Stream,
    Timer, Udp,
};
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

pub type Task = Pin<Box<dyn Future<Output = ()>>>;

/// A board that waits, for as long as it can.
pub fn turning<P, H, I, B, L, const N: usize>(
    mut board: Node<P, H, I, B, N>,
    mut link: L,
    mut hands: Hands,
) -> Task
where
    P: Agent + 'static,
    H: Host<P> + 'static,
    I: Identity + 'static,
    B: AsMut<[u8]> + 'static,
    L: AsyncLink + 'static,
{
    Box::pin(async move { while board.turn(&mut link, &mut hands).await.is_ok() {} })
}

/// Runs tasks, and turns the clock when all wait, until something is done.
pub fn run(tasks: &mut [Task], hands: &Hands, mut done: impl FnMut() -> bool) {
    let mut waking = std::task::Context::from_waker(Waker::noop());
    while !done() {
        for task in tasks.iter_mut() {
            assert!(task.as_mut().poll(&mut waking).is_pending(), "a board has stopped");
        }
        hands.0.set(hands.0.get().after(Duration::from_micros(200)));
        assert!(hands.0.get() < Instant::from_micros(60_000_000), "no end");
    }
}

/// Runs one task to its end, and turns the clock while it waits.
fn run_to_end(mut task: Pin<Box<dyn Future<Output = ()> + '_>>, hands: &Hands) {
    let mut waking = std::task::Context::from_waker(Waker::noop());
    while task.as_mut().poll(&mut waking).is_pending() {
        assert!(hands.0.get() < Instant::from_micros(60_000_000), "no end");
        hands.0.set(hands.0.get().after(Duration::from_micros(200)));
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

/// A client has 20 operations executed by boards that wait.
fn serve<L: AsyncLink + 'static>(mut tasks: Vec<Task>, mut link: L, hands: &Hands) {
    let ends = Ends::default();
    let (mut timer, said) = (hands.clone(), ends.clone());
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
    run(&mut tasks, hands, || ends.borrow().len() == 20);
    let sums = (0..20u64).scan(0, |sum, amount| {
        *sum += amount;
        Some(Ok(*sum))
    });
    assert_eq!(*ends.borrow(), sums.collect::<Vec<_>>());
}

fn four_boards(stuck: Principal, patience: Duration) {
    let (line, hands) = (Line::new(6, 3, Noise::NONE), Hands::default());
    let boards = (0..4).map(|me| {
        let link = Stream::new(Waiting(line.port(me)), node(me), FRAME);
        let mut board = forgetful(me, 0);
        board.set_patience(patience);
        turning(board, Stuck { link, on: stuck }, hands.clone())
    });
    let link = Stream::new(Waiting(line.port(4)), client(0), FRAME);
    serve(boards.collect(), link, &hands);
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

/// A UDP socket that is waited for, not asked: its link has no other form.
#[test]
fn four_boards_that_wait_agree_over_udp() {
    let hands = Hands::default();
    let air = Air::new(6, 5, Weather { lost: 20, repeated: 40, swapped: 20 });
    let link = |board| {
        let book = (0..6).map(|board| (who(board), address(board))).collect::<Vec<_>>();
        let udp = Udp::new(Socket(air.radio(board, 1472)), book, 400);
        Fragmented::<_, 400, FRAME, 6>::new(udp, SEATS)
    };
    let boards = (0..4).map(|me| turning(forgetful(me, 0), link(me), hands.clone()));
    serve(boards.collect(), link(4), &hands);
}

/// A flash that takes its time: a millisecond to erase a page, a tenth of one to write.
#[derive(Clone, Debug)]
struct Slow {
    chip: Flash,
    hands: Hands,
    waited: Rc<Cell<u32>>,
}

impl Slow {
    async fn wait(&mut self, span: Duration) {
        let until = self.hands.now().after(span);
        self.hands.until(until).await;
        self.waited.set(self.waited.get() + 1);
    }
}

impl ErrorType for Slow {
    type Error = NoPower;
}

impl ReadNorFlash for Slow {
    const READ_SIZE: usize = <Chip<4, 1024> as blocking::ReadNorFlash>::READ_SIZE;

    async fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), NoPower> {
        self.chip.read(offset, bytes)
    }

    fn capacity(&self) -> usize {
        self.chip.capacity()
    }
}

impl NorFlash for Slow {
    const WRITE_SIZE: usize = <Chip<4, 1024> as blocking::NorFlash>::WRITE_SIZE;
    const ERASE_SIZE: usize = <Chip<4, 1024> as blocking::NorFlash>::ERASE_SIZE;

    async fn erase(&mut self, from: u32, to: u32) -> Result<(), NoPower> {
        self.wait(Duration::from_millis(1)).await;
        blocking::NorFlash::erase(&mut self.chip, from, to)
    }

    async fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), NoPower> {
        self.wait(Duration::from_micros(100)).await;
        blocking::NorFlash::write(&mut self.chip, offset, bytes)
    }
}

/// The primary writes what it says to a flash that is waited for, and is needed: one of the others
/// is not there. Replica and host lie elsewhere. What was written is there when it starts again.
#[test]
fn a_board_that_waits_for_its_flash_serves_a_client_and_goes_on_from_it() {
    let (line, hands, waited) = (Line::new(6, 3, Noise::NONE), Hands::default(), Rc::default());
    let chip = Flash::new(PAGES);
    let slow = Slow { chip: chip.clone(), hands: hands.clone(), waited: Rc::clone(&waited) };
    let link = |me| Stream::new(Waiting(line.port(me)), node(me), FRAME);
    let first = {
        let mut starting = Box::pin(resume_on(0, 0, slow, Instant::ZERO, Origin::New));
        let mut first = None;
        let starts = async { first = Some(starting.as_mut().await) };
        run_to_end(Box::pin(starts), &hands);
        first.unwrap()
    };
    assert!(waited.get() > 0, "the log was made on a flash that waits");
    let mut tasks = vec![turning(first, link(0), hands.clone())];
    tasks.extend((1..3).map(|me| turning(forgetful(me, 0), link(me), hands.clone())));
    let made = waited.replace(0);
    serve(tasks, Stream::new(Waiting(line.port(4)), client(0), FRAME), &hands);
    assert!(waited.get() >= 20, "every batch is written: {made}, then {}", waited.get());

    let (flash, now) = (Blocking(chip), hands.clone().now());
    let again = quorate_embedded::wait(resume_on(0, 1, flash, now, Origin::New));
    let status = again.protocol().status();
    assert!(status.stable.0 > 0, "{status:?}");
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
