//! The rules of signed messages: what a general says, hears and decides.

use super::accounts::Accounts;
use super::chain::Chain;
use super::cost::{rounds, slots};
use super::endorsement::{Endorsement, Endorsements, Row};
use super::message::Message;
use super::orders::{Held, Orders, Place};
use crate::auth::Verified;
use crate::fault::{ConfigError, Fault, Refusal};
use crate::node::{NodeId, NodeSet};
use crate::protocol::Admission;
use crate::rounds::{self, Blame, Config, Instance, Rules, Schedule};
use crate::value::{Order, Reason, Value, Verdict};

/// A general of signed messages, which proceeds in rounds by its own clock.
pub type General<V, T> = rounds::General<Chains<V, T>>;

impl<V: Value, T: AsRef<[Row]> + AsMut<[Row]>> General<V, T> {
    /// A general that waits for the first round.
    ///
    /// # Errors
    /// As [`Chains::new`].
    pub fn new(config: Config, schedule: Schedule, memory: T) -> Result<Self, ConfigError> {
        Ok(Self::with_rules(Chains::new(config, memory)?, schedule))
    }
}

/// The chains of signatures that one general has seen, and what it makes of them, in memory `T`
/// of exactly [`slots`] rows.
#[derive(Clone, Debug)]
pub struct Chains<V, T> {
    config: Config,
    /// The commander's own order.
    order: Option<V>,
    /// The orders that a lieutenant holds.
    held: Orders<V>,
    accounts: Accounts,
    /// The signatures under them that are relayed, `m` rows for each.
    rows: T,
}

#[cfg(feature = "defmt")]
impl<V, T> defmt::Format for Chains<V, T> {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "Chains({})", self.config);
    }
}

impl<V: Value, T: AsRef<[Row]> + AsMut<[Row]>> Chains<V, T> {
    /// The rules for one general.
    ///
    /// # Errors
    /// Not `n >= m + 2`, the bound of signed messages (section 4), more than 64 generals, an id
    /// that is no general's, or memory of another length than `slots(n, m)`.
    pub fn new(config: Config, memory: T) -> Result<Self, ConfigError> {
        config.check()?;
        if memory.as_ref().len() != slots(config.nodes, config.traitors) {
            return Err(ConfigError("the memory must have sm::slots(nodes, traitors) rows"));
        }
        let (held, accounts) = (Orders::NONE, Accounts::default());
        Ok(Self { config, order: None, held, accounts, rows: memory })
    }

    /// The same as [`Chains::new`]: the bound of signed messages is what any protocol of
    /// lieutenants needs, so there is nothing that could be left unchecked.
    ///
    /// # Errors
    /// As [`Chains::new`].
    pub fn unchecked(config: Config, memory: T) -> Result<Self, ConfigError> {
        Self::new(config, memory)
    }
}

impl<V: Value, T> Chains<V, T> {
    /// The general's place in the agreement.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// Which agreement this is.
    #[must_use]
    pub const fn instance(&self) -> Instance {
        self.config.instance
    }

    /// Forgets everything and begins agreement `number` of the same commander.
    pub fn renew(&mut self, number: u64) {
        self.config.instance.number = number;
        (self.order, self.held, self.accounts) = (None, Orders::NONE, Accounts::default());
    }

    /// The value that was agreed, after the end.
    #[must_use]
    pub fn agreed(&self) -> Option<&V> {
        let mut orders = self.held.iter().map(|held| &held.value).chain(&self.order);
        let first = orders.next();
        if orders.next().is_none() { first } else { None }
    }

