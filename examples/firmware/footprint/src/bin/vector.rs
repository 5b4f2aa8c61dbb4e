//! Interactive consistency over OM(1) among four, over lines of their own: each has a reading, and
//! all take the middle one.
#![no_std]
#![no_main]

use board as _;
use footprint::general::{self, Lines, commanded, schedule};
use footprint::port;
use quorate::rounds::General;
use quorate::vector::{self, Instances};
use quorate::{NodeId, om};

const FRAME: usize = 1 + vector::frame_bytes(4, om::frame_bytes(4, 1, 5)) as usize;
type Rules = om::Orders<u32, om::Fixed<u32, 4, 1, { om::slots(4, 1) }>>;

#[unsafe(no_mangle)]
extern "C" fn main() -> ! {
    loop {
        let me = port::me();
        let instance =
            |commander| Rules::new(commanded(me, NodeId(commander as u8), 4, 1), om::Fixed::new());
        let [Ok(a), Ok(b), Ok(c), Ok(d)] = core::array::from_fn(instance) else { continue };
        let rules = Instances::<Rules, _>::new([a, b, c, d]);
        let (Ok(rules), Some(schedule)) = (rules, schedule()) else { continue };
        let mut general = General::with_rules(rules, schedule);
        let (mut inbox, mut frame) = ([0; FRAME], [0; FRAME]);
        // Everybody commands one of the instances.
        let config = commanded(me, me, 4, 1);
        general::run::<_, _, 4>(&mut general, &config, &mut Lines, &mut inbox, &mut frame);
    }
}
