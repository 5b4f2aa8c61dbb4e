//! Where everything of a replica lies: in statics, all zeros when the board starts, so that they
//! take no flash, and what a board needs of RAM can be read from its image.
//!
//! What is made of parts is on the stack once or twice, before it is in its room. So each is made
//! by a function of its own, whose frame is gone when the next one is called, and when the replica
//! runs; and what is large goes by reference.

use board::devices::Uart;
use board::flash::Flash;
use board::once::Once;
use cluster::{Board, FLASH, FRAME, LAYOUT, MEMBERS, Memory, PAGE, RECORD, Registers, WORD};
use core::mem::MaybeUninit;
use node::{Broken, tell};
use quorate::pbft::Replica;
use quorate::{Instant, NodeId, Principal};
use quorate_embedded::flash::{Blocking, FlashLog, Owner};
use quorate_embedded::{Elsewhere, Node, Origin, Room, Service, Settings, Stream, wait};

type Chip = Flash<'static, FLASH, PAGE, WORD>;
type Log = FlashLog<Blocking<Chip>, RECORD>;
type Host = Service<Registers, Log, &'static mut [u8]>;
type Agent = Elsewhere<'static, Replica<&'static mut Memory>>;

/// A replica with its journal, its sessions and its buffers.
pub(crate) type Member = Node<Agent, &'static mut Host, &'static Board, &'static mut [u8], MEMBERS>;
/// Its line.
pub(crate) type Link = Stream<&'static Uart>;

/// What the flash of a real board would be.
static CELLS: Once<[u8; FLASH]> = Once::new([0; FLASH]);
static MEMORY: Once<Memory> = Once::new(Memory::new());
static CHECKPOINTS: Once<[u8; LAYOUT.bytes()]> = Once::new([0; LAYOUT.bytes()]);
static BUFFERS: Once<[u8; 3 * FRAME]> = Once::new([0; 3 * FRAME]);
static LINE: Once<MaybeUninit<Uart>> = Once::new(MaybeUninit::uninit());
static LINK: Once<MaybeUninit<Link>> = Once::new(MaybeUninit::uninit());
static BOARD: Once<MaybeUninit<Board>> = Once::new(MaybeUninit::uninit());
static REPLICA: Once<MaybeUninit<Room<&'static mut Memory>>> = Once::new(MaybeUninit::uninit());
static HOST: Once<MaybeUninit<Host>> = Once::new(MaybeUninit::uninit());
static NODE: Once<MaybeUninit<Member>> = Once::new(MaybeUninit::uninit());

const TWICE: Broken = Broken("started twice");

/// Starts the line, and the clock.
#[inline(never)]
pub(crate) fn line() -> Result<&'static Uart, Broken> {
    Ok(LINE.take().ok_or(TWICE)?.write(Uart::start()))
}

/// The link of a member over its line.
#[inline(never)]
pub(crate) fn link(line: &'static Uart, who: Principal) -> Result<&'static mut Link, Broken> {
    Ok(LINK.take().ok_or(TWICE)?.write(Stream::new(line, who, FRAME)))
}

/// The keys of a member.
#[inline(never)]
pub(crate) fn board(who: Principal, lies: bool) -> Result<&'static Board, Broken> {
    let member = cluster::member(who, lies).map_err(|_| Broken("the keys are none"))?;
    Ok(BOARD.take().ok_or(TWICE)?.write(member))
}

/// The replica, from what its journal holds; from this origin if that is nothing.
#[inline(never)]
pub(crate) fn node(
    me: (NodeId, Origin),
    board: &'static Board,
    settings: Settings,
    now: Instant,
) -> Result<&'static mut Member, Broken> {
    let host = host(board)?;
    let replica = replica(me, host, board, now)?;
    complete(replica, host, board, settings)
}

/// Its application and its journal.
#[inline(never)]
fn host(board: &Board) -> Result<&'static mut Host, Broken> {
    let checkpoints = CHECKPOINTS.take().ok_or(TWICE)?;
    let room = HOST.take().ok_or(TWICE)?;
    match Service::new(Registers::default(), log(board)?, &mut checkpoints[..], LAYOUT) {
        Ok(host) => Ok(room.write(host)),
        Err(why) => Err(tell("it has no host", &why)),
    }
}

#[inline(never)]
fn replica(
    (me, origin): (NodeId, Origin),
    host: &mut Host,
    board: &Board,
    now: Instant,
) -> Result<&'static mut Replica<&'static mut Memory>, Broken> {
    let memory = MEMORY.take().ok_or(TWICE)?;
    let room = REPLICA.take().ok_or(TWICE)?.write(Room::new());
    let config = cluster::replica(me, *board.roster.scope());
    match wait(host.resume(room, (config, memory), now, origin)) {
        Ok(replica) => Ok(replica),
        Err(why) => Err(tell("it cannot go on", &why)),
    }
}

#[inline(never)]
fn complete(
    replica: &'static mut Replica<&'static mut Memory>,
    host: &'static mut Host,
    board: &'static Board,
    settings: Settings,
) -> Result<&'static mut Member, Broken> {
    let buffers = BUFFERS.take().ok_or(TWICE)?;
    let room = NODE.take().ok_or(TWICE)?;
    match Node::new(Elsewhere(replica), host, board, &mut buffers[..], settings) {
        Ok(node) => Ok(room.write(node)),
        Err(why) => Err(tell("it is no member", &why)),
    }
}

#[inline(never)]
fn log(board: &Board) -> Result<Log, Broken> {
    let scope = board.roster.scope();
    let flash = CELLS.take().and_then(Chip::open).ok_or(Broken("there is no flash"))?;
    let region = 0..FLASH as u32;
    let owner = Owner { cluster: scope.cluster, epoch: scope.epoch, me: board.me };
    let log = FlashLog::<_, RECORD>::open(Blocking(flash), region, owner);
    wait(log).map_err(|why| tell("the log cannot be opened", &why))
}
