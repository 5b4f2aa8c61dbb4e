//! A PBFT replica with a log: it comes back from what the log holds, as far as that makes a
//! replica, and writes a fresh one when a checkpoint has become stable. It also answers to
//! everything else that a replica asks of its host. Four replicas, four clients, a window of 4,
//! batches of 2 KB, the signatures of the board, and one link to somebody who passes frames on.
#![no_std]
#![no_main]

use board::once::Once;
use footprint::port;
use footprint::scheme::Element;
use quorate::auth::Scope;
use quorate::hmac::{self, PairKey};
use quorate::link::{Hello, Opener, Proof, Sealer};
use quorate::pbft::merkle::{page_digest, state_digest};
use quorate::pbft::{
    Command, Config, Decision, Dimensions, Fixed, Message, Part, Place, Record, Recovery, Replica,
    Roots, Sequence, Snapshot, Sought,
};
use quorate::{
    Admission, ClientId, Digest, Input, NodeId, Output, Principal, Protocol, PublicKey, Roster,
    wire,
};

const SIZES: Dimensions =
    Dimensions { nodes: 4, window: 4, batch_bytes: 2048, clients: 4, reply_bytes: 32 };
const FRAME: usize = SIZES.message_bytes() + hmac::Sealer::OVERHEAD;
type Memory = Fixed<4, 4, 2048, 4, 32>;
type Board = Replica<&'static mut Memory>;

// What it takes is known before it is built, here as on the machine that builds it.
const _: () = assert!(SIZES.memory_bytes() == size_of::<Memory>());

/// All zero bits, so that it takes no flash.
#[unsafe(export_name = "MEMORY")]
static MEMORY: Once<Memory> = Once::new(Memory::new());
static BUFFERS: Once<[[u8; FRAME]; 3]> = Once::new([[0; FRAME]; 3]);
static KEYS: Once<[PublicKey; 8]> = Once::new([PublicKey([0; 32]); 8]);

/// What the replica is answered.
#[derive(Clone, Copy)]
enum Answer {
    Executed(ClientId),
    Read(ClientId),
    Captured(Sequence),
    Seek(Sequence),
    Installed(Sequence),
}

struct Host {
    answers: heapless::Deque<Answer, 8>,
    /// The client table of the last checkpoint, and how much of the room it takes.
    table: &'static mut [u8],
    length: usize,
    frame: &'static mut [u8; FRAME],
    link: hmac::Sealer,
    scope: Scope,
}

#[unsafe(no_mangle)]
extern "C" fn main() -> ! {
    loop {
        // Nothing starts over: what cannot start waits for ever.
        let _ = serve();
    }
}

fn serve() -> Option<()> {
    let [inbox, frame, table] = BUFFERS.take()?;
    let keys = KEYS.take()?;
    keys.iter_mut().flat_map(|key| &mut key.0).for_each(|byte| *byte = port::read());
    let (nodes, clients) = keys.split_at(4);
    let cluster = Digest::of(b"footprint");
    let roster = Roster::new(cluster, 0, nodes, clients, &Element).ok()?;
    let scope = *roster.scope();
    let (link, mut opener) = link(cluster)?;
    let answers = heapless::Deque::new();
    let mut host = Host { answers, table, length: 0, frame, link, scope };
    let mut replica = come_back(Config::new(port::me(), scope), inbox, &mut host)?;
    loop {
        let now = port::now();
        if replica.deadline().is_some_and(|deadline| deadline <= now) {
            step(&mut replica, Input::Wake, &mut host);
            continue;
        }
        let Some((from, bytes)) = port::frame(inbox) else { continue };
        let Ok(bytes) = opener.open(bytes) else { continue };
        let Ok(message) = wire::decode::<Message<'_>>(bytes) else { continue };
        if replica.admit(now, from, &message) != Admission::Verify {
            continue;
        }
        let Ok(verified) = roster.verify(&Element, from, message) else { continue };
        let mut stable = step(&mut replica, Input::Message(verified), &mut host);
        while let Some(answer) = host.answers.pop_front() {
            stable |= reply(&mut replica, answer, &mut host);
        }
        if stable {
            for record in replica.records() {
                keep(&record, host.frame);
            }
        }
    }
}

fn link(cluster: Digest) -> Option<(hmac::Sealer, hmac::Opener)> {
    let hello = || {
        let [from, to] = [0, 1].map(|id| Principal::Node(NodeId(id)));
        let nonce = core::array::from_fn(|_| port::read());
        Hello { cluster, epoch: 0, from, to, nonce, proof: Proof::Hmac }
    };
    let key = PairKey::from_bytes(core::array::from_fn(|_| port::read()));
    hmac::session(&key, &hello(), &hello()).ok()
}

