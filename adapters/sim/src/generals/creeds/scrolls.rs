//! Signed messages.

use super::super::cabal::{Cabal, Occasion};
use super::super::creed::{Costs, Creed, Twist, encode};
use super::super::saying::{Form, Lack, Saying, Told};
use crate::engine::Payload;
use core::marker::PhantomData;
use quorate::rounds::{Config, Instance};
use quorate::sm::{self, Chain, Chains, Endorsement, Endorsements, Message, Row};
use quorate::value::{Value, Verdict};
use quorate::{NodeId, Signature, wire};
use std::hash::Hasher;

/// SM(m) of values `V`.
#[derive(Clone, Copy, Debug)]
pub struct Scrolls<V>(PhantomData<V>);

/// A chain that is being made.
struct Draft<V> {
    value: V,
    rows: Vec<Row>,
}

impl<V: Value> Draft<V> {
    fn of(chain: &Chain<'_, V>) -> Self {
        let mut rows = chain.earlier.rows().to_vec();
        rows.push(chain.last.to_row());
        Self { value: chain.value, rows }
    }

    /// Adds an endorsement: signed, if it is a member's.
    fn endorse(&mut self, cabal: &Cabal<V>, instance: Instance, signer: NodeId) {
        let earlier = Endorsements::new(&self.rows).signers();
        let statement = sm::statement(cabal.scope(), instance, &self.value, earlier, signer);
        let signature = cabal.sign(signer, &statement).unwrap_or(Signature::ZERO);
        self.rows.push(Endorsement { signer, signature }.to_row());
    }

    /// Adds an endorsement that verifies: one that a member makes, or one that was overheard.
    fn take(&mut self, cabal: &Cabal<V>, at: Occasion, signer: NodeId) -> Result<(), Lack> {
        if cabal.members.contains(signer) {
            self.endorse(cabal, at.instance, signer);
            return Ok(());
        }
        let signed = |payload: &Payload| {
            let message = wire::decode::<Message<'_, V>>(payload).ok()?;
            let chains = message.chains().filter(|chain| chain.value == self.value);
            let drafts = chains.filter(|_| message.instance == at.instance).map(Self::of);
            let place = self.rows.len();
            let row = |draft: Self| {
                let begins = draft.rows.starts_with(&self.rows);
                draft.rows.get(place).copied().filter(|row| begins && row[0] == signer.0)
            };
            drafts.filter_map(row).next()
        };
        let row = cabal.heard().find_map(|(_, payload)| signed(payload));
        let value = self.value;
        self.rows.push(row.ok_or_else(|| {
            format!("no traitor has heard r{} sign {value:?} so, or has its key", signer.0)
        })?);
        Ok(())
    }

    /// Signs again what members signed, after the value or the agreement became another. What
    /// others signed stays as it was.
    fn renew(mut self, cabal: &Cabal<V>, instance: Instance) -> Self {
        for at in 0..self.rows.len() {
            let (before, rest) = self.rows.split_at_mut(at);
            let Some(row) = rest.first_mut() else { break };
            let signer = Endorsement::from_row(row).signer;
            let earlier = Endorsements::new(before).signers();
            let statement = sm::statement(cabal.scope(), instance, &self.value, earlier, signer);
            if let Some(signature) = cabal.sign(signer, &statement) {
                *row = Endorsement { signer, signature }.to_row();
            }
        }
        self
    }

    fn chain(&self) -> Option<Chain<'_, V>> {
        let (last, earlier) = self.rows.split_last()?;
        Some(Chain::new(self.value, Endorsements::new(earlier), Endorsement::from_row(last)))
    }
}

/// A chain that was overheard, at times cut short or of another value, or one that a member begins.
fn draft<V: Value>(cabal: &mut Cabal<V>, at: Occasion) -> Draft<V> {
    let fresh = Draft { value: cabal.lie(at.to), rows: Vec::new() };
    let mut draft = fresh;
    if cabal.random.chance(600)
        && let Some(payload) = cabal.recall()
        && let Ok(message) = wire::decode::<Message<'_, V>>(&payload)
    {
        let chains: Vec<Chain<'_, V>> = message.chains().copied().collect();
        let value = draft.value;
        draft = Draft::of(cabal.random.pick(&chains));
        if cabal.random.chance(250) {
            draft.rows.truncate(cabal.random.below(draft.rows.len() as u64 + 1) as usize);
        }
        if cabal.random.chance(50) {
            draft.value = value;
        }
    }
    let instance = at.instance;
    if draft.rows.is_empty() && cabal.random.chance(900) {
        draft.endorse(cabal, instance, instance.commander);
    }
    // As long as the round asks for, of members as far as there are any.
    let members: Vec<NodeId> = cabal.members.iter().collect();
    let long = usize::from(at.round) + usize::from(cabal.random.chance(100));
    for member in members {
        let signed = draft.rows.iter().any(|row| row[0] == member.0);
        if member != at.from && !signed && draft.rows.len() + 1 < long {
            draft.endorse(cabal, instance, member);
        }
    }
    if cabal.random.chance(100) {
        let anyone = cabal.anyone();
        draft.endorse(cabal, instance, anyone);
    }
    let mine = draft.rows.last().is_some_and(|row| row[0] == at.from.0);
    if !mine && cabal.random.chance(950) {
        draft.endorse(cabal, instance, at.from);
    }
    draft
}

