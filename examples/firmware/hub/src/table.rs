//! The tables of the README, each between two marks.

use crate::bench::{Figures, Measures, Size};
use anyhow::{Context as _, Result};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// What stands before tables and behind them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Marks(&'static str, &'static str);

/// Around what `bench` measures.
pub(crate) const MEASURED: Marks = Marks("<!-- measured -->", "<!-- /measured -->");
/// Around what was asked, and what it is.
pub(crate) const ASKED: Marks = Marks("<!-- asked -->", "<!-- /asked -->");
/// Around what the RAM of a replica is made of.
#[cfg(test)]
pub(crate) const PARTS: Marks = Marks("<!-- parts -->", "<!-- /parts -->");
/// Around what `guarantees` says of images with the adapter.
pub(crate) const NODES: Marks = Marks("<!-- nodes -->", "<!-- /nodes -->");

/// The measures as Markdown.
pub(crate) fn tables(measures: &Measures) -> String {
    let mut text = String::new();
    let boards = measures.boards.iter();
    for (at, (board, figures)) in boards.enumerate() {
        let title = if at == 0 && !measures.quick { "All trials" } else { "Some of them" };
        let _ = writeln!(text, "{title} on {board}:\n");
        text.push_str(
            "| trial | RAM, protocol | RAM, all | stack | longest step | steps | signatures \
             | links | all | frames | wire | flash log |\n",
        );
        text.push_str("|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n");
        for it in figures.iter().filter(|it| it.name != "boundaries") {
            row(&mut text, board, it);
        }
        text.push('\n');
    }
    text.push_str("The images:\n\n");
    text.push_str(&images(&measures.images));
    let _ = writeln!(text, "\nMeasured with {}.", measures.compiler);
    text
}

/// What images take, as Markdown.
pub(crate) fn images(sizes: &[Size]) -> String {
    let mut text = "| image | flash | initial values | statics | stack |\n".to_owned();
    text.push_str("|---|--:|--:|--:|--:|\n");
    for it in sizes {
        let stack = number(it.stack);
        let (flash, data, bss) = (number(it.flash), number(it.data), number(it.bss));
        let _ = writeln!(text, "| {} | {flash} | {data} | {bss} | {stack} |", it.image);
    }
    text
}

/// What was asked before any of it was measured, with what it is, as Markdown.
///
/// # Errors
/// One of them was not measured.
pub(crate) fn asked(measures: &Measures) -> Result<String> {
    let trial = |name: &str| {
        let all = measures.boards.first().map(|(_, figures)| figures.iter());
        let found = all.into_iter().flatten().find(|it| it.name == name);
        found.with_context(|| format!("{name} was not run"))
    };
    let flash = |name: &str| {
        let found = measures.images.iter().find(|it| it.image == name);
        found.map(|it| it.flash).with_context(|| format!("there is no image of {name}"))
    };
    let (wide, small, narrow) =
        (trial("pbft-4-4-2048-hmac")?, trial("pbft-4-8-142-hmac")?, trial("pbft-4-4-142-hmac")?);
    let beyond = |it: &Figures| {
        let each = |count: u64| count.div_ceil(it.decisions.max(1));
        each(it.instructions).saturating_sub(each(it.signatures))
    };
    let rows = [
        ("RAM, PBFT, n = 4, W = 4, batches of 2 KB", 40_960, wide.ram),
        ("RAM, PBFT, n = 4, W = 8, a request of 64 bytes a batch", 16_384, small.ram),
        ("RAM, PBFT, n = 4, W = 4, the same", 8_192, narrow.ram),
        ("RAM, OM(1), n = 4, of `u32`", 256, trial("om-4-1-hmac")?.protocol_ram),
        ("RAM, SM(1), n = 4", 1_024, trial("sm-4-1-hmac")?.protocol_ram),
        ("flash, PBFT, HMAC links, Ed25519", 81_920, flash("PBFT, HMAC links, Ed25519")?),
        ("flash, PBFT, HMAC links, signatures of the board", 40_960, flash("PBFT, HMAC links")?),
        ("flash, OM(1) alone", 8_192, flash("OM(1), lines")?),
        (
            "instructions a batch of 64 bytes beyond the client's signature, PBFT, HMAC links",
            2_000_000,
            beyond(narrow),
        ),
        ("the same, a batch of 2 KB", 2_000_000, beyond(wide)),
    ];
    let mut text = "| asked | limit | measured | |\n|---|--:|--:|---|\n".to_owned();
    for (what, limit, measured) in rows {
        let met = if measured <= limit { "met" } else { "not met" };
        let (limit, measured) = (number(limit), number(measured));
        let _ = writeln!(text, "| {what} | {limit} | {measured} | {met} |");
    }
    Ok(text)
}

fn row(text: &mut String, board: &str, it: &Figures) {
    let each = |count: u64| number(count.div_ceil(it.decisions.max(1)));
    let _ = write!(text, "| {} {board} ", it.name);
    for cell in [
        number(it.protocol_ram),
        number(it.ram),
        number(it.stack),
        number(it.longest_step),
        each(it.steps),
        each(it.signatures),
        each(it.links),
        each(it.instructions),
        each(it.frames),
        each(it.wire),
        each(it.records),
    ] {
        let _ = write!(text, "| {cell} ");
    }
    text.push_str("|\n");
}

