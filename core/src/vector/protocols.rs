//! The protocols of which a vector can be made.

use super::broadcast::Broadcast;
use crate::fault::Refusal;
use crate::rounds::{Instance, Rules};
use crate::value::{Order, Value, Verdict};
use crate::{king, om, sm};

impl<V, T> Broadcast for om::Orders<V, T>
where
    V: Value,
    T: AsRef<[om::Entry<V>]> + AsMut<[om::Entry<V>]> + 'static,
{
    type Value = V;

    fn instance(&self) -> Instance {
        self.config().instance
    }

    fn traitors(&self) -> usize {
        self.config().traitors
    }

    fn renew(&mut self, number: u64) {
        self.renew(number);
    }

    fn order(&mut self, round: u8, value: V) -> Result<(), Refusal> {
        self.on_command(round, Order(value))
    }

    fn agreed(&self) -> Option<&V> {
        self.agreed()
    }

    fn verdict(&self) -> Verdict<V> {
        self.decision()
    }

    fn instance_of(message: &om::Message<'_, V>) -> Instance {
        message.instance()
    }
}

impl<V, T> Broadcast for sm::Chains<V, T>
where
    V: Value,
    T: AsRef<[sm::Row]> + AsMut<[sm::Row]> + 'static,
{
    type Value = V;

    fn instance(&self) -> Instance {
        self.instance()
    }

    fn traitors(&self) -> usize {
        self.config().traitors
    }

    fn renew(&mut self, number: u64) {
        self.renew(number);
    }

    fn order(&mut self, round: u8, value: V) -> Result<(), Refusal> {
        self.on_command(round, Order(value))
    }

    fn agreed(&self) -> Option<&V> {
        self.agreed()
    }

    fn verdict(&self) -> Verdict<V> {
        self.decision()
    }

    fn instance_of(message: &sm::Message<'_, V>) -> Instance {
        message.instance
    }

    fn struck(message: &sm::Message<'_, V>) -> u8 {
        message.struck()
    }

    fn strike(message: &mut sm::Message<'_, V>, parts: u8) {
        message.strike(parts);
    }
}

impl<V, T> Broadcast for king::Ballots<V, T>
where
    V: Value,
    T: AsRef<[king::Opinion<V>]> + AsMut<[king::Opinion<V>]> + 'static,
{
    type Value = V;

    fn instance(&self) -> Instance {
        self.config().instance
    }

    fn traitors(&self) -> usize {
        self.config().traitors
    }

    fn renew(&mut self, number: u64) {
        self.renew(number);
    }

    fn order(&mut self, round: u8, value: V) -> Result<(), Refusal> {
        self.on_command(round, Order(value))
    }

    fn agreed(&self) -> Option<&V> {
        self.agreed()
    }

    fn verdict(&self) -> Verdict<V> {
        self.decision()
    }

    fn instance_of(message: &king::Message<V>) -> Instance {
        message.instance
    }
}
