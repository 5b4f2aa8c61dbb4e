//! `quorate-sim script FILE...`

use super::print_quietly;
use clap::Args;
use quorate_sim::script::{Outcome, Played, Problem, Script, golden};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// What to play.
#[derive(Clone, Debug, Args)]
pub(crate) struct Arguments {
    /// Scripts, or folders of scripts (their files that end with .txt).
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Write the transcript of each to the folder `golden` beside it.
    #[arg(long)]
    bless: bool,
    /// Print one JSON array instead: file, story, kept, same (as its golden, if it has one),
    /// transcript, expectations.
    #[arg(long)]
    json: bool,
}

/// How a transcript compares with the one that is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Golden {
    Same,
    /// None is kept.
    None,
    /// Another one is, here.
    Another(PathBuf),
    Written,
    NotWritten(String),
}

/// Plays scripts. The exit code is 0 if every expectation is kept and every transcript that has a
/// golden is the same, 1 if not, 2 if a script cannot be read or a folder has none.
pub(crate) fn run(arguments: &Arguments) -> ExitCode {
    let (mut broken, mut unread, mut all) = (0, 0_u32, Vec::new());
    for file in &arguments.files {
        if listed(file).is_empty() {
            unread += 1;
            eprintln!("no script in {}: scripts are files that end with .txt", file.display());
        }
    }
    for file in arguments.files.iter().flat_map(|file| listed(file)) {
        match play(&file) {
            Ok((script, played)) => {
                let transcript = compared(&file, &golden(&played), arguments.bless);
                broken += u32::from(!played.kept() || matches!(transcript, Golden::Another(_)));
                unread += u32::from(matches!(transcript, Golden::NotWritten(_)));
                if arguments.json {
                    all.push(as_json(&script, &played, &transcript));
                } else {
                    print_quietly(&as_text(&script, &played, &transcript));
                }
            }
            Err(problem) => {
                unread += 1;
                eprintln!("{problem}");
            }
        }
    }
    if arguments.json {
        print_quietly(&format!("{}\n", serde_json::json!(all)));
    }
    ExitCode::from(if unread > 0 { 2 } else { u8::from(broken > 0) })
}

/// The file, or those of the folder, in order.
fn listed(file: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(file) else { return vec![file.to_owned()] };
    let paths = entries.flatten().map(|entry| entry.path());
    let is_script = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "txt");
    let mut inside: Vec<PathBuf> = paths.filter(is_script).collect();
    inside.sort();
    inside
}

/// Reads a script and plays it.
pub(crate) fn play(file: &Path) -> Result<(Script, Played), Problem> {
    let name = file.display().to_string();
    let text = std::fs::read_to_string(file).map_err(|error| Problem {
        file: name.clone(),
        line: 0,
        what: error.to_string(),
    })?;
    let script = Script::read(&name, &text)?;
    let played = script.play();
    Ok((script, played))
}

/// How the transcript compares with the one that is kept.
fn compared(file: &Path, transcript: &str, bless: bool) -> Golden {
    let (Some(folder), Some(name)) = (file.parent(), file.file_name()) else {
        return Golden::None;
    };
    let kept = folder.join("golden").join(name);
    if bless {
        let folder = folder.join("golden");
        let written =
            std::fs::create_dir_all(folder).and_then(|()| std::fs::write(&kept, transcript));
        return match written {
            Ok(()) => Golden::Written,
            Err(error) => Golden::NotWritten(error.to_string()),
        };
    }
    match std::fs::read_to_string(&kept) {
        Ok(before) if before == transcript => Golden::Same,
        Ok(_) => Golden::Another(kept),
        Err(_) => Golden::None,
    }
}

impl Golden {
    fn tell(&self, file: &str) -> String {
        match self {
            Self::Same => "the same as before".to_owned(),
            Self::None => "not kept: --bless keeps it".to_owned(),
            Self::Another(kept) => format!(
                "ANOTHER than in {}; if that is meant: quorate-sim script --bless {file}",
                kept.display()
            ),
            Self::Written => "written".to_owned(),
            Self::NotWritten(error) => format!("not written: {error}"),
        }
    }
}

fn as_text(script: &Script, played: &Played, transcript: &Golden) -> String {
    let mut text = format!("{}\n  {}\n", script.file(), script.story());
    for Outcome { line, text: said, broken } in &played.outcomes {
        match broken {
            None => text.push_str(&format!("  kept    {line:>4}  {said}\n")),
            Some(what) => text.push_str(&format!("  BROKEN  {line:>4}  {said}: {what}\n")),
        }
    }
    let seconds = played.end.as_micros() as f64 / 1e6;
    let told = transcript.tell(script.file());
    text + &format!("  transcript of {seconds} s: {told}\n\n")
}

fn as_json(script: &Script, played: &Played, transcript: &Golden) -> serde_json::Value {
    let same = match transcript {
        Golden::Same | Golden::Written => Some(true),
        Golden::Another(_) => Some(false),
        Golden::None | Golden::NotWritten(_) => None,
    };
    serde_json::json!({
        "file": script.file(),
        "story": script.story(),
        "kept": played.kept(),
        "same": same,
        "transcript": transcript.tell(script.file()),
        "virtual_seconds": played.end.as_micros() as f64 / 1e6,
        "expectations": played.outcomes,
    })
}
