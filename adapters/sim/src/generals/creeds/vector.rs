//! Interactive consistency: an agreement on everybody's value, of any of the protocols.

use super::super::cabal::{Cabal, Occasion};
use super::super::creed::{Costs, Creed, Twist, encode};
use super::super::saying::{Lack, Saying};
use core::marker::PhantomData;
use quorate::auth::Signed;
use quorate::rounds::{Config, Instance, Rules};
use quorate::vector::{Broadcast, Instances, Message, Vector};
use quorate::{NodeId, wire};
use std::hash::Hasher;

/// A vector of agreements of the protocol `C`, one for each general.
#[derive(Clone, Copy, Debug)]
pub struct Every<C>(PhantomData<C>);

/// An occasion to speak about another commander's agreement.
const fn about(at: Occasion, commander: NodeId) -> Occasion {
    Occasion { instance: Instance { number: at.instance.number, commander }, ..at }
}

impl<C> Creed for Every<C>
where
    C: Creed,
    C::Rules: Broadcast<Value = C::Value>,
    for<'a> <C::Rules as Rules>::Message<'a>: Signed,
{
    type Value = C::Value;
    type Rules = Instances<C::Rules, Vec<C::Rules>>;

    const FRAME: &'static str = "VECTOR";
    const WHOLE: bool = false;

    fn rules(config: Config) -> Self::Rules {
        let number = config.instance.number;
        let commanders = (0u8..).map(NodeId).take(config.nodes);
        let instances = commanders.map(|commander| {
            C::rules(Config { instance: Instance { number, commander }, ..config })
        });
        Instances::new(instances.collect()).expect("they belong together")
    }

    fn costs(nodes: usize, traitors: usize, value_bytes: usize) -> Costs {
        let (n, one) = (nodes as u64, C::costs(nodes, traitors, value_bytes));
        let instance = Instance { number: 0, commander: NodeId(0) };
        let config = Config { me: NodeId(0), nodes, traitors, instance };
        let rounds = u64::from(C::rules(config).rounds());
        Costs {
            frames: rounds * n * (n - 1),
            exactly: None,
            frame_bytes: 20 + n * one.frame_bytes,
            verifications: n * one.verifications,
        }
    }

    fn all_command() -> bool {
        true
    }

    fn entries(decision: Vector<'_, C::Rules>) -> Vec<Option<C::Value>> {
        decision.iter().map(quorate::Verdict::value).collect()
    }

    fn number(message: &Message<'_, C::Rules>) -> u64 {
        message.number
    }

    fn opening(_: &Message<'_, C::Rules>) -> Option<Vec<u8>> {
        None
    }

    fn remember(rules: &Self::Rules, hasher: &mut dyn Hasher) {
        let instances = rules.clone().into_memory();
        instances.iter().for_each(|instance| C::remember(instance, hasher));
    }

    /// Some of the parts are changed, or all are.
    fn twist(
        frame: &[u8],
        cabal: &mut Cabal<C::Value>,
        at: Occasion,
        twist: Twist,
    ) -> Option<Vec<u8>> {
        let message = wire::decode::<Message<'_, C::Rules>>(frame).ok()?;
        let often = *cabal.random.pick(&[1000, 500]);
        let mut number = message.number;
        let mut bytes = Vec::new();
        for part in message.parts() {
            let (commander, part) = part.ok()?;
            let part = encode(&part);
            let twist = match twist {
                Twist::Instance(Instance { number: other, .. }) => {
                    number = other;
                    Twist::Instance(Instance { number, commander })
                }
                _ => twist,
            };
            let changes = matches!(twist, Twist::Instance(_)) || cabal.random.chance(often);
            let changed = changes.then(|| C::twist(&part, cabal, about(at, commander), twist));
            bytes.extend(changed.flatten().unwrap_or(part));
        }
        Some(encode(&Message::<C::Rules>::from_parts(number, &bytes)))
    }

    fn invent(cabal: &mut Cabal<C::Value>, at: Occasion) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        for commander in (0u8..).map(NodeId).take(cabal.nodes) {
            let speaks = (at.round == 1) == (commander == at.from) || cabal.random.chance(30);
            if speaks && cabal.random.chance(850) {
                bytes.extend(C::invent(cabal, about(at, commander)).unwrap_or_default());
            }
        }
        Some(encode(&Message::<C::Rules>::from_parts(at.instance.number, &bytes)))
    }

    /// The parts that it is about are said so, and the others as they are; it may be about a part
    /// that is not there.
    fn utter(
        cabal: &Cabal<C::Value>,
        at: Occasion,
        loyal: Option<&[u8]>,
        saying: &Saying<C::Value>,
    ) -> Result<Vec<u8>, Lack> {
        let number = at.instance.number;
        let message = loyal.map(wire::decode::<Message<'_, C::Rules>>).and_then(Result::ok);
        let parts = message.iter().flat_map(Message::parts).flatten();
        let mut parts: Vec<_> =
            parts.map(|(commander, part)| (commander, Some(encode(&part)))).collect();
        // Who has no order has nothing to say of others in the first round.
        let own = Some(at.from).filter(|_| message.is_none());
        let wanted = saying.about.or(own);
        if let Some(commander) = wanted
            && parts.iter().all(|(other, _)| *other != commander)
        {
            parts.push((commander, None));
            parts.sort_by_key(|(commander, _)| *commander);
        }
        let (mut bytes, mut lack) = (Vec::new(), None);
        let mut said = false;
        for (commander, part) in parts {
            let mut spoken = part.clone().unwrap_or_default();
            if wanted.is_none_or(|it| it == commander) {
                match C::utter(cabal, about(at, commander), part.as_deref(), saying) {
                    Ok(part) => (spoken, said) = (part, true),
                    Err(problem) => lack = Some(problem),
                }
            }
            bytes.extend(spoken);
        }
        if !said {
            return Err(lack.unwrap_or_else(|| format!("r{} has nothing to say then", at.from.0)));
        }
        Ok(encode(&Message::<C::Rules>::from_parts(number, &bytes)))
    }

    fn words(frame: &[u8]) -> String {
        let Ok(message) = wire::decode::<Message<'_, C::Rules>>(frame) else {
            return String::new();
        };
        let parts = message.parts().map(|part| match part {
            Ok((_, part)) => C::tell(&encode(&part)),
            Err(fault) => format!("{fault:?}"),
        });
        format!("VECTOR #{}: {}", message.number, parts.collect::<Vec<_>>().join("; "))
    }
}
