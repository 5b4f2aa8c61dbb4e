//! A client with bad signatures is made to wait, and nobody else.

mod common;

use common::peer::Peer;
use common::{Members, add, client_key, cluster, eventually};
use quorate::pbft::{Message, Request};
use quorate::wire::{self, Bytes};
use quorate::{ClientId, Principal, Signature};
use quorate_std::Links;

const FORGER: u16 = 3;

/// The payload of a request whose signature is nobody's.
fn forged(timestamp: u64) -> Vec<u8> {
    let request = Message::Request(Request {
        client: ClientId(FORGER),
        timestamp,
        operation: Bytes(&[1; 8]),
        signature: Signature::ZERO,
    });
    let mut payload = vec![0; 1 + wire::encoded_len(&request)];
    wire::encode(&request, &mut payload[1..]).expect("as long as it says");
    payload
}

#[test]
fn a_client_with_bad_signatures_is_told_to_wait_and_not_read_meanwhile() {
    let members = Members::start("forger", cluster(4, 4, Links::Hmac));
    let client = members.client(2);
    let who = Principal::Client(ClientId(FORGER));
    let mut forger = Peer::prove(&members.cluster, who, &client_key(FORGER.into()), 0);
    for timestamp in 1..=64 {
        forger.send(&forged(timestamp));
    }
    let busy = loop {
        let payload = forger.receive().expect("the link stays up");
        if let Ok(Message::Busy(busy)) = wire::decode::<Message<'_>>(&payload[1..]) {
            break busy;
        }
    };
    assert_eq!(busy.client, ClientId(FORGER));
    assert!(busy.retry_after > 0, "it is told for how long");
    for at in 1..=50 {
        assert_eq!(add(&client, 1), at, "others are served");
    }
    let replica = members.replicas[0].as_ref().expect("it runs");
    eventually("its wrongs are counted, one by one", || {
        let rows = replica.status().faulty_clients;
        let count = |fault: &str| {
            let row = rows.iter().find(|(id, what, _)| *id == ClientId(FORGER) && what == fault);
            row.map_or(0, |row| row.2)
        };
        assert!(count("Forged") < 40, "far less is verified than was sent: {rows:?}");
        count("Forged") >= 8 && count("OverBudget") >= 1
    });
    let status = replica.status();
    assert!(status.faulty_clients.iter().all(|(id, ..)| *id == ClientId(FORGER)));
    assert_eq!((status.view, status.faults.len()), (0, 0));
}
