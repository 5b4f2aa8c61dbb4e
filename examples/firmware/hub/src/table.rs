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

/// Columns that another compiler changes, by a tenth at most: stack, instructions, flash.
const TRIAL_EXACT: [usize; 5] = [0, 1, 8, 9, 10];
const IMAGE_EXACT: [usize; 1] = [1];

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
        let exact = if cells.len() > 4 { &TRIAL_EXACT[..] } else { &IMAGE_EXACT[..] };
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

/// The rows of all tables that have numbers, by name.
fn rows(text: &str) -> BTreeMap<String, Vec<u64>> {
    let mut rows = BTreeMap::new();
    for line in text.lines() {
        let mut cells = line.trim_matches('|').split('|').map(str::trim);
        let Some(name) = cells.next() else { continue };
        let numbers = cells.map(|cell| cell.replace(',', "").parse());
        if let Ok(numbers) = numbers.collect::<Result<Vec<u64>, _>>()
            && !numbers.is_empty()
        {
            rows.insert(name.to_owned(), numbers);
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
