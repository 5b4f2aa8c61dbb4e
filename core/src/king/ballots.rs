//! The rules: whom to hear, how to count, what to say.

use super::cost::{rounds, slots};
use super::message::Message;
use super::opinion::Opinion;
use super::part::Part;
use crate::auth::Verified;
use crate::fault::{ConfigError, Fault, Refusal};
use crate::node::{NodeId, NodeSet};
use crate::rounds::{Blame, Config, Rules};
use crate::value::{Order, Reason, Value, Verdict};

/// The rules of the phase king for one general, with its memory `T`: any
/// [`slots(n, t)`](super::slots) elements of [`Opinion`]; what they hold before does not matter.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Ballots<V, T> {
    config: Config,
    /// Opinions that were heard, by speaker: of even rounds, then of odd ones. While one round is
    /// open, those of the next one come from clocks that are ahead.
    memory: T,
    /// Who was heard in the even round, and in the odd one: of nobody else is the memory looked at.
    heard: [NodeSet; 2],
    opinion: Opinion<V>,
    /// Whether `n - t` votes stood behind the opinion in the last second exchange.
    firm: bool,
    /// Whether two generals told of two different orders when all said what they had been told.
    conflict: bool,
}

impl<V: Value, T: AsRef<[Opinion<V>]> + AsMut<[Opinion<V>]>> Ballots<V, T> {
    /// The rules for one general. The memory has exactly [`slots(n, t)`](super::slots) elements.
    ///
    /// # Errors
    /// `n <= 3t`, where no protocol without signatures can work; ids that do not exist; memory of
    /// another size.
    pub fn new(config: Config, memory: T) -> Result<Self, ConfigError> {
        if config.nodes <= config.traitors.saturating_mul(3) {
            return Err(ConfigError("the phase king needs n > 3t generals"));
        }
        Self::unchecked(config, memory)
    }

    /// The same without the bound, to show that the bound is tight. Never in a system: one traitor
    /// can then divide the loyal generals.
    ///
    /// # Errors
    /// As [`Ballots::new`], but for the bound.
    pub fn unchecked(config: Config, memory: T) -> Result<Self, ConfigError> {
        config.check()?;
        if memory.as_ref().len() != slots(config.nodes, config.traitors) {
            return Err(ConfigError("the memory of a general is king::slots(n, t) opinions"));
        }
        Ok(Self {
            config,
            memory,
            heard: [NodeSet::EMPTY; 2],
            opinion: Opinion::Nothing,
            firm: false,
            conflict: false,
        })
    }

    /// This general's place in the agreement.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// What this general holds to be the order, at this point of the agreement.
    #[must_use]
    pub const fn opinion(&self) -> Opinion<V> {
        self.opinion
    }

    /// Forgets everything and begins agreement `number` of the same commander.
    pub fn renew(&mut self, number: u64) {
        self.config.instance.number = number;
        self.heard = [NodeSet::EMPTY; 2];
        (self.opinion, self.firm, self.conflict) = (Opinion::Nothing, false, false);
    }

    /// The value that was agreed, after the end.
    #[must_use]
    pub const fn agreed(&self) -> Option<&V> {
        match &self.opinion {
            Opinion::Order(value) => Some(value),
            _ => None,
        }
    }

    /// Gives the memory back.
    #[must_use]
    pub fn into_memory(self) -> T {
        self.memory
    }

    /// The ballots of a round, by speaker, and whose of them are cast.
    fn ballots(&mut self, round: u8) -> (&mut [Opinion<V>], &mut NodeSet) {
        let halves = self.memory.as_mut().split_at_mut_checked(self.config.nodes);
        let (even, odd) = halves.unwrap_or_default();
        let [even_heard, odd_heard] = &mut self.heard;
        if round.is_multiple_of(2) { (even, even_heard) } else { (odd, odd_heard) }
    }

