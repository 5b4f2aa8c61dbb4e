//! A replica as a child process that never outlives its parent.

use crate::problem::Problem;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

/// What a replica finds when it starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disk {
    /// What it left there; nothing if it is new.
    Kept,
    /// Nothing, although it took part before: it recovers.
    Lost,
}

/// A running replica. It is killed with SIGKILL when this is dropped; when this very process
/// dies, the replica sees the end of its standard input and ends too.
#[derive(Debug)]
pub struct ReplicaProcess {
    child: Child,
    control: ChildStdin,
}

impl ReplicaProcess {
    /// Starts `program replica --config CONFIG`, with `--recover` if its disk was lost, and waits
    /// until it serves.
    ///
    /// # Errors
    /// It does not; its own sentence is on standard error.
    pub fn start(program: &Path, config: &Path, disk: Disk) -> Result<Self, Problem> {
        let failed =
            |error| Problem::failed(format!("cannot start {}: {error}", program.display()));
        let mut child = Command::new(program)
            .args(["replica", "--control-stdin"])
            .args((disk == Disk::Lost).then_some("--recover"))
            .arg("--config")
            .arg(config)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(failed)?;
        let (Some(control), Some(said)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(Problem::failed("a replica has no pipes"));
        };
        let mut process = Self { child, control };
        let mut line = String::new();
        BufReader::new(said).read_line(&mut line).map_err(failed)?;
        if line.starts_with("ready") {
            return Ok(process);
        }
        let status = process.child.wait().map_err(failed)?;
        let config = config.display();
        Err(Problem::failed(format!("the replica of {config} ended before it served: {status}")))
    }

    /// Makes it lie from now on.
    ///
    /// # Errors
    /// It does not run any more.
    pub fn lie(&mut self) -> Result<(), Problem> {
        let told = self.control.write_all(b"lie\n").and_then(|()| self.control.flush());
        told.map_err(|error| Problem::failed(format!("the liar has ended: {error}")))
    }

    /// Stops it where it is, as a machine that is suspended would be, until it is resumed.
    ///
    /// # Errors
    /// The system does not let it, or it has no such signal.
    pub fn pause(&self) -> Result<(), Problem> {
        signal::stop(&self.child)
            .map_err(|error| Problem::failed(format!("cannot pause a replica: {error}")))
    }

    /// Lets it go on where it was.
    ///
    /// # Errors
    /// As of [`ReplicaProcess::pause`].
    pub fn resume(&self) -> Result<(), Problem> {
        signal::resume(&self.child)
            .map_err(|error| Problem::failed(format!("cannot resume a replica: {error}")))
    }
}

impl Drop for ReplicaProcess {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(unix)]
mod signal {
    use rustix::process::{Pid, Signal, kill_process};
    use std::io;
    use std::process::Child;

    pub(super) fn stop(child: &Child) -> io::Result<()> {
        Ok(kill_process(Pid::from_child(child), Signal::STOP)?)
    }

    pub(super) fn resume(child: &Child) -> io::Result<()> {
        Ok(kill_process(Pid::from_child(child), Signal::CONT)?)
    }
}

#[cfg(not(unix))]
mod signal {
    use std::io;
    use std::process::Child;

    pub(super) fn stop(_: &Child) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(super) fn resume(_: &Child) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}
