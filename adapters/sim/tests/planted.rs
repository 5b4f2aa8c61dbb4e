//! Applications with a bug that a cluster under the fuzzer must find, within a stated number of
//! inputs that are drawn from seeds.

use quorate::ClientId;
use quorate_sim::fuzz::{self, Application, arbitrary::Unstructured};
use quorate_sim::random::Random;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;

/// Inputs within which each bug must be found.
const INPUTS: u64 = 20;

/// A counter that answers with what it was asked last time, too.
#[derive(Clone, Default)]
struct Sum {
    total: u64,
    last: Vec<u8>,
    bug: Bug,
}

#[derive(Clone, Copy, Default, PartialEq)]
enum Bug {
    #[default]
    None,
    /// The last operation is in no snapshot.
    Forgets,
    /// After a word of a certain shape, which raw bytes never have, the total is lost in
    /// snapshots.
    Shaped,
}

impl Application for Sum {
    fn execute(&mut self, _: ClientId, operation: &[u8]) -> Vec<u8> {
        let mut reply = self.total.to_le_bytes().to_vec();
        reply.extend(self.last.iter().take(8));
        self.total += operation.len() as u64;
        self.last = operation.to_vec();
        reply
    }

    fn snapshot(&self) -> Vec<u8> {
        let lost = self.bug == Bug::Shaped && self.last.starts_with(b"command number 7");
        let total = if lost { 0 } else { self.total };
        let last: &[u8] = if self.bug == Bug::Forgets { &[] } else { &self.last };
        [&total.to_le_bytes()[..], last].concat()
    }

    fn restore(&mut self, snapshot: &[u8]) {
        let (total, last) = snapshot.split_first_chunk().expect("a snapshot begins so");
        (self.total, self.last) = (u64::from_le_bytes(*total), last.to_vec());
    }
}

fn input(seed: u64) -> Vec<u8> {
    let mut random = Random::new(seed);
    (0..600).map(|_| random.bits() as u8).collect()
}

/// What the first input says that finds a bug, and which one it is.
fn found(mut run: impl FnMut(&[u8])) -> Option<(u64, String)> {
    (0..INPUTS).find_map(|seed| {
        let panic = catch_unwind(AssertUnwindSafe(|| run(&input(seed)))).err()?;
        let said = panic.downcast_ref::<String>().cloned();
        let said = said.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Some((seed, said.unwrap_or_default()))
    })
}

fn shaped(bytes: &mut Unstructured<'_>) -> fuzz::arbitrary::Result<Vec<u8>> {
    Ok(format!("command number {}", bytes.int_in_range(0..=9)?).into_bytes())
}

fn with(bug: Bug) -> impl Fn() -> Sum {
    move || Sum { bug, ..Sum::default() }
}

#[test]
fn a_field_that_a_snapshot_forgets_is_found() {
    assert_eq!(found(|data| fuzz::cluster(data, with(Bug::None))), None);
    let (seed, said) = found(|data| fuzz::cluster(data, with(Bug::Forgets))).expect("found");
    eprintln!("found with input {seed}: {said}");
    assert_eq!(said, "a restored application gives another reply");
}

#[test]
fn what_only_operations_of_a_shape_show_is_found_with_such_operations() {
    let shaped = |data: &[u8], bug| fuzz::cluster_with(data, with(bug), shaped);
    assert_eq!(found(|data| shaped(data, Bug::None)), None);
    assert_eq!(found(|data| fuzz::cluster(data, with(Bug::Shaped))), None);
    let (seed, said) = found(|data| shaped(data, Bug::Shaped)).expect("found");
    eprintln!("found with input {seed}: {said}");
    assert!(said.starts_with("a restored application"), "{said}");
}

#[test]
fn a_panic_tells_the_run_as_the_draft_of_a_script() {
    // A panic is told on standard error, which the harness keeps to itself unless asked.
    let mut again = Command::new(std::env::current_exe().unwrap());
    again.args(["--exact", "a_field_that_a_snapshot_forgets_is_found", "--nocapture"]);
    let output = again.output().unwrap();
    assert!(output.status.success());
    let told = String::from_utf8_lossy(&output.stderr);
    let (draft, panic) = told.split_once("expect equal states").expect("a draft first");
    assert!(draft.contains("\ncluster of 4, window 4, 3 clients"), "{told}");
    assert!(draft.contains("asks \"0x") && draft.contains(" <- r"), "{told}");
    assert!(panic.contains("a restored application gives another reply"), "{told}");
    let script =
        quorate_sim::script::Script::read("draft.txt", &format!("{draft}expect equal states"));
    assert!(script.is_ok(), "{script:?}");
}

#[test]
#[should_panic = "more than fuzz::OPERATION_BYTES"]
fn an_operation_that_is_too_long_is_told() {
    let long = |_: &mut Unstructured<'_>| Ok(vec![0; fuzz::OPERATION_BYTES + 1]);
    (0..INPUTS).for_each(|seed| fuzz::cluster_with(&input(seed), with(Bug::None), long));
}
