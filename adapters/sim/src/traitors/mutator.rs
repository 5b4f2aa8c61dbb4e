//! Changes a few messages a little, for some of their receivers.

use crate::engine::Payload;
use crate::random::Random;
use crate::traitor::{Rights, Traitor};
use quorate::pbft::{Batch, Histories, Message, Pairs, Sequence, View, Vote};
use quorate::{Digest, NodeId, NodeSet, Principal, wire};

/// A traitor in the manner of ByzzFuzz (Winter et al., "Randomized Testing of Byzantine Fault
/// Tolerant Algorithms", OOPSLA 2023): small changes find more than wild ones, and few of them
/// are enough. In c rounds it changes what it says, a little and for some receivers; in d it is
/// not heard by some. A round is one message of its machine, whoever receives it.
#[derive(Clone, Debug)]
pub struct Mutator {
    process: u8,
    network: u8,
    mutations: Option<Vec<Mutation>>,
    round: u64,
    last: Option<Payload>,
    /// The body of the last batch but one, for swaps.
    batches: [Vec<u8>; 2],
}

/// One change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mutation {
    /// In which round, counted from 1.
    pub round: u64,
    /// For whom.
    pub receivers: NodeSet,
    /// What is changed.
    pub change: Change,
}

/// What is changed in a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It is not sent.
    Omit,
    /// The view after it.
    NextView,
    /// The view before it.
    LastView,
    /// The sequence after it.
    NextSequence,
    /// The sequence before it.
    LastSequence,
    /// Another digest, or another batch that was proposed before.
    Digest,
    /// The name of another replica.
    Author(NodeId),
}

/// Rounds in which something may be changed: about a dozen batches.
const ROUNDS: u64 = 80;
/// Rounds for which it is not heard.
const DEAF: u64 = 4;

impl Mutator {
    /// So many rounds are changed, and so many are not heard by some; chance says which.
    #[must_use]
    pub fn new(process: u8, network: u8) -> Self {
        let (round, last, batches) = (0, None, [Vec::new(), Vec::new()]);
        Self { process, network, mutations: None, round, last, batches }
    }

    /// These changes and no others.
    #[must_use]
    pub fn of(mutations: Vec<Mutation>) -> Self {
        Self { mutations: Some(mutations), ..Self::new(0, 0) }
    }

    fn draw(&self, random: &mut Random, nodes: usize) -> Vec<Mutation> {
        let all: Vec<NodeId> = (0..nodes as u8).map(NodeId).collect();
        let mut drawn = Vec::new();
        for fault in 0..self.process + self.network {
            let round = random.between(1, ROUNDS);
            let receivers = all.iter().filter(|_| random.chance(500)).copied().collect();
            if fault >= self.process {
                let omit =
                    |later| Mutation { round: round + later, receivers, change: Change::Omit };
                drawn.extend((0..DEAF).map(omit));
                continue;
            }
            let change = *random.pick(&[
                Change::Omit,
                Change::NextView,
                Change::LastView,
                Change::NextSequence,
                Change::LastSequence,
                Change::Digest,
                Change::Author(*random.clone().pick(&all)),
            ]);
            drawn.push(Mutation { round, receivers, change });
        }
        drawn
    }

    /// The message with a change; `None`: it is not sent.
    fn change(&self, change: Change, rights: &Rights<'_>, message: Message<'_>) -> Option<Payload> {
        let vote = |vote: Vote| Vote {
            view: view(vote.view, change),
            sequence: sequence(vote.sequence, change),
            digest: digest(vote.digest, change),
        };
        let mutated = match message {
            _ if change == Change::Omit => return None,
            Message::PrePrepare { view: v, sequence: s, batch } => {
                let other = Batch::from_bytes(&self.batches[0]);
                let batch = if change == Change::Digest { other } else { batch };
                let (view, sequence) = (view(v, change), sequence(s, change));
                Message::PrePrepare { view, sequence, batch }
            }
            Message::Prepare(it) => Message::Prepare(vote(it)),
            Message::Commit(it) => Message::Commit(vote(it)),
            Message::Checkpoint { sequence: s, digest: d } => {
                Message::Checkpoint { sequence: sequence(s, change), digest: digest(d, change) }
            }
            Message::Settled { sequence: s, digest: d } => {
                Message::Settled { sequence: sequence(s, change), digest: digest(d, change) }
            }
            Message::Batch { sequence: s, batch } => {
                Message::Batch { sequence: sequence(s, change), batch }
            }
            Message::Status(mut status) => {
                status.view = view(status.view, change);
                status.executed = sequence(status.executed, change);
                Message::Status(status)
            }
            Message::ViewChange(mut it) => {
                it.view = view(it.view, change);
                it.stable = sequence(it.stable, change);
                match change {
                    Change::Digest => it.histories = Histories::default(),
                    Change::Author(node) => it.author = node,
                    _ => {}
                }
                Message::ViewChange(it)
            }
            Message::NewView(mut it) => {
                it.view = view(it.view, change);
                match change {
                    Change::Digest => it.chosen = Pairs::from_bytes(&[]),
                    Change::Author(node) => it.author = node,
                    _ => {}
                }
                Message::NewView(it)
            }
            other => other,
        };
        Some(rights.seal(mutated))
    }
}

const fn view(view: View, change: Change) -> View {
    match change {
        Change::NextView => View(view.0 + 1),
        Change::LastView => View(view.0.saturating_sub(1)),
        _ => view,
    }
}

const fn sequence(sequence: Sequence, change: Change) -> Sequence {
    match change {
        Change::NextSequence => Sequence(sequence.0 + 1),
        Change::LastSequence => Sequence(sequence.0.saturating_sub(1)),
        _ => sequence,
    }
}

fn digest(digest: Digest, change: Change) -> Digest {
    if change == Change::Digest { Digest::of(&digest.0) } else { digest }
}

impl Traitor for Mutator {
    fn name(&self) -> &'static str {
        "mutator"
    }

    fn utter(
        &mut self,
        rights: Rights<'_>,
        to: Principal,
        payload: &Payload,
        out: &mut Vec<(Principal, Payload)>,
    ) {
        if self.mutations.is_none() {
            self.mutations = Some(self.draw(rights.random, rights.nodes));
        }
        let Ok(message) = wire::decode::<Message<'_>>(payload) else { return };
        if self.last.as_ref() != Some(payload) {
            self.round += 1;
            self.last = Some(Payload::clone(payload));
            if let Message::PrePrepare { batch, .. } = message {
                self.batches.swap(0, 1);
                self.batches[1] = batch.bytes().to_vec();
            }
        }
        let mut mutations = self.mutations.iter().flatten();
        let mine = |it: &&Mutation| {
            let receives = matches!(to, Principal::Node(node) if it.receivers.contains(node));
            it.round == self.round && receives
        };
        match mutations.rfind(mine) {
            None => out.push((to, Payload::clone(payload))),
            Some(it) => {
                out.extend(self.change(it.change, &rights, message).map(|said| (to, said)));
            }
        }
    }
}
