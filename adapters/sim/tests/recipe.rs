//! The recipe of `fuzz/README.md` is the one that the doc tests of `quorate_sim::fuzz` compile.

/// The lines of the first block of code in a text after its heading that begin so, without the
/// marks of comments.
fn block<'t>(text: &'t str, begin: &str, mark: &str) -> Vec<&'t str> {
    let section = text.split("# An application of your own").nth(1).expect("there is a section");
    let lines = section.lines().map(|line| {
        let line = line.strip_prefix(mark).unwrap_or(line);
        if mark.is_empty() { line } else { line.strip_prefix(' ').unwrap_or(line) }
    });
    let code = lines.skip_while(|line| *line != begin).skip(1);
    code.take_while(|line| *line != "```").collect()
}

#[test]
fn the_recipe_of_the_readme_is_the_one_that_is_compiled() {
    let readme = include_str!("../../../fuzz/README.md");
    let chapter = include_str!("../src/fuzz/mod.rs");
    let compiled = block(chapter, "```no_run", "//!");
    let hidden = |line: &&str| *line == "#" || line.starts_with("# ");
    let shown: Vec<&str> = compiled.into_iter().filter(|line| !hidden(line)).collect();
    assert!(shown.len() > 20 && shown.contains(&"struct Fuzzed(MyApp);"), "{shown:#?}");
    assert_eq!(block(readme, "```rust", ""), shown);
}