    /// Takes a ballot, the first that a general casts in a round, if everything about it is right.
    fn take(&mut self, open: u8, from: NodeId, message: &Message<V>) -> Result<(), Fault> {
        let Message { instance, round, opinion } = *message;
        if instance != self.config.instance {
            return Err(Fault::WrongInstance);
        }
        // A loyal clock that is ahead is ahead by less than a round.
        if round == 0 || round > self.rounds() || round > open.saturating_add(1) {
            return Err(Fault::OutOfBounds);
        }
        if round < open {
            return Err(Fault::Late);
        }
        let part = Part::of(round);
        if !part.is_for(from, instance.commander) || !part.allows(&opinion) {
            return Err(Fault::NotAllowed);
        }
        let (ballots, heard) = self.ballots(round);
        let Some(ballot) = ballots.get_mut(from.index()) else { return Err(Fault::OutOfBounds) };
        if heard.contains(from) {
            return if *ballot == opinion { Ok(()) } else { Err(Fault::Equivocation) };
        }
        *ballot = opinion;
        heard.insert(from);
        Ok(())
    }

    /// The ballots that were cast in a round, this general's own among them, in order of ids.
    fn cast(&self, round: u8) -> impl Iterator<Item = Opinion<V>> + Clone {
        let halves = self.memory.as_ref().split_at_checked(self.config.nodes);
        let (even, odd) = halves.unwrap_or_default();
        let [even_heard, odd_heard] = self.heard;
        let (ballots, heard) =
            if round.is_multiple_of(2) { (even, even_heard) } else { (odd, odd_heard) };
        let ballots = (0u8..).map(NodeId).zip(ballots);
        ballots.filter(move |(id, _)| heard.contains(*id)).map(|(_, ballot)| *ballot)
    }

    /// What the only speaker of a round said; who is silent has said that there is no order.
    fn word(&self, round: u8) -> Opinion<V> {
        self.cast(round).next().unwrap_or_default()
    }

    /// The order, or absence of one, that most ballots name, and how many: each general counts
    /// once, and who cast none counts for nobody. Between equals, which the rules never choose
    /// between, the one with the lowest voter.
    fn leader(&self, round: u8) -> (Opinion<V>, usize) {
        let mut leader = (Opinion::Undecided, 0);
        for opinion in self.cast(round).filter(|opinion| !opinion.is_undecided()) {
            let votes = self.cast(round).filter(|other| *other == opinion).count();
            if votes > leader.1 {
                leader = (opinion, votes);
            }
        }
        leader
    }

    /// The votes of all but t: as many as loyal generals who agree have at least, and as no two
    /// opinions can have at one general, since `2(n - t) > n`.
    fn strong(&self) -> usize {
        let least = self.config.nodes.saturating_sub(self.config.traitors);
        if canary!("king_counts_one_less") { least.saturating_sub(1) } else { least }
    }

    /// "If C(k) >= n - t then V := k", else V is the third symbol.
    fn close_first(&mut self, round: u8) {
        let (opinion, votes) = self.leader(round);
        self.opinion = if votes >= self.strong() { opinion } else { Opinion::Undecided };
    }

    /// "If D(k) > t then V := k."
    ///
    /// There is at most one such opinion. If one loyal general came out of the first exchange with
    /// v and another with w, each counted `n - t` voters. Two such groups among n share at least
    /// `n - 2t`, which is more than t, so they share a loyal general; that said the same to both,
    /// and v is w. So all loyal ballots of this exchange that are not undecided name one opinion,
    /// and any other has the votes of traitors only, t at most. Hence the leader is the only one
    /// that can have more than t votes, and what a tie would do does not matter.
    fn close_second(&mut self, round: u8) {
        let (opinion, votes) = self.leader(round);
        self.firm = votes >= self.strong();
        self.opinion = if votes > self.config.traitors { opinion } else { Opinion::Undecided };
    }

