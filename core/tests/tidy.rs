//! The house rules that a machine can check, over every Rust file of the workspace.

use std::fs;
use std::path::{Path, PathBuf};

/// A file has fewer lines than this.
const FILE_LINES: usize = 500;
/// A function has fewer lines than this, from its `fn` to its closing brace.
const FUNCTION_LINES: usize = 70;
/// A line has at most this many columns, which is what rustfmt is told.
const COLUMNS: usize = 100;

/// Names that say nothing. A type, module or file is called by its noun.
const EMPTY_NAMES: [&str; 5] = ["Manager", "Handler", "Context", "Inner", "Util"];

/// What the core does without, outside of its tests, and why.
const NOT_IN_CORE: [(&str, &str); 10] = [
    ("unsafe", "the core is safe code"),
    ("std::", "the core has no operating system"),
    ("alloc::", "the core has no allocator"),
    ("extern crate", "the core has no library but `core`"),
    (".unwrap()", "say what happens instead: let-else, `?`, or an assert of our own invariant"),
    (".expect(", "say what happens instead: let-else, `?`, or an assert of our own invariant"),
    ("panic!", "only an `assert!` of our own invariant may stop a node"),
    ("unreachable!", "only an `assert!` of our own invariant may stop a node"),
    ("todo!", "unfinished"),
    ("unimplemented!", "unfinished"),
];

/// Where every public type has a `Format`, so that a board can log whatever it holds.
const SHOWN: [&str; 2] = ["core/src/", "adapters/embedded/src/"];

#[test]
fn the_workspace_keeps_the_house_rules() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut files = Vec::new();
    for folder in ["core", "adapters", "examples", "fuzz"] {
        rust_files(&root.join(folder), &mut files);
    }
    files.sort();
    assert!(files.len() > 20, "found only {files:?} under {}", root.display());
    let mut problems = Vec::new();
    for path in &files {
        let name = path.strip_prefix(root).unwrap().to_string_lossy().replace('\\', "/");
        problems.extend(problems_of(&name, &fs::read_to_string(path).unwrap()));
    }
    let (count, list) = (problems.len(), problems.join("\n"));
    assert!(problems.is_empty(), "{count} places break the house rules:\n{list}");
}

fn rust_files(folder: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.map(|entry| entry.unwrap().path()) {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            rust_files(&path, files);
        } else if name.ends_with(".rs") {
            files.push(path);
        }
    }
}

/// Each breach of a rule in the file, as `path:line: what to do`.
fn problems_of(name: &str, text: &str) -> Vec<String> {
    let mut problems = Vec::new();
    let mut tell = |line: usize, what: String| problems.push(format!("{name}:{line}: {what}"));
    let lines = text.lines().count();
    if lines >= FILE_LINES {
        tell(lines, format!("{lines} lines: split the file, one idea each, below {FILE_LINES}"));
    }
    for (at, line) in text.lines().enumerate() {
        let columns = line.chars().count();
        if columns > COLUMNS {
            tell(at + 1, format!("{columns} columns: break the line, at most {COLUMNS}"));
        }
    }
    let code = code_only(text);
    for (at, function, length) in functions(&code) {
        if length >= FUNCTION_LINES {
            let below = format!("below {FUNCTION_LINES}");
            tell(at, format!("fn {function} has {length} lines: split it, {below}"));
        }
    }
    for (at, noun) in definitions(name, &code) {
        for empty in EMPTY_NAMES.iter().filter(|empty| names(&noun, empty)) {
            tell(at, format!("`{noun}`: a name with {empty} says nothing, use the noun"));
        }
    }
    if SHOWN.iter().any(|folder| name.starts_with(folder)) {
        for (at, public) in unshown(&code) {
            tell(at, format!("`{public}`: derive `defmt::Format`, or write it here if it is big"));
        }
    }
    if name.starts_with("core/src/") {
        for (at, line) in run_time(&code).lines().enumerate() {
            for (word, why) in NOT_IN_CORE.iter().filter(|(word, _)| has_word(line, word)) {
                tell(at + 1, format!("`{word}` in the core: {why}"));
            }
        }
    }
    problems
}

/// The text with comments, strings and character literals blanked, line for line.
fn code_only(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let skipped = skip(rest, code.chars().next_back());
        let taken = if skipped > 0 { skipped } else { first.len_utf8() };
        let (here, there) = rest.split_at(taken);
        if skipped > 0 {
            code.extend(here.chars().map(|c| if c == '\n' { c } else { ' ' }));
        } else {
            code.push_str(here);
        }
        rest = there;
    }
    code
}

