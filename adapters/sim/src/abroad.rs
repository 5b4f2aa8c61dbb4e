//! What the replicas and clients of a cluster signed elsewhere: in a later epoch, and in another
//! cluster where they have the same keys. It is written where the keys are, and whoever brings it
//! here has only the letters.

use crate::engine::Payload;
use crate::plan::Plan;
use crate::scheme::{Key, Scheme};
use quorate::auth::{Scope, Verifier};
use quorate::pbft::{Histories, Message, Pairs, Request, Sequence, View, ViewChange};
use quorate::wire::{self, Bytes};
use quorate::{ClientId, Digest, NodeId, Principal, Signature};

/// A request of each client and a VIEW-CHANGE of each replica, for each place abroad.
pub(crate) fn letters(plan: &Plan) -> Vec<Payload> {
    let scope = |cluster, epoch| Scope { cluster, epoch, profile: Scheme::PROFILE };
    let here = Digest::of(&plan.seed.to_le_bytes());
    let scopes = [scope(here, 1), scope(Digest::of(b"another cluster"), 0)];
    let clients = || (0..plan.clients as u16).map(ClientId);
    let nodes = || (0..plan.nodes as u8).map(NodeId);
    let written = scopes.iter().flat_map(|scope| {
        let asked = clients().map(|client| request(plan.seed, client, scope));
        asked.chain(nodes().map(|author| change(plan.seed, author, scope)))
    });
    written.collect()
}

/// A request far ahead of anything that the client asks for here.
fn request(seed: u64, client: ClientId, scope: &Scope) -> Payload {
    let request = Request {
        client,
        timestamp: u64::MAX / 2,
        operation: Bytes(b"asked for elsewhere"),
        signature: Signature::ZERO,
    };
    sign(Message::Request(request), seed, Principal::Client(client), scope)
}

fn change(seed: u64, author: NodeId, scope: &Scope) -> Payload {
    let start = [&0u64.to_le_bytes()[..], &[0; 32]].concat();
    let change = ViewChange {
        author,
        view: View(1),
        stable: Sequence(0),
        checkpoints: Pairs::from_bytes(&start),
        histories: Histories::default(),
        signature: Signature::ZERO,
    };
    sign(Message::ViewChange(change), seed, Principal::Node(author), scope)
}

fn sign(message: Message<'_>, seed: u64, who: Principal, scope: &Scope) -> Payload {
    let mut buffer = vec![0; wire::encoded_len(&message)];
    wire::seal(message, who, scope, &Key::new(seed, who), &mut buffer).expect("as long as it says");
    Payload::from(buffer)
}
