//! What a host does beside its general: the bytes of its log, and the wall.

use crate::bench::*;
use quorate::auth::Signed;
use quorate::lockstep::*;
use quorate::{
    Admission, ClientId, Digest, Fault, Input, Instant, Principal, PublicKey, Refusal, Roster, wire,
};

/// An operation that was executed: slot, client, timestamp, operation.
pub type Entry = (u64, u16, u64, Vec<u8>);

pub struct Host<P: Slots> {
    pub general: Option<Member<P>>,
    pub log: Vec<Entry>,
    /// The captured state: slot, client table, log.
    pub captured: Option<(u64, Vec<u8>, Vec<u8>)>,
    pub refusals: Vec<Refusal>,
    /// After which slots it took over the others' state.
    pub installed: Vec<u64>,
}

pub struct Desktop {
    pub client: Client<Vec<u8>>,
    pub replies: Vec<(u64, Vec<u8>)>,
    pub failures: usize,
}

/// What a host owes its general.
pub enum Answer {
    Executed(u64, ClientId, Vec<u8>),
    Captured(u64, Digest),
}

/// The application's state as bytes.
pub fn encode(log: &[Entry]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (slot, client, timestamp, operation) in log {
        bytes.extend(slot.to_le_bytes());
        bytes.extend(client.to_le_bytes());
        bytes.extend(timestamp.to_le_bytes());
        bytes.push(u8::try_from(operation.len()).unwrap());
        bytes.extend(operation);
    }
    bytes
}

pub fn decode(mut bytes: &[u8]) -> Vec<Entry> {
    let mut log = Vec::new();
    while let Some((slot, rest)) = bytes.split_first_chunk() {
        let (client, rest) = rest.split_first_chunk().unwrap();
        let (timestamp, rest) = rest.split_first_chunk().unwrap();
        let (length, rest) = rest.split_first().unwrap();
        let (operation, rest) = rest.split_at(usize::from(*length));
        let (slot, timestamp) = (u64::from_le_bytes(*slot), u64::from_le_bytes(*timestamp));
        log.push((slot, u16::from_le_bytes(*client), timestamp, operation.to_vec()));
        bytes = rest;
    }
    log
}

pub type Step<'p, P> = Input<Command<'p>, Message<'p, P>>;

/// From bytes to something that may be stepped; `None` if it is of no use.
pub fn wall<'p, P: Slots>(
    general: &mut Member<P>,
    now: Instant,
    roster: &Roster<Vec<PublicKey>>,
    from: Principal,
    payload: &'p [u8],
) -> Result<Option<Step<'p, P>>, Fault>
where
    for<'a> P::Message<'a>: Signed,
{
    let mut message: Message<'p, P> = wire::decode(payload).map_err(|_| Fault::Malformed)?;
    match general.admit(now, from, &mut message) {
        Admission::Refused(fault) => Err(fault),
        Admission::Known | Admission::Later { .. } => Ok(None),
        Admission::Verify => {
            roster.verify(&TestVerifier, from, message).map(|it| Some(Input::Message(it)))
        }
    }
}
