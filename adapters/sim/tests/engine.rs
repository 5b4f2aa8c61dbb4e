//! The ground floor with another protocol than PBFT: it knows nothing but the one shape.

use quorate::auth::{Roster, Scope, Signed, Verifier};
use quorate::protocol::{Input, InputOf, Never, Output, Protocol, Target};
use quorate::{
    Digest, Fault, Instant, NodeId, NodeSet, Principal, PublicKey, Refusal, Signature, Signer, wire,
};
use quorate_sim::engine::{Alarm, Engine, Event, Host, perform};
use quorate_sim::network::{Delay, Weather};
use quorate_sim::scheme::Scheme;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Gossip: a node tells everybody what it knows until everybody is known to know it.
#[derive(Debug)]
struct Gossip {
    me: NodeId,
    nodes: usize,
    heard: NodeSet,
    confirmed: NodeSet,
    due: Option<Instant>,
    done: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Rumour {
    Told,
    Confirmed,
}

impl Signed for Rumour {
    fn sign<S: Signer>(&mut self, _: Principal, _: &Scope, _: &S) {}

    fn verify<K: AsRef<[PublicKey]>, V: Verifier>(
        &self,
        _: Principal,
        _: &Roster<K>,
        _: &V,
    ) -> Result<Digest, Fault> {
        Ok(Digest::ZERO)
    }
}

/// Rumours are not signed.
struct Illiterate;

impl Signer for Illiterate {
    fn sign(&self, _: &Digest) -> Signature {
        Signature::ZERO
    }
}

type Said = Output<Rumour, NodeSet, Never>;

impl Protocol for Gossip {
    type Command<'a> = ();
    type Message<'a> = Rumour;
    type Decision<'a> = NodeSet;
    type Record<'a> = Never;
    type Outputs<'a> = std::vec::IntoIter<Said>;

    fn step(&mut self, now: Instant, input: InputOf<'_, Self>) -> Self::Outputs<'_> {
        let mut outputs = Vec::new();
        match input {
            Input::Command(()) => {}
            Input::Wake if self.due.is_some_and(|due| due <= now) => {
                self.due = Some(now.after(Duration::from_millis(50)));
                outputs.push(Output::Send { to: Target::All, message: Rumour::Told });
            }
            Input::Wake => {}
            Input::Message(verified) => {
                let Principal::Node(from) = verified.from() else { return outputs.into_iter() };
                match verified.message() {
                    Rumour::Told => {
                        self.heard.insert(from);
                        let message = Rumour::Confirmed;
                        outputs.push(Output::Send { to: Target::Node(from), message });
                    }
                    Rumour::Confirmed => {
                        self.confirmed.insert(from);
                    }
                }
            }
        }
        let all = self.nodes - 1;
        if self.heard.len() == all && self.confirmed.len() == all && !self.done {
            self.done = true;
            self.due = None;
            outputs.push(Output::Decide(self.heard));
        }
        outputs.into_iter()
    }

    fn deadline(&self) -> Option<Instant> {
        self.due
    }
}

struct Street<'e> {
    me: NodeId,
    nodes: usize,
    engine: &'e mut Engine<()>,
    scope: Scope,
    decided: &'e mut NodeSet,
}

impl Host<Gossip> for Street<'_> {
    fn persist(&mut self, record: Never) {
        match record {}
    }

    fn send(&mut self, to: Target, message: Rumour) {
        let from = Principal::Node(self.me);
        let payload = self.engine.seal(message, from, &self.scope, &Illiterate);
        let everybody = (0..self.nodes as u8).map(NodeId);
        let receivers: Vec<NodeId> = match to {
            Target::Node(node) => vec![node],
            _ => everybody.filter(|node| *node != self.me).collect(),
        };
        for node in receivers {
            self.engine.send(from, Principal::Node(node), &payload);
        }
    }

    fn decide(&mut self, _: NodeSet) {
        assert!(self.decided.insert(self.me), "a node decides once");
    }

    fn accuse(&mut self, node: NodeId, fault: Fault) {
        panic!("{node:?} {fault:?}");
    }

    fn refuse(&mut self, refusal: Refusal) {
        panic!("{refusal}");
    }
}

/// Plays gossip among five nodes; says when all had decided, and the fingerprint.
fn gossip(seed: u64) -> (Instant, u64) {
    const NODES: usize = 5;
    let delay = Delay {
        min: Duration::from_millis(1),
        max: Duration::from_millis(40),
        spikes: 50,
        spike: Duration::from_millis(400),
    };
    let mut engine = Engine::new(seed, Weather { loss: 300, duplicates: 300, delay }, false);
    let scheme = Scheme::new(seed, NODES, 0);
    let (keys, none) = (scheme.nodes().to_vec(), Vec::new());
    let roster = Roster::new(Digest::ZERO, 0, keys, none, &scheme).unwrap();
    let mut machines: Vec<Gossip> = (0..NODES as u8)
        .map(|id| Gossip {
            me: NodeId(id),
            nodes: NODES,
            heard: NodeSet::EMPTY,
            confirmed: NodeSet::EMPTY,
            due: Some(Instant::ZERO),
            done: false,
        })
        .collect();
    let mut alarms = vec![Alarm::default(); NODES];
    let mut decided = NodeSet::EMPTY;
    for (machine, alarm) in machines.iter().zip(&mut alarms) {
        alarm.set(&mut engine, Principal::Node(machine.me), 0, machine.deadline());
    }
    while decided.len() < NODES {
        let event = engine.advance().expect("something is to come until all have decided");
        let now = engine.now();
        let (Event::Deliver { to: Principal::Node(me), .. }
        | Event::Wake { who: Principal::Node(me), .. }) = event
        else {
            continue;
        };
        let (machine, alarm) = (&mut machines[me.index()], &mut alarms[me.index()]);
        let (scope, decided) = (*roster.scope(), &mut decided);
        let mut street = Street { me, nodes: NODES, engine: &mut engine, scope, decided };
        if let Event::Deliver { from, payload, .. } = &event {
            street.engine.transcript.enter(now, &"delivered");
            let rumour = wire::decode::<Rumour>(payload).unwrap();
            let verified = roster.verify(&scheme, *from, rumour).unwrap();
            perform(machine, now, Input::Message(verified), &mut street);
        } else if alarm.ring(now, machine.deadline()) {
            perform(machine, now, Input::Wake, &mut street);
        }
        alarm.set(&mut engine, Principal::Node(me), 0, machine.deadline());
    }
    (engine.now(), engine.transcript.fingerprint())
}

#[test]
fn gossip_ends_under_loss_and_the_same_seed_ends_the_same_way() {
    for seed in 0..100 {
        let (at, fingerprint) = gossip(seed);
        assert!(at < Instant::from_micros(10_000_000), "seed {seed} took until {at:?}");
        assert_eq!(gossip(seed), (at, fingerprint), "seed {seed}");
    }
    assert_ne!(gossip(1).1, gossip(2).1);
}
