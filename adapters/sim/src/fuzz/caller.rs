//! A client that keeps to the protocol.

use super::ground::DIMENSIONS;
use super::phrases::{NODES, Payload, Phrases};
use super::witness::Witness;
use core::time::Duration;
use quorate::pbft::{
    Client, ClientCommand, ClientConfig, ClientDecision, Failure, Message, Switches,
};
use quorate::protocol::{Input, InputOf, Output, Protocol, Target};
use quorate::{ClientId, Instant, Principal, Quorum, wire};

/// The client's machine, and what it asked for.
#[derive(Debug)]
pub(super) struct Caller {
    machine: Client<Vec<u8>>,
    me: ClientId,
    timestamp: u64,
}

/// What is to be sent.
type Said = Vec<(Target, Payload)>;

impl Caller {
    pub(super) fn new(me: ClientId) -> Self {
        let config = ClientConfig {
            me,
            quorum: Quorum::of(NODES).expect("four is a number of replicas"),
            retry: Duration::from_millis(300),
            give_up: Duration::from_secs(u32::MAX.into()),
            switches: Switches { fast_reads: false },
        };
        let (operation, reply) = (vec![0; DIMENSIONS.operation_bytes()], DIMENSIONS.reply_bytes);
        Self { machine: Client::new(config, operation, vec![0; reply]), me, timestamp: 0 }
    }

    pub(super) const fn is_busy(&self) -> bool {
        self.machine.is_busy()
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.machine.deadline()
    }

    /// Asks for an operation, if none is outstanding.
    pub(super) fn submit(
        &mut self,
        now: Instant,
        operation: &[u8],
        phrases: &Phrases,
        witness: &mut Witness,
    ) -> Said {
        if self.is_busy() {
            return Said::new();
        }
        let command = ClientCommand::Submit { operation, wall_micros: 0 };
        self.step(now, Input::Command(command), phrases, witness)
    }

    pub(super) fn wake(&mut self, now: Instant, phrases: &Phrases, witness: &mut Witness) -> Said {
        if self.deadline().is_some_and(|due| due <= now) {
            return self.step(now, Input::Wake, phrases, witness);
        }
        Said::new()
    }

    /// A replica answers, or says anything else.
    pub(super) fn receive(
        &mut self,
        now: Instant,
        from: Principal,
        payload: &[u8],
        phrases: &Phrases,
        witness: &mut Witness,
    ) -> Said {
        let Ok(message) = wire::decode::<Message<'_>>(payload) else { return Said::new() };
        match phrases.roster.verify(&phrases.scheme, from, message) {
            Ok(verified) => self.step(now, Input::Message(verified), phrases, witness),
            Err(_) => Said::new(),
        }
    }

    fn step(
        &mut self,
        now: Instant,
        input: InputOf<'_, Client<Vec<u8>>>,
        phrases: &Phrases,
        witness: &mut Witness,
    ) -> Said {
        let me = Principal::Client(self.me);
        let mut said = Said::new();
        for output in self.machine.step(now, input) {
            match output {
                Output::Send { to, message } => {
                    if let Message::Request(request) = &message {
                        self.timestamp = request.timestamp;
                        witness.asked(self.me, request.timestamp, request.operation.0);
                    }
                    let mut buffer = vec![0; wire::encoded_len(&message)];
                    let (scope, key) = (phrases.roster.scope(), Phrases::key(me));
                    wire::seal(message, me, scope, &key, &mut buffer).expect("as long as it says");
                    said.push((to, Payload::from(buffer)));
                }
                Output::Decide(decision) => {
                    let reply = match decision {
                        ClientDecision::Done { reply } => Some(reply),
                        ClientDecision::Failed(Failure::ReplyTooLong) => None,
                        ClientDecision::Failed(failure) => {
                            panic!("c{} fails: {failure:?}", self.me.0)
                        }
                    };
                    let request = (self.me, self.timestamp);
                    witness.accepted(request, reply, DIMENSIONS.reply_bytes);
                }
                Output::Persist(never) => match never {},
                Output::Accuse { node, fault } => {
                    // A client hears only its own replies from correct replicas.
                    witness.blamed(node, fault);
                }
                Output::Refuse(refusal) => panic!("c{} refuses: {refusal:?}", self.me.0),
            }
        }
        said
    }
}
