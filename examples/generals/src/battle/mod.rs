//! Fighting a scenario out.

mod field;
mod keys;
mod king;
mod ledger;
mod om;
mod sm;
mod speech;
mod tongue;

pub use ledger::{Accusation, Battle, Fate, Frame, Kind, Said, Telling, Utterance};

use crate::problem::Problem;
use crate::scenario::{Over, Protocol, Scenario};
use field::Field;
use keys::Keys;
use king::Opinions;
use om::Oral;
use sm::SignedOrders;
use speech::{Alone, Together};
use std::rc::Rc;

/// Up to how many messages each is kept, to be shown.
const MOST_KEPT: u64 = 400_000;

/// Fights a scenario out and tells what happened.
///
/// # Errors
/// A lie for which a loyal general's signature would have to be forged, or sizes that the
/// protocol does not take.
pub fn fight(scenario: &Scenario) -> Result<Battle, Problem> {
    let keys = Rc::new(Keys::new(scenario.n)?);
    let oral = Oral { nodes: scenario.n };
    let signed = || SignedOrders::new(Rc::clone(&keys), scenario.traitors);
    let detailed = expected_messages(scenario) <= MOST_KEPT;
    macro_rules! fight {
        ($speech:expr) => {
            Field::new(scenario, $speech, Rc::clone(&keys), detailed)?.fight()
        };
    }
    match scenario.protocol {
        Protocol::Om => fight!(Alone(oral)),
        Protocol::Sm => fight!(Alone(signed())),
        Protocol::King => fight!(Alone(Opinions)),
        Protocol::Vector(Over::Om) => fight!(Together(oral)),
        Protocol::Vector(Over::Sm) => fight!(Together(signed())),
        Protocol::Vector(Over::King) => fight!(Together(Opinions)),
    }
}

/// How many messages the scenario would have without traitors.
fn expected_messages(scenario: &Scenario) -> u64 {
    let Scenario { n, m, protocol, .. } = *scenario;
    let each = match protocol {
        Protocol::Om | Protocol::Vector(Over::Om) => quorate::om::messages(n, m),
        Protocol::Sm | Protocol::Vector(Over::Sm) => quorate::sm::messages(n, m),
        Protocol::King | Protocol::Vector(Over::King) => quorate::king::messages(n, m),
    };
    each.saturating_mul(scenario.commanders().count() as u64)
}
