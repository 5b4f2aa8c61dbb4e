//! Building with a canary, and looking for what finds it.

use super::{Canary, Check};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};
use std::{env, fs, thread};

/// Where canaries are planted, and how long a check may take.
#[derive(Clone, Debug)]
pub struct Hunt {
    workspace: PathBuf,
    limit: Duration,
}

/// A check that found a canary.
#[derive(Clone, Debug)]
pub struct Catch {
    /// Which check.
    pub check: Check,
    /// What it said: a test that failed, or a promise that was broken.
    pub what: String,
    /// How long it took to run, without the build.
    pub seconds: f64,
    /// How long it took from the planting, with all builds and with what was tried in vain.
    pub after: Duration,
}

/// The variable that a build with all canaries reads: which one is switched on.
const SWITCH: &str = "QUORATE_CANARY";

/// The compiler that plants all.
const ALL: &str = "all";

/// How often it is seen whether a check has ended.
const POLL: Duration = Duration::from_millis(20);

impl Hunt {
    /// A hunt in the workspace around a folder; `limit`: the longest that one check may run.
    ///
    /// # Errors
    /// A sentence, if there is no such workspace.
    pub fn around(folder: &Path, limit: Duration) -> Result<Self, String> {
        let has_core = |folder: &&Path| folder.join("core/src/quorum.rs").is_file();
        let workspace = folder.ancestors().find(has_core).ok_or_else(|| {
            let here = folder.display();
            format!("{here} is in no checkout of quorate: canaries are built from its sources")
        })?;
        Ok(Self { workspace: workspace.into(), limit })
    }

    /// Plants a canary, or none, and runs checks: the one that should find it, what is built with
    /// it, then all others. `None`: nothing found it.
    ///
    /// # Errors
    /// A sentence, if something cannot be built or run.
    pub fn find(&self, canary: Option<&Canary>) -> Result<Option<Catch>, String> {
        let planted = Instant::now();
        let first = canary.into_iter().flat_map(|canary| canary.check.before_all_others());
        let all = Check::all().filter(|_| canary.is_none());
        for check in first.chain(all) {
            if let Some((what, seconds)) = self.try_check(canary, check)? {
                return Ok(Some(Catch { check, what, seconds, after: planted.elapsed() }));
            }
        }
        Ok(None)
    }

    /// What the check complained of, if it did, and after how many seconds.
    fn try_check(
        &self,
        canary: Option<&Canary>,
        check: Check,
    ) -> Result<Option<(String, f64)>, String> {
        let alone = canary.filter(|canary| canary.alone);
        let program = self.build(alone, check)?;
        let mut command = Command::new(&program);
        match canary {
            Some(canary) => command.env(SWITCH, canary.name),
            None => command.env_remove(SWITCH),
        };
        match check {
            Check::Tests { filter, .. } => command.arg(filter).current_dir(self.core()),
            Check::Scripts => {
                command.args(["script", "--json"]).arg(self.workspace.join("adapters/sim/scripts"))
            }
            Check::Seeds { protocol, traitors } => {
                let seeds = Check::SEEDS.to_string();
                command.args(["run", "--protocol", protocol, "--json", "--seeds", &seeds]);
                command.args(traitors.then_some("--traitors"))
            }
        };
        let begin = Instant::now();
        let (status, said) = run(&mut command, self.limit)
            .map_err(|error| format!("{} does not run: {error}", program.display()))?;
        let seconds = begin.elapsed().as_secs_f64();
        let complaint = complaint(check, &said);
        let what = match status {
            Some(status) if status.success() => None,
            Some(status) => Some(complaint.unwrap_or_else(|| format!("ended with {status}"))),
            // One that was stopped and said nothing has found nothing: it may have been slow only.
            None => complaint,
        };
        Ok(what.map(|what| (what, seconds)))
    }

