//! The chapter on costs says what the functions say, and the functions what the types are.
#![allow(missing_docs)]

use quorate::cost::{self, Cost};
use quorate::{king, om, sm};
use std::fmt::Write as _;
use std::mem::size_of;

/// A figure's name, and where it stands in a cost.
type Figure = (&'static str, fn(&Cost) -> u64);

/// The three protocols, in the order of the columns.
fn all(nodes: usize, value_bytes: usize) -> [Cost; 3] {
    let traitors = (nodes - 1) / 3;
    [cost::om, cost::sm, cost::king].map(|of| of(nodes, traitors, value_bytes))
}

/// A number with commas, as a reader likes it.
fn commas(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().map(|it| str::from_utf8(it).unwrap()).collect();
    groups.join(",")
}

/// One table: for each n a line with some figures of each protocol, one figure after the other.
fn table(title: &str, value_bytes: usize, figures: &[Figure]) -> String {
    let mut head = String::from("| n | t |");
    for (name, _) in figures {
        for protocol in ["OM", "SM", "king"] {
            write!(head, " {name} {protocol} |").unwrap();
        }
    }
    let columns = head.matches('|').count() - 1;
    let mut text = format!("**{title}**\n\n{head}\n|{}\n", "--:|".repeat(columns));
    for nodes in 4..=16 {
        write!(text, "| {nodes} | {} |", (nodes - 1) / 3).unwrap();
        for (_, figure) in figures {
            for cost in all(nodes, value_bytes) {
                write!(text, " {} |", commas(figure(&cost))).unwrap();
            }
        }
        text.push('\n');
    }
    text
}

fn chapter() -> String {
    let time: [Figure; 3] = [
        ("rounds", |cost| cost.rounds.into()),
        ("messages", |cost| cost.messages),
        ("frames", |cost| cost.frames),
    ];
    let space: [Figure; 2] = [("bytes", |cost| cost.bytes), ("RAM", |cost| cost.memory_bytes)];
    [
        table("Rounds, messages and frames of one agreement", 1, &time),
        table("Payload bytes, and bytes of RAM in each general: values of one byte", 1, &space),
        table("The same: values of 32 bytes", 32, &space),
    ]
    .join("\n")
}

/// `QUORATE_WRITE=1` writes the tables instead of comparing them.
#[test]
fn the_tables_of_the_chapter_are_what_the_functions_say() {
    if std::env::var_os("QUORATE_WRITE").is_some() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/cost.md");
        std::fs::write(path, chapter()).unwrap();
        return;
    }
    assert_eq!(include_str!("../src/cost.md"), chapter(), "write it anew with QUORATE_WRITE=1");
}

#[test]
fn memory_is_as_large_as_its_elements() {
    for (nodes, traitors) in [(4, 1), (7, 2), (16, 5)] {
        let om = om::slots(nodes, traitors) as u64;
        let sm = sm::slots(nodes, traitors) as u64;
        let king = king::slots(nodes, traitors) as u64;
        for (bytes, entry, opinion) in [
            (1, size_of::<om::Entry<u8>>(), size_of::<king::Opinion<u8>>()),
            (32, size_of::<om::Entry<[u8; 32]>>(), size_of::<king::Opinion<[u8; 32]>>()),
        ] {
            assert_eq!(cost::om(nodes, traitors, bytes).memory_bytes, om * entry as u64);
            assert_eq!(cost::king(nodes, traitors, bytes).memory_bytes, king * opinion as u64);
            let rows = sm * size_of::<sm::Row>() as u64;
            assert_eq!(cost::sm(nodes, traitors, bytes).memory_bytes, rows);
        }
    }
}

/// Whether `king` has a figure that is at most a part of that of `om`.
fn part(parts: u64, om: u64, king: u64) -> bool {
    king * parts <= om
}

/// Whether two figures differ by less than a half of the smaller.
fn alike(one: u64, other: u64) -> bool {
    2 * one.abs_diff(other) < one.min(other)
}

#[test]
fn what_the_chapter_says_in_words() {
    for nodes in 4..=16 {
        let ([om, sm, king], [wide_om, wide_sm, wide_king]) = (all(nodes, 1), all(nodes, 32));
        let t = (nodes as u64 - 1) / 3;
        assert!(om.rounds == sm.rounds && u64::from(om.rounds) == t + 1, "n = {nodes}");
        assert!(u64::from(king.rounds) == 3 * t + 4 && king.bytes == king.frames * 14);
        assert!(sm.frames <= om.frames && sm.frames < king.frames, "n = {nodes}");
        assert!(sm.memory_bytes == 130 * t && wide_sm.memory_bytes == 130 * t, "n = {nodes}");
        let least = om.bytes < sm.bytes.min(king.bytes) && om.frames < king.frames;
        assert_eq!(least && om.memory_bytes <= 100, t < 3, "n = {nodes}: om up to nine");
        match t {
            3 => {
                assert!(alike(om.bytes, king.bytes), "n = {nodes}");
                assert!(part(20, om.memory_bytes, king.memory_bytes), "n = {nodes}");
                assert!(part(20, wide_om.memory_bytes, wide_king.memory_bytes), "n = {nodes}");
                assert!(part(3, wide_om.bytes, wide_king.bytes), "n = {nodes}");
            }
            4.. => {
                assert!(part(9, om.bytes, king.bytes), "n = {nodes}");
                assert!(part(300, om.memory_bytes, king.memory_bytes), "n = {nodes}");
            }
            _ => {}
        }
    }
    let [least, ..] = all(4, 1);
    assert_eq!((least.frames, least.rounds, least.memory_bytes), (9, 2, 6));
    let last_round = om::bytes(16, 5, 1) - om::bytes(16, 4, 1);
    assert_eq!(last_round / (15 * 14) / 1_000, 34, "kilobytes of a frame of OM(5) of 16");
}
