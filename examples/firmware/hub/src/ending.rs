//! How this program ends: whatever way it is, no board runs on, and no folder is left.
//!
//! Processes and folders that go out of use are ended and removed as they are dropped. A signal
//! drops nothing, so all of them stand in a list as well, by which SIGINT, SIGTERM and SIGHUP end
//! them.

use anyhow::{Context as _, Result};
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, ChildStdout, Command, ExitStatus};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use tempfile::TempDir;

/// The status of a program that was interrupted.
const INTERRUPTED: i32 = 130;
/// How often a folder is removed in which somebody still makes files.
const TRIES: usize = 100;

/// What would be left behind.
#[derive(Debug)]
struct Ours {
    processes: Vec<Weak<Mutex<Child>>>,
    folders: Vec<PathBuf>,
}

static OURS: Mutex<Ours> = Mutex::new(Ours { processes: Vec::new(), folders: Vec::new() });

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Has signals end everything.
///
/// # Errors
/// The system refuses.
pub(crate) fn prepare() -> Result<()> {
    ctrlc::set_handler(|| {
        // Never let go: from here on nothing is started, and nothing that fails now is told of.
        let mut ours = lock(&OURS);
        for process in ours.processes.drain(..).filter_map(|process| process.upgrade()) {
            let _ = end(&mut lock(&process));
        }
        for folder in ours.folders.drain(..) {
            let gone = |_: &usize| std::fs::remove_dir_all(&folder).is_ok() || !folder.exists();
            let _ = (0..TRIES).find(gone);
        }
        std::process::exit(INTERRUPTED)
    })
    .context("signals cannot be caught")
}

/// Waits for ever if a signal ends everything just now: what fails then fails for that.
pub(crate) fn wait_for_signal() {
    drop(lock(&OURS));
}

/// SIGKILL, if it has not ended already.
fn end(child: &mut Child) -> io::Result<()> {
    child.kill()?;
    child.wait().map(drop)
}

/// A process that ends when this is dropped, or with this program.
#[derive(Debug)]
pub(crate) struct Process(Arc<Mutex<Child>>);

impl Process {
    /// Starts it, out of reach of the keys that interrupt this program.
    pub(crate) fn start(command: &mut Command) -> io::Result<Self> {
        let mut ours = lock(&OURS);
        let child = Arc::new(Mutex::new(command.process_group(0).spawn()?));
        ours.processes.retain(|process| process.strong_count() > 0);
        ours.processes.push(Arc::downgrade(&child));
        Ok(Self(child))
    }

    /// Its standard output, once.
    pub(crate) fn take_stdout(&self) -> Option<ChildStdout> {
        lock(&self.0).stdout.take()
    }

    /// Its standard error, once.
    pub(crate) fn take_stderr(&self) -> Option<ChildStderr> {
        lock(&self.0).stderr.take()
    }

    /// How it has ended, if it has.
    pub(crate) fn try_wait(&self) -> io::Result<Option<ExitStatus>> {
        lock(&self.0).try_wait()
    }

    /// SIGKILL.
    pub(crate) fn kill(&self) -> io::Result<()> {
        end(&mut lock(&self.0))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It has ended already, then.
        let _ = self.kill();
    }
}

/// A new folder that is removed when this is dropped, or with this program.
#[derive(Debug)]
pub(crate) struct Folder(Option<TempDir>);

impl Folder {
    /// Makes one whose name begins so.
    pub(crate) fn new(prefix: &str) -> io::Result<Self> {
        let mut ours = lock(&OURS);
        let folder = TempDir::with_prefix(prefix)?;
        ours.folders.push(folder.path().to_owned());
        Ok(Self(Some(folder)))
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        self.0.as_ref().map_or(Path::new(""), TempDir::path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let path = self.path().to_owned();
        self.0 = None;
        lock(&OURS).folders.retain(|folder| *folder != path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::process::{Pid, Signal, kill_process, test_kill_process};
    use std::io::{BufRead as _, BufReader};
    use std::process::Stdio;

    const NAME: &str = "ending::tests::a_signal_leaves_no_process_and_no_folder";
    const INNER: &str = "QUORATE_ENDING_INNER";

    /// What is sent the signal: it has a process and a folder, says so, and would wait for ever.
    fn wait_with_both() {
        prepare().unwrap();
        let process = Process::start(Command::new("sleep").arg("600")).unwrap();
        let folder = Folder::new("quorate-ending-").unwrap();
        std::fs::write(folder.path().join("file"), "full").unwrap();
        println!("\nours {} {}", lock(&process.0).id(), folder.path().display());
        loop {
            std::thread::park();
        }
    }

    #[test]
    fn a_signal_leaves_no_process_and_no_folder() {
        if std::env::var_os(INNER).is_some() {
            return wait_with_both();
        }
        for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
            let mut inner = Command::new(std::env::current_exe().unwrap());
            inner.args([NAME, "--exact", "--nocapture"]).env(INNER, "").stdout(Stdio::piped());
            let mut inner = inner.spawn().unwrap();
            let lines = BufReader::new(inner.stdout.take().unwrap()).lines();
            let said = lines.map_while(Result::ok).find(|line| line.starts_with("ours ")).unwrap();
            let words: Vec<_> = said.split(' ').collect();
            let (process, folder) = (words[1].parse().unwrap(), Path::new(words[2]));
            let process = Pid::from_raw(process).unwrap();
            assert!(test_kill_process(process).is_ok() && folder.exists());
            kill_process(Pid::from_child(&inner), signal).unwrap();
            assert_eq!(inner.wait().unwrap().code(), Some(INTERRUPTED), "{signal:?}");
            assert!(test_kill_process(process).is_err(), "{signal:?} leaves a process");
            assert!(!folder.exists(), "{signal:?} leaves a folder");
        }
    }

    #[test]
    fn what_is_dropped_is_ended_and_stands_in_no_list() {
        let process = Process::start(Command::new("sleep").arg("600")).unwrap();
        let id = Pid::from_raw(lock(&process.0).id().try_into().unwrap()).unwrap();
        let folder = Folder::new("quorate-ending-").unwrap();
        let path = folder.path().to_owned();
        drop((process, folder));
        assert!(test_kill_process(id).is_err());
        assert!(!path.exists() && !lock(&OURS).folders.contains(&path));
    }
}
