//! Every fuzz target as a plain test: over the corpus that is kept in `fuzz/corpus`, and over
//! inputs drawn from a seed, so that each can fail where nobody has a fuzzer.

use quorate_sim::fuzz;
use quorate_sim::random::Random;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

/// Inputs that are drawn for a target whose runs are short, and for one whose runs are long.
const MANY: u64 = 1_500;
const FEW: u64 = 150;

/// The files of a target's corpus, in the order of their names.
fn corpus(target: &str) -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
    let files = std::fs::read_dir(root.join(target)).expect("each target has a corpus");
    let mut files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    assert!(!files.is_empty(), "no input of {target} is kept");
    files.sort();
    files
}

#[test]
fn inputs_of_real_runs_are_what_these_runs_say_now() {
    let fresh = Path::new(env!("CARGO_TARGET_TMPDIR")).join("corpus");
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
    // What an older version wrote there is none of it.
    let _ = std::fs::remove_dir_all(&fresh);
    let files = fuzz::write_seeds(&fresh).unwrap();
    let mut compared = 0;
    for folder in std::fs::read_dir(&fresh).unwrap() {
        let folder = folder.unwrap();
        for file in std::fs::read_dir(folder.path()).unwrap() {
            let name = Path::new(&folder.file_name()).join(file.unwrap().file_name());
            let same =
                std::fs::read(fresh.join(&name)).ok() == std::fs::read(kept.join(&name)).ok();
            let again = "cargo run -p quorate-sim -- corpus fuzz/corpus";
            assert!(same, "{} is another one now: {again}", name.display());
            compared += 1;
        }
    }
    assert_eq!(compared, files);
}

/// An input of a seed. Bytes of the same range come in runs, so that choices repeat.
fn draw(seed: u64, longest: u64) -> Vec<u8> {
    let mut random = Random::new(seed);
    let length = random.between(1, longest);
    let small = random.chance(500);
    let byte = |random: &mut Random| {
        if small && random.chance(700) { random.below(32) as u8 } else { random.bits() as u8 }
    };
    (0..length).map(|_| byte(&mut random)).collect()
}

/// A drawn input of a file of the corpus: some bytes of it are others.
fn bend(seed: u64, mut bytes: Vec<u8>) -> Vec<u8> {
    let mut random = Random::new(seed);
    for _ in 0..random.between(1, 8) {
        if bytes.is_empty() {
            break;
        }
        let at = random.below(bytes.len() as u64) as usize;
        match random.below(3) {
            0 => bytes[at] = random.bits() as u8,
            1 => drop(bytes.remove(at)),
            _ => bytes.insert(at, random.bits() as u8),
        }
    }
    bytes
}

fn check(target: &str, body: fn(&[u8]), longest: u64, drawn: u64) {
    let run = |what: &str, bytes: &[u8]| {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| body(bytes))) {
            let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            eprintln!("{target}: it was {what}: {hex}");
            std::panic::resume_unwind(panic);
        }
    };
    let files = corpus(target);
    for (seed, file) in (0..).zip(&files) {
        let bytes = std::fs::read(file).unwrap();
        run(&file.display().to_string(), &bytes);
        let bent = bend(seed, bytes);
        run(&format!("{} bent with seed {seed}", file.display()), &bent);
    }
    for seed in 0..drawn {
        run(&format!("drawn with seed {seed}"), &draw(seed, longest));
    }
}

#[test]
fn wire() {
    check("wire", fuzz::wire, 300, MANY);
}

#[test]
fn link() {
    check("link", fuzz::link, 600, MANY);
}

#[test]
fn pbft_replica() {
    check("pbft_replica", fuzz::pbft_replica, 2_000, FEW);
}

#[test]
fn pbft_cluster() {
    check("pbft_cluster", fuzz::pbft_cluster, 1_500, FEW);
}

#[test]
fn om() {
    check("om", fuzz::om, 600, MANY);
}

#[test]
fn sm() {
    check("sm", fuzz::sm, 600, MANY);
}

#[test]
fn king() {
    check("king", fuzz::king, 600, MANY);
}

#[test]
fn client() {
    check("client", fuzz::client, 500, MANY);
}

#[test]
fn transfer() {
    check("transfer", fuzz::transfer, 1000, FEW);
}

#[test]
fn log() {
    check("log", fuzz::log, 400, MANY);
}

#[test]
fn lockstep() {
    check("lockstep", fuzz::lockstep, 800, FEW);
}
