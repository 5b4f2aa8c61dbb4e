//! The boards, and how QEMU runs an image on them.

use crate::ending::Process;
use anyhow::{Context as _, Result, bail, ensure};
use std::io::Read as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// A board under QEMU.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Board {
    /// Cortex-M4F: mps2-an386.
    M4,
    /// Cortex-M3: mps2-an385.
    M3,
    /// The image for a Cortex-M0 (ARMv6-M), on mps2-an385: QEMU has no M0 with so much RAM, and
    /// a Cortex-M3 executes every instruction of an M0. Whole nodes have no room on an M0, so
    /// nobody can ask for one.
    #[value(skip)]
    M0,
    /// A Cortex-M0 as it is: nRF51 with 16 KB of RAM, on microbit.
    #[value(skip)]
    Nrf51,
    /// RISC-V RV32IMAC: virt.
    Riscv,
}

impl Board {
    pub(crate) const ALL: [Self; 5] = [Self::M4, Self::M3, Self::M0, Self::Nrf51, Self::Riscv];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::M4 => "Cortex-M4F",
            Self::M3 => "Cortex-M3",
            Self::M0 => "Cortex-M0",
            Self::Nrf51 => "nRF51",
            Self::Riscv => "RV32IMAC",
        }
    }

    pub(crate) const fn target(self) -> &'static str {
        match self {
            Self::M4 => "thumbv7em-none-eabihf",
            Self::M3 => "thumbv7m-none-eabi",
            Self::M0 | Self::Nrf51 => "thumbv6m-none-eabi",
            Self::Riscv => "riscv32imac-unknown-none-elf",
        }
    }

    /// With which features the image of trials is built for it.
    pub(crate) const fn features(self) -> &'static str {
        match self {
            Self::Nrf51 => "small",
            _ => "",
        }
    }

    /// The program, the machine, and how long an instruction takes: 64 ns where SysTick counts
    /// them, 1 ns where the processor does.
    pub(crate) const fn machine(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::M4 => ("qemu-system-arm", "mps2-an386", "shift=6"),
            Self::M3 | Self::M0 => ("qemu-system-arm", "mps2-an385", "shift=6"),
            Self::Nrf51 => ("qemu-system-arm", "microbit", "shift=6"),
            Self::Riscv => ("qemu-system-riscv32", "virt", "shift=0"),
        }
    }

    /// Starts an image in a folder, where its flash and its line are, and leaves it running by the
    /// clock on the wall.
    pub(crate) fn start(self, image: &Path, folder: &Path, arguments: &str) -> Result<Process> {
        let (program, machine, _) = self.machine();
        let mut command = Command::new(program);
        command.current_dir(folder).args(["-M", machine, "-display", "none", "-monitor", "none"]);
        command.args(["-chardev", "stdio,id=console", "-chardev", "socket,id=line,path=line"]);
        command.args(["-serial", "chardev:line", "-semihosting-config"]);
        let words = ["node"].into_iter().chain(arguments.split_ascii_whitespace());
        let words: String = words.map(|word| format!(",arg={word}")).collect();
        command.arg(format!("enable=on,target=native,chardev=console{words}"));
        if self == Self::Riscv {
            command.args(["-bios", "none"]);
        }
        command.arg("-kernel").arg(image).stdin(Stdio::null()).stdout(Stdio::piped());
        Process::start(&mut command).with_context(|| format!("{program} does not start"))
    }

    /// Runs an image to its end, and returns what it said.
    pub(crate) fn run(self, image: &Path, argument: &str, patience: Duration) -> Result<String> {
        let (program, machine, count) = self.machine();
        let mut command = Command::new(program);
        command.args(["-M", machine, "-icount", count, "-display", "none", "-monitor", "none"]);
        command.args(["-serial", "none", "-chardev", "stdio,id=console"]);
        let console = "enable=on,target=native,chardev=console";
        let arguments = format!("{console},arg=bench,arg={argument}");
        command.arg("-semihosting-config").arg(arguments);
        if self == Self::Riscv {
            command.args(["-bios", "none"]);
        }
        command.arg("-kernel").arg(image);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = Process::start(&mut command);
        let child = child.with_context(|| format!("{program} does not start"))?;
        let (mut out, mut err) = (child.take_stdout(), child.take_stderr());
        let mut complaints = String::new();
        let mut said = String::new();
        let status = thread::scope(|scope| -> Result<_> {
            scope.spawn(|| out.as_mut().map(|pipe| pipe.read_to_string(&mut said)));
            scope.spawn(|| err.as_mut().map(|pipe| pipe.read_to_string(&mut complaints)));
            let end = Instant::now() + patience;
            loop {
                if let Some(status) = child.try_wait()? {
                    return Ok(status);
                }
                if Instant::now() > end {
                    child.kill()?;
                    bail!("{argument} on {machine} does not end within {patience:?}");
                }
                thread::sleep(Duration::from_millis(5));
            }
        })?;
        ensure!(status.success(), "{argument} fails on {machine}, {status}:\n{said}{complaints}");
        Ok(said)
    }
}
