//! The rules of oral messages, as the clockwork asks for them.

use super::cost::{rounds, slots};
use super::entry::Entry;
use super::message::Message;
use super::path::{MAX_ROUNDS, Path};
use super::resolve::resolve;
use super::tree::Tree;
use super::wave::Wave;
use crate::auth::Verified;
use crate::fault::{ConfigError, Fault, Refusal};
use crate::node::{NodeId, NodeSet};
use crate::rounds::{self, Blame, Config, Rules, Schedule};
use crate::value::{Order, Reason, Value, Verdict};

/// A general of OM(m): its rules, kept in time.
pub type General<V, T> = rounds::General<Orders<V, T>>;

impl<V: Value, T: AsRef<[Entry<V>]> + AsMut<[Entry<V>]>> General<V, T> {
    /// A general that waits for the first round.
    ///
    /// # Errors
    /// As [`Orders::new`].
    pub fn new(config: Config, schedule: Schedule, memory: T) -> Result<Self, ConfigError> {
        Ok(Self::with_rules(Orders::new(config, memory)?, schedule))
    }
}

/// All that a general knows of one agreement by oral messages. Its memory `T` is
/// [`slots(nodes, traitors)`](slots) entries in an array, a slice or a vector.
#[derive(Clone, Debug)]
pub struct Orders<V, T> {
    config: Config,
    /// The commander's own.
    order: Option<V>,
    /// Who sent something in the open round that was no list of values.
    garbled: NodeSet,
    memory: T,
}

#[cfg(feature = "defmt")]
impl<V, T> defmt::Format for Orders<V, T> {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "Orders({})", self.config);
    }
}

impl<V: Value, T: AsRef<[Entry<V>]> + AsMut<[Entry<V>]>> Orders<V, T> {
    /// Checks the bound, and empties the memory.
    ///
    /// # Errors
    /// Ids that are unknown, more traitors than `n > 3m` allows, or memory of another size than
    /// [`slots(nodes, traitors)`](slots).
    pub fn new(config: Config, memory: T) -> Result<Self, ConfigError> {
        if config.nodes <= config.traitors.saturating_mul(3) {
            return Err(ConfigError("oral messages withstand m traitors only among n > 3m"));
        }
        Self::unchecked(config, memory)
    }

    /// The same without the bound `n > 3m`: to show what happens beyond it, which is that loyal
    /// generals disagree. Never use it in a system.
    ///
    /// # Errors
    /// As [`Orders::new`], but `m + 2` generals are enough.
    pub fn unchecked(config: Config, mut memory: T) -> Result<Self, ConfigError> {
        config.check()?;
        if usize::from(rounds(config.traitors)) > MAX_ROUNDS {
            return Err(ConfigError("oral messages go through at most 22 rounds"));
        }
        let entries = memory.as_mut();
        if entries.len() != slots(config.nodes, config.traitors) {
            return Err(ConfigError("the memory must have om::slots(nodes, traitors) entries"));
        }
        entries.fill(Entry::EMPTY);
        Ok(Self { config, order: None, garbled: NodeSet::EMPTY, memory })
    }

    /// Which general of which agreement this is.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// What came along a path; after the end, what the path resolved to. `None` if no order can
    /// come to this general along it.
    #[must_use]
    pub fn entry(&self, path: &Path) -> Option<&Entry<V>> {
        let slot = self.tree().slot(path.ids()).ok()?;
        self.entries().get(slot)
    }

    /// The memory, in level order.
    #[must_use]
    pub fn entries(&self) -> &[Entry<V>] {
        self.memory.as_ref()
    }

    /// Forgets everything and begins agreement `number` of the same commander.
    pub fn renew(&mut self, number: u64) {
        self.config.instance.number = number;
        (self.order, self.garbled) = (None, NodeSet::EMPTY);
        self.memory.as_mut().fill(Entry::EMPTY);
    }

    /// The value that was agreed, after the end: at the commander, its own.
    #[must_use]
    pub fn agreed(&self) -> Option<&V> {
        if self.config.commands() {
            return self.order.as_ref();
        }
        match self.entries().first() {
            Some(Entry::Value(value)) => Some(value),
            _ => None,
        }
    }

    /// Gives the memory back.
    #[must_use]
    pub fn into_memory(self) -> T {
        self.memory
    }

    fn tree(&self) -> Tree {
        Tree::of(&self.config)
    }

    /// First write wins: what is kept already must be the same.
    fn check(&self, slot: usize, order: Option<V>) -> Result<(), Fault> {
        let kept = self.entries().get(slot).ok_or(Fault::OutOfBounds)?;
        if kept.is_empty() || *kept == Entry::told(order) || canary!("last_write_wins") {
            Ok(())
        } else {
            Err(Fault::Equivocation)
        }
    }

    fn write(&mut self, slot: usize, order: Option<V>) {
        if let Some(entry) = self.memory.as_mut().get_mut(slot) {
            *entry = Entry::told(order);
        }
    }

