//! What the lessons say.

use super::counter;
use crate::battle;
use crate::judge::Judgement;
use crate::problem::Problem;
use crate::scenario::Scenario;
use crate::table;
use crate::text::wrapped;

/// One screen.
pub(super) struct Lesson {
    pub(super) title: &'static str,
    pub(super) tell: fn() -> Result<String, Problem>,
}

/// All of them.
pub(super) const LESSONS: [Lesson; 6] = [
    Lesson { title: "three generals cannot agree", tell: three_fail },
    Lesson { title: "four can, if one lies", tell: four_succeed },
    Lesson { title: "signatures help", tell: signatures_help },
    Lesson { title: "two traitors", tell: two_traitors },
    Lesson { title: "everybody's value", tell: the_vector },
    Lesson { title: "a replicated counter with a lying replica", tell: a_counter },
];

/// How many rows of a table are shown on one screen.
const ROWS: usize = 14;

/// How wide a screen is.
const WIDTH: usize = 90;

/// Fights a scenario of this package out and tells it.
fn fought(name: &str, text: &str) -> Result<String, Problem> {
    let scenario = Scenario::from_toml(name, text)?;
    let battle = battle::fight(&scenario)?;
    let judgement = Judgement::of(&scenario, &battle);
    Ok(table::report(&scenario, &battle, &judgement, Some(ROWS)))
}

macro_rules! scenario {
    ($name:literal) => {
        fought($name, include_str!(concat!("../../scenarios/", $name, ".toml")))
    };
}

fn three_fail() -> Result<String, Problem> {
    Ok(format!(
        "Generals surround a city and can only send messengers. The commander orders; the others
ask each other what they were told. One of the three is a traitor. Lieutenant 1 hears
\"attack\" from the commander and \"retreat\" from lieutenant 2.

{}
Was it the lieutenant who lied, or the commander? Here is the other case. Look at the
column of general 1: it hears the very same, and so it must do the same.

{}
That is why no rule helps: with n generals of whom m are traitors, n > 3m is needed.",
        scenario!("figure-1-three-generals")?,
        scenario!("figure-2-three-generals")?
    ))
}

fn four_succeed() -> Result<String, Problem> {
    Ok(format!(
        "With a fourth general each lieutenant has three reports, and a majority decides.

{}
If the commander itself lies, to each something else, all lieutenants end with the same
three reports. They need not know who lied: what they have in common is enough.

{}",
        scenario!("figure-3-lying-lieutenant")?,
        scenario!("figure-4-lying-commander")?
    ))
}

/// What lesson 3 tries: the lie of lesson 1, with signed messages.
const FORGERY: &str = r#"
protocol = "sm"
n = 3
m = 1
order = "attack"
default = "retreat"
traitors = [2]

[[lie]]
from = 2
to = [1]
value = "retreat"
"#;

fn signatures_help() -> Result<String, Problem> {
    let refused = match fought("the lie of lesson 1", FORGERY) {
        Err(refused) => wrapped(&refused.to_string(), WIDTH - 2).join("\n  "),
        Ok(_) => return Err(Problem::failed("a signature was forged")),
    };
    Ok(format!(
        "Now every order is signed, and who relays it signs it too. Ids after an order are its
signers. Three generals are enough: a commander who signs two orders convicts itself.

{}
And the lieutenant of lesson 1, who said \"retreat\" where the order was to attack?

  {refused}

It can be silent, and that is all.",
        scenario!("figure-5-signed-commander")?
    ))
}

fn two_traitors() -> Result<String, Problem> {
    Ok(format!(
        "Two traitors among seven: the bound n > 3m holds, and the commander is one of them. A
third round is needed, in which they ask each other: who told you that they said that?

{}
With five generals and the same two traitors nothing is promised:

{}",
        scenario!("om2-by-parity")?,
        scenario!("om-one-traitor-too-many")?
    ))
}

fn the_vector() -> Result<String, Problem> {
    Ok(format!(
        "Often everybody has something to say: a sensor's reading, a request. Then each general
commands one agreement, and all of them travel in the same frames. At the end all loyal
generals hold the same list, and the entry of a loyal general is what it said.

{}",
        scenario!("vector-equivocation")?
    ))
}

fn a_counter() -> Result<String, Problem> {
    counter::tell()
}
