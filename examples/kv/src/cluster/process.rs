//! A replica as a child process that never outlives its parent.

use crate::problem::Problem;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

/// A running replica. It is killed with SIGKILL when this is dropped; when this very process
/// dies, the replica sees the end of its standard input and ends too.
#[derive(Debug)]
pub struct ReplicaProcess {
    child: Child,
    control: ChildStdin,
}

impl ReplicaProcess {
    /// Starts `program replica --config CONFIG` and waits until it serves.
    ///
    /// # Errors
    /// It does not; its own sentence is on standard error.
    pub fn start(program: &Path, config: &Path) -> Result<Self, Problem> {
        let failed =
            |error| Problem::failed(format!("cannot start {}: {error}", program.display()));
        let mut child = Command::new(program)
            .args(["replica", "--control-stdin", "--config"])
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
}

impl Drop for ReplicaProcess {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