/// The replica that the records make, and the newest checkpoint beside them.
fn come_back(config: Config, inbox: &mut [u8], host: &mut Host) -> Option<Board> {
    let mut recovery = Recovery::begin(config, MEMORY.take()?, port::now()).ok()?;
    while let Some((_, bytes)) = port::frame(inbox) {
        let record = wire::decode::<Record<'_>>(bytes).ok()?;
        recovery.take(&record).ok()?;
    }
    let (_, clients) = port::frame(host.table)?;
    let state = Digest(core::array::from_fn(|_| port::read()));
    let kept = Snapshot { sequence: Sequence(port::read().into()), clients, state };
    recovery.finish((port::read() != 0).then_some(kept)).ok()
}

fn keep(record: &Record<'_>, frame: &mut [u8]) {
    if let Ok(bytes) = wire::encode(record, frame) {
        port::write(bytes);
    }
}

fn reply(replica: &mut Board, answer: Answer, host: &mut Host) -> bool {
    let said = port::read().to_le_bytes();
    let state = state_digest(1, &page_digest(Part::State, 0, &said));
    let pieces = [Sought { place: Place::ROOTS, digest: state }];
    let mut clients = [0; 256];
    let length = host.length.min(clients.len());
    clients.iter_mut().zip(host.table.iter()).for_each(|(to, from)| *to = *from);
    let command = match answer {
        Answer::Executed(client) => Command::Executed { client, reply: &said },
        Answer::Read(client) => Command::Answered { client, answer: Some(&said) },
        Answer::Captured(sequence) => Command::Captured { sequence, state },
        Answer::Seek(sequence) => Command::Seek { sequence, pieces: &pieces },
        Answer::Installed(sequence) => {
            Command::Installed { sequence, clients: clients.get(..length).unwrap_or_default() }
        }
    };
    step(replica, Input::Command(command), host)
}

/// Whether a checkpoint has become stable.
fn step(replica: &mut Board, input: Input<Command<'_>, Message<'_>>, host: &mut Host) -> bool {
    let mut stable = false;
    for output in replica.step(port::now(), input) {
        match output {
            Output::Send { message, .. } => say(message, host),
            Output::Persist(record) => {
                stable |= matches!(record, Record::Stable { .. });
                keep(&record, host.frame);
            }
            Output::Decide(decision) => decide(decision, host),
            Output::Accuse { node, .. } => port::write(&[node.0]),
            Output::Refuse(_) => port::write(&[u8::MAX]),
        }
    }
    stable
}

fn say(message: Message<'_>, host: &mut Host) {
    let Host { frame, link, scope, .. } = host;
    let mut payload = [0; SIZES.message_bytes()];
    let me = Principal::Node(port::me());
    let Ok(said) = wire::seal(message, me, scope, &Element, &mut payload) else { return };
    if let Ok(length) = link.seal(said, &mut frame[..]) {
        port::write(frame.get(..length).unwrap_or_default());
    }
}

fn decide(decision: Decision<'_>, host: &mut Host) {
    let answer = match decision {
        Decision::Execute(batch) => {
            for request in batch.requests() {
                port::write(request.operation.0);
                let _ = host.answers.push_back(Answer::Executed(request.client));
            }
            return;
        }
        Decision::Read { client, .. } => Answer::Read(client),
        Decision::Checkpoint { sequence, clients } => {
            host.length = clients.encode(host.table).unwrap_or_default();
            Answer::Captured(sequence)
        }
        Decision::Seek { sequence, .. } => Answer::Seek(sequence),
        Decision::Install { sequence } => Answer::Installed(sequence),
        Decision::ServeState { sequence, place, .. } => {
            return serve_state(sequence, place, host);
        }
        Decision::Stage { .. } | Decision::Contradiction { .. } => return,
    };
    let _ = host.answers.push_back(answer);
}

fn serve_state(sequence: Sequence, place: Place, host: &mut Host) {
    let top = page_digest(Part::State, 0, &[port::read()]);
    let clients = page_digest(Part::Clients, 0, host.table.get(..host.length).unwrap_or_default());
    let roots = Roots { clients, pages: 1, top }.to_bytes();
    say(Message::State { sequence, place, bytes: wire::Bytes(&roots) }, host);
}
