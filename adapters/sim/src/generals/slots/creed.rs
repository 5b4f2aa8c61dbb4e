//! What traitors of a service say.

use super::super::cabal::{Cabal, Occasion};
use super::super::creed::{Costs, Creed, Twist, encode};
use super::super::creeds::Every;
use super::super::saying::{Lack, Saying};
use super::room::Parcel;
use core::marker::PhantomData;
use quorate::lockstep::Message;
use quorate::rounds::{Config, Rules};
use quorate::vector::{self, Broadcast, Vector};
use quorate::wire::{self, Bytes};
use quorate::{Digest, NodeId};
use std::hash::Hasher;

/// A service in lockstep, whose slots are vectors of the protocol `C`.
#[derive(Clone, Copy, Debug)]
pub struct Serving<C>(PhantomData<C>);

impl<C> Serving<C>
where
    C: Creed<Value = Parcel>,
    C::Rules: Broadcast<Value = Parcel>,
{
    /// The frame of a slot, as a message of the service.
    fn wrap(frame: &[u8]) -> Option<Vec<u8>> {
        let frame = wire::decode::<vector::Message<'_, C::Rules>>(frame).ok()?;
        Some(encode(&Message::<'_, C::Rules>::Slot(frame)))
    }
}

impl<C> Creed for Serving<C>
where
    C: Creed<Value = Parcel>,
    C::Rules: Broadcast<Value = Parcel>,
{
    type Value = Parcel;
    type Rules = <Every<C> as Creed>::Rules;

    const FRAME: &'static str = "LOCKSTEP";
    const WHOLE: bool = false;

    fn rules(config: Config) -> Self::Rules {
        Every::<C>::rules(config)
    }

    fn costs(nodes: usize, traitors: usize, value_bytes: usize) -> Costs {
        Every::<C>::costs(nodes, traitors, value_bytes)
    }

    fn entries(decision: Vector<'_, C::Rules>) -> Vec<Option<Parcel>> {
        Every::<C>::entries(decision)
    }

    fn number(message: &<Self::Rules as Rules>::Message<'_>) -> u64 {
        message.number
    }

    fn opening(frame: &<Self::Rules as Rules>::Message<'_>) -> Option<Vec<u8>> {
        Every::<C>::opening(frame)
    }

    fn remember(rules: &Self::Rules, hasher: &mut dyn Hasher) {
        Every::<C>::remember(rules, hasher);
    }

    /// The frame of a slot is twisted as that of a vector; what else generals say, in its own way.
    fn twist(
        frame: &[u8],
        cabal: &mut Cabal<Parcel>,
        at: Occasion,
        twist: Twist,
    ) -> Option<Vec<u8>> {
        let mut message = wire::decode::<Message<'_, C::Rules>>(frame).ok()?;
        let mut lie = Vec::new();
        match &mut message {
            Message::Slot(slot) => {
                let frame = encode(&vector::Message::<C::Rules>::clone(slot));
                return Self::wrap(&Every::<C>::twist(&frame, cabal, at, twist)?);
            }
            Message::Vouch { digest, .. } => {
                *digest = Digest::of(&cabal.random.bits().to_le_bytes());
            }
            Message::Rejoin { after } => *after = cabal.random.bits() >> cabal.random.below(64),
            Message::FetchState { slot } => *slot = slot.wrapping_add(cabal.random.below(3)),
            Message::State { state, .. } => {
                lie.extend_from_slice(state.0);
                lie.push(1);
                *state = Bytes(&lie);
            }
            Message::Reply(reply) => {
                lie.extend_from_slice(b"a lie");
                reply.reply = Bytes(&lie);
            }
            Message::Request(_) => {}
        }
        Some(encode(&message))
    }

    fn invent(cabal: &mut Cabal<Parcel>, at: Occasion) -> Option<Vec<u8>> {
        let slot = at.instance.number;
        let message: Message<'_, C::Rules> = match cabal.random.below(10) {
            0 => Message::Rejoin { after: slot.wrapping_add(cabal.random.below(4)) },
            1 => {
                let digest = Digest::of(&slot.to_le_bytes());
                Message::Vouch { slot: slot.wrapping_add(cabal.random.below(4)), digest }
            }
            2 => Message::FetchState { slot },
            _ => return Self::wrap(&Every::<C>::invent(cabal, at)?),
        };
        Some(encode(&message))
    }

    /// The frame of a slot is said otherwise as that of a vector; nothing else is.
    fn utter(
        cabal: &Cabal<Parcel>,
        at: Occasion,
        loyal: Option<&[u8]>,
        saying: &Saying<Parcel>,
    ) -> Result<Vec<u8>, Lack> {
        let message = loyal.map(wire::decode::<Message<'_, C::Rules>>).and_then(Result::ok);
        let slot = match &message {
            Some(Message::Slot(slot)) => Some(encode(&vector::Message::<C::Rules>::clone(slot))),
            Some(_) => return Err("it says nothing of a slot then".to_owned()),
            None => None,
        };
        let frame = Every::<C>::utter(cabal, at, slot.as_deref(), saying)?;
        Self::wrap(&frame).ok_or_else(|| "that is no frame of a slot".to_owned())
    }

    fn tell(frame: &[u8]) -> String {
        let Ok(message) = wire::decode::<Message<'_, C::Rules>>(frame) else {
            return format!("{} bytes of nothing", frame.len());
        };
        match message {
            Message::Slot(slot) => {
                let frame = encode(&vector::Message::<C::Rules>::clone(&slot));
                let commanders = slot.parts().flatten().map(|(NodeId(id), _)| format!("r{id}"));
                let commanders = commanders.collect::<Vec<_>>().join(" ");
                let (number, bytes) = (slot.number, frame.len());
                format!("SLOT {number}, of {commanders}: {bytes} bytes")
            }
            other => format!("{other:?}"),
        }
    }

    fn words(frame: &[u8]) -> String {
        Self::tell(frame)
    }
}
