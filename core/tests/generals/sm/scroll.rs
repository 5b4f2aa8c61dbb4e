//! A chain of signatures that a test writes, honestly or not.

use super::{INSTANCE, Value};
use crate::field::scope;
use crate::scheme::TestSigner;
use quorate::auth::{Scope, Signer};
use quorate::rounds::Instance;
use quorate::sm::{Chain, Endorsement, Endorsements, Message, Row, statement};
use quorate::{NodeId, Principal, wire};

/// An order with signatures under it, in memory of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scroll {
    pub value: Value,
    pub rows: Vec<Row>,
}

impl Scroll {
    /// The order, truly signed by these generals, one after the other.
    pub fn signed(value: Value, signers: &[u8]) -> Self {
        Self::signed_in(&scope(), INSTANCE, value, signers)
    }

    /// The same in another cluster or instance.
    pub fn signed_in(scope: &Scope, instance: Instance, value: Value, signers: &[u8]) -> Self {
        let bare = Self { value, rows: Vec::new() };
        signers.iter().fold(bare, |scroll, signer| scroll.then_in(scope, instance, *signer))
    }

    /// One more true signature.
    pub fn then(self, signer: u8) -> Self {
        self.then_in(&scope(), INSTANCE, signer)
    }

    fn then_in(mut self, scope: &Scope, instance: Instance, signer: u8) -> Self {
        let id = NodeId(signer);
        let earlier = Endorsements::new(&self.rows).signers();
        let statement = statement(scope, instance, &self.value, earlier, id);
        let signature = TestSigner(Principal::Node(id)).sign(&statement);
        self.rows.push(Endorsement { signer: id, signature }.to_row());
        self
    }

    /// The same order with a bit of this signature flipped.
    pub fn spoilt(mut self, at: usize) -> Self {
        self.rows[at][64 - 30] ^= 1;
        self
    }

    pub fn chain(&self) -> Chain<'_, Value> {
        let (last, earlier) = self.rows.split_last().unwrap();
        Chain::new(self.value, Endorsements::new(earlier), Endorsement::from_row(last))
    }

    pub fn of(chain: &Chain<'_, Value>) -> Self {
        let mut rows = chain.earlier.rows().to_vec();
        rows.push(chain.last.to_row());
        Self { value: chain.value, rows }
    }

    pub fn signers(&self) -> Vec<u8> {
        self.rows.iter().map(|row| row[0]).collect()
    }

    /// A frame of this scroll alone.
    pub fn frame(&self) -> Vec<u8> {
        frame(&[self])
    }
}

/// A frame of one scroll or two.
pub fn frame(scrolls: &[&Scroll]) -> Vec<u8> {
    frame_in(INSTANCE, scrolls)
}

/// A frame of another instance.
pub fn frame_in(instance: Instance, scrolls: &[&Scroll]) -> Vec<u8> {
    let second = scrolls.get(1).map(|scroll| scroll.chain());
    encode(&Message { instance, first: scrolls[0].chain(), second })
}

pub fn encode(message: &Message<'_, Value>) -> Vec<u8> {
    let mut buffer = vec![0; wire::encoded_len(message)];
    let length = wire::encode(message, &mut buffer).unwrap().len();
    assert_eq!(length, buffer.len());
    buffer
}

/// What a frame says.
pub fn scrolls(frame: &[u8]) -> Vec<Scroll> {
    let message: Message<'_, Value> = wire::decode(frame).unwrap();
    message.chains().map(Scroll::of).collect()
}