/// How many bytes at the front are a comment, a string or a character, if any.
fn skip(rest: &str, before: Option<char>) -> usize {
    let until = |end: &str, from: usize| {
        rest[from..].find(end).map_or(rest.len(), |at| from + at + end.len())
    };
    if rest.starts_with("//") {
        return rest.find('\n').unwrap_or(rest.len());
    }
    if rest.starts_with("/*") {
        return until("*/", 2);
    }
    let in_word = before.is_some_and(|c| c.is_alphanumeric() || c == '_');
    let prefix = rest.trim_start_matches(['b', 'c']);
    if !in_word && prefix.starts_with('r') && rest.len() - prefix.len() <= 1 {
        let hashes = prefix[1..].chars().take_while(|c| *c == '#').count();
        if prefix[1 + hashes..].starts_with('"') {
            let from = rest.len() - prefix.len() + hashes + 2;
            return until(&format!("\"{}", "#".repeat(hashes)), from);
        }
    }
    match rest.as_bytes() {
        [b'"', ..] => closing(rest, '"'),
        // A character literal, not a lifetime: it ends with a quote one or more characters on.
        [b'\'', b'\\', ..] => closing(rest, '\''),
        [b'\'', ..] => {
            let mut two = rest.char_indices().skip(2);
            two.next().filter(|(_, c)| *c == '\'').map_or(0, |(at, _)| at + 1)
        }
        _ => 0,
    }
}

/// The length of a literal that begins and ends with `quote`, with backslashes in it.
fn closing(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == quote => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// Line, name and length in lines of every function that has a body.
fn functions(code: &str) -> Vec<(usize, String, usize)> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices("fn ") {
        let name: String = code[at + 3..].chars().take_while(|c| is_word(*c)).collect();
        let in_word = code[..at].chars().next_back().is_some_and(is_word);
        if in_word || name.is_empty() {
            continue;
        }
        let Some(open) = body(&code[at..]).map(|open| at + open) else { continue };
        let end = open + block(&code[open..]);
        let lines = code[at..end].lines().count();
        found.push((line_of(code, at), name, lines));
    }
    found
}

/// Where the body of a function begins; `None` if it ends with a semicolon instead.
fn body(code: &str) -> Option<usize> {
    let mut depth = 0usize;
    for (at, c) in code.char_indices() {
        match c {
            '(' | '[' => depth += 1,
            ')' | ']' => depth = depth.saturating_sub(1),
            '{' if depth == 0 => return Some(at),
            ';' if depth == 0 => return None,
            _ => {}
        }
    }
    None
}

/// The length of the block in braces at the front.
fn block(code: &str) -> usize {
    let mut depth = 0usize;
    for (at, c) in code.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 1 => return at + 1,
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    code.len()
}

/// The code without what runs in tests only, and without `const` blocks, in which a panic is an
/// error of compilation.
fn run_time(code: &str) -> String {
    let mut kept = code.to_owned();
    for mark in ["#[cfg(test)]", "const {"] {
        for (at, _) in code.match_indices(mark) {
            let from = at + mark.trim_end_matches('{').len();
            let Some(open) = body(&code[from..]).map(|open| from + open) else { continue };
            let end = open + block(&code[open..]);
            let blank = |c: char| if c == '\n' { c } else { ' ' };
            let blanked: String = code[at..end].chars().map(blank).collect();
            kept.replace_range(at..end, &blanked);
        }
    }
    kept
}

/// The nouns that a file defines: its own name, its types and its modules.
fn definitions(name: &str, code: &str) -> Vec<(usize, String)> {
    let stem = Path::new(name).file_stem().unwrap_or_default().to_string_lossy();
    let mut nouns = vec![(1, stem.into_owned())];
    for keyword in ["struct ", "enum ", "trait ", "type ", "mod ", "union "] {
        for (at, _) in code.match_indices(keyword) {
            let noun: String =
                code[at + keyword.len()..].chars().take_while(|c| is_word(*c)).collect();
            if !code[..at].chars().next_back().is_some_and(is_word) {
                nouns.push((line_of(code, at), noun));
            }
        }
    }
    nouns
}

/// The public types that neither derive `defmt::Format` nor have it in the same file. What is `pub`
/// and cannot be reached from outside is an error of the compiler's own.
fn unshown(code: &str) -> Vec<(usize, String)> {
    let lines: Vec<&str> = code.lines().map(str::trim).collect();
    // A long line may be broken before its `for`.
    let words = code.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let keywords = ["pub struct ", "pub enum ", "pub union "];
        let Some(rest) = keywords.iter().find_map(|word| line.strip_prefix(word)) else { continue };
        let public: String = rest.chars().take_while(|c| is_word(*c) || *c == '$').collect();
        let above = lines[..at].iter().rev();
        let mut attributes = above.take_while(|line| !line.is_empty() && !ends_item(line));
        let derived = attributes.any(|line| line.contains("derive(defmt::Format)"));
        let written = format!("defmt::Format for {public}");
        if !derived && !has_word(&words, &written) {
            found.push((at + 1, public));
        }
    }
    found
}

