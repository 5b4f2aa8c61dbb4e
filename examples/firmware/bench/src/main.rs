//! One trial on a board. Its name is the argument; its figures are one line of JSON.
#![no_std]
#![no_main]

use board::Board;
use board::console::{self, Console};
use core::fmt::Write as _;
use ed25519_compact as _;

/// Where the board starts.
#[unsafe(no_mangle)]
extern "C" fn main() -> ! {
    let mut buffer = [0; 128];
    // The first argument is the image's name.
    let name = console::arguments(&mut buffer).split(' ').nth(1).unwrap_or_default();
    let board = Board::start();
    let figures = if cfg!(feature = "small") {
        trials::run_small(name, &board)
    } else {
        trials::run(name, &board)
    };
    let said = match &figures {
        Some(figures) => writeln!(Console, "{figures}"),
        None => writeln!(Console, "there is no trial of the name {name:?}"),
    };
    console::exit(said.is_ok() && figures.is_some());
}

#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    let _ = writeln!(Console, "{info}");
    console::exit(false)
}
