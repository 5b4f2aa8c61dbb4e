//! Says what somebody has it say, and the truth otherwise.

use super::super::cabal::{Cabal, Occasion};
use super::super::creed::{Creed, Twist};
use super::super::mouth::{Mouth, Speech};
use super::super::saying::{Lack, Saying};
use crate::engine::Payload;
use core::time::Duration;
use quorate::rounds::Instance;
use quorate::{NodeId, NodeSet, wire};
use std::cell::RefCell;
use std::rc::Rc;

/// What a traitor does now and then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule<V> {
    /// To whom.
    pub to: NodeSet,
    /// In which round; `None`: in all.
    pub round: Option<u8>,
    /// In which agreement, or about which entry of a vector; `None`: in all.
    pub about: Option<Instance>,
    /// What.
    pub deed: Deed<V>,
    /// How often it did so.
    pub used: u64,
    /// Why it could not, when it last could not.
    pub lack: Option<Lack>,
}

/// What it does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deed<V> {
    /// It says this in place of the truth.
    Say(Saying<V>),
    /// It says nothing.
    Silence,
    /// It says so much later what it says.
    Delay(Duration),
    /// It says so often what it says.
    Repeat(u64),
    /// It says these beside it, each so often, so long after the round began.
    Send {
        /// What it says.
        speeches: Vec<Beside<V>>,
        /// How often.
        times: u64,
        /// How late.
        after: Duration,
    },
}

/// Something that is said beside what its machine says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Beside<V> {
    /// This.
    Saying(Saying<V>),
    /// Bytes that are no frame.
    Garbage,
    /// The last frame of somebody, or its own, in its agreement, and as if it were of this one.
    Heard(NodeId, Option<Instance>),
}

/// The rules of a traitor, which whoever gave them may look at.
pub type Rules<V> = Rc<RefCell<Vec<Rule<V>>>>;

/// A traitor that keeps to rules. One that has none says the truth.
#[derive(Clone, Debug)]
pub struct Scripted<V>(pub Rules<V>);

impl<V> Default for Scripted<V> {
    fn default() -> Self {
        Self(Rules::default())
    }
}

/// What a traitor is about to say to one receiver.
struct Draft<'o> {
    loyal: Option<Payload>,
    after: Duration,
    times: u64,
    beside: &'o mut Vec<Speech>,
}

impl<C: Creed> Mouth<C> for Scripted<C::Value> {
    fn name(&self) -> &'static str {
        "scripted"
    }

    /// The rules change one after another what it says.
    fn speak(
        &mut self,
        cabal: &mut Cabal<C::Value>,
        at: Occasion,
        loyal: Option<&Payload>,
        out: &mut Vec<Speech>,
    ) {
        let (loyal, mut beside) = (loyal.map(Payload::clone), Vec::new());
        let (after, times) = (Duration::ZERO, 1);
        let mut draft = Draft { loyal, after, times, beside: &mut beside };
        for rule in self.0.borrow_mut().iter_mut() {
            let agrees = C::all_command() || rule.about.is_none_or(|it| it == at.instance);
            if !agrees || !rule.to.contains(at.to) || rule.round.is_some_and(|it| it != at.round) {
                continue;
            }
            match draft.follow::<C>(cabal, at, &rule.deed) {
                Ok(()) => rule.used += 1,
                Err(lack) => rule.lack = Some(lack),
            }
        }
        let Draft { loyal, after, times, .. } = draft;
        if let Some(payload) = loyal {
            let speech = Speech { after, payload };
            out.extend((0..times).map(|_| speech.clone()));
        }
        out.extend(beside);
    }
}

impl Draft<'_> {
    fn follow<C: Creed>(
        &mut self,
        cabal: &mut Cabal<C::Value>,
        at: Occasion,
        deed: &Deed<C::Value>,
    ) -> Result<(), Lack> {
        // Who commands may speak in the first round although it has no order.
        let begins = at.round == 1 && (C::all_command() || at.from == at.instance.commander);
        let speaks = self.loyal.is_some() || (begins && matches!(deed, Deed::Say(_)));
        if !speaks && !matches!(deed, Deed::Send { .. }) {
            return Err(format!("r{} has nothing to say then", at.from.0));
        }
        match deed {
            Deed::Say(saying) => {
                let said = C::utter(cabal, at, self.loyal.as_deref(), saying)?;
                self.loyal = Some(said.into());
            }
            Deed::Silence => self.loyal = None,
            Deed::Delay(by) => self.after += *by,
            Deed::Repeat(times) => self.times = *times,
            Deed::Send { speeches, times, after } => {
                for speech in speeches {
                    let payload = beside::<C>(cabal, at, self.loyal.as_ref(), speech)?;
                    let speech = Speech { after: *after, payload };
                    self.beside.extend((0..*times).map(|_| speech.clone()));
                }
            }
        }
        Ok(())
    }
}

/// A frame beside what the machine says.
fn beside<C: Creed>(
    cabal: &mut Cabal<C::Value>,
    at: Occasion,
    own: Option<&Payload>,
    speech: &Beside<C::Value>,
) -> Result<Payload, Lack> {
    let (who, other) = match speech {
        Beside::Saying(saying) => return Ok(C::utter(cabal, at, None, saying)?.into()),
        Beside::Garbage => return Ok([0xff; 16].into()),
        Beside::Heard(who, other) => (*who, *other),
    };
    let is_it = |payload: &Payload| {
        wire::decode::<<C::Rules as quorate::rounds::Rules>::Message<'_>>(payload)
            .is_ok_and(|message| C::number(&message) == at.instance.number)
    };
    let own = own.filter(|_| who == at.from);
    let found = own.or_else(|| {
        let mut heard = cabal.heard().filter(|(from, payload)| *from == who && is_it(payload));
        heard.next().map(|(_, payload)| payload)
    });
    let found = found.map(Payload::clone);
    let heard = found.ok_or_else(|| format!("no traitor has heard r{} say anything yet", who.0))?;
    let Some(instance) = other else { return Ok(heard) };
    let twisted = C::twist(&heard, cabal, at, Twist::Instance(instance));
    Ok(twisted.ok_or("it cannot be said of another agreement")?.into())
}
