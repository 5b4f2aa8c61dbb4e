//! The command line.

use crate::cost::CostArgs;
use crate::demo::DemoArgs;
use crate::output::OutputArgs;
use crate::problem::Problem;
use crate::scenario::{DEFAULT, Over, Protocol, Scenario};
use crate::treason::{Strategy, Treason};
use crate::word::Word;
use crate::{cost, demo, output};
use clap::{Args, Parser, Subcommand, ValueEnum};
use quorate::NodeId;
use std::fs;
use std::path::PathBuf;

/// Byzantine generals: agreement among generals of whom some are traitors.
///
/// Exit codes: 0, it ran (also if generals disagree where nothing was promised); 1, what was
/// promised or expected did not come; 2, what was asked for cannot be.
#[derive(Clone, Debug, Parser)]
#[command(name = "generals", version, about, propagate_version = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Subcommands,
}

#[derive(Clone, Debug, Subcommand)]
enum Subcommands {
    /// Agree on one general's order by oral messages, OM(m): n > 3m.
    Om(SingleArgs),
    /// Agree on one general's order by signed messages, SM(m): n >= m + 2.
    Sm(SingleArgs),
    /// Agree on one general's order by the phase king: n > 3m, short messages, more rounds.
    King(SingleArgs),
    /// Agree on everybody's value: interactive consistency.
    Vector(VectorArgs),
    /// Fight out a scenario from a file, in which every lie can be written down.
    Run(RunArgs),
    /// What the protocols cost: messages, frames, memory, bytes, rounds.
    Cost(CostArgs),
    /// A guided tour: one screen for each lesson.
    Demo(DemoArgs),
}

/// Who fights.
#[derive(Args, Clone, Debug)]
struct ArmyArgs {
    /// Generals: 2 to 64.
    #[arg(long)]
    n: usize,
    /// The most traitors that the protocol is to withstand.
    #[arg(long)]
    m: usize,
    /// The ids of the traitors, 0 to n - 1.
    #[arg(long, value_delimiter = ',', value_name = "IDS")]
    traitors: Vec<u8>,
    /// What the traitors do.
    #[arg(long, value_enum, default_value_t = Strategy::Split)]
    strategy: Strategy,
    /// The word that traitors say where they do not say the order [default: B, or A].
    #[arg(long, value_name = "WORD")]
    other: Option<Word>,
    /// Draws what is random in the strategy `random`.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// What is obeyed where there is no order.
    #[arg(long, value_name = "WORD", default_value = DEFAULT)]
    default: Word,
    /// Run it also out of the protocol's bound, to see it fail.
    #[arg(long)]
    unchecked: bool,
}

/// Arguments of `om`, `sm` and `king`.
#[derive(Args, Clone, Debug)]
struct SingleArgs {
    #[command(flatten)]
    army: ArmyArgs,
    /// The general who commands.
    #[arg(long, default_value_t = 0)]
    commander: u8,
    /// What it orders.
    #[arg(long, value_name = "WORD", default_value = "A")]
    order: Word,
    #[command(flatten)]
    output: OutputArgs,
}

