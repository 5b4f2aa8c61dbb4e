//! A PBFT replica: HMAC links, four replicas, four clients, a window of 4, batches of 2 KB. With
//! the feature `ed25519` it has the built-in signatures, else those of the board; with `signed` its
//! links have them too, in the place of HMAC.
#![no_std]
#![no_main]

use board::once::Once;
#[cfg(feature = "ed25519")]
use ed25519_compact as _;
use footprint::port;
#[cfg(not(feature = "ed25519"))]
use footprint::scheme::Element;
use quorate::auth::Scope;
#[cfg(feature = "signed")]
use quorate::ed25519 as bond;
#[cfg(feature = "ed25519")]
use quorate::ed25519::{Ed25519, SecretKey};
#[cfg(not(feature = "signed"))]
use quorate::hmac::{self as bond, PairKey};
#[cfg(not(feature = "signed"))]
use quorate::link::LinkError;
use quorate::link::{Hello, Opener, PROTOCOL, Proof, Sealer};
use quorate::pbft::merkle::{page_digest, state_digest};
use quorate::pbft::{
    Command, Config, Decision, Dimensions, Fixed, Message, Part, Replica, Sequence,
};
use quorate::{
    Admission, ClientId, Digest, Input, NodeId, Output, Principal, Protocol, PublicKey, Roster,
    Target, Verifier, wire,
};

const SIZES: Dimensions =
    Dimensions { nodes: 4, window: 4, batch_bytes: 2048, clients: 4, reply_bytes: 32 };
const FRAME: usize = 1 + SIZES.message_bytes() + bond::Sealer::OVERHEAD;
type Memory = Fixed<4, 4, 2048, 4, 32>;

// What it takes is known before it is built, here as on the machine that builds it.
const _: () = assert!(SIZES.memory_bytes() == size_of::<Memory>());

#[cfg(feature = "ed25519")]
type Scheme = Ed25519;
#[cfg(not(feature = "ed25519"))]
type Scheme = Element;

/// What signs for this replica.
#[cfg(feature = "ed25519")]
type Pen = SecretKey;
#[cfg(not(feature = "ed25519"))]
type Pen = Element;

#[cfg(feature = "ed25519")]
const SCHEME: Ed25519 = Ed25519;
#[cfg(not(feature = "ed25519"))]
const SCHEME: Element = Element;

/// All zero bits, so that it takes no flash.
#[unsafe(export_name = "MEMORY")]
static MEMORY: Once<Memory> = Once::new(Memory::new());
static BUFFERS: Once<[[u8; FRAME]; 2]> = Once::new([[0; FRAME]; 2]);
static KEYS: Once<[PublicKey; 8]> = Once::new([PublicKey([0; 32]); 8]);

/// A link to each other replica and each client, and one to nobody.
type Links = [Option<(bond::Sealer, bond::Opener)>; 8];

#[unsafe(no_mangle)]
extern "C" fn main() -> ! {
    loop {
        // Nothing starts over: what cannot start waits for ever.
        let _ = serve();
    }
}

fn serve() -> Option<()> {
    let [inbox, frame] = BUFFERS.take()?;
    let keys = KEYS.take()?;
    keys.iter_mut().flat_map(|key| &mut key.0).for_each(|byte| *byte = port::read());
    let (nodes, clients) = keys.split_at(4);
    let cluster = Digest::of(b"footprint");
    let roster = Roster::new(cluster, 0, nodes, clients, &SCHEME).ok()?;
    let config = Config::new(port::me(), *roster.scope());
    let mut replica = Replica::new(config, MEMORY.take()?).ok()?;
    #[cfg(feature = "ed25519")]
    let signer = SecretKey::try_from_seed(core::array::from_fn(|_| port::read()))?;
    #[cfg(not(feature = "ed25519"))]
    let signer = Element;
    let mut links: Links =
        core::array::from_fn(|peer| link(config.me, (peer, keys.get(peer)), cluster, &signer));
    let mut host = Host { sum: 0, answers: heapless::Deque::new() };

    loop {
        let now = port::now();
        if replica.deadline().is_some_and(|deadline| deadline <= now) {
            step(&mut replica, Input::Wake, &mut host, &signer, &mut links, frame);
            continue;
        }
        let Some((from, bytes)) = port::frame(inbox) else { continue };
        let Some(Some((_, opener))) = links.get_mut(place(from)) else { continue };
        let Ok([PROTOCOL, bytes @ ..]) = opener.open(bytes) else { continue };
        let Ok(message) = wire::decode::<Message<'_>>(bytes) else { continue };
        if replica.admit(now, from, &message) != Admission::Verify {
            continue;
        }
        let Ok(verified) = roster.verify(&SCHEME, from, message) else { continue };
        let input = Input::Message(verified);
        step(&mut replica, input, &mut host, &signer, &mut links, frame);
        while let Some((client, reply)) = host.answers.pop_front() {
            let command = match client {
                Ok(client) => Command::Executed { client, reply: &reply.to_le_bytes() },
                Err(sequence) => Command::Captured { sequence, state: digest(reply) },
            };
            let input = Input::Command(command);
            step(&mut replica, input, &mut host, &signer, &mut links, frame);
        }
    }
}

