//! Signed messages under attack.

use super::battle::{Camp, Occasion, Value, fight};
use super::whim::Whim;
use quorate::rounds::Instance;
use quorate::sm::{Chain, Chains, Endorsement, Endorsements, Message, Row, slots, statement};
use quorate::{NodeId, Signature, Signer, wire};
use std::rc::Rc;

/// A whole agreement by signed messages: three or four generals and one traitor, or four or five
/// and two. Traitors hold their own keys. They see every chain, extend it by any of themselves,
/// keep it for later rounds, begin chains of any value if one of them commands, and forge.
///
/// All loyal generals decide alike, and what a loyal commander ordered; nobody loyal is accused.
pub fn sm(data: &[u8]) {
    let mut whim = Whim::new(data);
    let camp = Camp::pitch(&mut whim, &[(3, 1), (4, 1), (4, 2), (5, 2), (5, 3)]);
    let rules = camp.configs().map(|config| {
        let memory = vec![[0; 65]; slots(config.nodes, config.traitors)];
        Chains::<Value, _>::new(config, memory).expect("within the bound")
    });
    let rules: Vec<_> = rules.collect();
    fight(camp, &mut whim, rules, lie);
}

/// A chain that is being made.
struct Draft {
    value: Value,
    rows: Vec<Row>,
}

impl Draft {
    /// A chain that was seen, or an empty one.
    fn of(camp: &Camp, whim: &mut Whim<'_>, at: Occasion) -> Self {
        let fresh = Self { value: camp.value(whim, at.to), rows: Vec::new() };
        if whim.chance(100) {
            return fresh;
        }
        let Some(payload) = whim.pick(&camp.seen) else { return fresh };
        let Ok(message) = wire::decode::<Message<'_, Value>>(payload) else { return fresh };
        let chains: Vec<_> = message.chains().copied().collect();
        let Some(Chain { value, earlier, last, .. }) = whim.pick(&chains) else { return fresh };
        let mut rows = earlier.rows().to_vec();
        rows.push(last.to_row());
        if whim.chance(64) {
            rows.truncate(whim.below(rows.len() + 1));
        }
        let value = if whim.chance(12) { fresh.value } else { *value };
        Self { value, rows }
    }

    /// Adds an endorsement; signed, if it is a traitor's.
    fn endorse(&mut self, camp: &Camp, instance: Instance, signer: NodeId) {
        let mut endorsement = Endorsement { signer, signature: Signature::ZERO };
        if camp.traitors.contains(signer) {
            let earlier = Endorsements::new(&self.rows).signers();
            let statement = statement(camp.scope(), instance, &self.value, earlier, signer);
            endorsement.signature = Camp::key(signer).sign(&statement);
        }
        self.rows.push(endorsement.to_row());
    }
}

fn draft(camp: &Camp, whim: &mut Whim<'_>, instance: Instance, at: Occasion) -> Draft {
    let mut draft = Draft::of(camp, whim, at);
    for _ in 0..whim.below(3) {
        let signer = NodeId(whim.below(camp.nodes) as u8);
        draft.endorse(camp, instance, signer);
    }
    if draft.rows.is_empty() || !whim.chance(24) {
        draft.endorse(camp, instance, at.from);
    }
    draft
}

fn lie(camp: &Camp, whim: &mut Whim<'_>, at: Occasion, loyal: Option<&[u8]>) -> Rc<[u8]> {
    let mut instance = camp.instance;
    match whim.below(8) {
        0 => return whim.bytes(200).into(),
        1 => return whim.pick(&camp.seen).cloned().unwrap_or_default(),
        2 if loyal.is_some() => return loyal.unwrap_or_default().into(),
        3 => {
            instance.number = whim.number(5);
            instance.commander = NodeId(whim.byte() % 8);
        }
        _ => {}
    }
    let first = draft(camp, whim, instance, at);
    let second = whim.chance(96).then(|| draft(camp, whim, instance, at));
    let (first, second) = (chain(&first), second.as_ref().map(chain));
    Camp::encode(&Message { instance, first, second })
}

fn chain(draft: &Draft) -> Chain<'_, Value> {
    let (last, earlier) = draft.rows.split_last().expect("somebody endorsed it");
    Chain::new(draft.value, Endorsements::new(earlier), Endorsement::from_row(last))
}