    /// Runs the simulator with a canary, or none, in it: whether it ended well in time, and what
    /// it said. `check` is what it is built for.
    pub(super) fn simulate(
        &self,
        canary: Option<&Canary>,
        check: Check,
        arguments: impl FnOnce(&mut Command),
    ) -> Result<(bool, String), String> {
        let program = self.build(canary.filter(|canary| canary.alone), check)?;
        let mut command = Command::new(&program);
        match canary {
            Some(canary) => command.env(SWITCH, canary.name),
            None => command.env_remove(SWITCH),
        };
        arguments(&mut command);
        let (status, said) = run(&mut command, self.limit)
            .map_err(|error| format!("{} does not run: {error}", program.display()))?;
        let name = canary.map_or("nothing", |canary| canary.name);
        let status = status.ok_or_else(|| {
            format!("with {name} the simulator took longer than {:?}", self.limit)
        })?;
        Ok((status.success(), said))
    }

    /// The checkout that is hunted in.
    pub(super) fn workspace(&self) -> &Path {
        &self.workspace
    }

    fn core(&self) -> PathBuf {
        self.workspace.join("core")
    }

    /// Builds what runs a check, with one canary in it or with all of them, switched off, and says
    /// where it is.
    fn build(&self, alone: Option<&Canary>, check: Check) -> Result<PathBuf, String> {
        let name = alone.map_or(ALL, |canary| canary.name);
        let wrapper = self.wrapper(name).map_err(|error| format!("no wrapper: {error}"))?;
        let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(cargo);
        command.current_dir(&self.workspace).env("RUSTC_WORKSPACE_WRAPPER", wrapper);
        command.env_remove("CARGO_TARGET_DIR").stderr(Stdio::piped());
        let target = match check {
            Check::Tests { target: "", .. } => {
                command.args(["test", "--no-run", "--package", "quorate", "--lib"]);
                "quorate"
            }
            Check::Tests { target, .. } => {
                command.args(["test", "--no-run", "--package", "quorate", "--test", target]);
                target
            }
            Check::Scripts | Check::Seeds { .. } => {
                command.args(["build", "--package", "quorate-sim", "--bin", "quorate-sim"]);
                "quorate-sim"
            }
        };
        command.args(["--profile", "canary", "--locked", "--message-format", "json"]);
        command.arg("--target-dir").arg(self.nest());
        let output = command.output().map_err(|error| format!("cargo does not run: {error}"))?;
        let artifacts = String::from_utf8_lossy(&output.stdout);
        let program = artifacts.lines().rev().find_map(|line| executable(line, target));
        program.filter(|_| output.status.success()).ok_or_else(|| {
            format!("{target} with {name}: {}", String::from_utf8_lossy(&output.stderr))
        })
    }

    /// Where builds with canaries lie, apart from all others.
    fn nest(&self) -> PathBuf {
        self.workspace.join("target/canaries")
    }

    /// A compiler that plants a canary, or all, in the crates of the workspace, and in no
    /// dependency: those are built once.
    fn wrapper(&self, name: &str) -> std::io::Result<PathBuf> {
        let folder = self.nest().join("compilers");
        fs::create_dir_all(&folder)?;
        let path = folder.join(name);
        let one = if name == ALL { String::new() } else { format!(" --cfg 'canary=\"{name}\"'") };
        let text = format!("#!/bin/sh\nexec \"$@\" --cfg canary{one}\n");
        if fs::read_to_string(&path).ok().as_deref() != Some(&*text) {
            fs::write(&path, text)?;
            executable_by_owner(&path)?;
        }
        Ok(path)
    }
}

#[cfg(unix)]
fn executable_by_owner(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o700))
}

#[cfg(not(unix))]
fn executable_by_owner(_: &Path) -> std::io::Result<()> {
    Err(std::io::Error::other("canaries need a shell: run them on a Unix"))
}

/// The program of a target, if a message of cargo names it.
fn executable(line: &str, target: &str) -> Option<PathBuf> {
    let message: serde_json::Value = serde_json::from_str(line).ok()?;
    let ours = message["target"]["name"] == target;
    message["executable"].as_str().filter(|_| ours).map(PathBuf::from)
}

