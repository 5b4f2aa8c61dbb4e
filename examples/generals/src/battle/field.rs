//! The field: all generals in one process under one virtual clock, and the traitors' hands on
//! everything that traitors send.
//!
//! Every general, traitor or not, is the library's own, and every frame goes the library's whole
//! way: sealed, decoded, admitted, verified, stepped. What a traitor would have sent loyally is
//! taken apart, lied about, and put together again.

use super::keys::Keys;
use super::ledger::{Accusation, Battle, Fate, Frame, Kind, Said, Telling, Utterance};
use super::tongue::{Part, Speech};
use crate::lie::Lie;
use crate::problem::Problem;
use crate::scenario::{Ids, Scenario};
use crate::treason::{Answer, Place};
use crate::word::Word;
use quorate::auth::Signed;
use quorate::ed25519::Ed25519;
use quorate::rounds::{General, Rules, Schedule};
use quorate::{Admission, Fault, Input, Instant, NodeId, Output, Principal, Protocol, wire};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

/// When the first round begins, in microseconds.
const START: u64 = 1_000_000;
/// Microseconds of a round.
const ROUND: u64 = 100_000;
/// Microseconds that a frame is under way.
const DELAY: u64 = 50_000;

/// What happens next. What happens at the same time happens in the order of these numbers:
/// traitors speak when they have heard what loyal generals say.
#[derive(Clone, Debug)]
enum Event {
    Wake(NodeId),
    Additions(u8),
    Arrival { frame: usize, payload: Vec<u8> },
}

impl Event {
    fn class(&self, scenario: &Scenario) -> u8 {
        match self {
            Self::Arrival { .. } => 0,
            Self::Wake(id) if !scenario.is_traitor(*id) => 1,
            Self::Wake(_) => 2,
            Self::Additions(_) => 3,
        }
    }
}

/// The field.
pub(super) struct Field<'s, S: Speech> {
    scenario: &'s Scenario,
    speech: S,
    keys: Rc<Keys>,
    generals: Vec<General<S::Rules>>,
    queue: BTreeMap<(u64, u8, usize), Event>,
    queued: usize,
    battle: Battle,
}

fn begin(round: u8) -> u64 {
    START + ROUND * u64::from(round) - ROUND
}

