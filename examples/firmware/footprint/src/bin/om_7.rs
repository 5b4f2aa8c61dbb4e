//! Oral messages, OM(2) among seven, over lines of their own.
#![no_std]
#![no_main]

use board as _;
use footprint::general::{self, Lines, config, schedule};
use quorate::om;
use quorate::rounds::General;

const FRAME: usize = 1 + om::frame_bytes(7, 2, 5) as usize;
type Rules = om::Orders<u32, om::Fixed<u32, 7, 2, { om::slots(7, 2) }>>;

#[unsafe(no_mangle)]
extern "C" fn main() -> ! {
    loop {
        let config = config(7, 2);
        let rules = Rules::new(config, om::Fixed::new());
        let (Ok(rules), Some(schedule)) = (rules, schedule()) else { continue };
        let mut general = General::with_rules(rules, schedule);
        let (mut inbox, mut frame) = ([0; FRAME], [0; FRAME]);
        general::run::<_, _, 7>(&mut general, &config, &mut Lines, &mut inbox, &mut frame);
    }
}
