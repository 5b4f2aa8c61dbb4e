//! State transfer from servers one of which is hostile.

use super::history::{Captured, history};
use super::host::{Host, config};
use super::pen::Pen;
use super::phrases::{CLIENTS, Phrases};
use super::whim::Whim;
use super::witness::Witness;
use crate::pbft::Journal;
use crate::pbft::pages::Image;
use core::time::Duration;
use quorate::pbft::{Message, Place, Replica, Sequence};
use quorate::protocol::{Protocol, Target};
use quorate::wire::{self, Bytes};
use quorate::{Fault, Instant, NodeId, NodeSet, Principal};
use std::collections::BTreeMap;

/// The most things that happen before the hostile server falls silent.
const DEEDS: usize = 160;
/// How long the rest may take then.
const BOUND: Duration = Duration::from_secs(60);
/// The one that fetches, two that serve what they have, and the hostile one.
const FETCHER: NodeId = NodeId(0);
const SERVERS: [NodeId; 2] = [NodeId(1), NodeId(2)];
const LIAR: NodeId = NodeId(3);
/// Batches of the history that was missed.
const MISSED: u64 = 10;

thread_local! {
    static TRUTH: BTreeMap<u64, Captured> = history(MISSED, true).checkpoints;
}

/// A replica that missed everything, two correct replicas that hold the states of several
/// checkpoints, and a hostile one. The fuzzer says when a correct one vouches for which checkpoint
/// and whether its pieces arrive, and in what order; it serves pieces of its own: bent, of another
/// place, of another checkpoint, without being asked; it cuts the power and lets time pass.
///
/// Only true states are installed; nobody correct is blamed but for being slow; and when the
/// hostile server falls silent the replica has the last state within a bound.
pub fn transfer(data: &[u8]) {
    TRUTH.with(|truth| {
        let (mut whim, mut visit) = (Whim::new(data), begin(truth));
        for _ in 0..DEEDS {
            if whim.is_over() {
                break;
            }
            visit.deed(&mut whim);
            visit.look();
        }
        visit.end();
    });
}

/// Nothing has happened yet.
fn begin(truth: &BTreeMap<u64, Captured>) -> Visit<'_, impl Fn() -> Journal> {
    let hands: NodeSet = [LIAR].into_iter().collect();
    let phrases = Phrases::new(hands);
    let host = Host::new(config(FETCHER, &phrases), || Journal::new(CLIENTS));
    let witness = Witness::new(hands, 0);
    Visit { truth, host, phrases, witness, now: Instant::ZERO, asked: Vec::new() }
}

/// A piece that was asked for: of whom, of which checkpoint, which one.
type Asked = (NodeId, u64, Place);

struct Visit<'t, F> {
    truth: &'t BTreeMap<u64, Captured>,
    host: Host<Journal, F>,
    phrases: Phrases,
    witness: Witness,
    now: Instant,
    asked: Vec<Asked>,
}