impl<'s, S: Speech> Field<'s, S>
where
    for<'a> <S::Rules as Rules>::Message<'a>: Signed,
{
    pub(super) fn new(
        scenario: &'s Scenario,
        speech: S,
        keys: Rc<Keys>,
        detailed: bool,
    ) -> Result<Self, Problem> {
        let (round, margin) = (Duration::from_micros(ROUND), Duration::from_micros(ROUND / 10));
        let schedule = Schedule::new(Instant::from_micros(START), round, margin)
            .map_err(Problem::configuration)?;
        let commanders: Vec<_> = scenario.commanders().collect();
        let mut generals = Vec::with_capacity(scenario.n);
        for me in scenario.generals() {
            let mut rules = speech.rules(scenario, me)?;
            if commanders.contains(&me) {
                S::order(&mut rules, scenario.order_of(me)).map_err(Problem::configuration)?;
            }
            generals.push(General::with_rules(rules, schedule));
        }
        let rounds = generals.first().map_or(0, |general| general.rules().rounds());
        let idle = scenario.treason.lies().iter().map(|lie| lie.number).collect();
        let decisions = vec![None; scenario.n];
        let battle = Battle { rounds, detailed, idle, decisions, ..Battle::default() };
        let queue = BTreeMap::new();
        Ok(Self { scenario, speech, keys, generals, queue, queued: 0, battle })
    }

    /// Fights to the end.
    pub(super) fn fight(mut self) -> Result<Battle, Problem> {
        for id in self.scenario.generals() {
            self.enqueue(begin(1), Event::Wake(id));
        }
        for round in 0..=self.battle.rounds + 1 {
            if self.scenario.treason.additions(round).next().is_some() {
                self.enqueue(begin(round), Event::Additions(round));
            }
        }
        while let Some(((at, ..), event)) = self.queue.pop_first() {
            match event {
                Event::Wake(id) => self.wake(at, id)?,
                Event::Additions(round) => self.add(at, round)?,
                Event::Arrival { frame, payload } => self.arrive(at, frame, &payload),
            }
        }
        Ok(self.battle)
    }

    fn enqueue(&mut self, at: u64, event: Event) {
        self.queue.insert((at, event.class(self.scenario), self.queued), event);
        self.queued += 1;
    }

    /// A round begins for this general, and the one before it ends.
    fn wake(&mut self, at: u64, id: NodeId) -> Result<(), Problem> {
        let loyal = !self.scenario.is_traitor(id);
        let general = &mut self.generals[id.index()];
        let closed = general.round();
        let (mut sent, mut decided) = (Vec::new(), false);
        for output in general.step(Instant::from_micros(at), Input::Wake) {
            match output {
                Output::Persist(never) => match never {},
                Output::Send { to, message } => sent.push((to, self.keys.seal(id, message))),
                Output::Decide(_) => decided = true,
                Output::Accuse { node, fault } if loyal => {
                    let accusation = Accusation { round: closed, by: id, node, fault };
                    self.battle.accusations.push(accusation);
                }
                Output::Refuse(refusal) if loyal => self.battle.refusals.push((id, refusal)),
                Output::Accuse { .. } | Output::Refuse(_) => {}
            }
        }
        if decided && loyal {
            self.battle.decisions[id.index()] = Some(S::verdicts(general.rules()));
        }
        let (round, next) = (general.round(), general.deadline());
        for to in self.scenario.generals().filter(|to| *to != id) {
            for (_, payload) in sent.iter().filter(|(target, _)| target.includes(to)) {
                self.say(at, round, id, to, payload)?;
            }
        }
        if let Some(next) = next {
            self.enqueue(next.as_micros(), Event::Wake(id));
        }
        Ok(())
    }

    /// One frame of a general, which a traitor changes.
    fn say(
        &mut self,
        at: u64,
        round: u8,
        from: NodeId,
        to: NodeId,
        payload: &[u8],
    ) -> Result<(), Problem> {
        let scenario = self.scenario;
        let message = wire::decode(payload).map_err(Problem::failed)?;
        let loyal = self.speech.read(from, to, &message);
        let (mut said, mut kinds, mut changed) = (Vec::new(), Vec::new(), false);
        for utterance in loyal {
            let before = utterance.said;
            let (after, kind) = if self.scenario.is_traitor(from) {
                self.lied(from, to, utterance.clone())?
            } else {
                (Some(utterance.clone()), Kind::Honest)
            };
            changed |= kind != Kind::Honest;
            match after {
                // Two chains that the same lie replaces are one.
                Some(after) if scenario.protocol.is_signed() && said.contains(&after) => {}
                Some(after) => {
                    said.push(after);
                    kinds.push((kind, Some(before)));
                }
                None => self.battle.tell(Telling {
                    round,
                    from,
                    to,
                    utterance,
                    loyal: Some(before),
                    kind,
                    frame: None,
                }),
            }
        }
        let frames = if changed {
            self.speech.write(from, to, &said)
        } else {
            let (commander, bytes) = (from, payload.to_vec());
            vec![Part { commander, bytes, says: (0..said.len()).collect() }]
        };
        self.send(at, round, (from, to), frames, &said, &kinds);
        Ok(())
    }

    /// What a traitor says in place of this, and how the two relate.
    fn lied(
        &mut self,
        from: NodeId,
        to: NodeId,
        loyal: Utterance,
    ) -> Result<(Option<Utterance>, Kind), Problem> {
        let Utterance { commander, ref route, claims, said, .. } = loyal;
        let place = Place { from, to, commander, route, claims, loyal: said.word() };
        let scenario = self.scenario;
        match scenario.treason.answer(&place) {
            Answer::Loyal => Ok((Some(loyal), Kind::Honest)),
            Answer::Silence => Ok((None, Kind::Dropped)),
            Answer::Say(word) => {
                let said = Said::Word(word);
                let lie = Utterance { said, ..loyal.clone() };
                Ok(match (said == loyal.said, self.speech.victim(&lie)) {
                    (true, _) => (Some(loyal), Kind::Honest),
                    (false, None) => (Some(lie), Kind::Lie),
                    (false, Some(_)) => (None, Kind::Dropped),
                })
            }
            Answer::Lie(lie) => {
                self.battle.used(lie);
                let Some(word) = lie.value else { return Ok((None, Kind::Dropped)) };
                let mut told = Utterance { said: Said::Word(word), ..loyal.clone() };
                told.replay = lie.replay_of;
                if let Some(signers) = &lie.signers {
                    told.route = signers.clone();
                    told.claims = u8::try_from(signers.len()).unwrap_or(u8::MAX);
                }
                if let Some(victim) = self.speech.victim(&told) {
                    return Err(forgery(lie, &told, word, victim));
                }
                let kind = if told == loyal { Kind::Honest } else { Kind::Lie };
                Ok((Some(told), kind))
            }
        }
    }

    /// The lies that are sent in this round in addition.
    fn add(&mut self, at: u64, round: u8) -> Result<(), Problem> {
        let scenario = self.scenario;
        for lie in scenario.treason.additions(round) {
            let Some(value) = lie.value else { continue };
            let receivers =
                scenario.generals().filter(|to| *to != lie.from && lie.to.includes(*to));
            for to in receivers {
                let said = self.additions(lie, round, to, value)?;
                if !said.is_empty() {
                    self.battle.used(lie);
                }
                let late = |utterance: &Utterance| {
                    let late = utterance.claims < round;
                    (if late { Kind::Late } else { Kind::Lie }, None)
                };
                let kinds: Vec<_> = said.iter().map(late).collect();
                let frames = self.speech.write(lie.from, to, &said);
                self.send(at, round, (lie.from, to), frames, &said, &kinds);
            }
        }
        Ok(())
    }

    /// What one such lie says to one receiver.
    fn additions(
        &self,
        lie: &Lie,
        round: u8,
        to: NodeId,
        value: Word,
    ) -> Result<Vec<Utterance>, Problem> {
        let mut said = Vec::new();
        for commander in self.scenario.commanders() {
            if !lie.is_about(commander, self.scenario) {
                continue;
            }
            for (route, claims) in self.speech.places(lie, round, to, commander, value) {
                // Nobody is told what has passed through its own hands, unless it is named.
                if lie.to == Ids::All && route.contains(to) {
                    continue;
                }
                let (word, replay) = (Said::Word(value), lie.replay_of);
                let utterance = Utterance { commander, route, claims, said: word, replay };
                if let Some(victim) = self.speech.victim(&utterance) {
                    return Err(forgery(lie, &utterance, value, victim));
                }
                said.push(utterance);
            }
        }
        Ok(said)
    }

    /// Sends frames, and writes down what is in them.
    fn send(
        &mut self,
        at: u64,
        round: u8,
        (from, to): (NodeId, NodeId),
        parts: Vec<Part>,
        said: &[Utterance],
        kinds: &[(Kind, Option<Said>)],
    ) {
        for Part { bytes, says, .. } in parts {
            let frame = self.battle.frames.len();
            let messages = says.len();
            let entry = Frame { round, from, to, bytes: bytes.len(), messages, fate: Fate::Read };
            self.battle.frames.push(entry);
            for at in says {
                let (utterance, (kind, loyal)) = (said[at].clone(), kinds[at]);
                let frame = Some(frame);
                self.battle.tell(Telling { round, from, to, utterance, loyal, kind, frame });
            }
            self.enqueue(at + DELAY, Event::Arrival { frame, payload: bytes });
        }
    }

    /// A frame arrives.
    fn arrive(&mut self, at: u64, frame: usize, payload: &[u8]) {
        let Frame { from, to, .. } = self.battle.frames[frame];
        let general = &mut self.generals[to.index()];
        let mut faults = Vec::new();
        let fate = match wall(general, &self.keys, from, payload) {
            Ok(None) => Fate::Known,
            Err(fault) => {
                faults.push((from, fault));
                Fate::Blamed(fault)
            }
            Ok(Some(input)) => {
                for output in general.step(Instant::from_micros(at), input) {
                    if let Output::Accuse { node, fault } = output {
                        faults.push((node, fault));
                    }
                }
                let own = faults.iter().find(|(node, _)| *node == from);
                own.map_or(Fate::Read, |(_, fault)| Fate::Blamed(*fault))
            }
        };
        self.battle.frames[frame].fate = fate;
        if !self.scenario.is_traitor(to) {
            let round = general.round();
            let accusation = |(node, fault)| Accusation { round, by: to, node, fault };
            self.battle.accusations.extend(faults.into_iter().map(accusation));
        }
    }
}

