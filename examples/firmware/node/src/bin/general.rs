//! One general a board. Which one it is, how it agrees with the others, and whether it lies, stands
//! in its arguments; its line is the first UART. When the first round begins it is told once all
//! are ready. What it does at the end it prints for the hub.
#![no_std]
#![no_main]

use board::console::{self, Console};
use board::devices::{HERTZ, Uart, ticks};
use board::{log, stack, wall};
use cluster::generals::{
    ATTACK, GENERAL_FRAME, GENERALS, General as Keys, KingMemory, Mind, OralMemory, Protocol,
    RETREAT, Retold, Said, SignedMemory, Told, general, place,
};
use core::fmt::Write as _;
use core::time::Duration;
use defmt::{info, warn};
use node::{Broken, stop, tell};
use quorate::auth::Signed;
use quorate::rounds::{General, Rules, Schedule};
use quorate::{NodeId, Order, Principal, Verdict, king, om, sm};
use quorate_embedded::{Assembly, Clock as _, Node, Settings, Stream, Ticks};

/// The longest that the board sleeps.
const NAP: Duration = Duration::from_millis(500);
/// How often it looks whether it is told the hour.
const LOOK: u32 = 20_000;

/// Where the board starts.
#[unsafe(no_mangle)]
extern "C" fn main() -> ! {
    let top = stack::paint();
    let mut buffer = [0; 128];
    // The first argument is the image's name.
    let told = console::arguments(&mut buffer).split_once(' ').unwrap_or_default().1;
    match told.parse() {
        Ok(told) => match agree(&told, top) {
            Ok(said) => {
                let _ = writeln!(Console, "{said}");
                console::exit(true)
            }
            Err(why) => stop(format_args!("{why}")),
        },
        Err(why) => stop(format_args!("{why}, not {told:?}")),
    }
}

fn agree(told: &Told, top: usize) -> Result<Said, Broken> {
    let config = place(told);
    let wrong = |_| Broken("such a general cannot be");
    match told.protocol {
        Protocol::Om => {
            command(told, top, om::Orders::new(config, OralMemory::new()).map_err(wrong)?)
        }
        Protocol::Sm => {
            command(told, top, sm::Chains::new(config, SignedMemory::new()).map_err(wrong)?)
        }
        Protocol::King => {
            command(told, top, king::Ballots::new(config, KingMemory::new()).map_err(wrong)?)
        }
    }
}

/// Goes through all rounds with these rules; `top` is where the stack was painted.
#[inline(never)]
fn command<R>(told: &Told, top: usize, rules: R) -> Result<Said, Broken>
where
    R: for<'a> Rules<Command<'a> = Order<u8>> + 'static,
    for<'a> R: Rules<Decision<'a> = Verdict<u8>>,
    for<'a> R::Message<'a>: Signed + Retold,
{
    let who = Principal::Node(told.me);
    let line = Uart::start();
    log::open();
    let role = if told.lies { "a traitor" } else { "loyal" };
    info!("{}, {=str}, {=str}", who, told.protocol.name(), role);
    let keys: Keys = general(told.protocol, told.me).map_err(|_| Broken("the keys are none"))?;
    let mut clock = Ticks::new(HERTZ, ticks);
    let schedule = hour(told, &line, &mut clock)?;

    let general = General::with_rules(Mind::new(rules, told.lies), schedule);
    let settings = Settings::new(cluster::nonce(who, told.run, 1));
    let buffer = [0; 3 * GENERAL_FRAME];
    let mut link = Stream::new(&line, who, GENERAL_FRAME);
    let mut node: Node<_, _, _, _, GENERALS> =
        Node::new(general, Assembly::new(), &keys, buffer, settings)
            .map_err(|why| tell("it is no general", &why))?;
    if told.me == told.commander {
        let told = node.command(&mut link, clock.now(), Order(ATTACK));
        told.map_err(|why| tell("it stopped", &why))?;
    }
    let mut met = None;
    while !node.protocol().is_over() {
        let due = node.poll(&mut link, clock.now()).map_err(|why| tell("it stopped", &why))?;
        if met.is_none() && node.protocol().round() > 0 {
            let peers = (0..GENERALS as u8).map(|id| Principal::Node(NodeId(id)));
            met = Some(peers.filter(|peer| node.has_session(*peer)).count());
            info!("the first round begins, {=usize} peers are met", met.unwrap_or_default());
        }
        let now = clock.now();
        let nap = due.map_or(NAP, |due| due.since(now)).min(NAP);
        if !nap.is_zero() && !node.protocol().is_over() {
            line.wait(nap.as_micros() as u32);
        }
    }
    let general = node.protocol();
    let verdict = (!general.has_missed()).then(|| general.rules().decision());
    let (faults, last) = (node.host().faults(), node.host().last_fault());
    if let Some((who, fault)) = last {
        warn!("{=u32} wrongs seen, the last: {} {}", faults, who, fault);
    }
    match verdict {
        Some(verdict) => info!("{}", verdict),
        None => warn!("it missed a deadline of its own"),
    }
    let stack = stack::used(top);
    info!("{=usize} bytes of stack at most", stack);
    Ok(Said::Over {
        met: met.unwrap_or_default(),
        order: verdict.map(|verdict| verdict.order(RETREAT)),
        agreed: verdict.is_some_and(|verdict| verdict.value().is_some()),
        stack: stack as u64,
        faults,
        last,
    })
}

/// Sets the clock by the one on the wall, which all boards see, says that it is ready, and waits to
/// be told when the first round begins.
fn hour<R: FnMut() -> u32>(
    told: &Told,
    line: &Uart,
    clock: &mut Ticks<R>,
) -> Result<Schedule, Broken> {
    // The wall clock shows whole seconds: one has just begun when it changes.
    let before = wall::seconds();
    while wall::seconds() == before {
        line.wait(1_000);
    }
    let (second, origin) = (wall::seconds(), clock.now());
    let _ = writeln!(Console, "{}", Said::Ready);
    let begin = loop {
        if let Some(begin) = wall::hour() {
            break begin;
        }
        // Nobody speaks before; and the clock is read often enough for a counter that wraps.
        clock.now();
        line.wait(LOOK);
    };
    let wait = begin.checked_sub(second).ok_or(Broken("the hour has passed"))?;
    let start = origin.after(Duration::from_secs(wait.into()));
    info!("the first round begins in {=u64} us", start.since(clock.now()).as_micros() as u64);
    let round = Duration::from_millis(told.round_ms.into());
    Schedule::new(start, round, round / 2).map_err(|_| Broken("rounds that cannot be"))
}
