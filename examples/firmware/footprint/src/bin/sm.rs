//! Signed messages, SM(1) among four, over lines of their own.
#![no_std]
#![no_main]

use board as _;
use footprint::general::{self, Lines, config, schedule};
use quorate::rounds::General;
use quorate::sm;

const FRAME: usize = 1 + sm::frame_bytes(1, 5) as usize;
type Rules = sm::Chains<u32, sm::Fixed<4, 1, { sm::slots(4, 1) }>>;

#[unsafe(no_mangle)]
extern "C" fn main() -> ! {
    loop {
        let config = config(4, 1);
        let rules = Rules::new(config, sm::Fixed::new());
        let (Ok(rules), Some(schedule)) = (rules, schedule()) else { continue };
        let mut general = General::with_rules(rules, schedule);
        let (mut inbox, mut frame) = ([0; FRAME], [0; FRAME]);
        general::run::<_, _, 4>(&mut general, &config, &mut Lines, &mut inbox, &mut frame);
    }
}
