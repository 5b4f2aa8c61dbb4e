//! Signatures are verified here, beside the step thread.

use super::arrival::{Arrival, Core};
use super::load::Ticket;
use super::proofs;
use super::turns::Turns;
use quorate::ed25519::Ed25519;
use quorate::fault::{Evidence, verify as judge};
use quorate::pbft::Message;
use quorate::{Principal, PublicKey, Roster, wire};

/// A message that was admitted and is to be verified.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) from: Principal,
    pub(crate) payload: Vec<u8>,
    pub(crate) ticket: Ticket,
}

/// Verifies until there are no more jobs, one peer's turn after the other's: a signature costs
/// more than everything else that a message makes us do.
pub(crate) fn verify(
    jobs: &Turns<Job>,
    roster: &Roster<Vec<PublicKey>>,
    arrivals: &Turns<Arrival>,
) {
    let mut taken = Vec::with_capacity(1);
    while jobs.take(1, None, &mut taken) {
        let Some(Job { from, payload, ticket }) = taken.pop() else { continue };
        if let Some(evidence) = malformed(&payload, roster) {
            arrivals.push(Some(from), Arrival::Proved { evidence });
        }
        let arrival = match roster.check_payload::<Core, _, _>(&Ed25519, from, payload) {
            Ok(message) => Arrival::Checked { message, ticket },
            Err(fault) => Arrival::Refused { from, fault },
        };
        arrivals.push(Some(from), arrival);
    }
}

/// Evidence of a message that contradicts itself, if its author signed it. It is refused either
/// way, and costs the one signature that others cost.
fn malformed(payload: &[u8], roster: &Roster<Vec<PublicKey>>) -> Option<Vec<u8>> {
    let message = wire::decode::<Message<'_>>(payload).ok()?;
    let evidence = Evidence::of(message, roster.nodes())?;
    judge(&evidence, roster, &Ed25519).ok().map(|_| proofs::encode(&evidence))
}