    /// A whole wave: checked to its end before the first order is kept.
    fn on_wave(&mut self, from: NodeId, round: u8, wave: &Wave<'_, V>) -> Result<(), Fault> {
        let tree = self.tree();
        let mut orders = wave.orders();
        for slot in tree.said_by(from, round) {
            self.check(slot, orders.next().ok_or(Fault::Malformed)??)?;
        }
        if orders.next().is_some() {
            return Err(Fault::Malformed);
        }
        for (slot, order) in tree.said_by(from, round).zip(wave.orders().flatten()) {
            self.write(slot, order);
        }
        Ok(())
    }

    /// One message along a path, of which the sender must be the last.
    fn on_oral(&mut self, from: NodeId, path: &Path, order: Option<V>) -> Result<(), Fault> {
        let slot = self.tree().slot(path.ids())?;
        if path.ids().last() != Some(&from) {
            return Err(Fault::OffPath);
        }
        self.check(slot, order)?;
        self.write(slot, order);
        Ok(())
    }

    /// What a frame says, if it is about this agreement and its round has not closed.
    fn hear(&mut self, open: u8, from: NodeId, message: &Message<'_, V>) -> Result<(), Fault> {
        if message.instance() != self.config.instance {
            return Err(Fault::WrongInstance);
        }
        let round = message.round();
        self.tree().expects(from, round)?;
        if round < open || canary!("early_dropped") && round > open.max(1) {
            return Err(Fault::Late);
        }
        let heard = match message {
            Message::Wave { orders, .. } => self.on_wave(from, round, orders),
            Message::Oral { path, order, .. } => self.on_oral(from, path, *order),
        };
        if heard == Err(Fault::Malformed) && round == open.max(1) {
            self.garbled.insert(from);
        }
        heard
    }

    /// Whether nothing at all came from this peer in this round.
    fn is_silent(&self, from: NodeId, round: u8) -> bool {
        let entries = self.entries();
        let mut said = self.tree().said_by(from, round);
        said.all(|slot| entries.get(slot).is_none_or(Entry::is_empty))
    }

    /// Fills what did not arrive from this peer in this round, in which it sent garbage.
    fn invalidate(&mut self, from: NodeId, round: u8) {
        let said = self.tree().said_by(from, round);
        let entries = self.memory.as_mut();
        for slot in said {
            if let Some(entry) = entries.get_mut(slot).filter(|entry| entry.is_empty()) {
                *entry = Entry::Invalid;
            }
        }
    }

    /// Everybody, in order of ids.
    fn everybody(&self) -> impl Iterator<Item = NodeId> + use<V, T> {
        (0u8..).map(NodeId).take(self.config.nodes)
    }
}

impl<V: Value, T: AsRef<[Entry<V>]> + AsMut<[Entry<V>]>> Rules for Orders<V, T> {
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

    fn on_command(&mut self, round: u8, Order(order): Order<V>) -> Result<(), Refusal> {
        if !self.config.commands() {
            return Err(Refusal::NotCommander);
        }
        if round > 0 {
            return Err(Refusal::Begun);
        }
        self.order = Some(order);
        Ok(())
    }

    fn on_message(&mut self, open: u8, from: NodeId, message: &Verified<Message<'_, V>>) -> Blame {
        self.hear(open, from, message.message()).into()
    }

    fn close(&mut self, round: u8) -> NodeSet {
        let tree = self.tree();
        let mut missing = NodeSet::EMPTY;
        for from in self.everybody().filter(|from| tree.expects(*from, round).is_ok()) {
            if self.garbled.contains(from) {
                self.invalidate(from, round);
            } else if self.is_silent(from, round) {
                missing.insert(from);
            }
        }
        self.garbled = NodeSet::EMPTY;
        if round == tree.rounds() && !self.config.commands() {
            resolve(&tree, self.memory.as_mut());
        }
        missing
    }

    fn frame(&self, round: u8, to: NodeId) -> Option<Message<'_, V>> {
        let Config { me, instance, .. } = self.config;
        let told = Tree::of(&Config { me: to, ..self.config });
        told.expects(me, round).ok()?;
        let orders = if round == 1 {
            self.order?;
            Wave::from_orders(core::slice::from_ref(&self.order))
        } else {
            let tree = self.tree();
            Wave::relay(self.entries(), tree, tree.outward(to, round))
        };
        Some(Message::Wave { instance, round, orders })
    }

    fn audience(&self, round: u8, to: NodeId) -> NodeSet {
        // Up to the second round there is one path only, the same to all lieutenants.
        let commander = self.config.instance.commander;
        let same = round <= 2 && to != commander;
        let told = |node: &NodeId| *node == to || (same && *node != commander);
        self.everybody().filter(told).collect()
    }

    fn decision(&self) -> Verdict<V> {
        if self.config.commands() {
            return self.order.map_or(Verdict::Default(Reason::Missing), Verdict::Value);
        }
        let root = self.entries().first();
        root.map_or(Verdict::Default(Reason::Missing), Entry::verdict)
    }
}
