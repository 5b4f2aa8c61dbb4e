//! Plays a script of rounds.

use super::Generals;
use super::judge::Ending;
use super::name::Name;
use crate::generals::{
    Ballot, Creed, Every, Field, Oral, Protocol, Rule, Rules, Scripted, Scrolls,
};
use crate::script::played::{Outcome, Played};
use quorate::NodeId;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

/// The rules of each traitor, shared with its mouth.
type Parts = BTreeMap<NodeId, Rules<Name>>;

impl Generals {
    /// Plays it from its beginning.
    pub(super) fn play_field(&self) -> Played {
        match (self.plan.protocol, self.plan.base) {
            (Protocol::Vector, Protocol::Om) => self.field::<Every<Oral<Name>>>(),
            (Protocol::Vector, Protocol::Sm) => self.field::<Every<Scrolls<Name>>>(),
            (Protocol::Vector, _) => self.field::<Every<Ballot<Name>>>(),
            (Protocol::Sm, _) => self.field::<Scrolls<Name>>(),
            (Protocol::King, _) => self.field::<Ballot<Name>>(),
            _ => self.field::<Oral<Name>>(),
        }
    }

    fn field<C: Creed<Value = Name>>(&self) -> Played {
        let (mut field, parts) = (None, self.parts());
        let panic = Outcome::of_panic(|| {
            let field = field.insert(self.build::<C>(&parts));
            let _ = field.run();
        });
        let Some(field) = field else {
            return Played::unbuilt(self.plan.to_string(), self.plan.marks(), panic);
        };
        let (end, violation) = (field.now(), field.violation().cloned());
        let nodes = || (0..self.plan.nodes as u8).map(NodeId);
        let agreements = 0..self.plan.agreements.len();
        let of = |it| nodes().map(|node| field.decision(it, node).map(<[_]>::to_vec)).collect();
        let decisions = agreements.map(of).collect();
        let transcript = field.into_transcript();
        let ending = Ending { scene: self, decisions, transcript: &transcript, end };
        let mut outcomes = ending.judge();
        outcomes.extend(self.unused(&parts));
        let wanted = self.wanted_violation();
        outcomes.push(Outcome::of_checkers(wanted, violation.as_ref()));
        outcomes.extend(panic);
        Played {
            outcomes,
            plan: self.plan.to_string(),
            faulty: self.plan.marks(),
            transcript,
            end,
            violation,
        }
    }

    fn build<C: Creed<Value = Name>>(&self, parts: &Parts) -> Field<C> {
        let mut field = Field::<C>::ordered(self.plan.clone(), self.orders.clone(), true);
        for (node, rules) in parts {
            field.corrupt(*node, Box::new(Scripted(Rc::clone(rules))));
        }
        field
    }

    fn parts(&self) -> Parts {
        let rules = |rules: &[(usize, Rule<Name>)]| {
            let rules = rules.iter().map(|(_, rule)| rule.clone());
            Rc::new(RefCell::new(rules.collect()))
        };
        self.rules.iter().map(|(node, all)| (*node, rules(all))).collect()
    }

    /// Rules that never had their chance.
    fn unused(&self, parts: &Parts) -> Vec<Outcome> {
        let mut outcomes = Vec::new();
        for (node, lines) in &self.rules {
            let Some(part) = parts.get(node) else { continue };
            for ((line, _), rule) in lines.iter().zip(part.borrow().iter()) {
                if rule.used == 0 {
                    let lack = rule.lack.clone();
                    let lack = lack.unwrap_or_else(|| "it never had its chance".to_owned());
                    let what = format!("{lack}: it tests nothing");
                    outcomes.push(Outcome::new(*line, self.text(*line), Err(what)));
                }
            }
        }
        outcomes.sort_by_key(|outcome| outcome.line);
        outcomes
    }
}
