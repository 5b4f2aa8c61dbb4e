//! A client among replicas one of which lies to it.

use super::phrases::{NODES, Phrases};
use super::whim::Whim;
use core::time::Duration;
use quorate::pbft::{
    Busy, Client, ClientCommand, ClientConfig, ClientDecision, Failure, Message, Outcome, Read,
    ReadReply, Reply, Request, Sequence, Switches, View,
};
use quorate::protocol::{Input, InputOf, Output, Protocol};
use quorate::wire::{self, Bytes};
use quorate::{ClientId, Digest, Fault, Instant, NodeId, Principal, Quorum, Refusal};

/// The most things that happen in one run.
const DEEDS: usize = 128;
const ME: ClientId = ClientId(1);
const OPERATION: usize = 24;
const REPLY: usize = 32;
const RETRY: Duration = Duration::from_millis(100);
const GIVE_UP: Duration = Duration::from_secs(8);

/// A client and four replicas. The fuzzer speaks for one of them and says anything to the client;
/// it decides when the others answer, what state they are in and what view, and what time it is.
///
/// What the client believes is what a correct replica said; it never takes over a view that no
/// correct replica has reached, blames nobody but the liar, and gives up when it is time, not
/// before.
pub fn client(data: &[u8]) {
    let mut whim = Whim::new(data);
    let liar = NodeId(whim.below(NODES) as u8);
    let mut room = Room::new(liar, whim.chance(128));
    for _ in 0..DEEDS {
        if whim.is_over() {
            break;
        }
        room.deed(&mut whim);
    }
    room.pass(GIVE_UP);
    assert!(!room.machine.is_busy(), "it does not give up");
}

/// What the client waits for.
#[derive(Clone, Debug, Default)]
struct Question {
    timestamp: u64,
    operation: Vec<u8>,
    since: Instant,
}

struct Room {
    machine: Client<Vec<u8>>,
    phrases: Phrases,
    liar: NodeId,
    fast_reads: bool,
    question: Question,
    now: Instant,
    /// The highest view that a correct replica told of.
    view: u64,
    /// Whether a correct replica had no room for the request.
    busy: bool,
}

/// What the application replies, in a state.
fn answer(operation: &[u8], state: u64) -> Vec<u8> {
    let digest = Digest::of(&[operation, &state.to_le_bytes()].concat()).0;
    // One in eight is longer than replies may be.
    let length = if digest[0].is_multiple_of(8) { 32 } else { usize::from(digest[1] % 32) };
    digest[..length].iter().copied().chain((length == 32).then_some(0)).collect()
}

impl Room {
    fn new(liar: NodeId, fast_reads: bool) -> Self {
        let config = ClientConfig {
            me: ME,
            quorum: Quorum::of(NODES).expect("four is a number of replicas"),
            retry: RETRY,
            give_up: GIVE_UP,
            switches: Switches { fast_reads },
        };
        Self {
            machine: Client::new(config, vec![0; OPERATION], vec![0; REPLY]),
            phrases: Phrases::new([liar].into_iter().collect()),
            liar,
            fast_reads,
            question: Question::default(),
            now: Instant::ZERO,
            view: 0,
            busy: false,
        }
    }

    fn deed(&mut self, whim: &mut Whim<'_>) {
        match whim.below(16) {
            0..3 => {
                let operation = whim.bytes(OPERATION + 2);
                let wall_micros = whim.number(8);
                let command = if whim.chance(128) {
                    ClientCommand::Read { operation, wall_micros }
                } else {
                    ClientCommand::Submit { operation, wall_micros }
                };
                self.submit(operation, command);
            }
            3..8 => self.lie(whim),
            8..13 => self.tell(whim),
            13 => {
                let payload = whim.bytes(100);
                self.hear(self.liar, payload);
            }
            14 => self.pass(Duration::from_millis(1 << whim.below(8))),
            _ => self.pass(Duration::ZERO),
        }
        let view = self.machine.view().0;
        assert!(view <= self.view, "no correct replica has reached view {view}");
    }

    fn submit(&mut self, operation: &[u8], command: ClientCommand<'_>) {
        let (was_busy, known) = (self.machine.is_busy(), self.question.timestamp);
        let refused = self.step(Input::Command(command));
        let fits = operation.len() <= OPERATION;
        assert_eq!(refused.is_none(), !was_busy && fits && known < u64::MAX, "{refused:?}");
    }

    /// The liar says something about what the client asked, or about anything.
    fn lie(&mut self, whim: &mut Whim<'_>) {
        if whim.chance(64) {
            let payload = self.phrases.compose(whim, self.liar);
            return self.hear(self.liar, &payload);
        }
        let timestamp = if whim.chance(16) { whim.number(4) } else { self.question.timestamp };
        let client = if whim.chance(8) { ClientId(whim.byte().into()) } else { ME };
        let (view, state) = (View(whim.number(6)), whim.number(3));
        let right = answer(&self.question.operation, state);
        let wrong = whim.chance(128).then(|| whim.bytes(REPLY + 2));
        let bytes = Bytes(wrong.unwrap_or(&right));
        let message = match whim.below(3) {
            0 => Message::Reply(Reply {
                view,
                client,
                timestamp,
                outcome: [Outcome::Executed, Outcome::ReplyTooLong, Outcome::Stale][whim.below(3)],
                reply: bytes,
            }),
            1 => Message::ReadReply(ReadReply {
                view,
                client,
                number: timestamp,
                operation: Digest::of(&self.question.operation),
                state: Sequence(state),
                answer: (!whim.chance(32)).then_some(bytes),
            }),
            _ => Message::Busy(Busy {
                client,
                timestamp,
                retry_after: whim.number(100).saturating_mul(10_000),
            }),
        };
        let payload = self.phrases.seal(message);
        self.hear(self.liar, &payload);
    }