impl<V: Value> Creed for Scrolls<V> {
    type Value = V;
    type Rules = Chains<V, Vec<Row>>;

    const FRAME: &'static str = "SIGNED";

    fn rules(config: Config) -> Self::Rules {
        let memory = vec![[0; 65]; sm::slots(config.nodes, config.traitors)];
        Chains::unchecked(config, memory).expect("a plan has generals enough")
    }

    fn costs(nodes: usize, traitors: usize, value_bytes: usize) -> Costs {
        let first = (nodes as u64).saturating_sub(1);
        Costs {
            frames: first + sm::relays(nodes, traitors),
            exactly: Some(sm::frames(nodes, traitors)),
            frame_bytes: sm::frame_bytes(traitors, value_bytes),
            verifications: sm::verifications(nodes, traitors),
        }
    }

    fn entries(decision: Verdict<V>) -> Vec<Option<V>> {
        vec![decision.value()]
    }

    fn number(message: &Message<'_, V>) -> u64 {
        message.instance.number
    }

    fn opening(message: &Message<'_, V>) -> Option<Vec<u8>> {
        let own = |chain: &&Chain<'_, V>| chain.earlier.rows().is_empty();
        message.chains().find(own).map(|chain| encode(&chain.value))
    }

    fn remember(rules: &Self::Rules, hasher: &mut dyn Hasher) {
        rules.orders().for_each(|order| hasher.write(&encode(&order)));
    }

    fn twist(frame: &[u8], cabal: &mut Cabal<V>, at: Occasion, twist: Twist) -> Option<Vec<u8>> {
        let message = wire::decode::<Message<'_, V>>(frame).ok()?;
        let instance = if let Twist::Instance(other) = twist { other } else { message.instance };
        let drafts: Vec<Draft<V>> = message
            .chains()
            .map(|chain| {
                let mut draft = Draft::of(chain);
                match twist {
                    Twist::Face => draft.value = cabal.face(at.to),
                    Twist::Mixed => draft.value = cabal.lie(at.to),
                    // An order that nobody signed is none.
                    Twist::Absent => draft.rows.truncate(1),
                    // A chain is of the round that is as long as it.
                    Twist::Round(round) => draft.rows.truncate(usize::from(round).max(1)),
                    Twist::Instance(_) => {}
                }
                draft.renew(cabal, instance)
            })
            .collect();
        let first = drafts.first()?.chain()?;
        let second = drafts.get(1).and_then(Draft::chain);
        Some(encode(&Message { instance, first, second }))
    }

    fn invent(cabal: &mut Cabal<V>, at: Occasion) -> Option<Vec<u8>> {
        let first = draft(cabal, at);
        let second = cabal.random.chance(300).then(|| draft(cabal, at));
        let (first, second) = (first.chain()?, second.as_ref().and_then(Draft::chain));
        Some(encode(&Message { instance: at.instance, first, second }))
    }

    fn utter(
        cabal: &Cabal<V>,
        at: Occasion,
        loyal: Option<&[u8]>,
        saying: &Saying<V>,
    ) -> Result<Vec<u8>, Lack> {
        let Told::Order(value) = saying.told else {
            return Err("an order that nobody signed is none".to_owned());
        };
        let mut draft = Draft { value, rows: Vec::new() };
        let first = at.instance.commander;
        match &saying.form {
            Form::Signed { signers, without, forged } => {
                for signer in signers {
                    draft.take(cabal, at, *signer)?;
                }
                draft.rows.retain(|row| !without.contains(&NodeId(row[0])));
                if let Some(last) = draft.rows.last_mut().filter(|_| *forged) {
                    let signer = NodeId(last[0]);
                    *last = Endorsement { signer, signature: Signature::ZERO }.to_row();
                }
            }
            _ if at.round == 1 && at.from == first => draft.endorse(cabal, at.instance, first),
            _ => {
                let message = loyal.map(wire::decode::<Message<'_, V>>);
                let Some(Ok(message)) = message else {
                    return Err(format!("r{} has nothing to relay in that round", at.from.0));
                };
                draft = Draft { value, ..Draft::of(&message.first) }.renew(cabal, at.instance);
            }
        }
        let first = draft.chain().ok_or("a chain without a signature is none")?;
        Ok(encode(&Message::new(at.instance, first)))
    }

    fn words(frame: &[u8]) -> String {
        let Ok(message) = wire::decode::<Message<'_, V>>(frame) else { return String::new() };
        let chain = |chain: &Chain<'_, V>| {
            let signers = chain.signers().map(|NodeId(id)| format!(":{id}"));
            format!("{:?}{}", chain.value, signers.collect::<String>())
        };
        let chains: Vec<String> = message.chains().map(chain).collect();
        let Instance { number, commander } = message.instance;
        format!("SIGNED #{number} of r{}: {}", commander.0, chains.join(" and "))
    }
}
