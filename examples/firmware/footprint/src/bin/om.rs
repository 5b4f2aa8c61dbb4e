//! Oral messages, OM(1) among four, over lines of their own.
#![no_std]
#![no_main]

use board as _;
use footprint::general::{self, Lines, config, schedule};
use quorate::om;
use quorate::rounds::General;

const FRAME: usize = 1 + om::frame_bytes(4, 1, 5) as usize;
type Rules = om::Orders<u32, om::Fixed<u32, 4, 1, { om::slots(4, 1) }>>;

#[unsafe(no_mangle)]
extern "C" fn main() -> ! {
    loop {
        let config = config(4, 1);
        let rules = Rules::new(config, om::Fixed::new());
        let (Ok(rules), Some(schedule)) = (rules, schedule()) else { continue };
        let mut general = General::with_rules(rules, schedule);
        let (mut inbox, mut frame) = ([0; FRAME], [0; FRAME]);
        general::run::<_, _, 4>(&mut general, &config, &mut Lines, &mut inbox, &mut frame);
    }
}