    /// A correct replica answers: an ordered request with the one reply that it has, a read in
    /// whatever state it is.
    fn tell(&mut self, whim: &mut Whim<'_>) {
        let from = NodeId(((self.liar.index() + 1 + whim.below(NODES - 1)) % NODES) as u8);
        let Question { timestamp, operation, .. } = self.question.clone();
        let view = View(u64::from(whim.byte() % 3));
        let state = u64::from(whim.byte() % 2);
        let read = whim.chance(if self.fast_reads { 128 } else { 0 });
        let reply = answer(&operation, if read { state } else { 0 });
        let fits = reply.len() <= REPLY;
        let message = if whim.chance(24) {
            self.busy = true;
            Message::Busy(Busy { client: ME, timestamp, retry_after: 50_000 })
        } else if read {
            let (operation, state) = (Digest::of(&operation), Sequence(state));
            let answer = fits.then_some(Bytes(&reply));
            Message::ReadReply(ReadReply {
                view,
                client: ME,
                number: timestamp,
                operation,
                state,
                answer,
            })
        } else {
            let outcome = if fits { Outcome::Executed } else { Outcome::ReplyTooLong };
            let reply = Bytes(if fits { &reply } else { &[] });
            Message::Reply(Reply { view, client: ME, timestamp, outcome, reply })
        };
        if !matches!(message, Message::Busy(_)) {
            self.view = self.view.max(view.0);
        }
        let payload = self.phrases.seal(message);
        self.hear(from, &payload);
    }

    fn hear(&mut self, from: NodeId, payload: &[u8]) {
        let Ok(message) = wire::decode::<Message<'_>>(payload) else { return };
        let (roster, scheme) = (self.phrases.roster.clone(), self.phrases.scheme.clone());
        if let Ok(verified) = roster.verify(&scheme, Principal::Node(from), message) {
            let refused = self.step(Input::Message(verified));
            assert_eq!(refused, None, "a message is refused");
        }
    }

    fn pass(&mut self, span: Duration) {
        self.now = self.now.after(span);
        for _ in 0..16 {
            self.step(Input::Wake);
            if self.machine.deadline().is_none_or(|due| due > self.now) {
                return;
            }
        }
        panic!("it is woken for ever at one instant");
    }

    /// Steps the client and looks at what it wants.
    fn step(&mut self, input: InputOf<'_, Client<Vec<u8>>>) -> Option<Refusal> {
        let mut refused = None;
        let asks = match &input {
            Input::Command(
                ClientCommand::Submit { operation, .. } | ClientCommand::Read { operation, .. },
            ) => Some(operation.to_vec()),
            _ => None,
        };
        for output in self.machine.step(self.now, input) {
            match output {
                Output::Send { message, .. } => {
                    let (timestamp, said) = match message {
                        Message::Request(Request { timestamp, operation, .. })
                        | Message::Read(Read { number: timestamp, operation, .. }) => {
                            (timestamp, operation.0)
                        }
                        other => panic!("a client says {other:?}"),
                    };
                    if let Some(operation) = &asks {
                        assert!(timestamp > self.question.timestamp, "its timestamps rise");
                        let (operation, since) = (operation.clone(), self.now);
                        self.question = Question { timestamp, operation, since };
                        self.busy = false;
                    }
                    let Question { timestamp: asked, operation, .. } = &self.question;
                    assert_eq!((timestamp, said), (*asked, &operation[..]), "it asks otherwise");
                }
                Output::Decide(decision) => {
                    judge(&self.question, &decision, self.now, self.busy);
                }
                Output::Accuse { node, fault } => {
                    let fair = node == self.liar
                        && matches!(fault, Fault::Impersonation | Fault::NotAllowed);
                    assert!(fair, "it says of r{}: {fault}", node.0);
                }
                Output::Refuse(refusal) => refused = Some(refusal),
                Output::Persist(never) => match never {},
            }
        }
        refused
    }
}

/// What the client believes is what a correct replica said.
fn judge(question: &Question, decision: &ClientDecision<'_>, now: Instant, busy: bool) {
    let answers = [0, 1].map(|state| answer(&question.operation, state));
    match decision {
        ClientDecision::Done { reply } => {
            let told = answers.iter().any(|answer| answer == reply);
            assert!(told && reply.len() <= REPLY, "no correct replica replied {reply:02x?}");
        }
        ClientDecision::Failed(Failure::ReplyTooLong) => {
            assert!(answers[0].len() > REPLY, "the reply is not too long");
        }
        ClientDecision::Failed(failure @ (Failure::TimedOut | Failure::Busy { .. })) => {
            assert!(question.since.after(GIVE_UP) <= now, "{failure:?} too early");
            let is_busy = matches!(failure, Failure::Busy { .. });
            assert!(busy || !is_busy, "no correct replica was busy");
        }
        ClientDecision::Failed(failure) => panic!("no correct replica said {failure:?}"),
    }
}
