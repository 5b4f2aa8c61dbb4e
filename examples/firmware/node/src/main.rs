//! One replica a board. Which one it is, and whether it lies, stands in its arguments; its line is
//! the first UART, its journal the flash. Where it stands it prints for the hub; what happens to it
//! it logs.
#![no_std]
#![no_main]

mod watch;

use board::console::{self, Console};
use board::devices::{HERTZ, Uart, ticks};
use board::flash::{Flash, SIZE};
use board::log;
use board::once::Once;
use cluster::{Arguments, FRAME, LAYOUT, MEMBERS, Memory, RECORD, Registers};
use core::convert::Infallible;
use core::fmt::{self, Write as _};
use core::time::Duration;
use defmt::{Debug2Format, Display2Format, error, info};
use ed25519_compact as _;
use quorate::Principal;
use quorate_embedded::flash::{Blocking, FlashLog, Owner};
use quorate_embedded::{Clock as _, Node, Origin, Service, Settings, Stream, Ticks, wait};
use watch::Watch;

// What a replica has: all zeros when it starts, so that none of it takes flash.
static CELLS: Once<[u8; SIZE]> = Once::new([0; SIZE]);
static MEMORY: Once<Memory> = Once::new(Memory::new());
static CHECKPOINTS: Once<[u8; LAYOUT.bytes()]> = Once::new([0; LAYOUT.bytes()]);
static BUFFERS: Once<[u8; 3 * FRAME]> = Once::new([0; 3 * FRAME]);

/// The longest that the board sleeps.
const NAP: Duration = Duration::from_millis(500);

/// Where the board starts.
#[unsafe(no_mangle)]
extern "C" fn main() -> ! {
    let mut buffer = [0; 128];
    // The first argument is the image's name.
    let told = console::arguments(&mut buffer).split_once(' ').unwrap_or_default().1;
    match told.parse() {
        Ok(arguments) => match serve(arguments) {
            Err(why) => stop(format_args!("{why}")),
        },
        Err(why) => stop(format_args!("{why}, not {told:?}")),
    }
}

/// Runs the replica for as long as nothing breaks.
fn serve(arguments: Arguments) -> Result<Infallible, Broken> {
    let Arguments { me, run, start, lies } = arguments;
    let who = Principal::Node(me);
    // The log has the time of the devices.
    let line = Uart::start();
    log::open();
    info!("{}, start {=u32}, {=str}", who, start, if lies { "a liar" } else { "honest" });
    let member = cluster::member(who, lies).map_err(|_| Broken("the keys are none"))?;
    let scope = *member.roster.scope();
    let flash = CELLS.take().and_then(Flash::open).ok_or(Broken("there is no flash"))?;
    let region = 0..SIZE as u32;
    let owner = Owner { cluster: scope.cluster, epoch: scope.epoch, me: who };
    let log = FlashLog::<_, RECORD>::open(Blocking(flash), region, owner);
    let log = wait(log).map_err(|why| tell("the log cannot be opened", &why))?;

    let mut link = Stream::new(&line, who, FRAME);
    let mut clock = Ticks::new(HERTZ, ticks);
    let room = CHECKPOINTS.take().ok_or(Broken("started twice"))?;
    let memory = MEMORY.take().ok_or(Broken("started twice"))?;
    let parts = (Registers::default(), log, &mut room[..]);
    let replica = (cluster::replica(me, scope), memory);
    let started = Service::start(parts, LAYOUT, replica, clock.now(), Origin::New);
    let (replica, service) = wait(started).map_err(|why| tell("it cannot go on", &why))?;
    info!("from its journal: {}", replica.status());
    let settings =
        Settings { greeting: cluster::GREETING, ..Settings::new(cluster::nonce(who, run, start)) };
    let buffers = BUFFERS.take().ok_or(Broken("started twice"))?;
    let mut node: Node<_, _, _, _, MEMBERS> =
        Node::new(replica, service, member, &mut buffers[..], settings)
            .map_err(|why| tell("it is no member", &why))?;

    let mut watch = Watch::default();
    loop {
        let due = node.poll(&mut link, clock.now()).map_err(|why| tell("it stopped", &why))?;
        let now = clock.now();
        watch.look(now, &node);
        let nap = due.map_or(NAP, |due| due.since(now)).min(NAP);
        if !nap.is_zero() {
            line.wait(nap.as_micros() as u32);
        }
    }
}

/// Why a board stops, in a few words; the details were printed.
struct Broken(&'static str);

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

fn tell(what: &'static str, why: &impl fmt::Debug) -> Broken {
    error!("{=str}: {}", what, Debug2Format(why));
    let _ = writeln!(Console, "{why:?}");
    Broken(what)
}

fn stop(why: fmt::Arguments<'_>) -> ! {
    let _ = writeln!(Console, "the board stops: {why}");
    error!("the board stops: {}", Display2Format(&why));
    console::exit(false)
}

#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    stop(format_args!("{info}"))
}
