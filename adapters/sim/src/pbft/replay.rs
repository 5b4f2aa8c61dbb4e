//! A recording, played again: the same core, the same inputs, every output.

use super::line::Line;
use super::memory::Memory;
use super::outputs;
use crate::recording::{Event, Origin, Recording, Told};
use crate::transcript::Transcript;
use quorate::ed25519::Ed25519;
use quorate::pbft::{
    Admission, Command, Decision, Message, Record, RecoverError, Replica, Snapshot,
};
use quorate::protocol::{Input, Output, Protocol, Target};
use quorate::{Digest, Instant, NodeId, Principal, PublicKey, Roster, wire};

/// How the replay of a recording went.
#[derive(Clone, Debug)]
pub struct Replayed {
    /// Steps that were played.
    pub steps: u64,
    /// Outputs of all steps.
    pub outputs: u64,
    /// The first step that did not put out what was recorded; all after it were not played.
    pub divergence: Option<Divergence>,
    /// Every input and output, if it was asked for.
    pub transcript: Transcript,
}

/// A step that does not go as it did.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Divergence {
    /// Which step, from 1 on.
    pub step: u64,
    /// When it was, in microseconds of the replica's clock.
    pub micros: u64,
    /// What is different.
    pub what: String,
}

/// Plays a recording up to its end, or to the first step that diverges; `text`: with a
/// transcript.
///
/// # Errors
/// What the replica began with does not make one.
pub fn replay(recording: &Recording, text: bool) -> Result<Replayed, String> {
    play(recording, text, |_| {})
}

/// The same, and hands the lines of the transcript over as they are made, so that no more of them
/// than those of one step are ever in memory: at the end the transcript has none.
///
/// # Errors
/// What the replica began with does not make one.
pub fn replay_lines(recording: &Recording, mut each: impl FnMut(&str)) -> Result<Replayed, String> {
    play(recording, true, |transcript| {
        transcript.take_lines().iter().for_each(|line| each(line));
    })
}

fn play(
    recording: &Recording,
    text: bool,
    mut after: impl FnMut(&mut Transcript),
) -> Result<Replayed, String> {
    let mut player = Player::new(recording, text)?;
    for event in &recording.events {
        let played = player.play(event);
        after(&mut player.done.transcript);
        if let Err(what) = played {
            let micros = player.now.as_micros();
            player.done.divergence = Some(Divergence { step: player.done.steps, micros, what });
            break;
        }
    }
    Ok(player.done)
}

struct Player {
    me: NodeId,
    replica: Replica<Memory>,
    roster: Roster<Vec<PublicKey>>,
    now: Instant,
    done: Replayed,
}

impl Player {
    fn new(recording: &Recording, text: bool) -> Result<Self, String> {
        let Recording { config, sizes, keys, begun, snapshot, records, .. } = recording;
        let memory = Memory::new(*sizes);
        let records = records.iter().map(|bytes| wire::decode::<Record<'_>>(bytes));
        let records: Result<Vec<Record<'_>>, _> = records.collect();
        let records = records.map_err(|error| format!("a record of the log: {error}"))?;
        let snapshot = snapshot.as_ref().map(|(sequence, state, clients)| Snapshot {
            sequence: *sequence,
            clients,
            state: *state,
        });
        let replica = match recording.origin {
            Origin::Log => Replica::recover(*config, memory, *begun, snapshot, records),
            Origin::Unsure(nonce) => {
                Replica::unsure(*config, memory, nonce).map_err(RecoverError::Config)
            }
            Origin::Lost(nonce) => {
                Replica::amnesiac(*config, memory, nonce).map_err(RecoverError::Config)
            }
        };
        let replica = replica.map_err(|error| error.to_string())?;
        let (nodes, clients) = keys.clone();
        let (cluster, epoch) = (config.scope.cluster, config.scope.epoch);
        let roster = Roster::new(cluster, epoch, nodes, clients, &Ed25519);
        let roster = roster.map_err(|error| format!("the keys: {error}"))?;
        let transcript = Transcript::new(text);
        let done = Replayed { steps: 0, outputs: 0, divergence: None, transcript };
        Ok(Self { me: config.me, replica, roster, now: *begun, done })
    }

    fn play(&mut self, event: &Event) -> Result<(), String> {
        match event {
            Event::Step { now, digest, input } => {
                self.now = *now;
                self.done.steps += 1;
                self.step(input, *digest)
            }
            Event::Admission { now, answer, from, payload } => {
                let Ok(message) = wire::decode::<Message<'_>>(payload) else {
                    return Err("a message that asked for admission does not decode".into());
                };
                let given = match self.replica.admit(*now, *from, &message) {
                    Admission::Verify => 0,
                    Admission::Known => 1,
                    Admission::Refused(_) => 2,
                    Admission::Later { .. } => 3,
                };
                let what = || format!("the admission after it is {given}, it was {answer}");
                (given == *answer).then_some(()).ok_or_else(what)
            }
        }
    }