    /// The orders under which a lieutenant has seen the commander's signature, two at most, in the
    /// order of their arrival; at the commander, its own.
    pub fn orders(&self) -> impl Iterator<Item = V> + '_ {
        self.held.iter().map(|held| held.value).chain(self.order)
    }

    /// Checks everything about a frame that needs no key, and changes nothing. What is struck
    /// was checked before it was.
    fn check(&self, round: u8, from: NodeId, message: &Message<'_, V>) -> Result<(), Fault> {
        if message.instance != self.config.instance {
            return Err(Fault::WrongInstance);
        }
        let mut chains = message.chains().filter(|chain| !chain.is_struck());
        chains.try_for_each(|chain| self.check_chain(round, from, chain))
    }

    /// Section 4, SM(m) step 2: in round `r` a chain counts if it has at least `r` distinct
    /// signatures, the commander's first. More than `r` come from a clock that is ahead.
    fn check_chain(&self, round: u8, from: NodeId, chain: &Chain<'_, V>) -> Result<(), Fault> {
        let Config { me, nodes, traitors, instance } = self.config;
        if chain.len() > traitors.saturating_add(1) {
            return Err(Fault::OutOfBounds);
        }
        let signers = chain.check(instance.commander, from, nodes)?;
        // Nobody has anything to tell the commander, unless its own key was stolen.
        let evidence = self.config.commands() && self.order != Some(chain.value);
        if signers.contains(me) && !evidence {
            return Err(Fault::BadChain);
        }
        if chain.len() < usize::from(round) && !evidence && !canary!("late_signature") {
            return Err(Fault::Late);
        }
        Ok(())
    }

    /// What is held, and the accounts, after this frame.
    fn hear(
        &self,
        round: u8,
        from: NodeId,
        message: &Message<'_, V>,
    ) -> Result<(Orders<V>, Accounts), Fault> {
        let (mut held, mut accounts) = (self.held, self.accounts);
        for chain in message.chains().filter(|chain| !chain.is_struck()) {
            let place = match held.place(&chain.value) {
                Place::Held(place) => Some(place),
                Place::Nowhere => None,
                Place::Free(place) => {
                    let signers = chain.signers().collect();
                    held.hold(place, Held { value: chain.value, signers, round: round.max(1) });
                    Some(place)
                }
            };
            accounts.tell(from, place)?;
        }
        Ok((held, accounts))
    }

    /// Keeps the signatures of a chain, to relay them.
    fn keep(&mut self, place: usize, chain: &Chain<'_, V>)
    where
        T: AsMut<[Row]>,
    {
        let mut kept = self.rows.as_mut().chunks_mut(self.config.traitors.max(1)).skip(place);
        let rows = kept.next().unwrap_or_default();
        for (row, endorsement) in rows.iter_mut().zip(chain.endorsements()) {
            *row = endorsement.to_row();
        }
    }

    /// The orders that are relayed in this round, with the chains that brought them. Section 4:
    /// a lieutenant relays an order once, and not a chain that is as long as it can be.
    fn relays(&self, round: u8) -> impl Iterator<Item = (&Held<V>, Endorsements<'_>)>
    where
        T: AsRef<[Row]>,
    {
        let most = self.config.traitors;
        let kept = self.held.iter().zip(self.rows.as_ref().chunks(most.max(1)));
        let due = kept.filter(move |(held, _)| held.signers.len() <= most);
        due.filter(move |(held, _)| held.round.saturating_add(1) == round).map(|(held, rows)| {
            let rows = rows.get(..held.signers.len()).unwrap_or(rows);
            (held, Endorsements::new(rows))
        })
    }
}

impl<V: Value, T: AsRef<[Row]> + AsMut<[Row]>> Rules for Chains<V, T> {
    /// Every order comes with the signatures of all through whose hands it went, the last of them
    /// the sender's. Without authentic links no order can be forged; but whoever can speak for a
    /// peer can spend its share, get it accused, and keep what it says from being looked at.
    const AUTHENTIC_LINKS: bool = false;

    type Command<'a> = Order<V>;
    type Message<'a> = Message<'a, V>;
    type Decision<'a>
        = Verdict<V>
    where
        Self: 'a;

    fn me(&self) -> NodeId {
        self.config.me
    }

    fn nodes(&self) -> usize {
        self.config.nodes
    }

    fn rounds(&self) -> u8 {
        rounds(self.config.traitors)
    }

    fn on_command(&mut self, round: u8, Order(value): Order<V>) -> Result<(), Refusal> {
        if !self.config.commands() {
            return Err(Refusal::NotCommander);
        }
        if round > 0 {
            return Err(Refusal::Begun);
        }
        self.order = Some(value);
        Ok(())
    }

    /// Section 4, SM(m) step 2: an order that is not held yet is held, and relayed in the next
    /// round. It may be the second one; that the commander signed two proves it a traitor.
    fn on_message(&mut self, round: u8, from: NodeId, message: &Verified<Message<'_, V>>) -> Blame {
        let message = message.message();
        if let Err(fault) = self.check(round, from, message) {
            return Blame::sender(fault);
        }
        let commander = NodeSet::from_iter([self.config.instance.commander]);
        if self.config.commands() {
            // Whatever was not struck is signed with the commander's own key, and not by it.
            let stolen = message.chains().any(|chain| !chain.is_struck());
            let blame = Blame { sender: Some(Fault::BadChain), equivocators: commander };
            return if stolen { blame } else { Blame::NONE };
        }
        let (held, accounts) = match self.hear(round, from, message) {
            Ok(heard) => heard,
            Err(fault) => return Blame::sender(fault),
        };
        for (place, new) in held.iter().enumerate().skip(self.held.len()) {
            let chains = message.chains().filter(|chain| !chain.is_struck());
            for chain in chains.filter(|chain| chain.value == new.value).take(1) {
                self.keep(place, chain);
            }
        }
        let conflict = held.is_full() && !self.held.is_full();
        (self.held, self.accounts) = (held, accounts);
        Blame { sender: None, equivocators: if conflict { commander } else { NodeSet::EMPTY } }
    }

    /// Cheap checks first: an order that is held, or that comes when two others are, costs no
    /// verification, and what does cost one comes out of the sender's own share.
    fn admit(&mut self, round: u8, from: NodeId, message: &mut Message<'_, V>) -> Admission {
        if let Err(fault) = self.check(round, from, message) {
            return Admission::Refused(fault);
        }
        let mut admission = Admission::Known;
        for chain in message.chains_mut().filter(|chain| !chain.is_struck()) {
            let told = match self.held.place(&chain.value) {
                Place::Held(place) => self.accounts.tell(from, Some(place)),
                Place::Nowhere => self.accounts.tell(from, None),
                Place::Free(_) => match self.accounts.spend(from) {
                    Admission::Verify => {
                        admission = Admission::Verify;
                        continue;
                    }
                    Admission::Known | Admission::Later { .. } => Ok(()),
                    Admission::Refused(fault) => Err(fault),
                },
            };
            if let Err(fault) = told {
                return Admission::Refused(fault);
            }
            chain.strike();
        }
        admission
    }

    /// The commander has to speak in the first round; nobody else ever has to.
    fn close(&mut self, round: u8) -> NodeSet {
        self.accounts.close();
        let commander = self.config.instance.commander;
        let silent = round == 1 && !self.config.commands() && self.accounts.told(commander) == 0;
        if silent { NodeSet::from_iter([commander]) } else { NodeSet::EMPTY }
    }

    /// Section 4, SM(m): the commander signs its order and sends it to every lieutenant (step 1);
    /// a lieutenant adds its signature and sends the order to all who have not signed it (step 2).
    fn frame(&self, round: u8, to: NodeId) -> Option<Message<'_, V>> {
        let Config { me, instance, .. } = self.config;
        let mine = Endorsement::unsigned(me);
        if self.config.commands() {
            let value = self.order.filter(|_| round == 1)?;
            return Some(Message::new(instance, Chain::new(value, Endorsements::NONE, mine)));
        }
        let due = self.relays(round).filter(|(held, _)| !held.signers.contains(to));
        let mut chains = due.map(|(held, earlier)| Chain::new(held.value, earlier, mine));
        let first = chains.next()?;
        Some(Message { instance, first, second: chains.next() })
    }

    /// Peers who signed the same ones of the orders that are relayed in this round.
    fn audience(&self, round: u8, to: NodeId) -> NodeSet {
        let mut alike: NodeSet = (0u8..).map(NodeId).take(self.config.nodes).collect();
        for (held, _) in self.relays(round) {
            let signed = held.signers.contains(to);
            for node in alike.iter().filter(|node| held.signers.contains(*node) != signed) {
                alike.remove(node);
            }
        }
        alike
    }

    /// The paper's `choice` (section 4): one order is obeyed; of none, or of two, loyal generals
    /// make the same constant, since they may hold different pairs.
    fn decision(&self) -> Verdict<V> {
        let mut orders = self.orders();
        match (orders.next(), orders.next()) {
            (Some(value), Some(_)) if canary!("first_order_wins") => Verdict::Value(value),
            (Some(value), None) => Verdict::Value(value),
            (None, _) => Verdict::Default(Reason::Missing),
            (Some(_), Some(_)) => Verdict::Default(Reason::Conflict),
        }
    }
}
