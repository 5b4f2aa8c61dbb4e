//! What one step wants done, in a form that outlives the step: for tests of order and of bounds.

use crate::bench::*;
use quorate::pbft::*;
use quorate::{Fault, Input, Instant, Output, Principal, Protocol, Refusal, Target, wire};

/// An output of a replica.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// The record, encoded.
    Persist(Vec<u8>),
    /// To whom, and the message, encoded.
    Send(Target, Vec<u8>),
    /// A sequence, and (client, timestamp, operation) of each request.
    Execute(u64, Vec<(u16, u64, Vec<u8>)>),
    /// A sequence, and the client table, encoded.
    Capture(u64, Vec<u8>),
    /// To whom, which checkpoint, which piece of it.
    Serve(usize, u64, Place),
    /// Which checkpoint, which piece of it.
    Stage(u64, Place),
    /// Which checkpoint, and the most pieces.
    Seek(u64, usize),
    Install(u64),
    Contradiction(Vec<u8>),
    Accuse(usize, Fault),
    Refuse(Refusal),
    /// Whose read, and of which state.
    Read(u16, u64),
}

impl Wanted {
    pub fn of(output: Output<Message<'_>, Decision<'_>, Record<'_>>) -> Self {
        let mut buffer = vec![0; 1 << 16];
        match output {
            Output::Persist(record) => {
                Self::Persist(wire::encode(&record, &mut buffer).unwrap().to_vec())
            }
            Output::Send { to, message } => {
                Self::Send(to, wire::encode(&message, &mut buffer).unwrap().to_vec())
            }
            Output::Decide(Decision::Execute(execution)) => {
                let requests = execution.requests();
                let requests =
                    requests.map(|it| (it.client.0, it.timestamp, it.operation.0.into()));
                Self::Execute(execution.sequence().0, requests.collect())
            }
            Output::Decide(Decision::Checkpoint { sequence, clients }) => {
                let length = clients.encode(&mut buffer).unwrap();
                assert_eq!(length, clients.encoded_len());
                Self::Capture(sequence.0, buffer[..length].to_vec())
            }
            Output::Decide(Decision::ServeState { to, sequence, place }) => {
                Self::Serve(to.index(), sequence.0, place)
            }
            Output::Decide(Decision::Stage { sequence, place }) => Self::Stage(sequence.0, place),
            Output::Decide(Decision::Seek { sequence, room }) => Self::Seek(sequence.0, room),
            Output::Decide(Decision::Install { sequence }) => Self::Install(sequence.0),
            Output::Decide(Decision::Contradiction { kept }) => {
                Self::Contradiction(wire::encode(&kept, &mut buffer).unwrap().to_vec())
            }
            Output::Decide(Decision::Read { client, state }) => Self::Read(client.0, state.0),
            Output::Accuse { node, fault } => Self::Accuse(node.index(), fault),
            Output::Refuse(refusal) => Self::Refuse(refusal),
        }
    }

    /// The record, if it is one to keep.
    pub fn record(&self) -> Option<Record<'_>> {
        let Self::Persist(bytes) = self else { return None };
        Some(wire::decode(bytes).unwrap())
    }

    /// The message, if it is one to send.
    pub fn message(&self) -> Option<Message<'_>> {
        let Self::Send(_, bytes) = self else { return None };
        Some(wire::decode(bytes).unwrap())
    }

    /// The vote, if it is a COMMIT.
    pub fn commit(&self) -> Option<Vote> {
        if let Some(Message::Commit(vote)) = self.message() { Some(vote) } else { None }
    }

    /// The vote, if it is a PREPARE.
    pub fn prepare(&self) -> Option<Vote> {
        if let Some(Message::Prepare(vote)) = self.message() { Some(vote) } else { None }
    }

    pub fn is_execute(&self) -> bool {
        matches!(self, Self::Execute(..))
    }
}

impl<const N: usize> Bench<N> {
    /// Steps a replica, past `admit`, and carries nothing out: what it wants is the answer.
    pub fn dry(&mut self, id: usize, input: Input<Command<'_>, Message<'_>>) -> Vec<Wanted> {
        let now = Instant::from_micros(self.now);
        self.hosts[id].replica.step(now, input).map(Wanted::of).collect()
    }

    /// What a replica wants done about a message, signed by `from` where it is from `from`.
    pub fn hear(&mut self, id: usize, from: usize, message: Message<'_>) -> Vec<Wanted> {
        self.hear_from(id, Principal::Node(node(from)), message)
    }

    /// The same about a message of any principal.
    pub fn hear_from(&mut self, id: usize, from: Principal, message: Message<'_>) -> Vec<Wanted> {
        let letter = self.letter(from, Target::Node(node(id)), message);
        let message = wire::decode::<Message<'_>>(&letter.bytes).unwrap();
        let verified = self.roster.verify(&TestVerifier, letter.from, message).unwrap();
        self.dry(id, Input::Message(verified))
    }

    /// What a replica wants done as time passes.
    pub fn waken(&mut self, id: usize) -> Vec<Wanted> {
        self.dry(id, Input::Wake)
    }

    /// What a replica wants done once the request that it executes is answered.
    pub fn answer(&mut self, id: usize, client: u16, reply: &[u8]) -> Vec<Wanted> {
        let client = quorate::ClientId(client);
        self.dry(id, Input::Command(Command::Executed { client, reply }))
    }

    /// Everything that a replica holds, but for the outputs of its last step.
    pub fn picture(&mut self, id: usize) -> String {
        let command = Command::Captured { sequence: Sequence(u64::MAX), state: digest(b"none") };
        let refused = self.dry(id, Input::Command(command));
        let sequence = u64::MAX;
        assert_eq!(refused, [Wanted::Refuse(Refusal::NotCapturing { sequence })]);
        without_budgets(&format!("{:?}", self.hosts[id].replica))
    }

    /// A PRE-PREPARE of one batch.
    pub fn proposal<'a>(&self, view: u64, sequence: u64, batch: &'a [u8]) -> Message<'a> {
        let batch = Batch::from_bytes(batch);
        Message::PrePrepare { view: View(view), sequence: Sequence(sequence), batch }
    }

    /// The bytes of a batch of one request, and the vote for it.
    pub fn one(&self, at: (u64, u64), client: u16, t: u64, operation: &[u8]) -> (Vec<u8>, Vote) {
        let batch = self.batch(&[self.request(client, t, operation)]);
        let digest = Batch::from_bytes(&batch).digest();
        (batch, Vote { view: View(at.0), sequence: Sequence(at.1), digest })
    }
}

/// Numbers that look random and are the same in every run.
pub struct Dice(pub u64);

impl Dice {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }
}
