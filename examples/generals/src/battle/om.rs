//! The language of oral messages.

use super::ledger::{Said, Utterance};
use super::tongue::{NUMBER, Part, Tongue, encoded};
use crate::lie::Lie;
use crate::route::Route;
use crate::word::Word;
use quorate::om::{Entry, Message, Orders, Path, Wave, paths, slots};
use quorate::rounds::{Config, Instance, Rules};
use quorate::{ConfigError, NodeId, Order, Refusal, Verdict};

/// Oral messages among so many generals.
#[derive(Clone, Copy, Debug)]
pub(super) struct Oral {
    pub(super) nodes: usize,
}

impl Oral {
    fn routes(
        self,
        commander: NodeId,
        from: NodeId,
        to: NodeId,
        round: u8,
    ) -> impl Iterator<Item = Route> {
        paths(self.nodes, commander, from, to, round)
            .map(|path| path.ids().iter().copied().collect())
    }

    /// The orders as a wave, if they are all that a wave of their round consists of.
    fn wave(
        self,
        from: NodeId,
        to: NodeId,
        says: &[(usize, &Utterance)],
    ) -> Option<(u8, Vec<Option<Word>>)> {
        let (_, first) = says.first()?;
        let routes = self.routes(first.commander, from, to, first.claims);
        let said = says.iter().map(|(_, utterance)| &utterance.route);
        let orders = says.iter().map(|(_, utterance)| utterance.said.word());
        routes.eq(said.cloned()).then(|| (first.claims, orders.collect()))
    }
}

impl Tongue for Oral {
    type Rules = Orders<Word, Vec<Entry<Word>>>;

    fn rules(config: Config, unchecked: bool) -> Result<Self::Rules, ConfigError> {
        let memory = vec![Entry::EMPTY; slots(config.nodes, config.traitors)];
        if unchecked { Orders::unchecked(config, memory) } else { Orders::new(config, memory) }
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
        to: NodeId,
        message: &Message<'_, Word>,
        says: &mut Vec<Utterance>,
    ) {
        let commander = message.instance().commander;
        let claims = message.round();
        let mut add = |route: Route, order: Option<Word>| {
            let said = order.map_or(Said::Nothing, Said::Word);
            says.push(Utterance { commander, route, claims, said, replay: None });
        };
        match message {
            Message::Oral { path, order, .. } => add(path.ids().iter().copied().collect(), *order),
            Message::Wave { orders, .. } => {
                let routes = self.routes(commander, from, to, claims);
                for (route, order) in routes.zip(orders.orders().flatten()) {
                    add(route, order);
                }
            }
        }
    }

    fn write(&self, from: NodeId, to: NodeId, says: &[(usize, &Utterance)]) -> Vec<Part> {
        let Some((_, Utterance { commander, .. })) = says.first().copied() else { return vec![] };
        let commander = *commander;
        let instance = Instance { number: NUMBER, commander };
        if let Some((round, orders)) = self.wave(from, to, says) {
            let orders = Wave::from_orders(&orders);
            let bytes = encoded(&Message::Wave { instance, round, orders });
            let says = says.iter().map(|(at, _)| *at).collect();
            return vec![Part { commander, bytes, says }];
        }
        // A part of a wave, or something along another path: one by one.
        let single = |(at, utterance): &(usize, &Utterance)| {
            let path = Path::new(utterance.route.ids())?;
            let order = utterance.said.word();
            let bytes = encoded(&Message::Oral { instance, path, order });
            Some(Part { commander, bytes, says: vec![*at] })
        };
        says.iter().filter_map(single).collect()
    }

    fn places(
        &self,
        lie: &Lie,
        round: u8,
        to: NodeId,
        commander: NodeId,
        _: Word,
    ) -> Vec<(Route, u8)> {
        let routes = match &lie.path {
            Some(path) => vec![path.clone()],
            None => self.routes(commander, lie.from, to, round).collect(),
        };
        let of = |route: Route| {
            let claims = u8::try_from(route.len()).unwrap_or(u8::MAX);
            (route, claims)
        };
        routes.into_iter().map(of).collect()
    }
}
