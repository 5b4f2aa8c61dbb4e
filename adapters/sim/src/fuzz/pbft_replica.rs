//! One replica among three liars.

use super::application::Application;
use super::ground::difference;
use super::host::{Host, Machine, Passage, config};
use super::phrases::{CLIENTS, NODES, Payload, Phrases, all};
use super::whim::Whim;
use super::witness::Witness;
use crate::pbft::Journal;
use core::time::Duration;
use quorate::pbft::{Command, Message, Sequence};
use quorate::protocol::{Input, Protocol};
use quorate::{ClientId, Digest, Fault, Instant, NodeId, Principal, Refusal, wire};

/// The most things that happen in one run.
const DEEDS: usize = 256;

/// Whether it is a statement of this replica that others pass on.
fn signed_by(message: &Message<'_>, node: NodeId) -> bool {
    match message {
        Message::ViewChange(change) => change.author == node,
        Message::NewView(new_view) => new_view.author == node,
        _ => false,
    }
}

/// A replica, one of four, of which the fuzzer speaks for the other three and for all clients: what
/// they could sign, and any bytes. It also says when writes are durable, when the application
/// answers, when the power fails, and what time it is.
///
/// No input panics, no step says more than is published. What the wall or a rule rejects leaves
/// the replica as it was but for what its sender owes. However much everybody lies, the replica
/// does not contradict itself, across restarts, and says nothing that its disk does not know.
pub fn pbft_replica(data: &[u8]) {
    let mut whim = Whim::new(data);
    let me = NodeId(whim.below(NODES) as u8);
    let hands = all().iter().filter(|node| *node != me).collect();
    let phrases = Phrases::new(hands);
    let host = Host::new(config(me, &phrases), || Journal::new(CLIENTS));
    let witness = Witness::new(hands, 0);
    let (now, own) = (Instant::ZERO, Vec::new());
    let mut trial = Trial { host, phrases, witness, now, own, lost: false, traces: false };
    trial.pass(Duration::ZERO);
    for _ in 0..DEEDS {
        if whim.is_over() {
            break;
        }
        let deed = whim.byte();
        trial.traces = deed >= 192;
        trial.deed(deed, &mut whim);
        trial.look();
    }
    // Nothing that is left undone may fail either.
    trial.calm();
    trial.pass(Duration::from_secs(5));
    trial.calm();
    trial.look();
}

struct Trial<A, F> {
    host: Host<A, F>,
    phrases: Phrases,
    witness: Witness,
    now: Instant,
    /// What the replica has signed for others to pass on.
    own: Vec<Payload>,
    lost: bool,
    /// Whether it is looked at what a message that is not accepted leaves, which takes a while.
    traces: bool,
}

impl<A: Application, F: Fn() -> A> Trial<A, F> {
    /// One of the others.
    fn other(&self, whim: &mut Whim<'_>) -> NodeId {
        let at = 1 + whim.below(NODES - 1);
        NodeId(((self.host.config.me.index() + at) % NODES) as u8)
    }

    fn deed(&mut self, deed: u8, whim: &mut Whim<'_>) {
        match deed % 32 {
            0..13 => {
                let from = self.other(whim);
                let payload = self.phrases.compose(whim, from);
                self.hear(Principal::Node(from), &payload);
            }
            13 => {
                let from = Phrases::principal(whim.byte());
                let payload = whim.bytes(1_024);
                self.hear(from, payload);
            }
            14..17 => {
                let said = self.phrases.agreement(whim);
                self.hear_all(&said);
            }
            17 => {
                let said = self.phrases.beginning(whim);
                self.hear_all(&said);
            }
            18 => {
                let said = self.phrases.vouchers(whim);
                self.hear_all(&said);
            }
            19 | 20 => {
                let operation = whim.bytes(40);
                let request = self.phrases.request(whim, operation);
                let payload = self.phrases.seal(Message::Request(request));
                self.hear(Principal::Client(request.client), &payload);
            }
            21 | 22 => self.pass(Duration::from_millis(1 << whim.below(12))),
            23 | 24 => self.host.settle(whim.number(8).saturating_add(1), &mut self.witness),
            25 => {
                self.host.answer(self.now, &self.phrases, &mut self.witness);
            }
            26 => self.blackout(whim),
            27 => self.host.compact(),
            28 => self.command(whim),
            29 => self.echo(whim),
            30 if whim.chance(16) => {
                self.lost = true;
                self.host.lose(&mut self.witness);
                self.host.restart(self.now, &self.phrases, &mut self.witness);
            }
            _ => self.calm(),
        }
    }

    /// Brings a message, and looks whether it changed what it must not.
    fn hear(&mut self, from: Principal, payload: &[u8]) {
        if self.is_from_elsewhere(from, payload) {
            return;
        }
        let before = self.host.machine.as_ref().filter(|_| self.traces).cloned();
        self.host.house.accused.clear();
        let (now, phrases, witness) = (self.now, &self.phrases, &mut self.witness);
        let passage = self.host.receive(now, from, payload, phrases, witness);
        let (Some(before), Some(after)) = (before, &self.host.machine) else { return };
        let accused = self.host.house.accused.iter().any(|(who, fault)| {
            *who == from && is_rejection(*fault) && from != Principal::Node(self.host.config.me)
        });
        if passage == Passage::Kept {
            same("what was kept out", &before, after);
        } else if accused {
            let (after, before) = (woken(after, now, 3), woken(&before, now, 4));
            let accused = &self.host.house.accused;
            same(&format!("a message that was rejected, {accused:?},"), &before, &after);
        }
    }