/// From bytes to something that may be stepped; `None` if it is of no use.
#[allow(clippy::type_complexity, reason = "the type of a general's input")]
fn wall<'p, R: Rules>(
    general: &mut General<R>,
    keys: &Keys,
    from: NodeId,
    payload: &'p [u8],
) -> Result<Option<Input<R::Command<'p>, R::Message<'p>>>, Fault>
where
    for<'a> R::Message<'a>: Signed,
{
    let mut message: R::Message<'p> = wire::decode(payload).map_err(|_| Fault::Malformed)?;
    let from = Principal::Node(from);
    match general.admit(from, &mut message) {
        Admission::Refused(fault) => Err(fault),
        Admission::Known | Admission::Later { .. } => Ok(None),
        Admission::Verify => {
            keys.roster.verify(&Ed25519, from, message).map(|it| Some(Input::Message(it)))
        }
    }
}

/// The sentence that refuses a lie for which a loyal general's signature would have to be forged.
fn forgery(lie: &Lie, told: &Utterance, word: Word, victim: NodeId) -> Problem {
    let Lie { number, from: NodeId(from), .. } = *lie;
    let (route, NodeId(victim)) = (&told.route, victim);
    Problem::configuration(format!(
        "lie {number}: general {from} cannot show {word}:{route}: general {victim} is loyal and \
         did not sign that. Forging is not possible here: let traitors only sign, name \
         `signers` whose signatures general {from} can have by then, or show a signature of \
         another instance by `replay_of`"
    ))
}