/// Whether an item ends with the line, so that what follows is the next one's.
fn ends_item(line: &str) -> bool {
    line.ends_with(['}', ';'])
}

/// Whether a noun contains the empty name as one of its words: `PeerContext`, `util`, `utils`.
fn names(noun: &str, empty: &str) -> bool {
    let lower = empty.to_lowercase();
    noun.contains(empty)
        || noun.split('_').any(|word| word.strip_suffix('s').unwrap_or(word) == lower)
}

fn has_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let whole = |c: Option<char>| !c.is_some_and(is_word);
        let starts = !word.starts_with(is_word) || whole(line[..at].chars().next_back());
        let ends = !word.ends_with(is_word) || whole(line[at + word.len()..].chars().next());
        starts && ends
    })
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn line_of(code: &str, at: usize) -> usize {
    code[..at].matches('\n').count() + 1
}

#[test]
fn every_rule_finds_its_breach_and_nothing_else() {
    let long_body = format!("fn long() {{\n{}}}\n", "    work();\n".repeat(FUNCTION_LINES - 2));
    let short_body = format!("fn short() {{\n{}}}\n", "    work();\n".repeat(FUNCTION_LINES - 3));
    let long_file = "\n".repeat(FILE_LINES);
    let wide = format!("//{}\n", "x".repeat(COLUMNS - 1));
    let bad: [(&str, &str); 18] = [
        ("core/src/a.rs", &long_body),
        ("examples/kv/src/a.rs", &long_file),
        ("core/src/a.rs", &wide),
        ("adapters/std/src/a.rs", "struct PeerContext;"),
        ("adapters/std/src/peer_utils.rs", ""),
        ("adapters/std/src/a.rs", "mod inner {}"),
        ("core/src/a.rs", "fn a() { unsafe { b() } }"),
        ("core/src/a.rs", "use std::fmt;"),
        ("core/src/a.rs", "use alloc::vec::Vec;"),
        ("core/src/a.rs", "fn a() { b().unwrap() }"),
        ("core/src/a.rs", "fn a() { b().expect(\"c\") }"),
        ("core/src/a.rs", "fn a() { panic!(\"c\") }"),
        ("core/src/a.rs", "#[cfg(test)]\nmod tests {\n}\nfn a() { unreachable!() }"),
        ("core/src/a.rs", "const C: char = '\"'; fn a() { todo!() }"),
        ("core/src/a.rs", "#[derive(Debug)]\npub struct A<T> {\n}"),
        ("adapters/embedded/src/a.rs", "impl defmt::Format for Ab {}\n\npub enum A {}"),
        ("core/src/a.rs", "#[derive(defmt::Format)]\nstruct B;\npub struct A;"),
        ("core/src/a.rs", "// derive(defmt::Format)\npub struct $name<'s>(&'s u8);"),
    ];
    for (name, text) in bad {
        let problems = problems_of(name, text);
        assert_eq!(problems.len(), 1, "{name}: {text}: {problems:?}");
    }
    let good: [(&str, &str); 13] = [
        ("core/src/a.rs", &short_body),
        ("core/src/a.rs", &long_file[1..]),
        ("core/src/a.rs", &wide[1..]),
        ("core/src/a.rs", "//! No std:: and no panic! here.\nconst A: &str = \"unsafe {\";"),
        ("core/src/a.rs", "#[cfg(test)]\nmod tests {\n fn a() { b().unwrap() }\n}"),
        ("core/src/a.rs", "fn a<'a>(b: &'a [u8; 4]) { assert!(b[0] == b'\\'', r#\"panic!\"#) }"),
        ("core/src/a.rs", "fn a() { const { if BAD { panic!(\"too big\") } } }"),
        ("core/src/a.rs", "#![forbid(unsafe_code)]\nfn a() { b().unwrap_or_default() }"),
        ("adapters/std/src/a.rs", "use std::fmt; fn a() { b().unwrap() }"),
        ("adapters/std/src/a.rs", "pub struct A;"),
        ("core/src/a.rs", "pub(crate) struct A;\nstruct B;"),
        ("core/src/a.rs", "#[cfg_attr(a, derive(defmt::Format))]\n#[must_use]\npub struct A;"),
        ("core/src/a.rs", "pub struct A<T>(T);\n\nimpl<T> defmt::Format\n    for A<T> {}"),
    ];
    for (name, text) in good {
        assert_eq!(problems_of(name, text), [""; 0], "{name}: {text}");
    }
    let third = problems_of("core/src/a.rs", "fn a() {\n    // panic!\n    panic!()\n}");
    assert!(third[0].starts_with("core/src/a.rs:3: `panic!`"), "{third:?}");
}
