//! The boards that QEMU has: start-up, a console, a count of instructions, a painted stack; and
//! what a node needs: a serial line, clocks, a flash, a log.
//!
//! ARM: mps2-an385 (Cortex-M3, which runs images for the M0 too), mps2-an386 (Cortex-M4F), and
//! microbit (nRF51, Cortex-M0).
//! RISC-V: virt. All that is unsafe in the images is here.
#![no_std]

#[cfg(target_arch = "arm")]
mod arm;
pub mod console;
#[cfg(feature = "devices")]
pub mod devices;
#[cfg(feature = "devices")]
mod file;
#[cfg(feature = "devices")]
pub mod flash;
#[cfg(feature = "gauge")]
mod gauge;
#[cfg(feature = "log")]
pub mod log;
pub mod once;
#[cfg(target_arch = "riscv32")]
mod riscv;
#[cfg(any(feature = "gauge", feature = "devices"))]
pub mod stack;
#[cfg(feature = "devices")]
pub mod wall;

#[cfg(target_arch = "arm")]
use arm as machine;
#[cfg(target_arch = "riscv32")]
use riscv as machine;

#[cfg(feature = "gauge")]
pub use gauge::Board;