    fn step(&mut self, input: &Told, digest: [u8; 8]) -> Result<(), String> {
        let (me, now) = (self.me, self.now);
        let Self { replica, roster, done, .. } = self;
        enter_input(&mut done.transcript, me, now, input);
        let input = match input {
            Told::Wake => Input::Wake,
            Told::Executed(client, reply) => {
                Input::Command(Command::Executed { client: *client, reply })
            }
            Told::Captured(sequence, state) => {
                Input::Command(Command::Captured { sequence: *sequence, state: *state })
            }
            Told::Seek(sequence, pieces) => {
                Input::Command(Command::Seek { sequence: *sequence, pieces })
            }
            Told::Installed(sequence, clients) => {
                Input::Command(Command::Installed { sequence: *sequence, clients })
            }
            Told::Answered(client, answer) => {
                let answer = answer.as_deref();
                Input::Command(Command::Answered { client: *client, answer })
            }
            Told::Message(from, payload) => {
                let message = wire::decode::<Message<'_>>(payload)
                    .map_err(|error| format!("its message: {error}"))?;
                let verified = roster.verify(&Ed25519, *from, message);
                Input::Message(verified.map_err(|fault| format!("its message: {fault:?}"))?)
            }
        };
        let mut put_out = Vec::new();
        let before = done.outputs;
        for output in replica.step(now, input) {
            done.outputs += 1;
            outputs::put(&output, &mut put_out);
            enter_output(&mut done.transcript, me, now, &output);
        }
        if Digest::of(&put_out).0[..8] == digest {
            return Ok(());
        }
        let count = done.outputs - before;
        Err(format!("its {count} outputs are not those that were recorded"))
    }
}

fn enter_input(transcript: &mut Transcript, me: NodeId, now: Instant, input: &Told) {
    let line = match input {
        Told::Wake => Line::Input { node: me, what: "wakes" },
        Told::Executed(..) => Line::Input { node: me, what: "has the reply of its application" },
        Told::Captured(..) => Line::Input { node: me, what: "has captured a checkpoint" },
        Told::Seek(..) => Line::Input { node: me, what: "knows what it lacks of a state" },
        Told::Installed(..) => Line::Input { node: me, what: "has installed a state" },
        Told::Answered(..) => Line::Input { node: me, what: "has the answer to a read" },
        Told::Message(from, payload) => {
            Line::Delivered { from: *from, to: Principal::Node(me), payload }
        }
    };
    transcript.enter(now, &line);
}

/// Enters an output as the line that a simulated replica would have.
fn enter_output(
    transcript: &mut Transcript,
    node: NodeId,
    now: Instant,
    output: &Output<Message<'_>, Decision<'_>, Record<'_>>,
) {
    let from = Principal::Node(node);
    match output {
        Output::Persist(record) => {
            let record = &encoded(record);
            transcript.enter(now, &Line::Persisted { node, record });
        }
        Output::Send { to, message } => {
            let payload = &encoded(message);
            let to = match to {
                Target::All | Target::Nodes(_) => None,
                Target::Node(node) => Some(Principal::Node(*node)),
                Target::Client(client) => Some(Principal::Client(*client)),
            };
            transcript.enter(now, &Line::Sent { from, to, payload });
        }
        Output::Decide(Decision::Execute(execution)) => {
            let sequence = execution.sequence().0;
            for request in execution.requests() {
                let (client, timestamp) = (request.client, request.timestamp);
                transcript.enter(now, &Line::Executed { node, sequence, client, timestamp });
            }
        }
        Output::Decide(Decision::Checkpoint { sequence, .. }) => {
            transcript.enter(now, &Line::Captured { node, sequence: sequence.0 });
        }
        Output::Decide(other) => {
            let what = &format!("decides {other:?}");
            transcript.enter(now, &Line::Input { node, what });
        }
        Output::Accuse { node: who, fault } => {
            let (who, fault) = (Principal::Node(*who), *fault);
            transcript.enter(now, &Line::Accused { node, who, fault });
        }
        Output::Refuse(refusal) => {
            transcript.enter(now, &Line::Refused { who: from, refusal: *refusal });
        }
    }
}

fn encoded<T: serde::Serialize>(thing: &T) -> Vec<u8> {
    let mut bytes = vec![0; wire::encoded_len(thing)];
    wire::encode(thing, &mut bytes).expect("as long as it says");
    bytes
}
