//! The longest messages beside what is published of them.

use crate::bench::*;
use quorate::lockstep::*;
use quorate::service::{Outcome, Request};
use quorate::wire::{self, Bytes};
use quorate::{ClientId, Digest, Signature, vector};

/// Longer than anything here.
static BYTES: [u8; 70_000] = [0xff; 70_000];

/// The longest request that takes so many bytes in a batch, and the longest reply.
fn of_clients(request_bytes: usize, reply_bytes: usize) -> (Request<'static>, Reply<'static>) {
    let (client, timestamp) = (ClientId(u16::MAX), u64::MAX);
    let operation = Bytes(&BYTES[..request_bytes - Request::OVERHEAD]);
    let request = Request { client, timestamp, operation, signature: Signature::ZERO };
    assert_eq!(request.len(), request_bytes);
    let (outcome, reply) = (Outcome::Stale, Bytes(&BYTES[..reply_bytes]));
    (request, Reply { client, timestamp, outcome, reply })
}

#[test]
fn the_longest_message_is_as_long_as_published() {
    // Where a frame is longest, a request, a reply, and the digest of a state.
    for (frame, request, reply, part) in
        [(4, 110, 8, 40), (1, 400, 8, 1), (1, 78, 70_000, 1), (0, 78, 0, 0)]
    {
        let parts = vec![0; frame * part];
        let (asks, answers) = of_clients(request, reply);
        let (slot, digest) = (u64::MAX, Digest([0xff; 32]));
        let messages: [Message<'_, Oral>; 6] = [
            Message::Slot(vector::Message::from_parts(slot, &parts)),
            Message::Request(asks),
            Message::Reply(answers),
            Message::Vouch { slot, digest },
            Message::Rejoin { after: slot },
            Message::FetchState { slot },
        ];
        let longest = messages.iter().map(wire::encoded_len).max().unwrap() as u64;
        let frame = vector::frame_bytes(frame, part as u64);
        assert_eq!(longest, message_bytes(frame, request, reply));
        let asks = wire::encoded_len(&ClientMessage::Request(asks));
        let answers = wire::encoded_len(&ClientMessage::Reply(answers));
        assert_eq!(asks.max(answers) as u64, client_message_bytes(request, reply));
    }
    assert_eq!(message_bytes(u64::MAX, usize::MAX, usize::MAX), u64::MAX);
}

#[test]
fn the_longest_proposal_is_as_long_a_value_as_published() {
    fn check<const BATCH: usize>() {
        let proposal = Proposal::<BATCH>::from_bytes(&BYTES[..BATCH]).unwrap();
        assert_eq!(wire::encoded_len(&proposal), value_bytes(BATCH));
        assert!(wire::encoded_len(&Proposal::<BATCH>::NULL) <= value_bytes(BATCH));
    }
    check::<0>();
    check::<127>();
    check::<128>();
    check::<20_000>();
    assert_eq!(value_bytes(usize::MAX), usize::MAX);
}
