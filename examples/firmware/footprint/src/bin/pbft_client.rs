//! A client of PBFT: HMAC links to four replicas, operations of 64 bytes, replies of 32, signed by
//! the board.
#![no_std]
#![no_main]

use board::once::Once;
use core::time::Duration;
use footprint::port;
use footprint::scheme::Element;
use quorate::auth::Scope;
use quorate::hmac::{self, PairKey};
use quorate::link::{Hello, Opener, PROTOCOL, Proof, Sealer};
use quorate::pbft::{
    Client, ClientCommand, ClientConfig, ClientDecision, Dimensions, Message, Request, Switches,
};
use quorate::{
    ClientId, Digest, Input, NodeId, Output, Principal, Protocol, PublicKey, Quorum, Roster, wire,
};

const OPERATION: usize = 64;
const SIZES: Dimensions = Dimensions {
    nodes: 4,
    window: 4,
    batch_bytes: Request::OVERHEAD + OPERATION,
    clients: 4,
    reply_bytes: 32,
};
const FRAME: usize = 1 + SIZES.client_message_bytes() + hmac::Sealer::OVERHEAD;
const ME: ClientId = ClientId(0);

/// What the client is lent: its operation, and the reply.
#[unsafe(export_name = "MEMORY")]
static MEMORY: Once<[[u8; OPERATION]; 2]> = Once::new([[0; OPERATION]; 2]);
static BUFFERS: Once<[[u8; FRAME]; 2]> = Once::new([[0; FRAME]; 2]);
static KEYS: Once<[PublicKey; 4]> = Once::new([PublicKey([0; 32]); 4]);

type Links = [Option<(hmac::Sealer, hmac::Opener)>; 4];

#[unsafe(no_mangle)]
extern "C" fn main() -> ! {
    loop {
        // Nothing starts over: what cannot start waits for ever.
        let _ = ask();
    }
}

fn ask() -> Option<()> {
    let [inbox, frame] = BUFFERS.take()?;
    let [operation, reply] = MEMORY.take()?;
    let keys = KEYS.take()?;
    keys.iter_mut().flat_map(|key| &mut key.0).for_each(|byte| *byte = port::read());
    let cluster = Digest::of(b"footprint");
    let roster = Roster::new(cluster, 0, &keys[..], &[], &Element).ok()?;
    let config = ClientConfig {
        me: ME,
        quorum: Quorum::of(4)?,
        retry: Duration::from_secs(1),
        give_up: Duration::from_secs(20),
        switches: Switches { fast_reads: true },
    };
    let mut client = Client::new(config, &mut operation[..], &mut reply[..]);
    let mut links: Links = core::array::from_fn(|replica| link(replica as u8, cluster));
    loop {
        let now = port::now();
        if client.deadline().is_some_and(|deadline| deadline <= now) {
            step(&mut client, Input::Wake, roster.scope(), &mut links, frame);
            continue;
        }
        let Some((from, bytes)) = port::frame(inbox) else { continue };
        let Principal::Node(replica) = from else {
            // The board's own application: an operation, or a question.
            let (wall_micros, command) = (now.as_micros(), bytes.split_first());
            let Some((kind, operation)) = command else { continue };
            let command = match kind {
                0 => ClientCommand::Submit { operation, wall_micros },
                _ => ClientCommand::Read { operation, wall_micros },
            };
            step(&mut client, Input::Command(command), roster.scope(), &mut links, frame);
            continue;
        };
        let Some(Some((_, opener))) = links.get_mut(replica.index()) else { continue };
        let Ok([PROTOCOL, bytes @ ..]) = opener.open(bytes) else { continue };
        let Ok(message) = wire::decode::<Message<'_>>(bytes) else { continue };
        let Ok(verified) = roster.verify(&Element, from, message) else { continue };
        step(&mut client, Input::Message(verified), roster.scope(), &mut links, frame);
    }
}

fn link(replica: u8, cluster: Digest) -> Option<(hmac::Sealer, hmac::Opener)> {
    let (me, peer) = (Principal::Client(ME), Principal::Node(NodeId(replica)));
    let hello = |from, to| {
        let nonce = core::array::from_fn(|_| port::read());
        Hello { cluster, epoch: 0, from, to, nonce, proof: Proof::Hmac }
    };
    let key = PairKey::from_bytes(core::array::from_fn(|_| port::read()));
    hmac::session(&key, &hello(me, peer), &hello(peer, me)).ok()
}

fn step(
    client: &mut Client<&'static mut [u8]>,
    input: Input<ClientCommand<'_>, Message<'_>>,
    scope: &Scope,
    links: &mut Links,
    frame: &mut [u8],
) {
    for output in client.step(port::now(), input) {
        match output {
            Output::Send { to, message } => {
                let payload = frame.get_mut(hmac::Sealer::PAYLOAD..);
                let Some((kind, rest)) = payload.and_then(<[u8]>::split_first_mut) else {
                    continue;
                };
                *kind = PROTOCOL;
                let me = Principal::Client(ME);
                let Ok(said) = wire::seal(message, me, scope, &Element, rest) else { continue };
                let length = 1 + said.len();
                for (replica, link) in (0u8..).zip(links.iter_mut()) {
                    if let (true, Some((sealer, _))) = (to.includes(NodeId(replica)), link)
                        && let Ok(length) = sealer.seal_in_place(frame, length)
                    {
                        port::write(frame.get(..length).unwrap_or_default());
                    }
                }
            }
            Output::Persist(never) => match never {},
            Output::Decide(ClientDecision::Done { reply }) => port::write(reply),
            Output::Decide(ClientDecision::Failed(_)) => port::write(&[u8::MAX]),
            Output::Accuse { node, .. } => port::write(&[node.0]),
            Output::Refuse(_) => port::write(&[u8::MAX]),
        }
    }
}