impl<F: Fn() -> Journal> Visit<'_, F> {
    fn deed(&mut self, whim: &mut Whim<'_>) {
        match whim.below(16) {
            0..2 => {
                let server = SERVERS[whim.below(2)];
                let at = whim.below(self.truth.len());
                self.vouch(server, at);
            }
            2..6 => {
                for _ in 0..=whim.below(8) {
                    let at = whim.below(self.asked.len());
                    self.serve(at);
                }
            }
            6 if !self.asked.is_empty() => {
                let at = whim.below(self.asked.len());
                self.asked.remove(at);
            }
            6..11 => self.lie(whim),
            11 => self.pass(Duration::from_millis(1 << whim.below(10))),
            12 => self.host.settle(whim.number(8).saturating_add(1), &mut self.witness),
            13 => {
                self.host.answer(self.now, &self.phrases, &mut self.witness);
            }
            14 => {
                let (survive, torn) = (whim.number(8), whim.below(64));
                self.host.crash(survive, torn, &mut self.witness);
                self.host.restart(self.now, &self.phrases, &mut self.witness);
            }
            _ => self.calm(),
        }
    }

    fn hear(&mut self, from: NodeId, message: Message<'_>) {
        let payload = self.phrases.seal(message);
        let (from, phrases) = (Principal::Node(from), &self.phrases);
        self.host.receive(self.now, from, &payload, phrases, &mut self.witness);
    }

    /// A correct server vouches for one of its checkpoints.
    fn vouch(&mut self, server: NodeId, at: usize) {
        let Some((sequence, Captured { digest, .. })) = self.truth.iter().nth(at) else { return };
        let message = Message::Checkpoint { sequence: Sequence(*sequence), digest: *digest };
        self.hear(server, message);
    }

    /// Answers what a correct server was asked for, as it is.
    fn serve(&mut self, at: usize) {
        if at >= self.asked.len() {
            return;
        }
        let (server, sequence, place) = self.asked.remove(at);
        let Some(Captured { capture, .. }) = self.truth.get(&sequence) else { return };
        if let Some(bytes) = Image::of(capture).bytes(place).filter(|_| server != LIAR) {
            let (sequence, bytes) = (Sequence(sequence), Bytes(&bytes));
            self.hear(server, Message::State { sequence, place, bytes });
        }
    }

    fn lie(&mut self, whim: &mut Whim<'_>) {
        if whim.chance(48) {
            let payload = self.phrases.compose(whim, LIAR);
            let (from, phrases) = (Principal::Node(LIAR), &self.phrases);
            self.host.receive(self.now, from, &payload, phrases, &mut self.witness);
            return;
        }
        if whim.chance(48) {
            return self.vouch(LIAR, whim.below(self.truth.len()));
        }
        let mine: Vec<Asked> = self.asked.iter().copied().filter(|it| it.0 == LIAR).collect();
        let known = if whim.chance(200) { whim.pick(&mine) } else { whim.pick(&self.asked) };
        let Some((_, sequence, place)) = known.copied() else { return };
        let of = if whim.chance(32) { whim.number(10) } else { sequence };
        let from = if whim.chance(64) { Self::other(whim, place) } else { place };
        let Some(Captured { capture, .. }) = self.truth.get(&of) else { return };
        let mut bytes = Image::of(capture).bytes(from).unwrap_or_default();
        match whim.below(6) {
            0 if !bytes.is_empty() => {
                let at = whim.below(bytes.len());
                bytes[at] ^= 1 << whim.below(8);
            }
            1 => bytes.truncate(whim.below(bytes.len() + 1)),
            2 => bytes.extend(whim.bytes(40)),
            3 => bytes = whim.bytes(200).to_vec(),
            _ => {}
        }
        let (sequence, bytes) = (Sequence(sequence), Bytes(&bytes));
        self.hear(LIAR, Message::State { sequence, place, bytes });
    }

    fn other(whim: &mut Whim<'_>, place: Place) -> Place {
        let index = whim.number(8) as u32;
        Place { index, level: whim.byte() % 4, ..place }
    }

    fn pass(&mut self, span: Duration) {
        self.now = self.now.after(span);
        self.host.wake(self.now, &self.phrases, &mut self.witness);
    }

    fn calm(&mut self) {
        loop {
            self.host.settle(u64::MAX, &mut self.witness);
            if !self.host.answer(self.now, &self.phrases, &mut self.witness) {
                return;
            }
        }
    }

    /// Takes note of what the replica asks for, blames, and installed.
    fn look(&mut self) {
        let said = core::mem::take(&mut self.host.house.said);
        for (to, payload) in &said {
            self.phrases.hear(payload);
            let message = wire::decode::<Message<'_>>(payload);
            if let (Target::Node(server), Ok(Message::FetchState { sequence, place })) =
                (to, message)
            {
                self.asked.push((*server, sequence.0, place));
            }
        }
        let kept = self.asked.len().saturating_sub(64);
        self.asked.drain(..kept);
        for (who, fault) in self.host.house.accused.drain(..) {
            if fault != Fault::Stalled {
                self.witness.accused(FETCHER, who, fault);
            }
        }
        for (sequence, digest) in self.host.house.installed.drain(..) {
            let known = self.truth.get(&sequence).map(|it| it.digest);
            assert_eq!(known, Some(digest), "a state is installed that nobody correct has");
        }
        let refused = &self.host.house.refused;
        assert!(refused.is_empty(), "a host that does what it is told hears: {refused:?}");
    }

    /// The hostile server is silent: the last state must come.
    fn end(&mut self) {
        let end = self.now.after(BOUND);
        let (last, newest) = self.truth.iter().next_back().expect("there is one");
        while self.now < end {
            SERVERS.iter().for_each(|server| self.vouch(*server, self.truth.len() - 1));
            for _ in 0..64 {
                self.calm();
                self.look();
                if self.asked.is_empty() {
                    break;
                }
                (0..self.asked.len()).for_each(|_| self.serve(0));
            }
            let status = self.host.machine.as_ref().map(Replica::status);
            if status.is_some_and(|status| status.executed.0 == *last) {
                let state = self.host.house.application.snapshot();
                assert!(state == newest.capture.state, "the state is not what was certified");
                return;
            }
            let due = self.host.machine.as_ref().and_then(Protocol::deadline).unwrap_or(end);
            self.pass(due.since(self.now).max(Duration::from_millis(1)));
        }
        let status = self.host.machine.as_ref().map(Replica::status);
        panic!("it does not have the last state {BOUND:?} later: {status:?}");
    }
}

