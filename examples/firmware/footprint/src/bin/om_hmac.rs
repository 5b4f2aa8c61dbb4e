//! Oral messages, OM(1) among four, over links that prove each frame by HMAC.
#![no_std]
#![no_main]

use board as _;
use footprint::general::{self, Links, config, schedule};
use footprint::port;
use footprint::scheme::Element;
use quorate::hmac::{self, PairKey};
use quorate::link::{Hello, Proof, Sealer};
use quorate::rounds::General;
use quorate::{Digest, NodeId, Principal, Verifier, om};

const FRAME: usize = 1 + om::frame_bytes(4, 1, 5) as usize + hmac::Sealer::OVERHEAD;
type Rules = om::Orders<u32, om::Fixed<u32, 4, 1, { om::slots(4, 1) }>>;

#[unsafe(no_mangle)]
extern "C" fn main() -> ! {
    let config = config(4, 1);
    let hello = |from, to| {
        let (from, to) = (Principal::Node(from), Principal::Node(to));
        let cluster = Digest::of(Element::PROFILE.as_bytes());
        let nonce = core::array::from_fn(|_| port::read());
        Hello { cluster, epoch: 0, from, to, nonce, proof: Proof::Hmac }
    };
    let ends = core::array::from_fn(|peer| {
        let peer = NodeId(peer as u8);
        let key = PairKey::from_bytes(core::array::from_fn(|_| port::read()));
        hmac::session(&key, &hello(config.me, peer), &hello(peer, config.me)).ok()
    });
    let mut links = Links::<_, _, 4>(ends);
    loop {
        let rules = Rules::new(config, om::Fixed::new());
        let (Ok(rules), Some(schedule)) = (rules, schedule()) else { continue };
        let mut general = General::with_rules(rules, schedule);
        let (mut inbox, mut frame) = ([0; FRAME], [0; FRAME]);
        general::run::<_, _, 4>(&mut general, &config, &mut links, &mut inbox, &mut frame);
    }
}