fn place(peer: Principal) -> usize {
    match peer {
        Principal::Node(node) => node.index(),
        Principal::Client(client) => 4 + client.index(),
    }
}

fn link(
    me: NodeId,
    (peer, key): (usize, Option<&PublicKey>),
    cluster: Digest,
    signer: &Pen,
) -> Option<(bond::Sealer, bond::Opener)> {
    let peer = match peer {
        0..4 => Principal::Node(NodeId(peer as u8)),
        _ => Principal::Client(ClientId((peer - 4) as u16)),
    };
    let me = Principal::Node(me);
    let hello = |from, to| {
        let nonce = core::array::from_fn(|_| port::read());
        Hello { cluster, epoch: 0, from, to, nonce, proof: PROOF }
    };
    tie(signer, key?, &hello(me, peer), &hello(peer, me)).ok()
}

#[cfg(not(feature = "signed"))]
const PROOF: Proof = Proof::Hmac;
#[cfg(feature = "signed")]
const PROOF: Proof = Proof::Ed25519;

#[cfg(feature = "signed")]
use bond::session as tie;

#[cfg(not(feature = "signed"))]
fn tie(
    _: &Pen,
    _: &PublicKey,
    mine: &Hello,
    theirs: &Hello,
) -> Result<(bond::Sealer, bond::Opener), LinkError> {
    let key = PairKey::from_bytes(core::array::from_fn(|_| port::read()));
    bond::session(&key, mine, theirs)
}

/// The application, a sum of all bytes, and what it has to answer.
struct Host {
    sum: u64,
    answers: heapless::Deque<(Result<ClientId, Sequence>, u64), 8>,
}

fn digest(sum: u64) -> Digest {
    state_digest(1, &page_digest(Part::State, 0, &sum.to_le_bytes()))
}

fn step<S: quorate::Signer>(
    replica: &mut Replica<&'static mut Memory>,
    input: Input<Command<'_>, Message<'_>>,
    host: &mut Host,
    signer: &S,
    links: &mut Links,
    frame: &mut [u8; FRAME],
) {
    let cluster = Digest::of(b"footprint");
    let scope = Scope { cluster, epoch: 0, profile: Scheme::PROFILE };
    for output in replica.step(port::now(), input) {
        match output {
            Output::Send { to, message } => say(to, message, &scope, signer, links, frame),
            Output::Persist(record) => {
                if let Ok(bytes) = wire::encode(&record, frame) {
                    port::write(bytes);
                }
            }
            Output::Decide(decision) => decide(decision, host),
            Output::Accuse { node, .. } => port::write(&[node.0]),
            Output::Refuse(_) => port::write(&[u8::MAX]),
        }
    }
}

fn say<S: quorate::Signer>(
    to: Target,
    message: Message<'_>,
    scope: &Scope,
    signer: &S,
    links: &mut Links,
    frame: &mut [u8],
) {
    let payload = frame.get_mut(bond::Sealer::PAYLOAD..).and_then(<[u8]>::split_first_mut);
    let Some((kind, rest)) = payload else { return };
    *kind = PROTOCOL;
    let me = Principal::Node(port::me());
    let Ok(said) = wire::seal(message, me, scope, signer, rest) else { return };
    let length = 1 + said.len();
    for (at, link) in links.iter_mut().enumerate() {
        let meant = match at {
            0..4 => to.includes(NodeId(at as u8)) && place(me) != at,
            _ => to == Target::Client(ClientId((at - 4) as u16)),
        };
        if let (true, Some((sealer, _))) = (meant, link)
            && let Ok(length) = sealer.seal_in_place(frame, length)
        {
            port::write(frame.get(..length).unwrap_or_default());
        }
    }
}

fn decide(decision: Decision<'_>, host: &mut Host) {
    match decision {
        Decision::Execute(batch) => {
            for request in batch.requests() {
                let bytes = request.operation.0.iter();
                host.sum = bytes.fold(host.sum, |sum, byte| sum.wrapping_add((*byte).into()));
                let _ = host.answers.push_back((Ok(request.client), host.sum));
            }
        }
        Decision::Checkpoint { sequence, .. } => {
            let _ = host.answers.push_back((Err(sequence), host.sum));
        }
        // What a replica that missed something is given: left to the port.
        _ => port::write(&[0]),
    }
}
