//! What the protocols cost, side by side.

use crate::output::say;
use crate::problem::Problem;
use crate::table::{Grid, heading};
use anstyle::Style;
use clap::{Args, ValueEnum};
use quorate::cost::{self, Cost};
use quorate::{Digest, king, om, sm};
use serde_json::{Value, json};
use std::str::FromStr;

/// Arguments of `cost`.
#[derive(Args, Clone, Debug)]
pub(crate) struct CostArgs {
    /// How many generals: one number, or the first and the last as in 4..16.
    #[arg(long, default_value = "4..16")]
    n: Sizes,
    /// How many traitors [default: the most that oral messages withstand, (n - 1) / 3].
    #[arg(long)]
    m: Option<usize>,
    /// What is agreed on.
    #[arg(long, value_enum, default_value_t = ValueChoice::U8)]
    value: ValueChoice,
    /// Print one JSON array, with an object for each row.
    #[arg(long)]
    json: bool,
}

/// A type of values.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum ValueChoice {
    /// One byte.
    U8,
    /// Four bytes, five when they are encoded.
    U32,
    /// A digest of 32 bytes.
    Digest,
}

/// From so many generals to so many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Sizes {
    first: usize,
    last: usize,
}

impl FromStr for Sizes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |text: &str| {
            let n = text.trim().parse().ok().filter(|n| (2..=64).contains(n));
            n.ok_or_else(|| format!("{text:?} is no number of generals: those are 2 to 64"))
        };
        let (first, last) = text.split_once("..").unwrap_or((text, text));
        let (first, last) = (number(first)?, number(last.trim_start_matches('='))?);
        if first > last {
            return Err(format!("{first} is more than {last}: write the smaller one first"));
        }
        Ok(Self { first, last })
    }
}

/// One protocol among n generals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Row {
    n: usize,
    m: usize,
    protocol: &'static str,
    cost: Cost,
    /// Bytes of one general, its memory included.
    ram: usize,
}

/// The rows for values `V`, which take so many bytes when they are encoded.
fn rows<V: quorate::Value>(n: usize, m: usize, encoded: usize) -> [Row; 3] {
    let row = |protocol, cost: Cost, general: usize, slot: usize| {
        // The general without its memory, and that.
        let ram = general.saturating_add(cost.slots.saturating_mul(slot));
        Row { n, m, protocol, cost, ram }
    };
    let om = size_of::<om::General<V, [om::Entry<V>; 0]>>();
    let sm = size_of::<sm::General<V, [sm::Row; 0]>>();
    let king = size_of::<king::General<V, [king::Opinion<V>; 0]>>();
    [
        row("om", cost::om(n, m, encoded), om, size_of::<om::Entry<V>>()),
        row("sm", cost::sm(n, m, encoded), sm, size_of::<sm::Row>()),
        row("king", cost::king(n, m, encoded), king, size_of::<king::Opinion<V>>()),
    ]
}

pub(crate) fn run(arguments: &CostArgs) -> Result<(), Problem> {
    let CostArgs { n: Sizes { first, last }, m, value, json } = *arguments;
    let mut all = Vec::new();
    for n in first..=last {
        let m = m.unwrap_or((n - 1) / 3);
        if m + 2 > n {
            return Err(Problem::configuration(format!(
                "--m {m} with n = {n}: agreement needs two loyal generals, so m is {} at most",
                n - 2
            )));
        }
        all.extend(match value {
            ValueChoice::U8 => rows::<u8>(n, m, 1),
            ValueChoice::U32 => rows::<u32>(n, m, 5),
            ValueChoice::Digest => rows::<Digest>(n, m, 32),
        });
    }
    if json {
        let list: Vec<_> = all.iter().map(Row::object).collect();
        return say(&format!("{}\n", Value::Array(list)));
    }
    say(&table(&all))
}

impl Row {
    fn object(&self) -> Value {
        let Self { n, m, protocol, cost, ram } = *self;
        let Cost { rounds, messages, frames, bytes, slots, .. } = cost;
        json!({
            "n": n, "m": m, "protocol": protocol, "rounds": rounds, "messages": messages,
            "frames": frames, "bytes": bytes, "slots": slots, "ram": ram,
            "within_bound": protocol == "sm" || n > 3 * m,
        })
    }
}

fn table(rows: &[Row]) -> String {
    let mut grid = Grid::default();
    let plain = |cell: String| (cell, Style::new());
    let head = ["n, m", "protocol", "rounds", "messages", "frames", "bytes", "slots", "RAM"];
    grid.row(head.map(|cell| (cell.to_owned(), Style::new().bold())));
    for Row { n, m, protocol, cost, ram } in rows {
        let Cost { rounds, messages, frames, bytes, slots, .. } = *cost;
        let slots = u64::try_from(slots).unwrap_or(u64::MAX);
        let ram = u64::try_from(*ram).unwrap_or(u64::MAX);
        let mut cells = vec![format!("{n}, {m}"), (*protocol).to_owned(), rounds.to_string()];
        cells.extend([messages, frames, bytes, slots, ram].map(grouped));
        if *protocol != "sm" && *n <= 3 * m {
            cells.push("out of bound".to_owned());
        }
        grid.row(cells.into_iter().map(plain));
    }
    let title = heading("One agreement without traitors");
    format!(
        "{title}\n{}Messages are those of the papers, frames what is sent, bytes those of all \
         frames at most.\nSlots and RAM (bytes) are those of one general. Bounds: om and king \
         n > 3m, sm n >= m + 2.\n",
        grid.print()
    )
}

/// A number with commas; the most that there is stands for all that are larger.
fn grouped(number: u64) -> String {
    if number == u64::MAX {
        return "beyond counting".to_owned();
    }
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_one_number_or_two() {
        assert_eq!("7".parse(), Ok(Sizes { first: 7, last: 7 }));
        assert_eq!("4..16".parse(), Ok(Sizes { first: 4, last: 16 }));
        assert_eq!("4..=16".parse(), Ok(Sizes { first: 4, last: 16 }));
        for wrong in ["", "x", "1", "65", "5..4", "4.."] {
            assert!(wrong.parse::<Sizes>().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn the_rows_are_those_of_the_papers() {
        for (n, m, messages, frames, slots) in [
            (4, 1, 9, 9, 3),
            (7, 2, 156, 66, 26),
            (10, 3, 3_609, 225, 401),
            (13, 4, 108_384, 540, 9_032),
            (16, 5, 3_999_675, 1_065, 266_645),
        ] {
            let [om, sm, king] = rows::<u8>(n, m, 1);
            let Cost { messages: sent, frames: packed, slots: kept, .. } = om.cost;
            assert_eq!((sent, packed, kept), (messages, frames, slots));
            assert_eq!(sm.cost.messages, (n as u64 - 1) * (n as u64 - 1));
            assert_eq!(usize::from(king.cost.rounds), 3 * (m + 1) + 1);
            assert!(om.ram > slots && sm.ram > sm.cost.slots * 65 && king.ram > 2 * n);
        }
    }

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(3_999_675), "3,999,675");
        assert_eq!(grouped(u64::MAX), "beyond counting");
    }
}