    /// "If V is the third symbol or D(V) < n - t, then V is what the king said."
    ///
    /// A king that said nothing, or nothing that is allowed, counts as one that said "no order".
    /// The king obeys itself: what it said, not what it held.
    fn close_king(&mut self, round: u8) {
        if !self.firm || self.opinion.is_undecided() {
            self.opinion = self.word(round);
        }
    }

    /// What this general says in a round, if it speaks.
    ///
    /// A king that is undecided may say any order, or that there is none: nobody loyal is firm
    /// then, so all who are loyal take what it says. For if one of them had `n - t` votes for v,
    /// `n - 2t > t` of them were loyal ones, which the king heard too: it would hold v.
    fn speech(&self, round: u8) -> Option<Opinion<V>> {
        let part = Part::of(round);
        let opinion = match (part, self.opinion) {
            (Part::King(_), Opinion::Undecided) => Opinion::Nothing,
            (_, opinion) => opinion,
        };
        let speaks = part.is_for(self.config.me, self.config.instance.commander);
        (speaks && part.allows(&opinion)).then_some(opinion)
    }

    /// Casts this general's own ballot: it votes like everybody.
    fn vote(&mut self, round: u8) {
        let Some(opinion) = self.speech(round) else { return };
        let me = self.config.me;
        let (ballots, heard) = self.ballots(round);
        if let Some(ballot) = ballots.get_mut(me.index()) {
            *ballot = opinion;
            heard.insert(me);
        }
    }

    /// Whether two ballots of a round name two different orders.
    fn disagree(&self, round: u8) -> bool {
        let mut orders = self.cast(round).filter(|it| matches!(it, Opinion::Order(_)));
        orders.next().is_some_and(|first| orders.any(|other| other != first))
    }
}

impl<V: Value, T: AsRef<[Opinion<V>]> + AsMut<[Opinion<V>]>> Rules for Ballots<V, T> {
    type Command<'a> = Order<V>;
    type Message<'a> = Message<V>;
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

    fn on_command(&mut self, round: u8, Order(order): Order<V>) -> Result<(), Refusal> {
        if !self.config.commands() {
            return Err(Refusal::NotCommander);
        }
        if round > 0 {
            return Err(Refusal::Begun);
        }
        self.opinion = Opinion::Order(order);
        Ok(())
    }

    fn on_message(&mut self, round: u8, from: NodeId, message: &Verified<Message<V>>) -> Blame {
        self.take(round, from, message.message()).into()
    }

    fn close(&mut self, round: u8) -> NodeSet {
        let (part, Config { me, nodes, instance, .. }) = (Part::of(round), self.config);
        self.vote(round);
        match part {
            Part::Command => self.opinion = self.word(round),
            Part::First => {
                // In the first of these exchanges everybody says what it was told.
                if round == 2 {
                    self.conflict = self.disagree(round);
                }
                self.close_first(round);
            }
            Part::Second => self.close_second(round),
            Part::King(_) => self.close_king(round),
        }
        let (ballots, heard) = self.ballots(round);
        ballots.fill(Opinion::Nothing);
        let heard = core::mem::take(heard);
        let speakers = (0u8..)
            .map(NodeId)
            .take(nodes)
            .filter(|id| *id != me && part.is_for(*id, instance.commander));
        speakers.filter(|id| !heard.contains(*id)).collect()
    }

    fn frame(&self, round: u8, _to: NodeId) -> Option<Message<V>> {
        let opinion = self.speech(round)?;
        Some(Message { instance: self.config.instance, round, opinion })
    }

    /// Everybody: a loyal general says the same to all.
    fn audience(&self, _round: u8, _to: NodeId) -> NodeSet {
        (0u8..).map(NodeId).take(self.config.nodes).collect()
    }

    fn decision(&self) -> Verdict<V> {
        match self.opinion {
            Opinion::Order(order) => Verdict::Value(order),
            _ if self.conflict => Verdict::Default(Reason::Conflict),
            _ => Verdict::Default(Reason::Missing),
        }
    }
}
