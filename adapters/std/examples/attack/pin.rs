//! On which processors threads run.

use std::io;
use std::process::{Command, Stdio};

/// Has the calling thread, and those that it starts from now on, run on these processors only,
/// by the system's own `taskset`.
///
/// # Errors
/// There is no such program, or no such processor.
pub(crate) fn pin(processors: &str) -> io::Result<()> {
    let thread = std::fs::read_link("/proc/thread-self")?;
    let thread = thread.file_name().unwrap_or_default();
    let mut taskset = Command::new("taskset");
    taskset.args(["--pid", "--cpu-list", processors]).arg(thread);
    let status = taskset.stdout(Stdio::null()).status()?;
    let refused = || io::Error::other("there are no such processors");
    status.success().then_some(()).ok_or_else(refused)
}
