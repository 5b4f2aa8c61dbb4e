//! Commands of the program that need more than a page.

pub(crate) mod canaries;
pub(crate) mod draw;
pub(crate) mod explain;
pub(crate) mod explore;
pub(crate) mod generals;
pub(crate) mod interrupt;
pub(crate) mod outcome;
pub(crate) mod pbft;
pub(crate) mod run;
pub(crate) mod script;
pub(crate) mod twins;

/// Prints to standard error; a reader that has gone away is no reason to panic.
pub(crate) fn tell_quietly(text: &str) {
    use std::io::Write;
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}

/// Prints to standard output; a reader that has gone away is no reason to panic.
pub(crate) fn print_quietly(text: &str) {
    use std::io::Write;
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
}
