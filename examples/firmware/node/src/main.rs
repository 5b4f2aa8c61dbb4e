//! One replica a board. Which one it is, and whether it lies, stands in its arguments; its line is
//! the first UART, its journal the flash. Where it stands it prints for the hub; what happens to it
//! it logs. All of it lies in statics, so that its stack is small.
#![no_std]
#![no_main]

mod rooms;
mod watch;

use board::console;
use board::devices::{HERTZ, Uart, ticks};
use board::{log, stack};
use cluster::Arguments;
use core::convert::Infallible;
use core::time::Duration;
use defmt::{info, warn};
use node::{Broken, stop, tell};
use quorate::Principal;
use quorate_embedded::{Clock, Settings, Ticks};
use rooms::{Link, Member};
use watch::Watch;

/// The longest that the board sleeps.
const NAP: Duration = Duration::from_millis(500);

/// Where the board starts.
#[unsafe(no_mangle)]
extern "C" fn main() -> ! {
    let top = stack::paint();
    let mut buffer = [0; 128];
    // The first argument is the image's name.
    let told = console::arguments(&mut buffer).split_once(' ').unwrap_or_default().1;
    match told.parse() {
        Ok(arguments) => match serve(arguments, top) {
            Err(why) => stop(format_args!("{why}")),
        },
        Err(why) => stop(format_args!("{why}, not {told:?}")),
    }
}

/// Runs the replica for as long as nothing breaks.
fn serve(arguments: Arguments, top: usize) -> Result<Infallible, Broken> {
    let (line, node, clock) = start(arguments)?;
    let link = rooms::link(line, Principal::Node(arguments.me))?;
    run(line, (node, link), clock, top)
}

/// Makes the replica. A function of its own, so that what runs has none of its stack, and it has
/// none of what runs.
#[inline(never)]
fn start(arguments: Arguments) -> Result<(&'static Uart, &'static mut Member, impl Clock), Broken> {
    let Arguments { me, run, start, lies } = arguments;
    let origin = arguments.origin();
    let who = Principal::Node(me);
    // The log has the time of the devices.
    let line = rooms::line()?;
    log::open();
    info!("{}, start {=u32}, {=str}", who, start, if lies { "a liar" } else { "honest" });
    let board = rooms::board(who, lies)?;
    let mut clock = Ticks::new(HERTZ, ticks);
    let nonce = cluster::nonce(who, run, start);
    let settings = Settings { greeting: cluster::GREETING, ..Settings::new(nonce) };
    let node = rooms::node((me, origin), board, settings, clock.now())?;
    info!("from its journal: {}", node.protocol().status());
    if node.protocol().is_recovering() {
        warn!("a journal was lost: it votes on nothing that it may have voted on");
    }
    Ok((line, node, clock))
}

#[inline(never)]
fn run(
    line: &Uart,
    (node, link): (&mut Member, &mut Link),
    mut clock: impl Clock,
    top: usize,
) -> Result<Infallible, Broken> {
    let mut watch = Watch::new(top);
    loop {
        let due = node.poll(link, clock.now()).map_err(|why| tell("it stopped", &why))?;
        let now = clock.now();
        watch.look(now, node);
        let nap = due.map_or(NAP, |due| due.since(now)).min(NAP);
        if !nap.is_zero() {
            line.wait(nap.as_micros() as u32);
        }
    }
}