/// Arguments of `vector`.
#[derive(Args, Clone, Debug)]
struct VectorArgs {
    #[command(flatten)]
    army: ArmyArgs,
    /// The value of each general [default: A, B, C and so on].
    #[arg(long, value_delimiter = ',', value_name = "WORDS")]
    orders: Vec<Word>,
    /// The protocol by which each value is agreed on.
    #[arg(long, value_enum, default_value_t = OverChoice::Om)]
    over: OverChoice,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum OverChoice {
    /// Oral messages.
    Om,
    /// Signed messages.
    Sm,
    /// The phase king.
    King,
}

/// Arguments of `run`.
#[derive(Args, Clone, Debug)]
struct RunArgs {
    /// The scenario, a TOML file.
    file: PathBuf,
    #[command(flatten)]
    output: OutputArgs,
}

impl Cli {
    /// Does what the command line says.
    ///
    /// # Errors
    /// Why not, or what did not come out as promised.
    pub fn run(self) -> Result<(), Problem> {
        match self.command {
            Subcommands::Om(arguments) => arguments.run(Protocol::Om),
            Subcommands::Sm(arguments) => arguments.run(Protocol::Sm),
            Subcommands::King(arguments) => arguments.run(Protocol::King),
            Subcommands::Vector(arguments) => arguments.run(),
            Subcommands::Run(arguments) => arguments.run(),
            Subcommands::Cost(arguments) => cost::run(&arguments),
            Subcommands::Demo(arguments) => demo::run(&arguments),
        }
    }
}

impl SingleArgs {
    fn run(self, protocol: Protocol) -> Result<(), Problem> {
        let orders = vec![self.order; self.army.n.min(64)];
        let scenario = self.army.scenario(protocol, NodeId(self.commander), orders)?;
        output::fight_and_tell(&scenario, &self.output)
    }
}

impl VectorArgs {
    fn run(self) -> Result<(), Problem> {
        let protocol = Protocol::Vector(match self.over {
            OverChoice::Om => Over::Om,
            OverChoice::Sm => Over::Sm,
            OverChoice::King => Over::King,
        });
        let mut orders = self.orders;
        if orders.is_empty() {
            let letters = (0..self.army.n.min(64)).map(letter);
            orders = letters.collect::<Result<_, _>>().map_err(Problem::configuration)?;
        }
        if orders.len() != self.army.n {
            let (count, n) = (orders.len(), self.army.n);
            return Err(Problem::configuration(format!(
                "--orders names {count} words, and n = {n}: name one for each general"
            )));
        }
        let scenario = self.army.scenario(protocol, NodeId(0), orders)?;
        output::fight_and_tell(&scenario, &self.output)
    }
}

/// A to Z, then A1 to Z1, and so on.
fn letter(at: usize) -> Result<Word, crate::word::WordError> {
    let letter = char::from(b'A' + (at % 26) as u8);
    match at / 26 {
        0 => letter.to_string().parse(),
        more => format!("{letter}{more}").parse(),
    }
}

impl ArmyArgs {
    fn scenario(
        self,
        protocol: Protocol,
        commander: NodeId,
        orders: Vec<Word>,
    ) -> Result<Scenario, Problem> {
        let Self { n, m, traitors, strategy, other, seed, default, unchecked } = self;
        if let Some(id) = traitors.iter().find(|id| usize::from(**id) >= n) {
            let most = n.saturating_sub(1);
            return Err(Problem::configuration(format!(
                "--traitors names general {id}: with n = {n} the ids are 0 to {most}"
            )));
        }
        let other = other.map_or_else(|| another(&orders), Ok)?;
        let treason = Treason::Strategy { strategy, other, default, orders: orders.clone(), seed };
        let scenario = Scenario {
            title: None,
            about: None,
            protocol,
            n,
            m,
            commander,
            orders,
            default,
            traitors: traitors.into_iter().map(NodeId).collect(),
            unchecked,
            treason,
            expect: None,
        };
        scenario.check()?;
        Ok(scenario)
    }
}

/// A word that is not the one order: B, or A if the order is B. With several orders, X.
fn another(orders: &[Word]) -> Result<Word, Problem> {
    let several = orders.windows(2).any(|pair| pair[0] != pair[1]);
    let text = match orders.first() {
        _ if several => "X",
        Some(order) if order.as_str() == "B" => "A",
        _ => "B",
    };
    text.parse().map_err(|why: crate::word::WordError| Problem::configuration(why))
}

impl RunArgs {
    fn run(self) -> Result<(), Problem> {
        let name = self.file.display().to_string();
        let text = fs::read_to_string(&self.file)
            .map_err(|why| Problem::configuration(format!("cannot be read: {why}")).at(&name))?;
        let scenario = Scenario::from_toml(&name, &text)?;
        output::fight_and_tell(&scenario, &self.output).map_err(|problem| problem.at(name))
    }
}