/// A number with its thousands apart.
fn number(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The text with other tables between its marks.
///
/// # Errors
/// It has no marks.
pub(crate) fn replace(text: &str, marks: Marks, tables: &str) -> Result<String> {
    let (before, _, after) = split(text, marks)?;
    let Marks(begin, end) = marks;
    Ok(format!("{before}{begin}\n{tables}{end}{after}"))
}

fn split(text: &str, Marks(begin, end): Marks) -> Result<(&str, &str, &str)> {
    let missing = || format!("README.md has no {begin} before {end}");
    let (before, rest) = text.split_once(begin).with_context(missing)?;
    let (tables, after) = rest.split_once(end).with_context(missing)?;
    Ok((before, tables, after))
}

/// Columns that no other compiler changes. All others it changes by a tenth at most: stack,
/// instructions, flash.
const TRIAL_EXACT: [usize; 5] = [0, 1, 8, 9, 10];
const IMAGE_EXACT: [usize; 1] = [1];
const ASKED_EXACT: [usize; 1] = [0];

/// Where a text says something else than these tables; rows that were not measured may stand in it.
///
/// # Errors
/// It has no marks.
pub(crate) fn compare(text: &str, marks: Marks, tables: &str) -> Result<Vec<String>> {
    let (_, written, _) = split(text, marks)?;
    let (written, measured) = (rows(written), rows(tables));
    let mut differences = Vec::new();
    for (name, cells) in measured {
        let Some(before) = written.get(&name) else {
            differences.push(format!("{name}: stands in no table"));
            continue;
        };
        let exact = match cells.len() {
            2 => &ASKED_EXACT[..],
            4 => &IMAGE_EXACT[..],
            _ => &TRIAL_EXACT[..],
        };
        let same = before.len() == cells.len();
        let near = before.iter().zip(&cells).enumerate().all(|(at, (before, now))| {
            let slack = if exact.contains(&at) { 0 } else { before.max(now) / 10 };
            before.abs_diff(*now) <= slack
        });
        if !same || !near {
            differences.push(format!("{name}: {before:?} is written, {cells:?} measured"));
        }
    }
    Ok(differences)
}

/// The rows between marks, by name.
#[cfg(test)]
pub(crate) fn written(text: &str, marks: Marks) -> Result<BTreeMap<String, Vec<u64>>> {
    Ok(rows(split(text, marks)?.1))
}

/// The rows of all tables that have numbers, by name and whatever else is no number.
fn rows(text: &str) -> BTreeMap<String, Vec<u64>> {
    let mut rows = BTreeMap::new();
    for line in text.lines().filter(|line| line.starts_with('|')) {
        let (mut name, mut numbers) = (Vec::new(), Vec::new());
        for cell in line.trim_matches('|').split('|').map(str::trim) {
            match cell.replace(',', "").parse() {
                Ok(number) => numbers.push(number),
                Err(_) => name.push(cell),
            }
        }
        if !numbers.is_empty() {
            rows.insert(name.join(" "), numbers);
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    const WRITTEN: &str = "a\n<!-- measured -->\n| image | flash | values | statics | stack |\n\
        |---|--:|--:|--:|--:|\n| om | 12,000 | 0 | 8 | 500 |\n<!-- /measured -->\nz\n";

    fn differences(row: &str) -> usize {
        compare(WRITTEN, MEASURED, row).unwrap().len()
    }

    #[test]
    fn a_tenth_more_flash_is_the_compilers_and_a_byte_of_initial_values_is_not() {
        assert_eq!(differences("| om | 12,000 | 0 | 8 | 500 |"), 0);
        assert_eq!(differences("| om | 13,000 | 0 | 8 | 460 |"), 0);
        assert_eq!(differences("| om | 14,000 | 0 | 8 | 500 |"), 1);
        assert_eq!(differences("| om | 12,000 | 1 | 8 | 500 |"), 1);
        assert_eq!(differences("| sm | 12,000 | 0 | 8 | 500 |"), 1);
    }

    #[test]
    fn what_was_asked_is_written_as_it_is_met() {
        let written = "<!-- asked -->\n| OM | 8,192 | 9,000 | not met |\n<!-- /asked -->";
        let differences = |row: &str| compare(written, ASKED, row).unwrap().len();
        assert_eq!(differences("| OM | 8,192 | 9,100 | not met |"), 0);
        assert_eq!(differences("| OM | 8,192 | 8,192 | met |"), 1, "it is met now");
        assert_eq!(differences("| OM | 8,193 | 9,000 | not met |"), 1, "another limit");
        assert_eq!(differences("| OM | 8,192 | 18,192 | not met |"), 1, "far more");
    }

    #[test]
    fn replaces_what_stands_between_the_marks_and_nothing_else() {
        let text = replace(WRITTEN, MEASURED, "new\n").unwrap();
        assert_eq!(text, "a\n<!-- measured -->\nnew\n<!-- /measured -->\nz\n");
        assert!(replace(WRITTEN, NODES, "new").is_err());
    }

    #[test]
    fn thousands_stand_apart() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(number), ["0", "999", "1,000", "1,234,567"]);
    }
}