/// Runs a program until it ends or a test of it fails or, if that does not come in time, kills it:
/// `None`.
fn run(command: &mut Command, limit: Duration) -> std::io::Result<(Option<ExitStatus>, String)> {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    let pipe = child.stdout.take();
    let (complain, complaints) = mpsc::channel();
    let reader = thread::spawn(move || {
        let mut said = Vec::new();
        let Some(mut pipe) = pipe.map(BufReader::new) else { return (Ok(0), said) };
        loop {
            let line = said.len();
            match pipe.read_until(b'\n', &mut said) {
                Ok(0) => return (Ok(0), said),
                Err(error) => return (Err(error), said),
                // If nobody listens any more, the program has ended.
                Ok(_) if said[line..].ends_with(b" ... FAILED\n") => {
                    let _ = complain.send(());
                }
                Ok(_) => {}
            }
        }
    });
    let begin = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break Some(status);
        }
        if begin.elapsed() > limit || complaints.try_recv().is_ok() {
            child.kill()?;
            child.wait()?;
            break None;
        }
        thread::sleep(POLL);
    };
    let (read, said) = reader.join().map_err(|_| std::io::Error::other("a reader panicked"))?;
    read?;
    Ok((status, String::from_utf8_lossy(&said).into_owned()))
}

/// What a check that failed says first, if it says what.
fn complaint(check: Check, said: &str) -> Option<String> {
    match check {
        Check::Tests { .. } => {
            let mut failed = said.lines().filter_map(|line| line.strip_suffix(" ... FAILED"));
            failed.next().and_then(|line| line.strip_prefix("test ")).map(str::to_owned)
        }
        Check::Scripts => {
            let played: Option<Vec<serde_json::Value>> = serde_json::from_str(said).ok();
            let wrong = |it: &serde_json::Value| it["kept"] == false || it["same"] == false;
            let broken = played.and_then(|all| all.into_iter().find(wrong));
            broken.and_then(|it| it["file"].as_str()?.rsplit('/').next().map(str::to_owned))
        }
        Check::Seeds { .. } => {
            let report: Option<serde_json::Value> = serde_json::from_str(said).ok();
            let violation = report.map(|report| report["violations"][0].clone());
            violation.filter(serde_json::Value::is_object).map(|violation| {
                let word = |field: &str| violation[field].as_str().unwrap_or_default().to_owned();
                format!("seed {}: {}: {}", violation["seed"], word("checker"), word("what"))
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_that_takes_too_long_is_stopped_and_one_that_fails_is_heard_at_once() {
        let check = Check::Tests { target: "pbft", filter: "" };
        let limit = Duration::from_millis(50);
        let (status, said) = run(Command::new("sleep").arg("600"), limit).unwrap();
        assert_eq!((status, complaint(check, &said)), (None, None));
        let limit = Duration::from_secs(600);
        let script = "echo test a ... ok; echo test b ... FAILED; echo c; exec sleep 600";
        let (status, said) = run(Command::new("sh").args(["-c", script]), limit).unwrap();
        assert_eq!((status, complaint(check, &said)), (None, Some("b".into())));
        let (status, said) =
            run(Command::new("sh").args(["-c", "echo c; exit 101"]), limit).unwrap();
        assert!(status.is_some_and(|status| !status.success()));
        assert_eq!((complaint(check, &said), &*said), (None, "c\n"));
    }

    #[test]
    fn what_random_runs_complain_of_is_told() {
        let check = Check::Seeds { protocol: "sm", traitors: true };
        let said = r#"{"violations":[{"seed":7,"checker":"agreement","what":"two histories"}]}"#;
        let told = complaint(check, said);
        assert_eq!(told.as_deref(), Some("seed 7: agreement: two histories"));
        assert_eq!(complaint(check, r#"{"violations":[]}"#), None);
    }

    #[test]
    fn outside_of_a_checkout_there_is_nothing_to_build() {
        let problem = Hunt::around(Path::new("/"), Duration::ZERO).unwrap_err();
        assert!(problem.contains("checkout"), "{problem}");
    }
}
