//! The language of signed messages.

use super::keys::Keys;
use super::ledger::{Said, Utterance};
use super::tongue::{NUMBER, Part, Tongue, encoded};
use crate::lie::Lie;
use crate::route::Route;
use crate::word::Word;
use quorate::rounds::{Config, Instance, Rules};
use quorate::sm::{Chain, Chains, Endorsement, Endorsements, Message, Row, slots};
use quorate::{ConfigError, NodeId, NodeSet, Order, Refusal, Signature, Verdict};
use std::collections::HashMap;
use std::rc::Rc;

/// What one signature stands under: whose order, which, who signed before, who signed.
type Under = (NodeId, Word, Vec<NodeId>, NodeId);

/// Chains of signatures. Traitors sign what they like; of loyal generals there is what they signed.
#[derive(Clone, Debug)]
pub(super) struct SignedOrders {
    keys: Rc<Keys>,
    traitors: NodeSet,
    /// The signatures that loyal generals have sent.
    seen: HashMap<Under, Signature>,
    /// On which chain each general relays each commander's order when it is loyal to it.
    relays: HashMap<(NodeId, NodeId, Word), Route>,
}

impl SignedOrders {
    pub(super) fn new(keys: Rc<Keys>, traitors: NodeSet) -> Self {
        Self { keys, traitors, seen: HashMap::new(), relays: HashMap::new() }
    }

    /// The signature at this place of the chain; `None` if only its loyal signer could make it.
    fn signature(&self, utterance: &Utterance, at: usize) -> Option<Signature> {
        let (word, commander) = (utterance.said.word()?, utterance.commander);
        let ids = utterance.route.ids();
        let (earlier, signer) = (ids.get(..at)?, *ids.get(at)?);
        if self.traitors.contains(signer) {
            return Some(self.keys.endorse(commander, word, earlier, signer));
        }
        if let Some(order) = utterance.replay {
            return Some(self.keys.endorse_elsewhere(commander, order, earlier, signer));
        }
        self.seen.get(&(commander, word, earlier.to_vec(), signer)).copied()
    }

    fn endorsements(&self, utterance: &Utterance) -> Option<Vec<Endorsement>> {
        let ids = utterance.route.ids().iter();
        ids.enumerate()
            .map(|(at, signer)| {
                let signature = self.signature(utterance, at)?;
                Some(Endorsement { signer: *signer, signature })
            })
            .collect()
    }
}

impl Tongue for SignedOrders {
    type Rules = Chains<Word, Vec<Row>>;

    fn rules(config: Config, unchecked: bool) -> Result<Self::Rules, ConfigError> {
        let memory = vec![[0; 65]; slots(config.nodes, config.traitors)];
        if unchecked { Chains::unchecked(config, memory) } else { Chains::new(config, memory) }
    }

    fn order(rules: &mut Self::Rules, order: Word) -> Result<(), Refusal> {
        rules.on_command(0, Order(order))
    }

    fn verdict(rules: &Self::Rules) -> Verdict<Word> {
        rules.decision()
    }

    fn read(
        &mut self,
        from: NodeId,
        _: NodeId,
        message: &Message<'_, Word>,
        says: &mut Vec<Utterance>,
    ) {
        let commander = message.instance.commander;
        for chain in message.chains() {
            let endorsements = chain.earlier.iter().chain([chain.last]);
            let mut route = Route::default();
            for Endorsement { signer, signature } in endorsements {
                if !self.traitors.contains(signer) {
                    let under = (commander, chain.value, route.ids().to_vec(), signer);
                    self.seen.insert(under, signature);
                }
                route = route.then(signer);
            }
            self.relays.insert((from, commander, chain.value), route.clone());
            let claims = u8::try_from(route.len()).unwrap_or(u8::MAX);
            let said = Said::Word(chain.value);
            says.push(Utterance { commander, route, claims, said, replay: None });
        }
    }

    fn write(&self, _: NodeId, _: NodeId, says: &[(usize, &Utterance)]) -> Vec<Part> {
        // Two chains in a frame at most.
        let pair = |pair: &[(usize, &Utterance)]| {
            let signed = pair.iter().filter_map(|(at, utterance)| {
                let word = utterance.said.word()?;
                let endorsements = self.endorsements(utterance)?;
                let (last, earlier) = endorsements.split_last()?;
                let rows: Vec<Row> = earlier.iter().map(|one| one.to_row()).collect();
                Some((*at, utterance.commander, word, rows, *last))
            });
            let signed: Vec<_> = signed.collect();
            let mut chains = signed
                .iter()
                .map(|(.., word, rows, last)| Chain::new(*word, Endorsements::new(rows), *last));
            let (first, second) = (chains.next()?, chains.next());
            let &(_, commander, ..) = signed.first()?;
            let instance = Instance { number: NUMBER, commander };
            let bytes = encoded(&Message { instance, first, second });
            Some(Part { commander, bytes, says: signed.iter().map(|(at, ..)| *at).collect() })
        };
        says.chunks(2).filter_map(pair).collect()
    }

    fn victim(&self, utterance: &Utterance) -> Option<NodeId> {
        let mut ids = utterance.route.ids().iter().enumerate();
        ids.find(|(at, _)| self.signature(utterance, *at).is_none()).map(|(_, signer)| *signer)
    }

    fn places(
        &self,
        lie: &Lie,
        _: u8,
        to: NodeId,
        commander: NodeId,
        value: Word,
    ) -> Vec<(Route, u8)> {
        let loyal = || {
            let held = self.relays.get(&(lie.from, commander, value));
            held.filter(|route| !route.contains(to)).cloned()
        };
        let shortest = || {
            let route = Route::from_commander(commander);
            if lie.from == commander { route } else { route.then(lie.from) }
        };
        let route = lie.signers.clone().or_else(loyal).unwrap_or_else(shortest);
        let claims = u8::try_from(route.len()).unwrap_or(u8::MAX);
        vec![(route, claims)]
    }
}