/// What happens in a conversation that [`draft`] writes down.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    /// Both correct servers vouch for the checkpoint with this number.
    Vouch(usize),
    /// The first so many pieces that were asked for arrive.
    Serve(usize),
    /// The first piece that was asked for is lost.
    Lose,
    /// The hostile server vouches for that checkpoint too.
    Claim(usize),
    /// The hostile server answers with more bytes than the piece has.
    Bend,
    /// The power fails and is back.
    Cut,
    /// The disk and the application do what they owe.
    Calm,
    /// Half a second passes.
    Wait,
}

/// Transfers as they are: smooth, with a newer state on the way, cut off, among lies and losses.
pub(super) const CONVERSATIONS: &[(&str, &[Step])] = {
    use Step::{Bend, Calm, Claim, Cut, Lose, Serve, Vouch, Wait};
    &[
        ("smooth", &[Vouch(4), Calm, Serve(8), Calm, Serve(8), Calm, Serve(8), Calm]),
        (
            "newer-on-the-way",
            &[Vouch(1), Calm, Serve(2), Calm, Vouch(4), Calm, Serve(8), Wait, Calm],
        ),
        ("power-cut", &[Vouch(4), Calm, Serve(3), Calm, Cut, Vouch(4), Calm, Serve(8), Cut, Calm]),
        (
            "lies-and-losses",
            &[Claim(4), Vouch(4), Calm, Lose, Bend, Serve(1), Wait, Bend, Lose, Calm, Serve(4)],
        ),
    ]
};

/// The input of a conversation. Each deed is played as it is written, since what may follow depends
/// on what was asked for.
pub(super) fn draft(steps: &[Step]) -> Vec<u8> {
    TRUTH.with(|truth| {
        let mut visit = begin(truth);
        let mut input = Vec::new();
        for step in steps {
            let servers = if matches!(step, Step::Vouch(_)) { SERVERS.len() } else { 1 };
            for server in 0..servers {
                let bytes = visit.write(*step, server);
                let mut whim = Whim::new(&bytes);
                visit.deed(&mut whim);
                assert!(whim.is_over(), "{step:?} is written otherwise than it is read");
                visit.look();
                input.extend(bytes);
            }
        }
        input
    })
}

impl<F: Fn() -> Journal> Visit<'_, F> {
    /// A deed as the bytes from which it is read.
    fn write(&self, step: Step, server: usize) -> Vec<u8> {
        let mut pen = Pen::default();
        let asked = self.asked.len();
        match step {
            Step::Vouch(at) => {
                pen.below(16, 0).below(SERVERS.len(), server).below(self.truth.len(), at);
            }
            Step::Serve(pieces) => {
                pen.below(16, 2).below(8, pieces - 1);
                for done in 0..pieces {
                    pen.below(asked.saturating_sub(done), 0);
                }
            }
            Step::Lose if asked > 0 => {
                pen.below(16, 6).below(asked, 0);
            }
            Step::Lose | Step::Calm => {
                pen.below(16, 15);
            }
            Step::Claim(at) => {
                pen.below(16, 7).chance(false).chance(true).below(self.truth.len(), at);
            }
            Step::Bend => {
                let mine = self.asked.iter().filter(|it| it.0 == LIAR).count();
                pen.below(16, 7).chance(false).chance(false).chance(true).below(mine, 0);
                if mine > 0 {
                    pen.chance(false).chance(false).below(6, 2).bytes(40, b"and more");
                }
            }
            Step::Cut => {
                pen.below(16, 14).number(8, 2).below(64, 9);
            }
            Step::Wait => {
                pen.below(16, 11).below(10, 9);
            }
        }
        pen.0
    }
}