    /// Whether it was signed by this replica, but not in this run: the corpus holds messages of
    /// real runs, with the same keys. Whoever has such a one tells it that its log is old.
    fn is_from_elsewhere(&self, from: Principal, payload: &[u8]) -> bool {
        let Ok(message) = wire::decode::<Message<'_>>(payload) else { return false };
        signed_by(&message, self.host.config.me)
            && self.phrases.roster.verify(&self.phrases.scheme, from, message).is_ok()
            && !self.own.iter().any(|said| said[..] == *payload)
    }

    fn hear_all(&mut self, said: &[(NodeId, super::phrases::Payload)]) {
        let me = self.host.config.me;
        for (from, payload) in said.iter().filter(|(from, _)| *from != me) {
            self.hear(Principal::Node(*from), payload);
        }
    }

    /// A command that the host does not owe: it is refused, and nothing comes of it.
    fn command(&mut self, whim: &mut Whim<'_>) {
        let Some(before) = self.host.machine.clone().filter(|_| self.host.house.owed.is_empty())
        else {
            return;
        };
        let client = ClientId(whim.number(CLIENTS as u8 + 1) as u16);
        let sequence = Sequence(self.phrases.low.saturating_add(whim.number(8)));
        let bytes = whim.bytes(48);
        let command = match whim.below(4) {
            0 => Command::Executed { client, reply: bytes },
            1 => Command::Captured { sequence, state: Digest::of(bytes) },
            2 => Command::Answered { client, answer: whim.chance(128).then_some(bytes) },
            _ => Command::Installed { sequence, clients: bytes },
        };
        let (now, phrases, witness) = (self.now, &self.phrases, &mut self.witness);
        self.host.house.refused.clear();
        self.host.step(now, Input::Command(command), phrases, witness);
        assert!(!self.host.house.refused.is_empty(), "{command:?} is not refused");
        self.host.house.refused.clear();
        let Some(after) = &self.host.machine else { return };
        let (after, before) = (woken(after, now, 3), woken(&before, now, 4));
        same(&format!("{command:?}, which is refused,"), &before, &after);
    }

    /// What the replica said comes back to it from somebody else.
    fn echo(&mut self, whim: &mut Whim<'_>) {
        let from = self.other(whim);
        if let Some((_, payload)) = whim.pick(&self.host.house.said).cloned() {
            self.hear(Principal::Node(from), &payload);
        }
    }

    /// The power fails and comes back.
    fn blackout(&mut self, whim: &mut Whim<'_>) {
        let (survive, torn) = (whim.number(8), whim.below(64));
        self.host.crash(survive, torn, &mut self.witness);
        self.host.restart(self.now, &self.phrases, &mut self.witness);
    }

    fn pass(&mut self, span: Duration) {
        self.now = self.now.after(span);
        // Earlier than needed is harmless; and the replica knows what time it is.
        self.host.step(self.now, Input::Wake, &self.phrases, &mut self.witness);
        self.host.wake(self.now, &self.phrases, &mut self.witness);
    }

    /// Everything that is under way comes to its end.
    fn calm(&mut self) {
        loop {
            self.host.settle(u64::MAX, &mut self.witness);
            if !self.host.answer(self.now, &self.phrases, &mut self.witness) {
                break;
            }
        }
        self.host.wake(self.now, &self.phrases, &mut self.witness);
        self.host.settle(u64::MAX, &mut self.witness);
    }

    /// Takes note of what the replica said, and of how it took its host's answers.
    fn look(&mut self) {
        let me = self.host.config.me;
        for refusal in self.host.house.refused.drain(..) {
            match refusal {
                Refusal::Exhausted | Refusal::NotCapturing { .. } => {}
                Refusal::OldLog { .. } if self.lost => {}
                // A batch under execution is given up when the state turns out wrong.
                Refusal::NotExecuting { .. } if self.lost || self.witness.diverged(me) => {}
                refusal => panic!("a host that does what it is told hears: {refusal:?}"),
            }
        }
        for (_, payload) in &self.host.house.said {
            self.phrases.hear(payload);
            let signed = wire::decode(payload).is_ok_and(|it: Message<'_>| signed_by(&it, me));
            self.own.extend(signed.then(|| Payload::clone(payload)));
        }
        let kept = self.host.house.said.len().saturating_sub(16);
        self.host.house.said.drain(..kept);
        if let Some(machine) = &self.host.machine {
            let status = machine.status();
            (self.phrases.low, self.phrases.view) = (status.stable.0, status.view.0);
        }
    }
}

/// Whether a message of which somebody says this was not accepted, and nothing else.
const fn is_rejection(fault: Fault) -> bool {
    // A server is not asked again; of one that contradicts itself no more is looked at; a NEW-VIEW
    // waits for what it names, and is judged then.
    !matches!(
        fault,
        Fault::Stalled
            | Fault::BadContent
            | Fault::BadNewView
            | Fault::Equivocation
            | Fault::WrongDigest
    )
}

/// Two replicas are one.
fn same(what: &str, before: &Machine, after: &Machine) {
    assert!(before == after, "{what} left a trace: {}", difference(before, after));
}

/// A copy of it that was woken so often, at a time at which it was woken before.
fn woken(machine: &Machine, now: Instant, times: usize) -> Machine {
    let mut copy = machine.clone();
    for _ in 0..times {
        copy.step(now, Input::Wake).for_each(drop);
    }
    copy
}
